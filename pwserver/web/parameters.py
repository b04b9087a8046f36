"""Reading a parameter of the query that has to have one value."""

from __future__ import annotations

from sanic import Request

from pwserver.web.errors import Refusal


def single(request: Request, name: str) -> str | None:
    """The value of this parameter, also when it is empty; None without one. Raises Refusal when there are several."""
    values = request.get_args(keep_blank_values=True).getlist(name, [])
    if len(values) > 1:
        raise Refusal(400, f"'{name}' must be given once only, not {len(values)} times")
    return values[0] if values else None
