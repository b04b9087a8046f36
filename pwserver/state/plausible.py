"""Judge whether the powers of a house are plausible. A house whose powers are not is left out of every sum."""

from __future__ import annotations

from typing import Final

from pwserver.json_types import JsonMapping
from pwserver.state.fact import finite, member
from pwserver.state.judge import Judged

# A real unit may exceed its rating for seconds; more than twice the rating must be a faulty message.
PEAK_FACTOR: Final = 2.0
# Meters have no rating of their own. The breakers of a home behind a Tesla gateway carry 200 A each, far below this.
LARGEST_WATTS: Final = 1_000_000.0
RATINGS: Final = ("max_charge_power", "max_discharge_power", "max_apparent_power")


def implausible(judged: Judged) -> str | None:
    """Return a sentence about the first meter whose power exceeds its limit; None when all are plausible."""
    rated = _rated_watts(judged.reading.system_status if judged.reading is not None else None)
    for name, meter in judged.meters.items():
        watts = meter.watts.value
        limit = rated if name == "battery" and rated is not None else max(LARGEST_WATTS, rated or 0.0)
        if watts is not None and abs(watts) > limit:
            return f"{name} power {watts} W is beyond {limit} W"
    return None


def _rated_watts(system_status: JsonMapping | None) -> float | None:
    """Return the power that the batteries can reach for seconds; None when the gateway reports no rating, or 0."""
    ratings = [finite(member(system_status, name)) for name in RATINGS]
    largest = max((rating for rating in ratings if rating is not None), default=0.0)
    return largest * PEAK_FACTOR if largest > 0 else None
