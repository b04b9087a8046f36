"""Render documents from readings, with pure functions: no I/O, no clock, no globals. ``catalogue`` lists them all."""
