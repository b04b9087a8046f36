"""HTTP 200 is not a yes: what Tesla's servers and gateways say inside decides."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.gateways.acknowledgement import refusal_in, says_only_an_error
from pwserver.gateways.command_execution import CommandRefused, Done, perform
from pwserver.gateways.failure import GatewayFailure
from tests.gateways.test_cloud import cloud, fleet, tesla  # noqa: F401
from tests.tesla import Tesla

YES: list[Any] = [
    True,
    "Updated",
    {"code": 201, "message": "Updated"},
    {"Code": 201, "Message": "Updated"},
    {"response": {"code": 200}},
    {"response": {"result": True, "reason": ""}},
    {"response": {"code": "200"}, "error": None, "error_description": ""},
    {"set_operation": {"real_mode": "backup", "result": "Updated"}},
    {"real_mode": "backup", "backup_reserve_percent": 20},
    {"set_operation": {"result": {"response": {"Message": "Operation mode updated", "Code": 200}}}},
    {"power_watts": -1.5, "duration_seconds": 60},
    {"max_backup": "Cancelled"},
    {"set_grid_charging": {"result": True}},
    {"response": "Updated", "error": "none", "error_code": 0},
    {"response": {"status": "200 OK", "errorMessage": "", "failed": False}},
]
NO: list[tuple[Any, str]] = [
    (None, ""), (False, ""), ("", ""), ({}, ""), ([], ""),
    ({"response": {"code": 400, "message": "site is in storm watch"}}, "site is in storm watch"),
    ({"response": {"Code": 400, "Message": "no"}}, "no"), ({"code": "400", "message": "no"}, "no"),
    ({"response": {"result": False, "reason": "not permitted"}}, "not permitted"), ({"result": False}, ""),
    ({"response": None, "error": "forbidden", "error_description": "not yours"}, "not yours: forbidden"),
    ({"response": {"result": {"code": 503, "reason": "busy"}}}, "busy"), ({"success": False, "message": "x"}, "x"),
    ({"set_operation": {"real_mode": "backup", "result": None}}, ""), ({"error": "BatteryNotFound"}, "BatteryNotFound"),
    ({"set_backup_reserve_percent": {"result": "BatteryNotFound"}}, "BatteryNotFound"),
    ({"ERROR": "Unknown API"}, "Unknown API"),
    ({"set_backup_reserve_percent": {"result": {"response": {"code": 201}}},
      "set_operation": {"result": {"response": {"code": 409, "reason": "mode not allowed"}}}}, "mode not allowed"),
    ({"status": "error", "reason": "later"}, "later"), ({"status": 500, "message": "m"}, "m"), ({"code": 400.0}, ""),
    ({"response": [{"code": 200}, {"code": 500, "message": "second"}]}, "second"), ({"result": "failed"}, ""),
    ({"errors": ["one"]}, ""), ({"code": 302}, ""), ({"code": 0}, ""), ({"code": -1}, ""), ({"code": 10**40}, ""),
    ({"response": None}, ""), ({"response": {}}, ""), ({"response": ""}, ""), ({"response": False}, ""),
    ({"response": {"success": 0}}, ""), ({"success": "no"}, ""), ({"response": {"status": "403 Forbidden"}}, ""),
    ({"response": {"result": "BATTERY_NOT_FOUND"}}, ""), ({"response": "Unauthorized"}, "Unauthorized"),
    ({"response": {"authorization_error": "not yours"}}, ""), ({"response": {"errorMessage": "late"}}, ""),
    ({"response": {"failed": True, "message": "busy"}}, "busy"), ({"response": {"http_code": 400}}, ""),
]  # fmt: skip


@pytest.mark.parametrize("answer", YES, ids=repr)
def test_a_yes(answer: Any) -> None:
    assert refusal_in(answer) is None


@pytest.mark.parametrize(("answer", "words"), NO, ids=repr)
def test_a_no_however_it_is_wrapped(answer: Any, words: str) -> None:
    found = refusal_in(answer)
    assert found is not None and (words in found)
    if isinstance(answer, dict) and answer:
        assert refusal_in({"set_operation": {"real_mode": "backup", "result": answer}}) is not None
        assert refusal_in({"response": answer, "error": None}) is not None


@pytest.mark.parametrize("mode", ["Cloud", "FleetAPI"])
@pytest.mark.parametrize(
    "answer", [{"error": "no bearer"}, {"response": None, "error": "x", "error_description": "no bearer"}], ids=repr
)
def test_an_error_with_200_is_no_account_without_a_site(answer: Any, mode: str, tesla: Tesla, tmp_path: Path) -> None:
    tesla.said["*"] = (200, json.dumps(answer).encode(), {})
    connection = cloud(tesla, tmp_path) if mode == "Cloud" else fleet(tesla, tmp_path)
    try:
        with pytest.raises(GatewayFailure) as failure:
            connection.poll()
        assert failure.value.cause == "http-error"
        assert "HTTP 200" in failure.value.message and "no bearer" in failure.value.message
    finally:
        connection.close()


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"response":{"error":"x"}}', b'{"response":[],"error":null}', b'["error"]', b'{"error"', b'"error"'],
)
def test_an_answer_that_names_no_error_of_its_own(body: bytes) -> None:
    assert not says_only_an_error(body)


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["response", "result", "code", "error", "message", "set_x"]), inner, max_size=4
        )
    ),
    max_leaves=30,
)


@given(TREES)
def test_any_answer_is_judged(tree: Any) -> None:
    found = refusal_in(tree)
    assert found is None or len(found) <= 160


COMMANDS: list[tuple[str, Mapping[str, Any]]] = [
    ("operation", {"level": 30}),
    ("operation", {"mode": "backup"}),
    ("operation", {"level": 30, "mode": "backup"}),
    ("grid_charging", {"value": True}),
    ("grid_export", {"value": "never"}),
    ("tariff", {"tou_settings": {"tariff_content_v2": {"code": "X"}}}),
]
ANSWERS = [
    {"response": {"code": 400, "message": "storm watch of CANARYTOKENCANARYTOKENCANARYTOKEN"}},
    {"response": {"result": False, "reason": "storm watch"}},
    {"response": None, "error": "storm watch", "error_description": ""},
    {"response": {"code": 200, "result": {"code": 409, "reason": "storm watch"}}},
    {"response": {"code": 201, "message": "storm watch", "result": False}},
    {"response": "denied", "message": "storm watch"},
    {"response": None, "error": "site_offline", "error_description": "storm watch"},
    {"error": {"code": 403, "message": "storm watch"}},
]


@pytest.mark.parametrize("mode", ["Cloud", "FleetAPI"])
@pytest.mark.parametrize(("action", "arguments"), COMMANDS)
@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
def test_a_write_that_tesla_refuses_with_200_is_an_error_with_its_reason(
    answer: Any,
    action: str,
    arguments: Mapping[str, Any],
    mode: str,
    tesla: Tesla,
    tmp_path: Path,
) -> None:
    connection = cloud(tesla, tmp_path) if mode == "Cloud" else fleet(tesla, tmp_path)

    def command() -> Done:
        return perform(
            connection, action, arguments, start_by=time.monotonic() + 5, limit_seconds=10, started=lambda: True
        )

    try:
        connection.poll()
        assert command().via == mode
        tesla.answer_to_posts = answer
        with pytest.raises(CommandRefused) as refused:
            command()
        assert str(refused.value).startswith("Tesla"), refused.value
        assert "storm watch" in str(refused.value), refused.value
        assert "object" not in str(refused.value) and "{" not in str(refused.value), refused.value
        assert "CANARY" not in str(refused.value)
    finally:
        connection.close()
