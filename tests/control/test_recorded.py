"""The recorded control requests of pypowerwall-server 0.13.0: status and shape of every answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.control.houses import SECRET, House

HERE = Path(__file__).parent / "recorded"
REQUESTS = json.loads((HERE / "control-requests.json").read_text())
ANSWERS = json.loads((HERE / "pypowerwall-server-0.13.0-control.json").read_text())

LOGIN = {**ANSWERS["login"]["body"], "loginTime": str}

# What we answer instead, and why.
DIFFERENT: dict[str, tuple[int, Any, str]] = {
    "form reserve read": (200, {"reserve": None}, "an unknown reserve is null, never 0"),
    "json unknown action": (404, {"detail": str}, "nothing unknown is forwarded to a gateway"),
    "gateway post (no write path)": (400, {"detail": str}, "the allow-list knows the members of this path's body"),
    "json malformed": (422, {"detail": [{"type": str, "loc": ["body"], "msg": str}]}, "bodies are not repeated"),
    "json array": (422, {"detail": [{"type": str, "loc": ["body"], "msg": str}]}, "bodies are not repeated"),
    "json as text/plain": (422, {"detail": [{"type": str, "loc": ["body"], "msg": str}]}, "bodies are not repeated"),
    "form islanding": (422, {"detail": [{"type": str, "loc": ["body"], "msg": str}]}, "this one repeated the token"),
    "form reserve bad companion mode": (400, {"error": str}, "wording"),
    "login": (200, LOGIN, "libraries made for a gateway read the time of the login"),
    "health reset": (200, {"status": "ok", "message": str}, "wording"),
}


@pytest.fixture(scope="module")
def recorded(houses: Callable[..., House]) -> House:
    return houses("recorded")


def shape(value: Any) -> Any:
    """Members and types; the wording of errors is free."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return [shape(member) for member in value]
    return type(value)


def fits(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, type):
        return isinstance(found, wanted)
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict)
            and found.keys() == wanted.keys()
            and all(fits(found[name], member) for name, member in wanted.items())
        )
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(fits, found, wanted))
    return bool(found == wanted)


@pytest.mark.parametrize("request_", REQUESTS, ids=[request["name"] for request in REQUESTS])
def test_recorded(recorded: House, request_: dict[str, Any]) -> None:
    body, headers = request_.get("body"), dict(request_["headers"])
    text = json.dumps(body) if isinstance(body, (dict, list)) else body
    if body == "garbage":
        text = "garbage"
    headers = {name: value.replace("${TOKEN}", SECRET) for name, value in headers.items()}
    data = None if text is None else text.replace("${TOKEN}", SECRET.replace(" ", "+")).encode()
    answer = recorded.server.get(request_["path"], request_["method"], headers, data)
    wanted = ANSWERS[request_["name"]]
    status, members = wanted["status"], wanted["body"]
    if request_["name"] in DIFFERENT:
        status, members, _ = DIFFERENT[request_["name"]]
    elif status >= 400:
        members = shape(members)
    assert answer.status == status, answer
    found = answer.json() if answer.headers["content-type"] == "application/json" else answer.body.decode()
    assert fits(found, members), (found, members)
    assert answer.headers["content-type"].partition(";")[0] == wanted["content_type"].partition(";")[0]
    assert SECRET not in answer.body.decode()
    assert recorded.writes() == []
