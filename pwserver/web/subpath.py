"""Route below a sub-path: with ``PROXY_BASE_URL=/power``, ``/power/soe`` and ``/soe`` are answered alike.

Data are also answered where a client has appended ``/soe`` to an address that ends in a slash: ``//soe``.
"""

from __future__ import annotations

import re
from typing import Any, Final

from sanic import HTTPResponse, Request
from sanic.exceptions import SanicException
from sanic.router import Router

from pwserver.web.legacy_routes import redirect
from pwserver.web.sanic_app import App

# The blueprints whose GET routes answer with data. Not pages: the links in a page are relative to its address.
_DATA: Final = frozenset({"documents", "explain", "live", "history"})
_SLASHES: Final = re.compile("//+")


class SubpathRouter(Router):
    """Takes the base off a path before it is looked up. ``base`` has no slash at its end."""

    def __init__(self, base: str = "") -> None:
        self.base = base
        super().__init__()

    def get(self, path: str, method: str, host: str | None) -> Any:  # type: ignore[override]
        """Find the route of a path, with or without the base. To read data, slashes in a row count as one."""
        if "//" in path and method in ("GET", "HEAD"):
            try:
                found = self._find(_SLASHES.sub("/", path), method, host)
            except SanicException:
                pass
            else:
                if not _DATA.isdisjoint(found[0].name.split(".")[:-1]):
                    return found
        return self._find(path, method, host)

    def _find(self, path: str, method: str, host: str | None) -> Any:
        path = without_base(path, self.base)
        # The router drops one slash of the end at a time, and calls itself each time: thousands exhaust the stack.
        bare = path.rstrip("/")
        return super().get(f"{bare}/" if len(path) - len(bare) > 1 else path, method, host)


def install(app: App, base: str) -> None:
    """Redirect from the bare base to the same with a slash, as the links of the page there are relative."""

    @app.on_request
    async def add_slash(request: Request) -> HTTPResponse | None:
        if not base or request.path != base or request.method not in ("GET", "HEAD"):
            return None
        query = f"?{request.query_string}" if request.query_string else ""
        return redirect(f"{base.rpartition('/')[2]}/{query}")


def without_base(path: str, base: str) -> str:
    """Return ``path`` as the routes know it. Only whole segments count: ``/powerful`` is not below ``/power``."""
    if not base or not path.startswith(base):
        return path
    rest = path[len(base) :]
    if not rest:
        return "/"
    return rest if rest[0] == "/" else path
