"""Serve simulated houses instead of real ones, for a first look: ``--demo``."""
