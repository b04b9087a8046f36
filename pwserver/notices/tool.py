"""Run ``pwserver notices test``: send a test message to every address, from this process, and say what became of it."""

from __future__ import annotations

import queue
import sys
import time
from collections.abc import Sequence
from typing import Final

from pwserver.config.notice_settings import NoticeSettings
from pwserver.config.problems import ConfigError
from pwserver.notices.address_check import check_addresses
from pwserver.notices.courier import ATTEMPT_SECONDS, Courier, Line
from pwserver.notices.delivery import CAUSES, ENDED, SENT, TIMED_OUT, target_of
from pwserver.notices.notice import trial_message

USAGE: Final = "usage: pwserver notices test   (sends a test message to every address of PW_NOTICE_URLS)"
MOST_LINES: Final = 64  # one for each address, and two more
_START_SECONDS: Final = 60.0  # to import Apprise on a slow machine


def run(arguments: Sequence[str], settings: NoticeSettings) -> int:
    """Run the command; returns the exit status (1: a message has not gone, 2: bad usage or configuration)."""
    if list(arguments) in (["--help"], ["-h"]):
        print(USAGE)
        return 0
    if list(arguments) != ["test"]:
        print(USAGE, file=sys.stderr)
        return 2
    if not settings.addresses:
        print("pwserver: PW_NOTICE_URLS is not set, so there is nobody to send to", file=sys.stderr)
        return 2
    try:
        check_addresses(settings)
    except ConfigError as error:
        print(f"pwserver: {error.message}", file=sys.stderr)
        return 2
    outcomes = send_tests(settings.addresses)
    for name, cause in outcomes.items():
        known = CAUSES[cause] if cause is not None else None
        print(f"{name}: sent" if known is None else f"{name}: not sent. {known.sentence} {known.remedy}")
    return 0 if not any(outcomes.values()) else 1


def send_tests(addresses: Sequence[str]) -> dict[str, str | None]:
    """Send a test message to every address; returns by target why it has not gone, None where it has."""
    targets = {target_of(address): address for address in addresses}
    lines: queue.Queue[Line | None] = queue.Queue(maxsize=MOST_LINES)
    courier = Courier(targets, None, lines.put)
    try:
        courier.start()
    except OSError:
        return dict.fromkeys(targets, ENDED)
    try:
        return _outcomes(courier, list(targets), lines)
    finally:
        courier.stop()


def _outcomes(courier: Courier, targets: Sequence[str], lines: queue.Queue[Line | None]) -> dict[str, str | None]:
    outcomes: dict[str, str | None] = {}
    message = trial_message(1)
    end = time.monotonic() + _START_SECONDS + ATTEMPT_SECONDS
    while len(outcomes) < len(targets):
        try:
            line = lines.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            return {name: outcomes.get(name, TIMED_OUT) for name in targets}
        if line is None:
            return {name: outcomes.get(name, ENDED) for name in targets}
        if "ready" in line:
            for name in targets:
                courier.send(message, name)
        else:
            outcomes[line["target"]] = None if line["outcome"] == SENT else line["cause"]
    return {name: outcomes[name] for name in targets}
