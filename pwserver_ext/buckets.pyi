from array import array
from collections.abc import Sequence

from pwserver_ext.ring import Ring

MEAN: int
MINIMUM: int
MAXIMUM: int
SUM: int
LAST: int
COUNT: int

def aggregate(
    ring: Ring,
    start: float,
    end: float,
    step: float,
    kinds: Sequence[int],
    columns: Sequence[int],
    origin: float = 0.0,
    weight: int = -1,
    longest_gap: float = 0.0,
    first_rows: bool = False,
) -> tuple[array[float], array[float], list[array[float]]]: ...
