"""Odd requests: what one costs a worker, beside an ordinary refused request of the same length, and the log.

Each odd request is sent again and again on connections of its own, and so is the ordinary one: a write from another
site's page, padded with a header to the same length. Processor time is the worker's own, from the scheduler.
"""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path
from statistics import median
from urllib.parse import quote

from benchmarks.table import Table
from tests.support.programs import children, free_port, get, pwserver, wait_for

SECTION = "odd"
HEAD_BYTES = 16_384  # PW_MAX_HEAD
LINE_BYTES = 8_192  # PW_MAX_REQUEST_LINE
BODY_BYTES = 16_000
ROUNDS = 5
EACH = 60  # requests of each kind in a round
MOST_RATIO = 3
MOST_LOG_BYTES = 300
LISTED = "https://grafana.example"
RIGHT = (b"Content-Type: application/json", b"Authorization: Bearer a-secret-of-the-benchmark")


def run(table: Table) -> None:
    """One worker, restricted origins, a trusted proxy: every judge has work to do."""
    port, each = free_port(), 20 if table.quick else EACH
    environment = {
        "PW_WORKERS": "1",
        "CORS_ORIGINS": f'["{LISTED}"]',
        "PW_TRUSTED_PROXIES": "127.0.0.0/8",
        "PW_CONTROL_SECRET": "a-secret-of-the-benchmark",
        "PW_CACHE_EXPIRE": "3600",
        "PW_HEARTBEAT_TIMEOUT": "600",
    }
    log = Path(f"/tmp/pwserver-bench-{port}.log")
    worst_ratio, worst_log, count = 0.0, 0.0, 0
    with pwserver(port, "--demo", **environment) as main:
        wait_for(lambda: get(port, "/aggregates")[0] == 200)
        worker = children(main.pid)["worker-0"]
        for name, request in odd_requests().items():
            plain = ordinary(len(request))
            cost: dict[bytes, list[float]] = {request: [], plain: []}
            before, statuses = log.stat().st_size, set()
            for number in range(ROUNDS):
                for one in (request, plain) if number % 2 == 0 else (plain, request):
                    begun = processor_seconds(worker)
                    size = log.stat().st_size
                    found = {send(port, one) for _ in range(each)}
                    cost[one].append((processor_seconds(worker) - begun) / each)
                    if one is request:
                        statuses |= found
                    else:
                        before += log.stat().st_size - size  # the ordinary ones' lines
            grown = max(0.0, (log.stat().st_size - before) / (ROUNDS * each))
            ratio = median(cost[request]) / median(cost[plain])
            worst_ratio, worst_log, count = max(worst_ratio, ratio), max(worst_log, grown), count + 1
            table.add(
                SECTION,
                name,
                median(cost[request]) * 1e6,
                "us",
                ratio,
                "ordinary",
                f"<= {MOST_RATIO}",
                details={"bytes": len(request), "status": max(statuses), "log bytes": grown},
            )
    table.add(SECTION, f"the dearest of {count}, in ordinary ones", worst_ratio, "x", aim=f"<= {MOST_RATIO}")
    table.add(SECTION, "most growth of the log by one request", worst_log, "bytes", aim=f"<= {MOST_LOG_BYTES}")
    redaction(table)


def redaction(table: Table) -> None:
    """Time a character costs in a hostile line sixteen times as long: a quadratic rule would show."""
    from time import process_time

    from pwserver.redaction import Redactor

    redactor = Redactor(["a-secret-of-the-benchmark", "s€crét/token+1"])
    for piece in ("a", "a@", "%2541", "\\\\u0041", "token='", "://a:", "eyJ", "s€crét/toke"):
        seconds = {}
        for size in (4_000, 64_000):
            text, begun = (piece * size)[:size], process_time()
            for _ in range(3 if table.quick else 10):
                redactor.redact_known(text)
            seconds[size] = (process_time() - begun) / size
        ratio = seconds[64_000] / seconds[4_000]
        table.add(
            SECTION,
            f"redaction, a character of {piece!r}",
            seconds[64_000] * 1e9 / 10,
            "ns",
            ratio,
            "in a line of 4 kB",
            "<= 2",
        )


