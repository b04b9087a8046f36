"""Carry out commands: call the library, judge its answer, and find out whether anything was sent at all.

``perform`` blocks and needs a thread of its own. A write is one library call, made once. It is never repeated, not even
over another connection: what cannot be known to have failed may have happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from pwserver.gateways.acknowledgement import refusal_in
from pwserver.gateways.command_routes import Commandable, CommandNotSent, CommandRoute, choose, hold
from pwserver.gateways.failure import Exchange, describe
from pwserver.gateways.library_internals import kept_sessions
from pwserver.gateways.library_types import Powerwall
from pwserver.json_types import Json, JsonMapping
from pwserver.records import record
from pwserver.state.charge import raw_percent
from pwserver.state.operating_settings import reserve_percent

# Bad Gateway and Gateway Timeout (RFC 9110 section 15.6) of Tesla's servers: the request may have reached the house.
_GATEWAY_TIMED_OUT: Final = (502, 504)


class CommandRefused(Exception):
    """Raised when the gateway or Tesla refused a command; ``response`` is the library's result."""

    def __init__(self, message: str, response: object = None) -> None:
        self.response = response
        super().__init__(message)


class OutcomeUnknown(Exception):
    """Raised when a command was sent, but no answer came, so that it may have been carried out."""


@record(frozen=True, slots=True)
class Done:
    """Holds the outcome of an acknowledged command: the library's result, and the name of the connection."""

    result: Json
    via: str
    seconds: float = 0.0


Started = Callable[[], bool]
Arguments = JsonMapping


def perform(
    connection: Commandable,
    action: str,
    arguments: Arguments,
    *,
    start_by: float,
    limit_seconds: float,
    started: Started,
) -> Done:
    """Carry out one command, and return its outcome.

    ``start_by``: monotonic seconds after which nothing is sent. ``started`` is called once, right before the library;
    if it returns False, nothing is sent. Raises CommandNotSent, CommandRefused or OutcomeUnknown.
    """
    route = choose(connection, action)
    operation = LIBRARY_CALLS[action]
    if not hold(route.lock, start_by - time.monotonic()):
        raise CommandNotSent("the gateway is busy; nothing was sent")
    try:
        route = choose(connection, action)  # the poll that held the lock may have lost or replaced the connection
        if time.monotonic() < route.limiter.hold_until:
            raise CommandNotSent("the gateway asked us to wait")
        if not route.limiter.room(3, optional=False):  # at most a login, a read and the write
            raise CommandNotSent("the request budget of this gateway is spent for the moment")
        begun = time.monotonic()
        with route.session(limit_seconds):
            _close_kept_connections(route.powerwall)
            prepared = operation.prepare(route, connection, arguments)
            if not started():
                raise CommandNotSent("the time to start was over; nothing was sent")
            before = len(route.limiter.exchanges)
            result = _call(operation, route, prepared, before)
        connection.read_again()
        return Done(result, route.name, time.monotonic() - begun)
    finally:
        route.lock.release()


def check(connection: Commandable, action: str) -> str:
    """Return the name of the connection that a command would use. Raises CommandNotSent when there is none."""
    return choose(connection, action).name


def _call(operation: _LibraryCall, route: CommandRoute, arguments: Arguments, before: int) -> Json:
    fault: Exception | None = None
    result: Json = None
    try:
        result = operation.call(route.powerwall, arguments)
    except CommandNotSent:
        raise
    except Exception as error:
        fault = error
    # The library turns most failures into None or an exception without a status, so the exchanges decide: first whether
    # the answer was lost, then whether Tesla refused, then whether anything was sent.
    refusal = operation.refusal(result) if fault is None else ""
    sent = [item for item in list(route.limiter.exchanges)[before:] if item.sent]
    told = next((item.refused for item in sent if item.refused is not None), None)
    if refusal is None and told is None:
        return result
    if _unanswered(sent, operation.reads_first and route.signed):
        raise OutcomeUnknown("outcome unknown: the request was sent, but no answer came; look before you try again")
    if told is not None:
        raise CommandRefused(f"Tesla refused: {told}" if told else "Tesla did not acknowledge", result)
    if not any(item.delivered for item in sent):
        raise CommandNotSent("no connection to the gateway; nothing was sent")
    if fault is not None:
        raise CommandRefused(type(fault).__name__)  # its text might hold a secret
    raise CommandRefused(_refusal_text(refusal, sent[-1], route), result)


def _refusal_text(refusal: str | None, last: Exchange, route: CommandRoute) -> str:
    """Return who refused and why: in the words of the answer, else in those of the last exchange with Tesla."""
    if not refusal and last.remote:
        refusal = describe(last) if last.cause is not None else last.said
    who = "the gateway" if route.local else "Tesla"
    return f"{who} refused: {refusal}" if refusal else f"{who} did not acknowledge"


