"""Compare what all outputs tell of each fact."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.agreement.facts import MOMENTS, Facts
from tests.agreement.moment import Moment
from tests.agreement.readers import NOT_TOLD, Reader
from tests.agreement.scene import POLL_SECONDS, Scene
from tests.support.waiting import wait_until

VIRTUAL = "aggregate"
FOLLOW_SECONDS = 3.0  # within which the pages about all gateways follow those of one, on a machine with much to do
ROUNDED_SECONDS = 0.051  # the site document tells a tenth of a second

Told = tuple[Reader, Any]


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def same(exact: Any, reader: Reader, told: Any) -> bool:
    """Whether an output tells the exact value, as far as its digits go."""
    if not is_number(exact) or not is_number(told):
        return exact == told
    slack = 0.0 if reader.digits is None else 0.5 * 10.0**-reader.digits
    return abs(exact - told) <= slack + reader.relative * max(1.0, abs(exact))


def disagreements(moment: Moment, gateway: str, facts: Facts, fresh: bool) -> list[str]:
    """What is told otherwise than by the most exact of the outputs, in words; empty when all agree.

    A fact that one output does not know is one that no output may know. ``fresh``: the last poll has succeeded.
    """
    found: list[str] = []
    for fact, readers in facts.items():
        asked = [(reader, reader.read(moment, gateway)) for reader in readers]
        told = [(reader, value) for reader, value in asked if value is not NOT_TOLD]
        present = [one for one in told if fresh or not one[0].fresh_only]
        exact = most_exact(present)
        wrong = [(reader, value) for reader, value in present if not same(exact, reader, value)]
        wrong += [(reader, value) for reader, value in told if not fresh and reader.fresh_only and value is not None]
        if wrong:
            words = ", ".join(f"{reader.output} says {value!r}" for reader, value in wrong)
            right = [reader.output for reader, value in present if same(exact, reader, value)]
            shown = f"{len(right)} of {len(told)}: {', '.join(right[:3])} …"
            found.append(f"{gateway}: {fact} is {exact!r} ({shown}), but {words}")
    return found


def apart(moment: Moment, gateway: str, fresh: bool) -> list[str]:
    """Which outputs show another reading than the others, in words.

    While polls go on, one may come between the first answer and the last, and pages about all gateways follow those of
    one: then a poll is allowed. Without new readings it has to be the same one.
    """
    allowed = POLL_SECONDS + FOLLOW_SECONDS + moment.seconds if fresh else ROUNDED_SECONDS
    found: list[str] = []
    for fact, readers in MOMENTS.items():
        told = {reader.output: reader.read(moment, gateway) for reader in readers}
        told = {output: value for output, value in told.items() if value is not NOT_TOLD}
        known = [value for value in told.values() if value is not None]
        if known and (len(known) < len(told) or max(known) - min(known) > allowed):
            found.append(f"{gateway}: {fact} is more than {allowed:.2f} s apart, or unknown to some: {told}")
    return found


def settle(scene: Scene, gateway: str, facts: Callable[[Moment], Facts], fresh: bool, seconds: float = 60.0) -> Moment:
    """Ask until a moment is found at which all outputs agree, and return it.

    Asking takes some time, so a poll may come between the first answer and the last; then everything is asked again.
    Outputs that disagree at every moment make this fail, with what they told last.
    """
    last: list[str] = []

    def agreed() -> Moment | None:
        moment = Moment(scene)
        last[:] = disagreements(moment, gateway, facts(moment), fresh)
        last.extend(apart(moment, gateway, fresh) if gateway != VIRTUAL else ())
        return None if last else moment

    try:
        moment: Moment = wait_until(agreed, seconds)
    except pytest.fail.Exception:
        raise AssertionError(f"{len(last)} facts are told differently:\n" + "\n".join(last)) from None
    return moment


def settle_stale(scene: Scene, gateway: str, facts: Callable[[Moment], Facts]) -> Moment:
    """Return a moment at which the last figures of a house that is away are still told, and all outputs agree.

    They are told for PW_CACHE_TTL only. Where asking everything takes longer than that, the house goes away again.
    """

    def seen() -> Moment | None:
        scene.make_stale(gateway)
        moment = settle(scene, gateway, facts, False)
        return moment if moment.json(f"/api/site/{gateway}")["state"] == "stale" else None

    moment: Moment = wait_until(seen, 120.0, f"{gateway} stale while everything is asked")
    return moment


def most_exact(told: Iterable[Told]) -> Any:
    """The value that the first output tells that rounds nothing."""
    rows = list(told)
    return next((value for reader, value in rows if reader.digits is None and reader.relative < 1e-8), rows[0][1])
