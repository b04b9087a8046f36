"""A solar inverter without a battery on its wired port, where TEDAPI wants a login of its own, as a scenario."""

from __future__ import annotations

from dataclasses import replace

from pwserver.simulator import SCENARIOS

SOLAR_ON_THE_WIRED_PORT = replace(SCENARIOS["solar-only"], name="solar-lan", basic_login=False)
