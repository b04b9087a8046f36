"""The library's readers, cut off from the network: they compute from what this poll fetched, and fetch nothing.

pypowerwall's methods fetch what they need, cache it, and hand out old answers when something goes wrong. Here every
fetch is ours and explicit: ``fetch`` asks the gateway once and remembers the answer (None included) for this poll, and
the library's own methods, which we still use for their knowledge of the payloads, see only that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Method = Callable[..., Any]


class PrefetchedMethods:
    """Some methods of one library object, replaced on that instance by look-ups in ``values``."""

    def __init__(self, target: Any, names: Iterable[str]) -> None:
        self.values: dict[str, Any] = {}
        self._original: dict[str, Method] = {}
        for name in names:
            self._original[name] = getattr(target, name)
            setattr(target, name, self._lookup(name))

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
    """The same for a client whose one method ``poll(path)`` fetches everything (the local API)."""

    def __init__(self, client: Any) -> None:
        self.values: dict[str, Any] = {}
        self._client = client
        self._poll: Method = client.poll
        self._fetching: str | None = None
        client.poll = self._lookup

    def _lookup(
        self, api: str = "", force: bool = False, recursive: bool = False, raw: bool = False, **_more: Any
    ) -> Any:
        if api == self._fetching:  # the library repeats its own request after a fresh login
            return self._poll(api, force=True, recursive=recursive, raw=raw)
        return self.values.get(api)

    def fetch(self, path: str) -> Any:
        """One request to the gateway; the answer stays until ``forget``. May raise."""
        self.values[path] = None
        self._fetching = path
        self._client.pwcooldown = 0  # waiting after a 429 is our business, to the second
        try:
            value = self._poll(path, force=True)
        finally:
            self._fetching = None
            self._client.pwcache.pop(path, None)
            self._client.pwcachetime.pop(path, None)
        self.values[path] = value
        return value

    def forget(self, paths: Iterable[str]) -> None:
        """Drop these answers."""
        for path in paths:
            self.values.pop(path, None)
