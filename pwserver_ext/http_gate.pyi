from asyncio import AbstractEventLoop
from collections.abc import Callable, Container
from typing import Any

from pwserver_ext.counters import Counters
from pwserver_ext.http_recogniser import Recogniser
from pwserver_ext.http_reply import Responder

EVENTS: tuple[str, ...]

class Timed: ...

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
        explain_host: Callable[[str], str] | None = None,
        secure: bool = False,
    ) -> None: ...
    @property
    def open(self) -> int: ...
    @property
    def kept(self) -> int: ...
    def tick(self) -> None: ...
