"""The servers pwserver is compared with: nginx, a plain Sanic handler, and its predecessor from PyPI."""

from __future__ import annotations

import contextlib
import gzip
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.table import RESULTS
from tests.support.programs import children, clean_environment, free_port, get, process, wait_for

PREDECESSOR = "pypowerwall-server==0.13.0"
NGINX = """
daemon off; worker_processes 1; error_log {home}/error.log crit; pid {home}/pid;
events {{ worker_connections 4096; }}
http {{
    access_log off; {more} open_file_cache max=64; keepalive_requests 1000000000;
    default_type application/json; gzip_static on; gzip_vary on;
    client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u;
    scgi_temp_path {home}/s;
    server {{
        listen 127.0.0.1:{port} {tls} backlog=4096; root {home}/www;
        add_header Cache-Control no-cache; add_header Access-Control-Allow-Origin *;
    }}
}}
"""

SHIPPED = "sendfile on; tcp_nopush on;"  # what Debian's nginx.conf says
TUNED = "sendfile off;"  # faster for files as small as these


@contextlib.contextmanager
def nginx(body: bytes, more: str = TUNED, certificate: tuple[str, str] | None = None) -> Iterator[tuple[int, int]]:
    """nginx with one worker and the body (and its twin) as a file ``/document``: port, pid of the worker. ``more``:
    further directives; ``certificate``: the files of chain and key with which it speaks TLS."""
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        Path(home, "www").mkdir()
        os.chmod(home, 0o755)
        Path(home, "www", "document").write_bytes(body)
        Path(home, "www", "document.gz").write_bytes(gzip.compress(body, 4))
        if certificate:
            more += f" ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]};"
        tls = "ssl" if certificate else ""
        Path(home, "conf").write_text(NGINX.format(home=home, port=port, more=more, tls=tls))
        with process(
            ["nginx", "-p", home, "-c", f"{home}/conf", "-e", f"{home}/error.log"], clean_environment()
        ) as main:
            # Over TLS a plain request is refused, which is an answer as well.
            wait_for(lambda: get(port, "/document")[0] == (400 if certificate else 200))
            yield port, next(iter(children(main.pid).values()))


@contextlib.contextmanager
def sanic_handler(body: bytes, etag: str) -> Iterator[tuple[int, int]]:
    """A plain Sanic handler for ``/document``: port, pid."""
    with tempfile.TemporaryDirectory() as home:
        Path(home, "body").write_bytes(body)
        Path(home, "twin").write_bytes(gzip.compress(body, 4))
        command = [sys.executable, "-m", "benchmarks.plain_sanic", f"{home}/body", f"{home}/twin", etag]
        log = f"{home}/log"
        with process(command, clean_environment(), log) as started:
            wait_for(lambda: Path(log).read_text().strip().isdigit())
            port = int(Path(log).read_text())
            wait_for(lambda: get(port, "/document")[0] == 200)
            yield port, started.pid


def predecessor_folder() -> Path | None:
    """A virtual environment with pypowerwall-server: the one PWSERVER_PEER names, or .bench/pws, made when needed."""
    named = os.environ.get("PWSERVER_PEER")
    folder = Path(named) if named else RESULTS / "pws"
    program = folder / "bin" / "pypowerwall-server"
    # Pythons differ by a third in speed, so both sides run on the same one.
    same = (folder / "bin" / "python").resolve() == Path(sys.executable).resolve()
    if named and not same:
        print(f"beware: {folder} runs on another Python than pwserver", flush=True)
    if not (named or (same and program.exists())):
        print(f"installing {PREDECESSOR} into {folder}", flush=True)
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, PREDECESSOR], check=True)
        except subprocess.CalledProcessError as problem:
            print(f"not installed, so not compared: {problem}", flush=True)
    return folder if program.exists() else None


@contextlib.contextmanager
def predecessor(
    folder: Path, address: str, password: str, interval: int = 5, more: Mapping[str, str] | None = None
) -> Iterator[tuple[int, int]]:
    """pypowerwall-server on the same gateway: port, pid. It is one process. Not waited for. ``more``: settings."""
    port = free_port()
    environment = clean_environment(
        PW_HOST=address,
        PW_GW_PWD=password,
        PW_PORT=str(port),
        PW_BIND_ADDRESS="127.0.0.1",
        PW_CACHE_EXPIRE=str(interval),
        **{"PW_TIMESERIES_RETENTION": "-1", **(more or {})},
    )
    environment.pop("PYTHONPATH")
    log = f"/tmp/pwserver-peer-{port}.log"
    with process([str(folder / "bin" / "pypowerwall-server")], environment, log) as started:
        yield port, started.pid
