"""One document over HTTP: the gate, nginx with the same bytes in a file, a loop in C, a Sanic handler, the predecessor.

One worker each, one at a time, in interleaved rounds; medians. The poller polls all the while.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from benchmarks.bare_loop import bare_loop
from benchmarks.peers import SHIPPED, nginx, predecessor, predecessor_folder, sanic_handler
from benchmarks.table import Table
from benchmarks.wrk import Load, is_measurable, load, pin
from tests.support.programs import children, cpu_seconds, family, free_port, get, pwserver, simulator, wait_for

SECTION = "fast path"
TARGET = "/aggregates"
AS_SHIPPED = "nginx as Debian ships it"
LOOP = "a bare loop in C"
ROUNDS, SECONDS = 5, 2.0
FIFTY_EVERY_SECONDS = 5  # polls of each of the fifty gateways
QUICK_ROUNDS, QUICK_SECONDS = 1, 1.0


@dataclass
class Server:
    """One server under load. ``etag``: of its own plain answer."""

    name: str
    port: int
    pid: int
    target: str
    etag: str = ""
    rounds: dict[str, list[Load]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)  # microseconds a request
    skips: tuple[str, ...] = ()
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Mode:
    """One way of asking."""

    name: str
    connections: int
    headers: Callable[[Server], Sequence[str]] = lambda _: ()
    pipeline: int = 1


MODES = (
    Mode("keep-alive, 1 connection", 1),
    Mode("keep-alive, 32 connections", 32),
    Mode("keep-alive, 256 connections", 256),
    Mode("pipelined x16, 32 connections", 32, pipeline=16),
    Mode("a connection per request, 32 at a time", 32, lambda _: ["Connection: close"]),
    Mode("304, 32 connections", 32, lambda server: [f"If-None-Match: {server.etag}"]),
    Mode("gzip, 32 connections", 32, lambda _: ["Accept-Encoding: gzip"]),
)
CLOSING = MODES[4].name
KEEPING = tuple(mode.name for mode in MODES[:3])
SATURATED = KEEPING[1:]  # one connection shows how fast two processes wake one another


def run(table: Table) -> None:
    """All servers, all modes; then what fifty gateways change."""
    if not is_measurable(SECTION):
        return
    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if table.quick else (ROUNDS, SECONDS)
    password = "gatewaypass"
    with simulator("powerwall3", 1, "--hour", "12", "--password", password) as (address,), ExitStack() as stack:
        settings = {"PW_HOST": address, "PW_GW_PWD": password, "PW_WORKERS": "1"}
        ours = start_ours(stack, settings)
        body = get(ours.port, TARGET)[1]
        servers = [ours, *peers(stack, body, address, password)]
        print(f"{SECTION}: {TARGET}, {len(body)} bytes, {rounds} rounds of {seconds:g} s", flush=True)
        measure(servers, MODES, rounds, seconds)
    report(table, servers)
    fifty(table, password, rounds, seconds)


def start_ours(stack: ExitStack, settings: dict[str, str], name: str = "pwserver") -> Server:
    """Our server with one worker, once it has data."""
    port = free_port()
    main = stack.enter_context(pwserver(port, **settings))
    wait_for(lambda: b"instant_power" in get(port, TARGET)[1])
    worker = children(main.pid)["worker-0"]
    pin(worker)
    return Server(name, port, worker, TARGET, etag_of(port, TARGET))


def peers(stack: ExitStack, body: bytes, address: str, password: str) -> Iterable[Server]:
    """The servers beside ours, each pinned like ours."""
    port, pid = stack.enter_context(nginx(body))
    found = [Server("nginx", port, pid, "/document")]
    port, pid = stack.enter_context(nginx(body, SHIPPED))
    found.append(Server(AS_SHIPPED, port, pid, "/document"))
    port, pid = stack.enter_context(sanic_handler(body, '"0123456789abcdef01234567"'))
    found.append(Server("Sanic handler", port, pid, "/document"))
    loop = stack.enter_context(bare_loop(body))
    if loop is not None:
        skips = tuple(mode.name for mode in MODES if mode.name.startswith(("304", "gzip", "a connection")))
        found.append(Server(LOOP, *loop, "/document", skips=skips))
    folder = predecessor_folder()
    if folder is not None:
        port, pid = stack.enter_context(predecessor(folder, address, password))
        wait_for(lambda: b"instant_power" in get(port, TARGET)[1], 60)
        # It knows neither entity tags nor compression.
        skips = tuple(mode.name for mode in MODES if mode.name.startswith(("304", "gzip")))
        found.append(Server("pypowerwall-server", port, pid, TARGET, skips=skips))
    for server in found:
        server.etag = etag_of(server.port, server.target)
        pin(server.pid)
    return found


def etag_of(port: int, target: str) -> str:
    """The entity tag of the plain form."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", target)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.getheader("etag") or ""


def measure(servers: Sequence[Server], modes: Sequence[Mode], rounds: int, seconds: float) -> None:
    """Every server in every mode, one after the other, again and again."""
    for server in servers:
        load(server.port, server.target, 32, 1, tls=server.tls)  # warm
    for number in range(rounds):
        for mode in modes:
            for server in servers if number % 2 == 0 else reversed(servers):
                if mode.name not in server.skips:
                    one_round(server, mode, seconds)


