"""Pure functions from readings to bodies: no I/O, no clock, no globals. ``catalogue`` holds the one table of them."""
