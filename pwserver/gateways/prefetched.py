"""Let the library's methods compute from what this poll has fetched, and fetch nothing themselves.

pypowerwall's methods fetch what they need, cache it, and hand out old answers when something goes wrong. Here each
fetch is explicit: ``fetch`` asks the gateway once and remembers the answer, also None, for this poll. The library's
other methods, which know how to read the payloads, see only that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pwserver.gateways.library_internals import Method, end_pause, replace_methods


class PrefetchedMethods:
    """Replace some methods of one library object by look-ups in ``values``."""

    def __init__(self, target: Any, names: Iterable[str]) -> None:
        self.values: dict[str, Any] = {}
        self._original = replace_methods(target, names, self._lookup)

    def _lookup(self, name: str) -> Method:
        def known(*_args: Any, **_kwargs: Any) -> Any:
            return self.values.get(name)

        return known

    def fetch(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Ask the gateway through the library's own method; the answer stays until ``forget``. May raise."""
        self.values[name] = None
        value = self._original[name](*args, **kwargs)
        self.values[name] = value
        return value

    def forget(self, *names: str) -> None:
        """Drop these answers: the next poll must fetch its own."""
        for name in names:
            self.values.pop(name, None)


class PrefetchedPoll:
    """Do the same for a client whose one method ``poll(path)`` fetches everything (the local API)."""

    def __init__(self, client: Any) -> None:
        self.values: dict[str, Any] = {}
        self._client = client
        self._fetching: str | None = None
        self._poll = replace_methods(client, ("poll",), lambda _name: self._lookup)["poll"]

    def _lookup(
        self, api: str = "", force: bool = False, recursive: bool = False, raw: bool = False, **_more: Any
    ) -> Any:
        if api == self._fetching:  # the library repeats its own request after a fresh login
            return self._poll(api, force=True, recursive=recursive, raw=raw)
        return self.values.get(api)

    def fetch(self, path: str) -> Any:
        """Send one request to the gateway; the answer stays until ``forget``. May raise."""
        self.values[path] = None
        self._fetching = path
        end_pause(self._client)  # the request limiter keeps the pause after a 429, to the second
        try:
            value = self._poll(path, force=True)
        finally:
            self._fetching = None
        self.values[path] = value
        return value

    def forget(self, paths: Iterable[str]) -> None:
        """Drop these answers."""
        for path in paths:
            self.values.pop(path, None)
