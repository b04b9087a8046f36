from collections.abc import Sequence

from typing_extensions import Buffer

# status, body, gzip twin, ETag, timestamp (epoch s), expires (monotonic s, 0 = never), generation
_Read = tuple[int, bytes, bytes | None, bytes, float, float, int]
# status, body, gzip twin, ETag and perhaps flags
_Written = tuple[int, bytes, bytes | None, bytes] | tuple[int, bytes, bytes | None, bytes, int]

class SnapshotBusy(RuntimeError): ...

class StoredDocument:
    status: int
    flags: int
    body: bytes
    gzip: bytes | None
    etag: bytes
    timestamp: float
    expires: float
    taken: float
    generation: int
    def as_tuple(self) -> _Read: ...

class SnapshotSlot:
    documents: int
    capacity: int
    max_document: int
    def __init__(self, buffer: Buffer, documents: int, capacity: int, max_document: int = 0) -> None: ...
    @staticmethod
    def size(documents: int, capacity: int) -> int: ...
    @property
    def overflows(self) -> int: ...
    @property
    def dropped_twins(self) -> int: ...
    def publish(
        self, documents: Sequence[_Written | None], timestamp: float, expires: float = 0.0, taken: float = 0.0
    ) -> tuple[int, list[int]]: ...
    def generation(self) -> int: ...
    def head(self) -> tuple[float, float, int] | None: ...
    def read(self, index: int) -> _Read | None: ...
    def document(self, index: int) -> StoredDocument | None: ...
    def verify(self, reads: int) -> tuple[int, int, int]: ...
