"""Read control requests: the kind of a body, the JSON object in it, and the parameter ``dry_run``."""

from __future__ import annotations

from sanic import Request

from pwserver.bounds import SHOWN_CHARACTERS, shown
from pwserver.json_types import JsonObject
from pwserver.strict_json import NotAnObject, OutOfBounds, read_object
from pwserver.web.api_operations import FORM
from pwserver.web.auth import Authority
from pwserver.web.errors import Refusal
from pwserver.web.request_query import single

YES = frozenset({"", "1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off"})
DEEPEST_SHOWN = 8  # steps of the path to a member that an error names


def is_json(request: Request) -> bool | None:
    """Tell whether the body is JSON (True), a form (False) or neither (None)."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == "application/json" or (media.startswith("application/") and media.endswith("+json")):
        return True
    if media == FORM:
        return False
    return request.body[:1] in (b"{", b"[") if not media else None


def object_of(authority: Authority, request: Request, longest: int, what: str) -> JsonObject:
    """Return the JSON object in the body. Raises Refusal for anything else. ``what``: the action, for the log."""
    if len(request.body) > longest:
        authority.refused(authority.who(request), what, "body too long")
        raise Refusal(413, f"the body must not be longer than {longest} bytes")
    try:
        return read_object(request.body)
    except OutOfBounds as problem:
        authority.refused(authority.who(request), what, "body out of bounds")
        raise out_of_bounds(problem) from None
    except NotAnObject:
        authority.refused(authority.who(request), what, "body is no JSON object")
        raise not_an_object() from None


def out_of_bounds(problem: OutOfBounds) -> Refusal:
    """Make the 422 that names the member. The client chose the names, so they are shortened."""
    path: list[str | int] = list(problem.path)
    if len(path) > DEEPEST_SHOWN:
        path[DEEPEST_SHOWN - 1 : -1] = ["…"]
    where = [step if isinstance(step, int) else _name(step) for step in path]
    message = f"{'.'.join(map(str, where)) or 'the body'} {problem}"
    loc = ["body", *where]
    return Refusal(422, [{"type": "value_error", "loc": loc, "msg": message}])


def not_an_object() -> Refusal:
    """Make the 422 for a body that is no JSON object, in the shape of the predecessors' validation errors.

    The body is not repeated: it may hold a token.
    """
    return Refusal(422, [{"type": "dict_type", "loc": ["body"], "msg": "Input should be a valid dictionary"}])


def _name(step: str) -> str:
    return step[:SHOWN_CHARACTERS].encode("utf-8", "replace").decode()


def wants_dry_run(request: Request) -> bool:
    """Tell whether the query asks to check a command without sending it; an empty value counts as yes."""
    value = single(request, "dry_run")
    if value is not None and value.lower() not in YES | NO:
        raise Refusal(400, f"'dry_run' must be 1 or 0, not {shown(value)}")
    return value is not None and value.lower() in YES
