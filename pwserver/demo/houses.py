"""List the houses of ``--demo=houses``: twelve as an installer has them, some of them in trouble."""

from __future__ import annotations

from typing import Final

from pwserver.records import record

MORNING_HOUR: Final = 9.5  # most simulated days begin with sun, so that the pages have something to show
NIGHT_HOUR: Final = 1.5


@record(frozen=True, slots=True)
class DemoHouse:
    """Describes one simulated house. ``scenario`` None: nothing answers at its address."""

    id: str
    name: str
    scenario: str | None
    hour: float = MORNING_HOUR
    wrong_password: bool = False
    alert: str | None = None
    fault: str = "none"  # a kind of pwserver.simulator.FAULTS
    charge_percent: float | None = None  # at the start, on the gateway's own scale; None: as the scenario has it
    outage: bool = False
    weak_string: bool = False  # one string has been fading in the past


# What energy costs at the demo's houses, where the owner gives no tariff: by time of use, as docs/value.md describes.
TARIFF: Final = {
    "currency": "USD",
    "fixed_per_day": 0.4,
    "sell": 0.08,
    "periods": [
        {"name": "peak", "days": "mon-fri", "from": "16:00", "to": "21:00", "buy": 0.45},
        {"name": "night", "from": "22:00", "to": "06:00", "buy": 0.17},
        {"name": "rest", "buy": 0.31},
    ],
}
# The one house of the demo has something to look at, and nothing that keeps it from being well.
ALONE_ALERT: Final = "POD_w063_SW_SOC_Imbalance"

HOUSES: Final = (
    DemoHouse("maple", "Maple Street", "powerwall3", charge_percent=64.0, weak_string=True),
    DemoHouse("harbour", "Harbour View", "powerwall2", charge_percent=91.0),
    DemoHouse("mill", "Old Mill", "powerwall2", alert="BatteryComms"),
    DemoHouse("cabin", "Lake Cabin", None),
    DemoHouse("vineyard", "Vineyard", "powerwall3-single", wrong_password=True),
    DemoHouse("farm", "Hill Farm", "generator", outage=True, charge_percent=38.0),
    DemoHouse("school", "School Lane", "powerwall3", fault="follower-gone"),
    DemoHouse("garden", "Garden House", "solar-only"),
    DemoHouse("studio", "Studio", "powerwall3-single", charge_percent=22.0),
    DemoHouse("workshop", "Workshop", "local"),
    DemoHouse("tower", "Tower Flat", "powerwall2", hour=NIGHT_HOUR),
    DemoHouse("depot", "Depot", "basic-lan"),
)
