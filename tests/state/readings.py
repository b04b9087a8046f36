"""What the tests of the judges share: readings with the values that matter to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pwserver.reading import Reading
from pwserver.state.judge import GatewayJudge, Judged

START = 1_790_000_000.0
POWERS = {"site": -222.0, "battery": 100.0, "load": 1878.0, "solar": 2000.0}


def reading(after: float, counters: Mapping[str, Any] | None = None, **members: Any) -> Reading:
    """A reading so many seconds after START; ``counters`` by ``meter.member``."""
    meters: dict[str, Any] = {name: {"instant_power": watts} for name, watts in POWERS.items()}
    for name, value in (counters or {}).items():
        meter, _, member = name.partition(".")
        meters.setdefault(meter, {})[member] = value
    return Reading.partial(
        members.pop("gateway_id", "home"), START + after, members.pop("aggregates", meters), **members
    )


def shown(judged: Judged, name: str) -> Any:
    """One counter as the old pages show it; the fact says the same."""
    meter, _, member = name.partition(".")
    assert judged.reading is not None
    value = judged.reading.aggregates[meter][member]
    attribute = "imported_wh" if member == "energy_imported" else "exported_wh"
    assert getattr(judged.meters[meter], attribute).value == value
    return value


def follow(judge: GatewayJudge, name: str, values: list[Any], step: float = 15.0, begin: float = 0.0) -> list[Any]:
    """What is shown of one counter while the gateway tells ``values``, one every ``step`` seconds."""
    return [
        shown(judge.take(reading(begin + step * number, {name: value})), name) for number, value in enumerate(values)
    ]
