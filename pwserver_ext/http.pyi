from asyncio import AbstractEventLoop, Protocol
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, NamedTuple
from typing import Protocol as Shape

from pwserver_ext.counters import Counters

MORE: int
SERVE: int
PASS: int
REJECT: int
EVENTS: tuple[str, ...]

Fallback = tuple[int, bytes, bytes | None, bytes]  # status, body, gzip twin, entity tag

class Source(Shape):
    def generation(self) -> int: ...
    def read(self, index: int, /) -> tuple[int, bytes, bytes | None, bytes, float, float, int] | None: ...

class Seen(NamedTuple):
    verdict: int
    status: int
    reason: str
    head_size: int
    body_size: int
    target: bytes
    keep_alive: bool
    gzip: bool
    entry: int
    forwarded: str
    stream: bool

class Document:
    source: Source
    index: int
    counter: int
    media_type: bytes
    fallback: Fallback | None
    def __init__(
        self, source: Source, index: int, media_type: str, fallback: bytes | Fallback | None, counter: int = -1
    ) -> None: ...
    def answer(self) -> tuple[int, bytes, bytes | None, bytes, float] | None: ...

class Table:
    documents: list[Document]
    def document(self, target: bytes) -> Document | None: ...
    def __init__(
        self,
        targets: Mapping[bytes, Document],
        with_query: Mapping[tuple[bytes, bytes], Document] | None = None,
        prefix: bytes = b"",
        with_accept: Mapping[bytes, tuple[Callable[[str], bool], Document]] | None = None,
        streams: Iterable[bytes] = (),
    ) -> None: ...

class Hosts:
    def __init__(self, names: Iterable[str] | None = None) -> None: ...

class Recogniser:
    line_limit: int
    head_limit: int
    field_limit: int
    body_limit: int
    def __init__(
        self,
        table: Table | None = None,
        hosts: Hosts | None = None,
        *,
        line_limit: int = 8192,
        head_limit: int = 16384,
        field_limit: int = 100,
        body_limit: int = 4096,
    ) -> None: ...
    def look(self, data: bytes) -> Seen: ...

def knows(values: list[bytes], tag: bytes, gzip: bool, strong: bool = False) -> bool: ...
def takes_gzip(values: list[bytes]) -> bool: ...

class Responder:
    table: Table
    kept: int
    def __init__(self, table: Table, origins: Iterable[str] = ("*",), keep_limit: int = 8388608) -> None: ...

class Gate:
    counters: Counters
    stopping: bool
    secure: bool
    def __init__(
        self,
        recogniser: Recogniser,
        responder: Responder,
        *,
        loop: AbstractEventLoop,
        connections: set[Any],
        counters: Counters | None = None,
        row: int = 0,
        first_event: int = 0,
        limiter: Callable[[str], float] | None = None,
        exempt: Container[str] = (),
        head_seconds: float = 10,
        idle_seconds: float = 75,
        stall_seconds: float = 30,
        linger_seconds: float = 2,
        tick_seconds: float = 0.5,
        drain_seconds: float = 0.5,
        connections_max: int = 4096,
        per_address_max: int = 1024,
        access: Callable[[str, str, int, int], None] | None = None,
        client: Callable[[str, str], str] | None = None,
        asker: Callable[[str, str], str] | None = None,
        secure: bool = False,
    ) -> None: ...
    @property
    def open(self) -> int: ...
    @property
    def kept(self) -> int: ...
    def tick(self) -> None: ...

class Connection(Protocol):
    gate: Gate
    transport: Any
    handler: Any
    beneath: Any
    address: str | None
    old: bool
    def __init__(self, gate: Gate) -> None: ...
    def open_handler(self) -> Any: ...
    def handler_is_done(self) -> None: ...
    def handler_took_over(self) -> None: ...
    def handler_gave_up(self) -> None: ...
    def begin_handshake(self) -> None: ...
    def handshake_is_done(self, transport: Any) -> None: ...
    @property
    def persistent(self) -> bool: ...
    @property
    def awaits_body(self) -> bool: ...
    @property
    def websocket(self) -> Any: ...
    def close_if_idle(self) -> bool: ...
    def abort(self) -> None: ...