def _unanswered(sent: list[Exchange], reads_first: bool) -> bool:
    """Return whether the answer to a write may have been lost. ``reads_first``: the first exchange changes nothing."""
    for number, item in enumerate(sent):
        lost = item.delivered and item.status is None
        if lost or item.status in _GATEWAY_TIMED_OUT:
            return not (reads_first and number == 0)
    return False


def _close_kept_connections(powerwall: Powerwall) -> None:
    """Close the library's idle connections, so that the command goes out on a new one.

    A gateway closes idle connections without notice. A command sent on such a connection would be lost, and must not be
    sent twice.
    """
    for session in kept_sessions(powerwall):
        session.close()  # only its sockets: a session of requests connects again when it is used


# ── the library's calls ──────────────────────────────────────────────────────────────────────────────────────────────


def _as_it_is(route: CommandRoute, connection: Commandable, arguments: Arguments) -> Arguments:
    return arguments


def _whole_operation(route: CommandRoute, connection: Commandable, arguments: Arguments) -> Arguments:
    """Return mode and reserve for the local API; what the command leaves out is what the gateway has now.

    The local API only takes both together, and the reserve on the gateway's own scale.
    """
    if not (route.local and not route.signed):
        return arguments
    found = connection.ask_now("/api/operation")
    known = found if isinstance(found, dict) else {}
    level, mode = arguments.get("level"), arguments.get("mode")
    raw = known.get("backup_reserve_percent") if level is None else raw_percent(level)
    mode = mode or known.get("real_mode")
    if reserve_percent(raw) is None or not mode:
        raise CommandNotSent("the gateway's present mode and reserve are not known; nothing was sent")
    return {"level": raw, "mode": mode}


def _islanding(powerwall: Powerwall, arguments: Arguments) -> Json:
    return powerwall.go_off_grid(confirm=True) if arguments["value"] == "off_grid" else powerwall.reconnect_grid()


def _not_islanded(result: object) -> str | None:
    # The gateway answers 1 when it carries the command out; ``True == 1`` in Python, so the type is checked as well.
    done = isinstance(result, dict) and type(result.get("result")) is int and result["result"] == 1
    return None if done else ""


def _no_events(result: object) -> str | None:
    return None if isinstance(result, dict) and "error" not in result else ""


def _max_backup(powerwall: Powerwall, arguments: Arguments) -> Json:
    value = arguments["value"]
    if value == "cancel":
        return powerwall.cancel_max_backup() and {"max_backup": "Cancelled"}
    return powerwall.schedule_max_backup(value) and {"max_backup": f"Scheduled for {value} seconds"}


def _backup_events(powerwall: Powerwall, arguments: Arguments) -> Json:
    """Return the backup events as they are now; an event whose time is over is cancelled first.

    The gateway goes on reporting an event that is over until it is cancelled.
    """
    found = powerwall.get_backup_events()
    if not isinstance(found, dict):
        return None
    event = found.get("manual_backup")
    if isinstance(event, dict) and not event.get("active"):
        if not powerwall.cancel_max_backup():
            return {"error": "Failed to cancel max backup"}
        found = {**found, "manual_backup": None}
    return found


@record(frozen=True, slots=True)
class _LibraryCall:
    """Describes how the library carries out one command."""

    call: Callable[[Any, Arguments], Any]
    refusal: Callable[[object], str | None] = (
        refusal_in  # returns None for an acknowledgement, else the refusal's words
    )
    prepare: Callable[[CommandRoute, Commandable, Arguments], Arguments] = _as_it_is
    reads_first: bool = False  # over v1r the first request only reads the file to be changed


LIBRARY_CALLS: Final[Mapping[str, _LibraryCall]] = {
    "operation": _LibraryCall(
        lambda powerwall, given: powerwall.set_operation(given.get("level"), given.get("mode")),
        prepare=_whole_operation,
        reads_first=True,
    ),
    "grid_charging": _LibraryCall(
        lambda powerwall, given: powerwall.set_grid_charging(given["value"]), reads_first=True
    ),
    "grid_export": _LibraryCall(lambda powerwall, given: powerwall.set_grid_export(given["value"]), reads_first=True),
    "max_backup": _LibraryCall(_max_backup),
    "backup_events": _LibraryCall(_backup_events, refusal=_no_events),
    "islanding": _LibraryCall(_islanding, refusal=_not_islanded),
    "dispatch": _LibraryCall(
        lambda powerwall, given: powerwall.dispatch_battery_power(given["power_watts"], given["duration_seconds"])
    ),
    "resume": _LibraryCall(lambda powerwall, given: powerwall.resume_battery_operation()),
    "tariff": _LibraryCall(lambda powerwall, given: powerwall.set_tariff(given["tou_settings"])),
}
