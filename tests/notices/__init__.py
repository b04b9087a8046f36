"""Tests of notices: rules, outbox, sending, and a whole server that tells of an outage."""
