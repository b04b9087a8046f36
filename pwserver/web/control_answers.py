"""Answer a control request with the outcome of its command: as JSON, or as the forms of old scripts expect it."""

from __future__ import annotations

from typing import Any

from sanic import HTTPResponse

from pwserver import commands
from pwserver.commands import Outcome
from pwserver.documents.encode import to_json
from pwserver.web.auth import retry_after


def reply(body: object, status: int = 200, headers: dict[str, str] | None = None) -> HTTPResponse:
    """Answer with JSON that no cache may keep."""
    more = {"cache-control": "no-store", **(headers or {})}
    return HTTPResponse(to_json(body), status=status, headers=more, content_type="application/json")


def acknowledged(outcome: Outcome, body: object) -> HTTPResponse:
    """Answer that a command has succeeded; a header names what the next polls still have to confirm."""
    headers = {"x-powerwall-via": outcome.via}
    if outcome.pending:
        headers["x-powerwall-pending"] = ", ".join(outcome.pending)
    return reply(body, 200, headers)


def failure(outcome: Outcome, action: str) -> tuple[int, Any, dict[str, str]]:
    """Return status, detail and headers for a command that was not acknowledged."""
    failed = f"Control operation failed for {action}"
    if outcome.kind == commands.UNKNOWN:
        return 504, outcome.message, {}
    if outcome.kind in (commands.BUSY, commands.REPEATED):
        return 409, outcome.message, {}
    if outcome.kind == commands.COOLING:
        return 429, outcome.message, retry_after(outcome.retry_after_seconds)
    if outcome.kind == commands.NO_GATEWAY:
        return 404, outcome.message, {}
    if outcome.kind == commands.REFUSED and action == "islanding" and outcome.result is not None:
        message = "The gateway did not acknowledge islanding. Check grid status before retrying."
        return 502, {"message": message, "response": outcome.result}, {}
    if outcome.kind == commands.REFUSED and action == "tariff" and isinstance(outcome.result, dict):
        told = outcome.result.get("ERROR") or outcome.result.get("error")
        return (502, str(told), {}) if told else (503, f"{failed}: {outcome.message}", {})
    if outcome.kind == commands.REFUSED:
        return 503, f"{failed}: {outcome.message}", {}
    # These messages are sentences of their own; the predecessors send them without the prefix, too.
    whole = "requires" in outcome.message or "unavailable" in outcome.message
    return 503, outcome.message if whole else f"{failed}: {outcome.message}", {}


def json_answer(outcome: Outcome, action: str) -> HTTPResponse:
    """Answer a request of the JSON API with the outcome of its command."""
    if outcome.kind == commands.ACKNOWLEDGED:
        return acknowledged(outcome, outcome.result)
    if outcome.kind == commands.DRY_RUN:
        return reply({**outcome.result, "action": action, "over": outcome.via})
    status, detail, headers = failure(outcome, action)
    return reply({"detail": detail}, status, headers)


def form_answer(outcome: Outcome, action: str) -> HTTPResponse:
    """Answer a form with the outcome of its command.

    Old scripts look for the member ``error``, or for a status of 400 and more.
    """
    if outcome.kind == commands.ACKNOWLEDGED:
        done = {action: "Set Successfully"}
        return acknowledged(outcome, done if action in ("grid_charging", "grid_export") else outcome.result)
    if outcome.kind == commands.DRY_RUN:
        return json_answer(outcome, action)
    status, detail, headers = failure(outcome, action)
    return reply({"error": detail}, 400 if status in (502, 503) else status, headers)
