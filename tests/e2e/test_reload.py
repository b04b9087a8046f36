"""SIGHUP: a new configuration without a failed request, or the old one and the reason. SIGTERM: an orderly end."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from pwserver.history.ring_files import folder_of
from pwserver.simulator import SimulatedGateway
from tests.e2e.conftest import IMPATIENT
from tests.support.programs import alive
from tests.support.readers import TELEGRAF, Readers
from tests.support.server import Server
from tests.support.waiting import patient, wait_until


class Configured:
    """A server whose configuration is a file."""

    def __init__(self, path: Path, gateway: SimulatedGateway) -> None:
        self.path = path
        self.gateway = gateway
        self.server = Server(["--config", str(path)], dict(IMPATIENT))

    def write(self, **server: object) -> None:
        """Put the gateway and these settings into the file."""
        gateways = [{"id": "home", "name": "Home", "host": self.gateway.address, "gw_pwd": self.gateway.password}]
        self.path.write_text(yaml.safe_dump({"server": server, "gateways": gateways}))

    def reload(self) -> int:
        """Ask for it; returns how much had been logged before."""
        before = len(self.server.output())
        os.kill(self.server.process.pid, signal.SIGHUP)
        return before

    def said_since(self, before: int, text: str) -> None:
        wait_until(lambda: text in self.server.output()[before:], 60, f"{text!r} in\n{self.server.output()}")


@pytest.fixture
def configured(request: pytest.FixtureRequest, gateway: SimulatedGateway, tmp_path: Path) -> Iterator[Configured]:
    made = Configured(tmp_path / "pwserver.yaml", gateway)
    made.server.module = getattr(request, "param", made.server.module)
    made.write(cache_ttl=11)
    with made.server:
        made.server.wait_for_data()
        made.server.wait_for_everybody()
        yield made


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_changed_settings_take_effect_under_load_with_no_failed_request(configured: Configured) -> None:
    server = configured.server
    first = server.children()
    assert server.json("/health")["degradation_cache_ttl_seconds"] == 11
    sizes = []
    with Readers(server.port, (*TELEGRAF, "/health", "/stats"), fresh_every=5) as readers:
        for ttl in (12, 13, 14, 15):
            configured.write(cache_ttl=ttl, workers=3 if ttl == 13 else 2)
            answers = readers.answers
            said = configured.reload()
            configured.said_since(said, "configuration reloaded")
            assert server.json("/health")["degradation_cache_ttl_seconds"] == ttl
            assert server.json("/stats")["config"]["PW_CACHE_TTL"] == ttl
            assert len(server.children()) == (4 if ttl == 13 else 3)
            wait_until(lambda before=answers: readers.answers > before + 100, 30, "clients are being served")
            sizes.append(descriptors(server.process.pid))
    assert readers.failures == []
    # New workers take over only when there are data: not one reader saw the server without.
    assert {status for tally in readers.tallies for status in tally.statuses} == {200}
    assert not set(first.values()) & set(server.children().values())
    assert not [pid for pid in first.values() if alive(pid)]
    # What a generation leaves behind goes with the next reload: one with as many workers leaves as much.
    assert sizes[3] <= sizes[1], "descriptors of main grow with every reload"


def test_data_stay_while_a_reload_waits_for_its_first_poll(configured: Configured) -> None:
    server = configured.server
    moments: list[float] = []
    said = configured.reload()
    deadline = time.monotonic() + patient(60)
    while "configuration reloaded" not in server.output()[said:] and time.monotonic() < deadline:
        moments.append(server.timestamp())
    assert moments and all(moments), "for a moment there were no data"
    assert moments == sorted(moments), "data went back in time"


def test_what_was_in_memory_goes_into_the_folder_that_a_reload_names(
    configured: Configured, gateway: SimulatedGateway, tmp_path: Path
) -> None:
    server = configured.server
    gateway.set_house(grid_outage=True)
    wait_until(lambda: server.json("/api/events?kind=grid_down")["events"], 30, "the outage is told")
    gateway.set_house(grid_outage=False)
    wait_until(lambda: server.json("/api/events?kind=grid_up")["events"], 30, "and that it is over")
    told = server.json("/api/events")["events"]
    polls = server.json("/api/timeseries/samples?limit=5")["samples"]
    folder = tmp_path / "history"
    configured.write(history_path=str(folder))
    configured.said_since(configured.reload(), "configuration reloaded")
    assert [one for one in server.json("/api/events")["events"] if one["sequence"] <= told[0]["sequence"]] == told
    kept = server.json("/api/timeseries/samples?limit=1000")["samples"]
    assert [one for one in kept if one in polls] == polls
    assert folder_of(folder, "home").is_dir(), "and all that is on the disk"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("gateways: [", "is not YAML"),
        ("server: {workers: 1000}\ngateways: []", "PW_WORKERS"),
        ("server: {cache_expire: often}\ngateways: [{id: x}]", "PW_CACHE_EXPIRE"),
        (None, ".yaml"),
    ],
)
def test_a_broken_configuration_keeps_the_old_one_and_says_why(
    configured: Configured, broken: str | None, reason: str
) -> None:
    server, children = configured.server, configured.server.children()
    if broken is None:
        configured.path.unlink()
    else:
        configured.path.write_text(broken)
    said = configured.reload()
    configured.said_since(said, "configuration not reloaded, the old one stays")
    assert reason in server.output()[said:]
    assert server.children() == children
    assert server.json("/health")["degradation_cache_ttl_seconds"] == 11
    server.wait_for_data(newer_than=time.time())  # and it goes on polling


@pytest.mark.parametrize("configured", ["tests.e2e.barren"], indirect=True)
def test_new_workers_that_do_not_start_leave_the_old_ones_in_charge(configured: Configured) -> None:
    server = configured.server
    first = server.children()
    with Readers(server.port, (*TELEGRAF, "/health"), fresh_every=5) as readers:
        wait_until(lambda: readers.answers > 50, 20)
        configured.write(cache_ttl=12)
        said = configured.reload()
        configured.said_since(said, "but the old processes stay: the new workers do not start")
        wait_until(lambda: server.children().keys() == first.keys(), 30, "the old generation is complete again")
        assert server.json("/health")["degradation_cache_ttl_seconds"] == 11
        server.wait_for_data(newer_than=time.time())
        before = readers.answers
        configured.write(cache_ttl=13)  # the third generation is well again
        said = configured.reload()
        configured.said_since(said, "configuration reloaded")
        assert server.json("/health")["degradation_cache_ttl_seconds"] == 13
        wait_until(lambda: readers.answers > before + 50, 20)
    # Some waited in the queue of the listening socket meanwhile; nobody was turned away.
    assert readers.failures == []
    assert not [pid for pid in first.values() if alive(pid)]


def test_a_flag_wins_over_the_reloaded_file(configured: Configured) -> None:
    server, port = configured.server, configured.server.port
    configured.write(port=unused_port())
    said = configured.reload()
    configured.said_since(said, "configuration reloaded")
    assert server.port == port and server.get("/aggregates").status == 200


class TestPort:
    """Servers that got their port from the file."""

    @pytest.fixture
    def moved(self, gateway: SimulatedGateway, tmp_path: Path) -> Callable[[int], Configured]:
        path = tmp_path / "pwserver.yaml"
        made = Configured(path, gateway)
        made.server = Server(["--config", str(path)], dict(IMPATIENT), configured=True)

        def written(port: int) -> Configured:
            made.write(port=port, host="127.0.0.1")
            return made

        return written

    def test_a_changed_port_is_opened_and_the_old_one_closed(self, moved: Callable[[int], Configured]) -> None:
        old, new = unused_port(), unused_port()
        with moved(old).server as server:
            server.wait_for_data()
            configured = moved(new)
            with Readers(lambda: server.port or 0) as readers:
                wait_until(lambda: readers.answers > 20, 20)
                said = configured.reload()
                wait_until(lambda: accepts(new), 30, "the new port")
                server.port = new
                configured.said_since(said, "configuration reloaded")
                wait_until(lambda: not accepts(old), 20, "the old port is closed")
                before = readers.answers
                wait_until(lambda: readers.answers > before + 20, 20)
            assert server.get("/aggregates").status == 200

    def test_a_port_of_somebody_else_keeps_the_old_one(self, moved: Callable[[int], Configured]) -> None:
        old = unused_port()
        with moved(old).server as server, socket.create_server(("127.0.0.1", 0)) as other:
            server.wait_for_data()
            children, before = server.children(), descriptors(server.process.pid)
            configured = moved(other.getsockname()[1])
            said = configured.reload()
            configured.said_since(said, "configuration not reloaded, the old one stays")
            assert server.children() == children
            assert server.get("/aggregates").status == 200
            assert descriptors(server.process.pid) == before


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_stop_under_load_leaves_nobody_and_breaks_no_answer(serve: Callable[..., Server]) -> None:
    server = serve(PW_STOP_TIMEOUT="2")
    family = [server.process.pid, *server.children().values()]
    with Readers(server.port, (*TELEGRAF, "/api/gateways/"), count=6) as readers:
        wait_until(lambda: readers.answers > 100, 20)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: server.process.poll() is not None, 20, "main has ended")
        assert not [pid for pid in family if alive(pid)], "somebody is left"
    assert server.process.returncode == 0
    # Whoever connects afterwards is refused; what had been begun was finished: no answer broke off in the middle.
    assert not [event for event in readers.failures if "IncompleteRead" in event.what or "status" in event.what]
    with pytest.raises(OSError, match="refused"):
        http.client.HTTPConnection("127.0.0.1", server.port, timeout=patient(5)).request("GET", "/soe")


def test_further_sigterms_do_not_disturb_the_first(serve: Callable[..., Server]) -> None:
    server = serve()
    family = list(server.children().values())
    deadline = time.monotonic() + patient(20)
    while server.process.poll() is None and time.monotonic() < deadline:  # to the very end of the interpreter
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.001)
    assert server.process.poll() == 0
    assert not [pid for pid in family if alive(pid)]
