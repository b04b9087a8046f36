"""Processes of a server killed or stopped at random moments while clients read: what it came to.

What counts as a failure: a request without a right answer, or a kept connection broken, that did not belong to the
process that was hit. A burst kills random children every 0.05 to 0.6 s; what counts is how long after the last kill
everything answers, and with fresh data. Linux only.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pwserver.simulator import SimulatedGateway
from tests.support.programs import alive, children, free_port, get, pwserver, wait_for
from tests.support.readers import TELEGRAF, Event, Readers, json_of, timestamp

PATIENCE_SECONDS = 60.0  # for a machine with other things to do
BURST_SECONDS = 15.0
BURST_PAUSES_SECONDS = (0.05, 0.6)
PAGES = (*TELEGRAF, "/health", "/stats", "/livez")
SETTINGS = {
    "PW_CACHE_EXPIRE": "1",
    "PW_TIMEOUT": "2",
    "PW_CACHE_TTL": "30",
    "PW_HEARTBEAT_TIMEOUT": "2",
    "PW_WORKERS": "2",
}


@dataclass
class Outcome:
    """What many rounds of one act came to. ``others``: failures and broken connections of processes not hit."""

    act: str
    rounds: int = 0
    answers: int = 0
    own: int = 0  # connections of the process that was hit
    others: list[Event] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # until repaired
    polls: list[int] = field(default_factory=list)  # until the data were fresh again
    orphans: int = 0
    struck: set[int] = field(default_factory=set)  # every process hit so far: a client may find out late


@dataclass
class Scene:
    """A running server, its gateway and its readers."""

    main: int
    port: int
    gateway: SimulatedGateway
    start_seconds: float  # until it had data
    workers: list[int] = field(default_factory=list)  # as of the last look: finding them reads all of /proc

    def look(self) -> None:
        """Note who the workers are."""
        self.workers = list(self.pids("worker").values())

    def pids(self, kind: str = "") -> dict[str, int]:
        return {name: pid for name, pid in children(self.main).items() if name.startswith(kind)}

    def beating(self) -> dict[str, int]:
        """Name -> pid of the processes that have given a sign of life since they were started."""
        entries = json_of(self.port, "/stats")["processes"]
        return {entry["name"]: entry["pid"] for entry in entries if entry["beat_age_seconds"] is not None}

    def polls_since(self, moment: float) -> int:
        """Meter queries the gateway got since then (monotonic)."""
        return sum(1 for seen in list(self.gateway.requests.recent) if seen.about == "status" and seen.time > moment)


@contextlib.contextmanager
def scene(gateway: SimulatedGateway) -> Iterator[Scene]:
    """A server beside the simulated gateway, with data."""
    port = free_port()
    with pwserver(port, PW_HOST=gateway.address, PW_GW_PWD=gateway.password, **SETTINGS) as main:
        started = wait_for(lambda: get(port, "/aggregates")[0] == 200 and timestamp(port), PATIENCE_SECONDS)
        yield Scene(main.pid, port, gateway, started)


def hit(here: Scene, kind: str, number: signal.Signals, count: int, outcome: Outcome, readers: Readers) -> None:
    """Send the signal to ``count`` processes of a kind, wait until all is well again, and judge what readers saw."""
    time.sleep(random.random() * 1.2)  # at a random moment of the poll
    before = here.pids()
    victims = random.sample(sorted(name for name in before if name.startswith(kind)), count)
    struck = {before[name] for name in victims}
    outcome.struck |= struck
    seen = len(readers.failures), len(readers.reopened)
    moment, epoch = time.monotonic(), time.time()
    for pid in struck:
        os.kill(pid, number)

    def replaced() -> bool:
        beating = here.beating()
        return all(name in beating and beating[name] not in struck for name in victims)

    wait_for(lambda: attempt(replaced), PATIENCE_SECONDS, 0.02)
    outcome.seconds.append(time.monotonic() - moment)
    here.look()
    if kind == "poller":
        wait_for(lambda: timestamp(here.port) > epoch, PATIENCE_SECONDS, 0.02)
        outcome.polls.append(here.polls_since(moment))
    time.sleep(0.1)
    outcome.rounds += 1
    for event in [*readers.failures[seen[0] :], *readers.reopened[seen[1] :]]:
        # Of a connection that was just being made nobody can say whose it was.
        unknown = event.owner is None and kind == "worker" and "status" not in event.what
        mine = event.owner in outcome.struck or unknown
        if mine:
            outcome.own += 1
        else:
            outcome.others.append(event)
    survivors = {name: pid for name, pid in before.items() if name not in victims}
    for name, pid in survivors.items():
        if here.pids().get(name) != pid:
            outcome.others.append(Event(name, "was replaced too", pid, time.monotonic()))


def attempt(condition: Callable[[], bool]) -> bool:
    """False also while nobody answers."""
    try:
        return condition()
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return False


ACTS: dict[str, tuple[str, signal.Signals, int]] = {
    "kill a worker": ("worker", signal.SIGKILL, 1),
    "kill all workers": ("worker", signal.SIGKILL, 2),
    "kill the poller": ("poller", signal.SIGKILL, 1),
    "stop the poller": ("poller", signal.SIGSTOP, 1),
    "stop a worker": ("worker", signal.SIGSTOP, 1),
}


def children_hit(act: str, rounds: int) -> Outcome:
    """``rounds`` times the act, on one server under load."""
    with SimulatedGateway("powerwall2") as gateway, scene(gateway) as here:
        return hits(here, act, rounds)


def hits(here: Scene, act: str, rounds: int) -> Outcome:
    """``rounds`` times the act, on this server under load."""
    kind, number, count = ACTS[act]
    outcome = Outcome(act)
    with Readers(here.port, (*TELEGRAF, "/health"), owners=lambda: here.workers) as readers:
        here.look()
        wait_for(lambda: readers.answers > 50, PATIENCE_SECONDS)
        for _ in range(rounds):
            hit(here, kind, number, count, outcome, readers)
        wait_for(lambda: attempt(lambda: json_of(here.port, "/health")["gateways_online"] == 1), PATIENCE_SECONDS)
    outcome.answers = readers.answers
    return outcome


def main_hit(rounds: int) -> Outcome:
    """Main killed: nobody may be left two seconds later."""
    outcome = Outcome("kill main")
    with SimulatedGateway("powerwall2") as gateway:
        for _ in range(rounds):
            with scene(gateway) as here, Readers(here.port, count=2) as readers:
                time.sleep(random.random() * 0.5)
                family = [here.main, *here.pids().values()]
                moment = time.monotonic()
                os.kill(here.main, signal.SIGKILL)
                left = family[1:]
                while left and time.monotonic() < moment + 2.0:
                    left = [pid for pid in left if alive(pid)]
                    time.sleep(0.01)
                outcome.seconds.append(time.monotonic() - moment)
                outcome.orphans += len(left)
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
                outcome.rounds += 1
            outcome.answers += readers.answers
    return outcome


@dataclass
class Burst:
    """What one burst of kills came to: how many there were, and seconds from the last one."""

    kills: int
    answering_seconds: float  # until every page is answered and every process beats
    fresh_seconds: float  # until the data were read after the last kill
    start_seconds: float  # from the server's start to its first data, which says how fast this machine is just now


def burst(here: Scene, seconds: float, numbers: Sequence[signal.Signals] = (signal.SIGKILL,)) -> Burst:
    """Kill random children with random ones of these signals for some time, then wait until all is well."""
    chance = random.Random()
    kills, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(chance.uniform(*BURST_PAUSES_SECONDS))
        there = list(here.pids().values())
        if there:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(there), chance.choice(numbers))
                kills += 1
    moment, epoch = time.monotonic(), time.time()
    expected = {"poller", *(f"worker-{number}" for number in range(int(SETTINGS["PW_WORKERS"])))}

    def answering() -> bool:
        return here.beating().keys() >= expected and all(get(here.port, page, 1.0)[0] == 200 for page in PAGES)

    wait_for(lambda: attempt(answering), PATIENCE_SECONDS, 0.02)
    answered = time.monotonic() - moment
    wait_for(lambda: timestamp(here.port) > epoch, PATIENCE_SECONDS, 0.02)
    return Burst(kills, answered, time.monotonic() - moment, here.start_seconds)


def bursts(
    count: int, seconds: float = BURST_SECONDS, numbers: Sequence[signal.Signals] = (signal.SIGKILL,)
) -> list[Burst]:
    """``count`` bursts on one server, with readers."""
    with SimulatedGateway("powerwall2") as gateway, scene(gateway) as here, Readers(here.port, (*TELEGRAF, "/health")):
        return [burst(here, seconds, numbers) for _ in range(count)]
