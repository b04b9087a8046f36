"""Poll Tesla Powerwall gateways, and hand what was learned to many readers, fast."""

__version__ = "1.0.0"
