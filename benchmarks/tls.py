"""One document over HTTPS: the gate beside nginx, both with the same certificate.

One worker each, one at a time, in interleaved rounds; medians. Connections are kept, and rounds are long, so that most
of a round is records and little of it handshakes.
"""

from __future__ import annotations

import contextlib
import ssl
import tempfile
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks import fastpath
from benchmarks.fastpath import (
    SATURATED,
    TARGET,
    Server,
    details,
    measure,
    per_core,
    per_second,
)
from benchmarks.peers import nginx
from benchmarks.table import Table
from benchmarks.wrk import is_measurable, pin
from pwserver.tls import own_certificate
from tests.support.programs import children, free_port, pwserver, simulator, wait_for

SECTION = "fast path over TLS"
ROUNDS, SECONDS = 3, 6.0
QUICK_ROUNDS, QUICK_SECONDS = 1, 2.0
MODES = tuple(mode for mode in fastpath.MODES if mode.name in SATURATED)


def run(table: Table) -> None:
    """Both servers, with 32 and with 256 connections."""
    if not is_measurable(SECTION):
        return
    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if table.quick else (ROUNDS, SECONDS)
    password = "gatewaypass"
    with ExitStack() as stack:
        (address,) = stack.enter_context(simulator("powerwall3", 1, "--hour", "12", "--password", password))
        pair = own_certificate(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        port = free_port()
        settings = {"PW_HTTPS": "yes", "PW_TLS_CERT": pair[0], "PW_TLS_KEY": pair[1], "PW_WORKERS": "1"}
        main = stack.enter_context(pwserver(port, PW_HOST=address, PW_GW_PWD=password, **settings))
        wait_for(lambda: b"instant_power" in body_of(port, TARGET))
        servers = [Server("pwserver", port, children(main.pid)["worker-0"], TARGET, tls=True)]
        body = body_of(port, TARGET)
        port, pid = stack.enter_context(nginx(body, certificate=pair))
        servers.append(Server("nginx", port, pid, "/document", tls=True))
        for server in servers:
            pin(server.pid)
        print(f"{SECTION}: {TARGET}, {len(body)} bytes, {rounds} rounds of {seconds:g} s", flush=True)
        measure(servers, MODES, rounds, seconds)
    report(table, *servers)


def body_of(port: int, target: str) -> bytes:
    """Return the body over HTTPS, whoever signed the certificate; nothing while there is no answer."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with contextlib.suppress(OSError), opener.open(f"https://127.0.0.1:{port}{target}", timeout=5) as answer:
        return bytes(answer.read())
    return b""


def report(table: Table, ours: Server, other: Server) -> None:
    """Write the throughput of both, then the ratios the project promises."""
    for mode in MODES:
        ratio = per_second(ours, mode.name) / per_second(other, mode.name)
        for server in (ours, other):
            table.add(
                SECTION,
                f"TLS, {mode.name}: {server.name}",
                per_second(server, mode.name),
                "1/s",
                None if server is ours else ratio,
                "" if server is ours else "slower",
                details=details(server, mode.name),
            )
    for name in (mode.name for mode in MODES):
        ratio = per_second(ours, name) / per_second(other, name)
        table.add("ratios over TLS", f"TLS, throughput, {name}", ratio, "", ratio, "nginx", ">= 1")
        ratio = per_core(ours, name) / per_core(other, name)
        mine = per_core(ours, name)
        table.add("ratios over TLS", f"TLS, answers a core, {name}", mine, "1/s", ratio, "nginx", ">= 1")
        mine, theirs = (median(load.p99 for load in server.rounds[name]) for server in (ours, other))
        table.add("ratios over TLS", f"TLS, p99, {name}", mine, "ms", mine / theirs, "nginx", "<= 1.5")
