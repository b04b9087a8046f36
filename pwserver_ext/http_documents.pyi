from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

Fallback = tuple[int, bytes, bytes | None, bytes]  # status, body, gzip twin, entity tag

class Source(Protocol):
    def generation(self) -> int: ...
    def read(self, index: int, /) -> tuple[int, bytes, bytes | None, bytes, float, float, int] | None: ...

class ServedDocument:
    source: Source
    index: int
    counter: int
    media_type: bytes
    fallback: Fallback | None
    def __init__(
        self, source: Source, index: int, media_type: str, fallback: bytes | Fallback | None, counter: int = -1
    ) -> None: ...
    def answer(self) -> tuple[int, bytes, bytes | None, bytes, float] | None: ...

class TargetTable:
    documents: list[ServedDocument]
    def document(self, target: bytes) -> ServedDocument | None: ...
    def __init__(
        self,
        targets: Mapping[bytes, ServedDocument],
        with_query: Mapping[tuple[bytes, bytes], ServedDocument] | None = None,
        prefix: bytes = b"",
        with_accept: Mapping[bytes, tuple[Callable[[str], bool], ServedDocument]] | None = None,
        streams: Iterable[bytes] = (),
    ) -> None: ...
