from collections.abc import Iterable

from pwserver_ext.http_documents import TargetTable

class Responder:
    table: TargetTable
    kept: int
    def __init__(self, table: TargetTable, origins: Iterable[str] = ("*",), keep_limit: int = 8388608) -> None: ...