def processor_seconds(pid: int) -> float:
    """What all threads of a process have used, to the nanosecond."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def send(port: int, request: bytes) -> int:
    """The status of one request on a connection of its own; 0 when there was none."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(request)
        said = b""
        with contextlib.suppress(OSError):
            while part := connection.recv(65536):
                said += part
        return int(said[9:12]) if said.startswith(b"HTTP/1.1 ") else 0


def ordinary(size: int) -> bytes:
    """A refused request of this length."""
    bare = build("POST /control/reserve", b"Origin: https://evil.example", b"X-Padding: ", body=b"{}")
    fill = max(0, size - len(bare))
    in_head = min(fill, HEAD_BYTES - len(bare) - 200)
    head = build(
        "POST /control/reserve",
        b"Origin: https://evil.example",
        b"X-Padding: " + b"x" * in_head,
        body=b"{}" + b" " * (fill - in_head),
    )
    return head


def build(line: str, *fields: bytes, body: bytes = b"", host: bytes = b"localhost") -> bytes:
    """A request whose connection ends with the answer."""
    lines = [f"{line} HTTP/1.1".encode(), b"Host: " + host, b"Connection: close", *fields]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


def full(name: str, piece: bytes) -> bytes:
    """A field that fills the head."""
    room = HEAD_BYTES - 400
    return name.encode() + b": " + (piece * room)[:room]


def long(start: str, piece: str) -> str:
    """A request line that is as long as it may be."""
    room = LINE_BYTES - len(start) - 20
    return start + (piece * room)[: room - room % len(piece)]


