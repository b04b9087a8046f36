"""pwserver: polls Tesla Powerwall gateways and hands what it learned to many readers, fast."""

__version__ = "1.0.0"
