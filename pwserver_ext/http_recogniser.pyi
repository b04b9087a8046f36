from typing import NamedTuple

from pwserver_ext.http_documents import TargetTable
from pwserver_ext.http_hosts import Hosts

MORE: int
SERVE: int
PASS: int
REJECT: int

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

class Recogniser:
    line_limit: int
    head_limit: int
    field_limit: int
    body_limit: int
    def __init__(
        self,
        table: TargetTable | None = None,
        hosts: Hosts | None = None,
        *,
        line_limit: int = 8192,
        head_limit: int = 16384,
        field_limit: int = 100,
        body_limit: int = 4096,
    ) -> None: ...
    def look(self, data: bytes) -> Seen: ...