def odd_requests() -> dict[str, bytes]:
    """Name -> request, of up to 16 kB each."""
    write, read = "POST /control/reserve", "GET /help"
    stream, tariff = "GET /api/stream", "POST /api/tesla/time_of_use_settings"
    found = {
        "origin [": build(write, b"Origin: http://["),
        "origin of brackets": build(write, full("Origin", b"http://[")),
        "origin with characters that normalise": build(write, full("Origin", "http://℀".encode())),
        "origin of addresses": build(stream, full("Origin", b"a@b.c@")),
        "origin of one endless name": build(stream, full("Origin", b"a")),
        "origin of dots": build(stream, full("Origin", b"http://a.")),
        "forwarded by trusted proxies": build(write, b"Origin: http://x", full("X-Forwarded-For", b"127.0.0.1,")),
        "forwarded by commas": build(write, b"Origin: http://x", full("X-Forwarded-For", b",")),
        "forwarded in ninety lines": build(write, b"Origin: http://x", *[b"X-Forwarded-For: 127.0.0.1, ::1"] * 90),
        "forwarded by brackets": build(stream, b"Origin: http://x", full("X-Forwarded-For", b'"[')),
        "forwarded names of commas": build(write, b"Origin: http://x", full("X-Forwarded-Host", b",")),
        "forwarded names of one proxy": build(
            write, b"Origin: http://localhost", b"Sec-Fetch-Site: same-origin", full("X-Forwarded-Host", b"a.b,")
        ),
        "forwarded names of many proxies": build(
            write,
            b"Origin: http://localhost",
            b"X-Forwarded-For: " + b"127.0.0.1," * 40,
            b"X-Forwarded-Host: " + b"a." * 7000,
        ),
        "entity tags": build(read, full("If-None-Match", b'"a",W/')),
        "entity tags of a document": build("GET http://localhost/aggregates", full("If-None-Match", b'W/"a,')),
        "accepted types": build("GET http://localhost/metrics", full("Accept", b"a/b;q=1e9,")),
        "accepted codings": build("GET http://localhost/docs", full("Accept-Encoding", b"gzip;q=0,*;")),
        "cookies": build(write, b"Origin: http://x", full("Cookie", b"a=b;")),
        "content type": build(write, full("Content-Type", b"application/x+json;"), body=b"{}"),
        "authorization": build(write, full("Authorization", b"Bearer "), b"Content-Type: application/json", body=b"{}"),
        "authorization, base64": build("GET /control/max_backup", full("Authorization", b"Basic YTpi")),
        "ninety fields": build(write, b"Origin: http://x", *[b"X-%d: %s" % (n, b"y" * 160) for n in range(90)]),
        "key": build(write, full("Idempotency-Key", b"\\u0041"), *RIGHT, body=b'{"value":20}'),
        "handshake": build(
            "GET /ws/aggregate",
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            full("Sec-WebSocket-Key", b"AAAA"),
            b"Sec-WebSocket-Version: 13",
        ),
        "upgrade to something": build(read, full("Upgrade", b"h2c, ")),
        "range": build("GET http://localhost/docs", full("Range", b"bytes=0-1,")),
        "host": build(read, host=b"a." * 7900),
        "many parameters": build(long("GET http://localhost/api/timeseries/trend?", "a&")),
        "parameters of percents": build(long("GET http://localhost/api/history?from=", "%25")),
        "a parameter again and again": build(long("GET http://localhost/api/timeseries/trend?hours=1", "&hours=1")),
        "a list of columns": build(long("GET http://localhost/api/history?fields=", "a,")),
        "a list of devices": build(long("GET http://localhost/api/timeseries/signal_trend?devices=", "b,")),
        "digits": build(long("GET http://localhost/api/timeseries/samples?limit=", "9")),
        "an instant": build(long("GET http://localhost/api/history?from=now-", "9")),
        "a name": build(long("GET /api/gateways/", "%2e")),
        "a name in a query": build(long("GET /api/stream?gateway=", "%E2%82")),
        "slashes": build(long("GET ", "/")),
        "segments": build(long("GET /api/gateways/default", "/a")),
        "a tariff of brackets": build(tariff, *RIGHT, body=b"[" * BODY_BYTES),
        "a tariff of objects": build(tariff, *RIGHT, body=b'{"a":' * (BODY_BYTES // 5)),
        "a tariff of zeros": build(tariff, *RIGHT, body=b'{"a":[' + b"0," * (BODY_BYTES // 2) + b"0]}"),
        "a tariff of lists": build(tariff, *RIGHT, body=b'{"a":[' + b"[0]," * 3990 + b"0]}"),
        "a tariff of small objects": build(tariff, *RIGHT, body=b'{"a":[' + b'{"":0},' * 2200 + b"0]}"),
        "a tariff of names": build(
            tariff, *RIGHT, body=b"{" + b",".join(b'"%d":1' % number for number in range(1800)) + b"}"
        ),
        "a tariff of digits": build(tariff, *RIGHT, body=b'{"a":' + b"9" * BODY_BYTES + b"}"),
        "a tariff of escapes": build(tariff, *RIGHT, body=b'{"a":"' + b"\\u0041" * (BODY_BYTES // 6) + b'"}'),
        "a tariff of one name": build(tariff, *RIGHT, body=b"{" + b'"a":1,' * (BODY_BYTES // 6) + b'"a":1}'),
        "a tariff of letters": build(tariff, *RIGHT, body=b'{"a":"' + "é".encode() * 8000 + b'"}'),
        "a command of brackets": build(write, *RIGHT, body=b"[" * 4000),
        "a form": build(write, b"Content-Type: application/x-www-form-urlencoded", body=b"a=%41&" * 680),
        "a wrong token in a query": build(f"GET /control/max_backup?token={quote('é' * 1000)}"),
    }
    assert len(found) >= 40 and all(len(request) <= 16_900 for request in found.values()), json.dumps(
        {name: len(request) for name, request in found.items()}
    )
    return found
