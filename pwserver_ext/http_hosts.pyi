from collections.abc import Iterable

class Hosts:
    def __init__(self, names: Iterable[str] | None = None) -> None: ...
