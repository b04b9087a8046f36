"""Tests of the events: what is detected, how it is kept, and what clients are told."""
