"""Every process killed or stopped under load: nobody else loses anything, and it is soon replaced.

The same acts a hundred times each: ``python -m benchmarks.kills --rounds 100``.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pwserver.causes import CAUSE_BY_ID, POLLER
from pwserver.simulator import SimulatedGateway
from tests.e2e.conftest import many
from tests.support import kills
from tests.support.readers import Readers
from tests.support.server import Server
from tests.support.waiting import wait_until

ROUNDS = 2
HEARTBEAT_SECONDS = 5


@pytest.fixture(scope="module")
def here() -> Iterator[kills.Scene]:
    """One server for all acts: after each of them all is well again."""
    with SimulatedGateway("powerwall2") as gateway, kills.scene(gateway) as made:
        yield made


@pytest.mark.parametrize("act", sorted(kills.ACTS))
def test_a_child_is_hit_and_the_others_lose_nothing(act: str, here: kills.Scene) -> None:
    outcome = kills.hits(here, act, ROUNDS)
    assert outcome.others == []
    assert outcome.rounds == ROUNDS and outcome.answers > 50  # that many had come before the first hit
    assert all(polls <= 2 for polls in outcome.polls), outcome.polls


def test_nobody_outlives_main() -> None:
    outcome = kills.main_hit(ROUNDS)
    assert outcome.rounds == ROUNDS and outcome.orphans == 0


@pytest.mark.parametrize(
    ("seconds", "numbers"),
    [
        (8.0, (signal.SIGKILL,)),
        (8.0, (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)),
    ],
)
def test_all_answer_soon_after_a_burst_of_kills(seconds: float, numbers: tuple[signal.Signals, ...]) -> None:
    """Kills hit children before their first heartbeat as well: no reason to wait as after failures of their own."""
    (outcome,) = kills.bursts(1, seconds, numbers)
    assert outcome.kills >= 10
    # What is promised; a machine that takes so long for one start from nothing takes as long for that of a child.
    slack = 2 * outcome.start_seconds
    assert outcome.answering_seconds <= max(5.0, slack) and outcome.fresh_seconds <= max(10.0, slack), outcome


def test_reads_never_fail_while_there_is_no_poller(serve: Callable[..., Server]) -> None:
    """Stopped for longer than data live: they are served, then their form without data, and /health says so."""
    server = serve()  # main may not replace it during the test
    poller = server.children()["poller"]
    with Readers(server.port or 0, ("/aggregates", "/csv", "/health", "/api/gateways/default")) as readers:
        os.kill(poller, signal.SIGSTOP)
        wait_until(lambda: server.get("/livez").status == 503, 20, "/livez notices")
        assert server.get("/readyz").status == 503
        health = server.json("/health")
        assert health["gateways_online"] == 0 and health["status"] == "unhealthy"
        entry = health["gateway_details"][0]
        assert not entry["online"] and entry["error"] == CAUSE_BY_ID[POLLER].sentence
        assert server.children()["poller"] == poller
        os.kill(poller, signal.SIGCONT)
        wait_until(lambda: server.get("/readyz").status == 200, 20, "and notices that it is back")
        assert server.get("/livez").status == 200
    assert readers.failures == []


def test_a_container_that_was_paused_goes_on_as_it_was(serve: Callable[..., Server]) -> None:
    """Everybody stopped for longer than a heartbeat may be late: nobody is to blame for that."""
    server = serve(PW_HEARTBEAT_TIMEOUT=str(HEARTBEAT_SECONDS))
    before = server.children()
    family = [server.process.pid, *before.values()]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(HEARTBEAT_SECONDS + 0.5)  # that long is what is tested
    for pid in family:  # main first: it sees the old heartbeats
        os.kill(pid, signal.SIGCONT)
    server.wait_for_data(newer_than=time.time())
    assert server.children() == before
    assert "no sign of life" not in server.output()


def test_restarts_are_counted(serve: Callable[..., Server]) -> None:
    server = serve()
    before = {entry["name"]: entry["restarts"] for entry in server.json("/stats")["processes"]}
    os.kill(server.children()["worker-0"], signal.SIGKILL)

    def after() -> dict[str, int]:
        return {entry["name"]: entry["restarts"] for entry in server.json("/stats")["processes"]}

    wait_until(lambda: after() == {**before, "worker-0": before["worker-0"] + 1}, 20)


def test_the_sum_of_several_gateways_never_dips_while_a_poller_is_replaced(tmp_path: Path) -> None:
    with ExitStack() as stack:
        houses = {
            name: stack.enter_context(SimulatedGateway("powerwall2", speed=0.0, hour=12, seed=number))
            for number, name in enumerate(("one", "two", "three"))
        }
        server = stack.enter_context(Server(environment=many(houses, tmp_path, PW_CACHE_TTL="30")))
        wait_until(lambda: server.json("/health")["gateways_online"] == 3, 30)

        def told() -> tuple[object, ...]:
            body = server.json("/api/aggregate/power")
            return body["solar"], body["battery"], body["load"], body["sources"]["contributors"]

        whole = told()
        assert whole[3] == list(houses)
        for _ in range(3):
            poller, moment = server.children()["poller"], time.time()
            os.kill(poller, signal.SIGKILL)

            def sums(moment: float = moment) -> bool:
                assert told() == whole
                return server.timestamp("/api/aggregate/power") > moment

            wait_until(sums, 30, "fresh sums")
