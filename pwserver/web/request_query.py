"""Read the query of a request. It is bounded before it is decoded: decoding thousands of parameters takes time."""

from __future__ import annotations

from collections import Counter
from urllib.parse import unquote_plus

from sanic import Request

from pwserver.bounds import QUERY_CHARACTERS, QUERY_PARAMETERS, SHOWN_CHARACTERS
from pwserver.web.errors import Refusal

_INPUT_CHARACTERS = 200  # characters of a value that an answer repeats


def query_values(request: Request) -> dict[str, list[str]]:
    """Return all parameters and their values, also empty ones. Raises Refusal where there are too many."""
    raw = request.query_string
    if len(raw) > QUERY_CHARACTERS:
        longest = max(raw.split("&"), key=len)
        raise _too_much(longest, f"the query must have {QUERY_CHARACTERS} characters at most, not {len(raw)}")
    count = raw.count("&") + 1
    if count > QUERY_PARAMETERS:
        (often, _), *_ = Counter(field.partition("=")[0] for field in raw.split("&")).most_common(1)
        raise _too_much(often, f"the query must have {QUERY_PARAMETERS} parameters at most, not {count}")
    return dict(request.get_args(keep_blank_values=True))


def _too_much(field: str, message: str) -> Refusal:
    name, _, value = field.partition("=")
    # An escaped character takes three: so many are decoded that enough is left to show.
    name, value = unquote_plus(name[:SHOWN_CHARACTERS]), unquote_plus(value[: 3 * _INPUT_CHARACTERS])
    return Refusal(
        422,
        [{"type": "too_long", "loc": ["query", name], "msg": message, "input": value[:_INPUT_CHARACTERS]}],
    )


def has_parameter(request: Request, name: str) -> bool:
    """Tell whether there is a parameter of this name, with any value or none. Reads no values."""
    raw = request.query_string
    if name not in raw and "%" not in raw:
        return False
    return any(unquote_plus(field.partition("=")[0]) == name for field in raw.split("&"))


def single(request: Request, name: str) -> str | None:
    """Return the value of a parameter, which may be empty; None without one. Raises Refusal where there are several."""
    values = query_values(request).get(name, [])
    if len(values) > 1:
        raise Refusal(400, f"'{name}' must be given once only, not {len(values)} times")
    return values[0] if values else None
