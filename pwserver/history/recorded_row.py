"""Turn one poll into a row of the history: its powers, and what else is true of the installation then."""

from __future__ import annotations

import math
from array import array

from pwserver.history.layout import MODES, POWERS
from pwserver.state.electrical import Electrical, house_hertz
from pwserver.state.judge import Judged

_GRID = {"UP": 1.0, "DOWN": 0.0, "SYNCING": -1.0}
_MODE = {name: float(code) for code, name in enumerate(MODES)}


def power_values(judged: Judged) -> array[float]:
    """Return one row by COLUMNS, with NaN for what the reading does not know."""
    site = judged.meters["site"]
    carried = judged.reading is not None and judged.reading.vitals_carried
    row = [judged.meters[meter].watts.value for meter in POWERS]
    row += [
        judged.charge.app_percent.value,
        _GRID.get(judged.grid.state.value or ""),
        judged.operation.reserve_percent.value,
        _MODE.get(judged.operation.mode.value or ""),
        house_hertz(site.hertz.value, Electrical() if carried else judged.electrical),
        site.volts.value if (site.volts.value or 0.0) > 0 else None,  # gateways write 0 for what they do not measure
    ]
    return array("d", [math.nan if value is None else float(value) for value in row])
