from array import array
from collections.abc import Sequence

class Column:
    name: str
    digits: int
    scale: float
    values: array[float]
    words: tuple[str, ...] | None
    def __init__(
        self,
        name: str,
        values: array[float],
        digits: int = 7,
        scale: float = 1.0,
        words: Sequence[str] | None = None,
    ) -> None: ...

def json_rows(
    times: array[float],
    columns: Sequence[Column],
    time_name: str = "time",
    moments: bool = True,
) -> bytes: ...
def json_objects(columns: Sequence[Column]) -> bytes: ...
def csv_rows(
    times: array[float], columns: Sequence[Column], time_name: str = "time", header: bool = True
) -> bytes: ...
def json_numbers(values: array[float], digits: int = 7, scale: float = 1.0) -> bytes: ...
def json_column(column: Column) -> bytes: ...
def lttb(times: array[float], values: array[float], points: int) -> array[int]: ...
def pick(values: array[float], rows: array[int]) -> array[float]: ...
def split(values: array[float]) -> tuple[array[float], array[float]]: ...
def complete(columns: Sequence[array[float]]) -> array[int]: ...
