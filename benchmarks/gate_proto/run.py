"""The gate beside nginx and a Sanic handler: the same body, one worker each, interleaved rounds, ratios of medians.

    python benchmarks/gate_proto/run.py [--seconds 2] [--rounds 5] [--body small|large] [--json out.json]

Needs `wrk` and `nginx` on the path. Figures of one run may be compared with one another and with nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
DEMO = ROOT / "tests" / "gate" / "demo_server.py"

NGINX = """
daemon off; worker_processes 1; error_log {home}/error.log crit; pid {home}/pid;
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; open_file_cache max=64; keepalive_requests 100000000; default_type application/json;
    client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u;
    scgi_temp_path {home}/s;
    server {{ listen 127.0.0.1:{port} backlog=4096; root {home}/www; add_header Cache-Control no-cache; }}
}}
"""

PIPELINE = """
init = function(args)
    local r = {}
    for i = 1, 16 do r[i] = wrk.format(nil, nil) end
    req = table.concat(r)
end
request = function() return req end
"""


@contextmanager
def process(command: list[str], **arguments: object) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(command, text=True, **arguments)  # type: ignore[call-overload]
    try:
        yield child
    finally:
        child.terminate()
        child.wait(20)


def await_port(port: int) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on {port}")


def start_demo(stack: ExitStack, options: dict[str, object]) -> int:
    child = stack.enter_context(
        process(
            [sys.executable, str(DEMO), json.dumps(options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT), "SANIC_NO_COLOR": "1"},
        )
    )
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip().isdigit():
            port = int(line)
            # Drain the rest so that a chatty logger never blocks.
            subprocess.Popen(["cat"], stdin=child.stdout, stdout=subprocess.DEVNULL)
            return port
    raise SystemExit("the demo server did not start")


def start_nginx(stack: ExitStack, bodies: dict[str, bytes]) -> int:
    home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    home.chmod(0o755)
    (home / "www").mkdir(mode=0o755)
    for name, body in bodies.items():
        (home / "www" / name).write_bytes(body)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = home / "nginx.conf"
    config.write_text(NGINX.format(home=home, port=port))
    stack.enter_context(process(["nginx", "-c", str(config), "-p", str(home)], stderr=subprocess.DEVNULL))
    await_port(port)
    return port


def load(url: str, seconds: float, connections: int, *more: str) -> tuple[float, float]:
    """Requests per second and p99 in milliseconds."""
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *more, url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in done:
        raise SystemExit(done)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done)
    tail = re.search(r"99%\s+([\d.]+)(us|ms|s)", done)
    assert rate and tail, done
    return float(rate[1]), float(tail[1]) * {"us": 0.001, "ms": 1, "s": 1000}[tail[2]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--body", choices=("small", "large"), default="large")
    parser.add_argument("--kinds", default="keep-alive,pipelined,new,gzip")
    parser.add_argument("--servers", default="gate,nginx,sanic")
    parser.add_argument("--json")
    options = parser.parse_args()
    sys.path.insert(0, str(DEMO.parent))
    from demo_server import LARGE, SMALL

    path = {"small": "soe", "large": "aggregates"}[options.body]
    with ExitStack() as stack:
        lua = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".lua"))
        lua.write(PIPELINE)
        lua.flush()
        ports = {
            "gate": start_demo(stack, {}),
            "nginx": start_nginx(stack, {"soe": SMALL, "aggregates": LARGE}),
            "sanic": start_demo(stack, {"gate": False}),
        }
        kinds: dict[str, tuple[int, list[str]]] = {
            "keep-alive": (32, []),
            "pipelined": (32, ["-s", lua.name]),
            "new": (32, ["-H", "Connection: close"]),
            "gzip": (32, ["-H", "Accept-Encoding: gzip"]),
        }
        kinds = {kind: kinds[kind] for kind in options.kinds.split(",")}
        results: dict[str, dict[str, list[tuple[float, float]]]] = {}
        for _ in range(options.rounds):
            for kind, (connections, more) in kinds.items():
                for server in options.servers.split(","):
                    url = f"http://127.0.0.1:{ports[server]}/{path}"
                    results.setdefault(kind, {}).setdefault(server, []).append(
                        load(url, options.seconds, connections, *more)
                    )
    table = {}
    print(f"{'kind':12} {'server':7} {'req/s':>10} {'p99 ms':>8} {'x nginx':>8}")
    for kind, servers in results.items():
        medians = {
            server: (statistics.median(rate for rate, _ in runs), statistics.median(tail for _, tail in runs))
            for server, runs in servers.items()
        }
        table[kind] = medians
        for server, (rate, tail) in medians.items():
            print(f"{kind:12} {server:7} {rate:10.0f} {tail:8.2f} {rate / medians.get('nginx', (1, 1))[0]:8.2f}")
    if options.json:
        Path(options.json).write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
