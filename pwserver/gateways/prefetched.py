"""Let the library's methods compute from the answers of this poll, without fetching anything themselves.

pypowerwall's methods fetch what they need, cache it, and return old answers when something goes wrong. Here each fetch
is explicit: ``fetch`` asks the gateway once and keeps the answer, also None, for this poll. The other methods of the
library, which know how to read the payloads, see only these answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pwserver.gateways.library_internals import Method, end_pause, replace_methods


class PrefetchedMethods:
    """Replaces some methods of one library object by look-ups in ``values``."""

    def __init__(self, target: Any, names: Iterable[str]) -> None:
        self.values: dict[str, Any] = {}
        self._original = replace_methods(target, names, self._lookup)

    def _lookup(self, name: str) -> Method:
        def known(*_args: Any, **_kwargs: Any) -> Any:
            return self.values.get(name)

        return known

    def fetch(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Ask the gateway through the library's own method, and keep the answer until ``forget``. May raise."""
        self.values[name] = None  # if the method raises, no older answer may stand in
        value = self._original[name](*args, **kwargs)
        self.values[name] = value
        return value

    def forget(self, *names: str) -> None:
        """Drop these answers, so that the next poll has to fetch its own."""
        for name in names:
            self.values.pop(name, None)


class PrefetchedPoll:
    """Replaces the method ``poll(path)``, by which the client of the local API fetches everything, by a look-up."""

    def __init__(self, client: Any) -> None:
        self.values: dict[str, Any] = {}
        self._client = client
        self._fetching: str | None = None
        self._poll = replace_methods(client, ("poll",), lambda _name: self._lookup)["poll"]

    def _lookup(
        self, api: str = "", force: bool = False, recursive: bool = False, raw: bool = False, **_more: Any
    ) -> Any:
        if api == self._fetching:  # after a fresh login, the library's ``poll`` calls itself to repeat the request
            return self._poll(api, force=True, recursive=recursive, raw=raw)
        return self.values.get(api)

    def fetch(self, path: str) -> Any:
        """Ask the gateway for one path, and keep the answer until ``forget``. May raise."""
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
        """Drop the answers to these paths."""
        for path in paths:
            self.values.pop(path, None)
