"""Judge whether the answer to a command is a yes: an HTTP 200 only says that the answer arrived.

Tesla's servers, and gateways too, answer 200 with a code of 400, a result of false or an error inside; the library
wraps such answers and passes them on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from pwserver.gateways.answer_limits import words_in
from pwserver.json_types import Json, JsonArray

# The answer comes from outside: the depth, and below the number of members and items, bound the work it can make.
# Known answers need three levels: the library's envelope, Tesla's ``response``, its members.
_DEEPEST: Final = 6
_YES_OR_NO: Final = ("result", "response", "success", "ok", "accepted", "acknowledged")
_STATES: Final = ("status", "state", *_YES_OR_NO)
_CONFIRMING: Final = ("result", "response")  # members that confirm nothing while they are empty
_CODES: Final = ("code", "statuscode", "httpcode", "httpstatus", "status")
# Without blanks, dashes and the like, and in lower case.
_NO_WORDS: Final = frozenset(
    {"batterynotfound", "denied", "err", "error", "fail", "failed", "failure", "false", "forbidden", "invalid", "no"}
    | {"notallowed", "notfound", "notok", "notpermitted", "notsupported", "refused", "rejected", "timedout", "timeout"}
    | {"unauthorised", "unauthorized", "unavailable", "unsupported"}
)
_NO_ERRORS: Final = frozenset({"", "0", "none", "null", "noerror", "ok", "success"})
_OTHER_THAN_LETTERS: Final = re.compile(r"[^a-z0-9]+")
_LEADING_CODE: Final = re.compile(r"\s*([0-9]{1,10})(?:\s|\Z)")  # also ``403 Forbidden``
_ENVELOPES: Final = ("response", "result", "data", "results")


def refusal_in(result: object) -> str | None:
    """Return None when the answer is a yes, else its own words for the refusal (empty when it gives none)."""
    # An empty answer confirms nothing, and a command must never be reported as done without a confirmation.
    if result is None or result is False or result in ("", {}, [], ()):
        return ""
    return words_in(_without_echo(result)) if _is_no(result, 0) else None


def refusal_of(body: bytes) -> str | None:
    """Judge the complete body of an answer, of which the library passes on only a part or a message of its own."""
    try:
        return refusal_in(json.loads(body))
    except (ValueError, RecursionError):
        return ""


def says_only_an_error(body: bytes) -> bool:
    """Return whether an answer of success names an error and tells nothing else, so that nothing was read."""
    if b"error" not in body:  # nearly always: the answers of every poll come here
        return False
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(found, Mapping) or found.get("response"):
        return False
    return any(_is_error(_bare(name), member) for name, member in list(found.items())[:200])


def _without_echo(result: object) -> Json:
    """Return the part of the answer that says no, so that the words of a yes beside it are not quoted."""
    if isinstance(result, Mapping):
        for inner in _inner(result):
            if _is_no(inner, 1):
                return _without_echo(inner)
    return result


def _is_no(value: object, depth: int) -> bool:
    if isinstance(value, str):
        return _bare(value) in _NO_WORDS
    if isinstance(value, (list, tuple)):
        return depth < _DEEPEST and any(_is_no(item, depth + 1) for item in value[:100])
    if not isinstance(value, Mapping):
        return False
    return _says_no(value, depth) or (depth < _DEEPEST and any(_is_no(inner, depth + 1) for inner in _inner(value)))


def _says_no(value: Mapping[Any, Any], depth: int) -> bool:
    """Return whether the members of an answer itself say no; the answers nested in it are judged separately."""
    members = {_bare(name): member for name, member in list(value.items())[:200]}
    if any(_is_error(name, member) for name, member in members.items()):
        return True
    if any(members[name] is False for name in _YES_OR_NO if name in members) or members.get("success") == 0:
        return True
    if any(name in members and members[name] in (None, "", {}, []) for name in _CONFIRMING):
        return True
    if any(isinstance(members.get(name), str) and _is_no(members[name], depth) for name in _STATES):
        return True
    codes = [_code(members.get(name)) for name in _CODES]
    return any(code is not None and not 200 <= code < 300 for code in codes)


def _is_error(name: str, told: object) -> bool:
    """Return whether a member such as ``error_description`` says that there was an error."""
    if "error" not in name and name not in ("faultstring", "failed"):
        return False
    return _bare(told) not in _NO_ERRORS if isinstance(told, str) else bool(told)


def _bare(word: object) -> str:
    return _OTHER_THAN_LETTERS.sub("", str(word)[:200].lower())


def _inner(value: Mapping[Any, Any]) -> JsonArray:
    """Return the answers inside an answer: Tesla's ``response``, and the library's ``set_operation`` and the like."""
    return [
        member
        for name, member in list(value.items())[:200]
        if isinstance(member, (Mapping, list))
        and (str(name).lower() in _ENVELOPES or str(name).lower().startswith(("set_", "post_")))
    ]


def _code(value: object) -> int | None:
    """Return a status code, also one that is written as text; None when the value is not a status code."""
    if isinstance(value, bool):  # a bool is an int in Python, and True would be the code 1: a refusal
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and (found := _LEADING_CODE.match(value)) is not None:
        return int(found[1])
    return value if isinstance(value, int) else None