def one_round(server: Server, mode: Mode, seconds: float) -> None:
    if mode.name.startswith("304") and server.name.startswith("pwserver"):
        server.etag = etag_of(server.port, server.target)  # a poll may have changed the document meanwhile
    before = cpu_seconds(server.pid)
    found = load(server.port, server.target, mode.connections, seconds, mode.headers(server), mode.pipeline, server.tls)
    used = cpu_seconds(server.pid) - before
    server.rounds.setdefault(mode.name, []).append(found)
    server.cpu.setdefault(mode.name, []).append(used / max(1, found.requests) * 1e6)


def per_second(server: Server, mode: str) -> float:
    return median(load.per_second for load in server.rounds[mode])


def per_core(server: Server, mode: str) -> float:
    """Answers a second if the worker had one core to itself and enough to do: one thread of wrk cannot always ask as
    fast as that."""
    return 1e6 / median(server.cpu[mode])


def details(server: Server, mode: str) -> dict[str, float]:
    """Latencies and CPU of one server in one mode."""
    loads = server.rounds[mode]
    found = {"CPU us": median(server.cpu[mode])}
    if "pipelined" not in mode:
        found |= {
            "p50 ms": median(load.p50 for load in loads),
            "p99 ms": median(load.p99 for load in loads),
            "p99.9 ms": median(load.p999 for load in loads),
        }
    errors = sum(load.errors for load in loads)
    return found | ({"errors": errors} if errors else {})


def report(table: Table, servers: Sequence[Server]) -> None:
    """Throughput of all, then the ratios the project promises."""
    ours, others = servers[0], {server.name: server for server in servers[1:]}
    for mode in MODES:
        for server in servers:
            if mode.name in server.rounds:
                theirs = per_second(server, mode.name)
                ratio = per_second(ours, mode.name) / theirs if server is not ours and theirs else None
                table.add(
                    SECTION,
                    f"{mode.name}: {server.name}",
                    per_second(server, mode.name),
                    "1/s",
                    ratio,
                    "slower" if ratio else "",
                    details=details(server, mode.name),
                )
    for name, aim, names in (
        ("nginx", ">= 1.2", SATURATED),
        (AS_SHIPPED, ">= 1.2", SATURATED),
        ("Sanic handler", ">= 5", SATURATED),
        ("pypowerwall-server", ">= 60", SATURATED),
        ("nginx", ">= 0.6", (CLOSING,)),
    ):
        for mode_name in names:
            if name in others and per_second(others[name], mode_name):
                ratio = per_second(ours, mode_name) / per_second(others[name], mode_name)
                table.add("ratios", f"throughput, {mode_name}", ratio, "", ratio, name, aim)
                ratio = per_core(ours, mode_name) / per_core(others[name], mode_name)
                table.add("ratios", f"answers a core, {mode_name}", per_core(ours, mode_name), "1/s", ratio, name, aim)
    for mode_name in SATURATED if LOOP in others else ():
        mine, least = (median(server.cpu[mode_name]) for server in (ours, others[LOOP]))
        table.add("ratios", f"processor a request, {mode_name}", mine, "us", mine / least, LOOP, "<= 1.15")
    for mode_name in (*SATURATED, CLOSING):
        mine, theirs = (median(load.p99 for load in server.rounds[mode_name]) for server in (ours, others["nginx"]))
        table.add("ratios", f"p99, {mode_name}", mine, "ms", mine / theirs, "nginx", "<= 1.5")


def fifty(table: Table, password: str, rounds: int, seconds: float) -> None:
    """The same server, with its poller asleep and with it polling fifty gateways every five seconds.

    The fifty simulated gateways run on this machine too; they are not part of the server but take its cores.
    """
    with simulator("powerwall2", 50, "--password", password) as addresses, ExitStack() as stack:
        listed = ",".join(f'{{"id":"g{i}","host":"{a}","gw_pwd":"{password}"}}' for i, a in enumerate(addresses))
        more = {"PW_WORKERS": "1", "PW_HEARTBEAT_TIMEOUT": "600", "PW_CACHE_EXPIRE": f"{FIFTY_EVERY_SECONDS}"}
        ours = start_ours(stack, {"PW_GATEWAYS": f"[{listed}]", **more}, "pwserver")
        wait_for(lambda: json.loads(get(ours.port, "/health")[1])["gateways_online"] == 50, 60)
        beside = [pid for name, pid in family(os.getpid()) if name.startswith("pw:poller") or "simulator" in name]
        modes = [mode for mode in MODES if mode.name in KEEPING]
        states: dict[str, Server] = {
            name: Server(name, ours.port, ours.pid, TARGET) for name in ("poller asleep", "fifty gateways polled")
        }
        for _ in range(rounds):
            for name, server in states.items():
                asleep = name == "poller asleep"
                for pid in beside:
                    os.kill(pid, signal.SIGSTOP if asleep else signal.SIGCONT)
                # What was missed while asleep is made up for at once; then polls are on their grid again.
                time.sleep(0 if asleep else FIFTY_EVERY_SECONDS)
                for mode in modes:
                    one_round(server, mode, seconds)
    quiet, busy = states.values()
    for mode in modes:
        for server in states.values():
            ratio = None if server is quiet else per_second(busy, mode.name) / per_second(quiet, mode.name)
            table.add(
                "fifty",
                f"{mode.name}: {server.name}",
                per_second(server, mode.name),
                "1/s",
                ratio,
                "poller asleep" if ratio else "",
                details=details(server, mode.name),
            )
        ratio = per_core(busy, mode.name) / per_core(quiet, mode.name)
        table.add(
            "fifty", f"{mode.name}: answers a core", per_core(busy, mode.name), "1/s", ratio, "poller asleep", ">= 0.9"
        )
