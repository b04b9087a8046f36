"""Simulate a Tesla gateway in software, over real TLS, for the demo, the tests and the benchmarks."""

from __future__ import annotations

from .faults import KINDS as FAULTS
from .faults import Fault
from .scenarios import SCENARIOS, Scenario
from .simulated_gateway import DEFAULT_PASSWORD, SimulatedGateway
from .writes import Write

__all__ = ["DEFAULT_PASSWORD", "FAULTS", "SCENARIOS", "Fault", "Scenario", "SimulatedGateway", "Write"]
