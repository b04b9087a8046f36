"""Two publishers and two replicas on one broker."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterable
from functools import partial

import pytest

from pwserver.documents.catalogue import GATEWAY_DOCUMENTS
from tests.fleet.conftest import BROKER_PASSWORD, KEY
from tests.support.waiting import patient, wait_until

TARGETS = sorted({target for row in GATEWAY_DOCUMENTS if row.prefixed for target in row.targets})
# The server's own clock, in the one document that has it: all in which two servers may differ.
CLOCK = re.compile(rb'"(current_time|last_status_time)":[0-9]+')


def path(gateway: str, target: str = "") -> str:
    return f"/api/gateways/{gateway}{target}"


def documents(server, gateway: str, targets: Iterable[str]) -> tuple[float, dict[str, tuple[int, bytes]]]:
    """These documents of a gateway, all of one reading: (its time, or 0 when another came; what was answered)."""
    before = server.timestamp(path(gateway))
    found = {target: server.get(path(gateway, target)) for target in targets}
    whole = before if before == server.timestamp(path(gateway)) else 0.0
    return whole, {target: (answer.status, CLOCK.sub(b"", answer.body)) for target, answer in found.items()}


def same_reading(one, other, gateway: str):
    """The documents of two servers, each pair for one and the same reading.

    A few at a time: a slow machine does not read all of them from both before another reading comes.
    """

    def read(targets: list[str]):
        (first, ours), (second, theirs) = (documents(server, gateway, targets) for server in (one, other))
        return (ours, theirs) if first and first == second else None

    found: tuple[dict[str, tuple[int, bytes]], ...] = ({}, {})
    for begin in range(0, len(TARGETS), 10):
        few = TARGETS[begin : begin + 10]
        for documents_of, more in zip(found, wait_until(partial(read, few), 60, "never the same reading"), strict=True):
            documents_of.update(more)
    return found


def online(server, *gateways: str) -> bool:
    known = {entry["id"]: entry["online"] for entry in server.json("/health")["gateway_details"]}
    return all(known.get(gateway) for gateway in gateways)


class Readers:
    """Somebody who reads all the time and remembers every answer that was not 200, until the block ends."""

    def __init__(self, server, *targets: str) -> None:
        self.server, self.targets = server, targets
        self.bad: list[object] = []
        self.count = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        while not self._end.is_set():
            for target in self.targets:
                try:
                    answer = self.server.get(target)
                    if answer.status != 200:
                        self.bad.append((target, answer.status, answer.body[:100]))
                except OSError as problem:
                    self.bad.append((target, repr(problem)))
                self.count += 1
            time.sleep(0.005)

    def __enter__(self) -> Readers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(patient(20))


def test_a_fleet_and_the_loss_of_each_of_its_members(fleet, until):
    first = fleet.publisher("first", "house", "annex")
    first.wait_for_data(path("house"))
    replica = fleet.replica("one")
    until(lambda: online(replica, "house", "annex"), "what the broker has kept")
    spare = fleet.replica("two")
    until(lambda: online(spare, "house", "annex"))

    # A gateway nobody knew turns up: the replicas make room for it without failing a request.
    with Readers(replica, "/aggregates", path("house", "/soe"), "/api/aggregate/power", "/health") as readers:
        second = fleet.publisher("second", "cabin")
        until(lambda: online(replica, "house", "annex", "cabin"))
        until(lambda: online(spare, "house", "annex", "cabin"))
        replica.wait_for_data(path("cabin"))
        # Though cabin comes before house in every list, the URLs without a gateway stay what they were.
        assert replica.json("/pw/din") == first.json("/pw/din")
    assert readers.bad == []
    assert readers.count > 20

    # The same bytes, ages apart, for every document of every gateway.
    for publisher, gateway in ((first, "house"), (first, "annex"), (second, "cabin")):
        ours, theirs = same_reading(publisher, replica, gateway)
        assert len(ours) > 80
        # What can be set: nothing over a replica, and it says so.
        assert [target for target in TARGETS if ours[target] != theirs[target]] == ["/control/status"]
        abilities = replica.json(path(gateway, "/control/status"))["abilities"].values()
        assert {one.get("limit") for one in abilities} == {"replica"}
    # Of one publisher alone also the unprefixed ones and their order would be the same; here both replicas agree.
    assert list(replica.json("/api/gateways/")) == list(spare.json("/api/gateways/")) == ["cabin", "house", "annex"]
    assert set(replica.json("/api/aggregate/power")["sources"]["contributors"]) == {"house", "annex", "cabin"}

    # Publisher killed: its gateway is a failed poll on both replicas, the others go on.
    with Readers(replica, path("house", "/soe"), "/aggregates") as readers:
        fleet.kill("second")
        until(lambda: not online(replica, "cabin"))
        until(lambda: not online(spare, "cabin"))
        detail = replica.state("cabin")
        assert "publisher second is offline" in detail["error"]
        assert replica.get(path("cabin", "/soe")).status == 200  # the last reading, for PW_CACHE_TTL
        now = time.time()
        replica.wait_for_data(path("house"), newer_than=now)
        first.wait_for_data(path("house"), newer_than=now)
        assert online(replica, "house", "annex")
    assert readers.bad == []
    fleet.again("second")
    until(lambda: online(replica, "cabin") and online(spare, "cabin"), "the publisher is back")

    # Replica killed: nobody else notices.
    with Readers(spare, path("house", "/soe"), path("cabin", "/soe")) as readers:
        fleet.kill("one")
        now = time.time()
        spare.wait_for_data(path("house"), newer_than=now)
        spare.wait_for_data(path("cabin"), newer_than=now)
        first.wait_for_data(path("house"), newer_than=now)
    assert readers.bad == []
    replica = fleet.again("one")
    until(lambda: online(replica, "house", "annex", "cabin"))

    # The other of each.
    fleet.kill("two")
    fleet.kill("first")
    until(lambda: not online(replica, "house", "annex") and online(replica, "cabin"))
    now = time.time()
    replica.wait_for_data(path("cabin"), newer_than=now)

    metrics = replica.get("/metrics").body.decode()
    assert 'powerwall_up{gateway="cabin"} 1.0' in metrics
    assert 'powerwall_up{gateway="house"} 0.0' in metrics
    assert "pwserver_replica_connected 1.0" in metrics
    text = "".join(server.output() for server in fleet.servers.values())
    shown = json.dumps(replica.json("/stats")) + metrics
    for secret in (KEY, BROKER_PASSWORD, *(house.password for house in fleet.houses.values())):
        assert secret not in text
        assert secret not in shown


def test_a_broker_that_restarts_and_a_poller_that_dies(fleet, until):
    publisher = fleet.publisher("only", "house")
    publisher.wait_for_data(path("house"))
    replica = fleet.replica("one", PW_CACHE_TTL="3")
    until(lambda: online(replica, "house"))
    # One publisher: the unprefixed documents are its gateway's too.
    ours, theirs = same_reading(publisher, replica, "house")
    assert ours["/aggregates"] == theirs["/aggregates"]
    assert replica.json("/json")["soe"] == pytest.approx(publisher.json("/json")["soe"], abs=1)

    fleet.broker.stop()
    until(lambda: not online(replica, "house"))
    # The dying broker still told of the publisher's death; then it could not be heard itself.
    assert re.search("is offline|broker is away", replica.state("house")["error"])
    until(lambda: replica.json("/pw/power")["site"] is None, "the last reading ends with its time")
    assert publisher.json("/pw/power")["site"] is not None
    fleet.broker.start()
    until(lambda: online(replica, "house"), "back by itself", 60)

    os.kill(replica.children()["poller"], signal.SIGKILL)
    now = time.time()
    replica.wait_for_data(path("house"), newer_than=now)
    until(lambda: online(replica, "house"))

    # A reload keeps the gateways it knows, and fails nobody.
    with Readers(replica, "/aggregates", path("house", "/soe")) as readers:
        replica.process.send_signal(signal.SIGHUP)
        until(lambda: "configuration reloaded" in replica.output())
        replica.wait_for_data(path("house"), newer_than=time.time())
    assert readers.bad == []
    assert "Traceback" not in replica.output()


def test_a_replica_alone_says_so_and_learns_later(fleet, until):
    fleet.broker.stop()
    replica = fleet.replica("one", PW_DEFAULT_GATEWAY="cabin")
    assert replica.state("cabin")["online"] is False
    assert replica.json("/pw/power") == {"site": None, "solar": None, "battery": None, "load": None}
    fleet.broker.start()
    fleet.publisher("first", "house", "annex")
    until(lambda: online(replica, "house", "annex"), "room was made", 60)
    assert replica.json("/pw/power")["site"] is None  # the default is what was configured, not what came first
    fleet.publisher("second", "cabin")
    until(lambda: online(replica, "cabin"))
    until(lambda: replica.json("/pw/power")["site"] is not None)


def test_what_is_not_signed_is_not_believed(fleet, until):
    publisher = fleet.publisher("first", "house", PW_REPLICA_KEY="another-key-altogether")
    publisher.wait_for_data(path("house"))
    replica = fleet.replica("one")
    until(lambda: "signature does not fit" in replica.output())
    assert replica.json("/health")["status"] == "no_gateways"
    assert replica.get("/aggregates").status == 503
    until(lambda: re.search(r"^pwserver_replica_refused_total [1-9]", replica.get("/metrics").body.decode(), re.M))
