from array import array
from collections.abc import Sequence

class Column:
    name: str
    digits: int
    scale: float
    values: array[float]
    words: tuple[str, ...] | None
    dates: bool
    def __init__(
        self,
        name: str,
        values: array[float],
        digits: int = 7,
        scale: float = 1.0,
        words: Sequence[str] | None = None,
        dates: bool = False,
    ) -> None: ...

def json_rows(
    times: array[float],
    columns: Sequence[Column],
    time_name: str = "time",
    moments: bool = True,
) -> bytes: ...

class Objects:
    height: int
    def __init__(self, columns: Sequence[Column]) -> None: ...
    def of(self, values: Sequence[array[float]]) -> Objects: ...

def json_objects(columns: Sequence[Column] | Objects) -> bytes: ...
def object_texts(columns: Sequence[Column] | Objects) -> list[bytes]: ...
def json_by_date(
    names: Sequence[str],
    parts: Sequence[Sequence[Column] | Objects],
    limit: int = 0,
    opening: bytes = b"",
    closing: bytes = b"",
) -> bytes: ...
def csv_rows(times: array[float], columns: Sequence[Column], time_name: str = "time", header: bool = True) -> bytes: ...
def json_numbers(values: array[float], digits: int = 7, scale: float = 1.0) -> bytes: ...
def json_column(column: Column) -> bytes: ...
