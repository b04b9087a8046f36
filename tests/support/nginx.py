"""Start an nginx of the test's own, with a configuration of its own, on a loopback port."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.programs import free_port
from tests.support.waiting import patient, wait_until

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
# What a reverse proxy has to pass on: the address the browser used, and WebSockets.
PASSED_ON = """proxy_http_version 1.1; proxy_buffering off; proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_wanted;"""


@contextmanager
def nginx(folder: Path, server: str, listen: str = "") -> Iterator[int]:
    """Run nginx and yield its port. ``server``: what stands in its server block; ``listen``: words behind the port."""
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(f"""
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
  fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  map $http_upgrade $connection_wanted {{ default upgrade; '' ''; }}
  server {{
    listen 127.0.0.1:{port} {listen};
    {server}
  }}
}}""")
    process = subprocess.Popen(
        [NGINX, "-p", str(folder), "-c", str(configuration)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: _listens(port), 60, "nginx does not listen")
        yield port
    finally:
        process.terminate()
        process.wait(patient(10))


@contextmanager
def stripping_nginx(folder: Path, backend: int, prefix: str, more: str = "") -> Iterator[str]:
    """Run an nginx that takes ``/prefix`` off, and yield the address of the prefix, without a slash at the end.

    The server behind it is told nothing of the prefix. ``/prefix`` alone is passed on as ``/``, as Traefik, Apache and
    Caddy's handle_path do it. What is asked outside the prefix is answered with 418, which no page of ours expects.
    ``more``: further directives for what is passed on.
    """
    with nginx(
        folder,
        f"""location = /{prefix} {{ proxy_pass http://127.0.0.1:{backend}/; {PASSED_ON} {more} }}
    location /{prefix}/ {{ proxy_pass http://127.0.0.1:{backend}/; {PASSED_ON} {more} }}
    location / {{ return 418; }}""",
    ) as port:
        yield f"http://127.0.0.1:{port}/{prefix}"


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), patient(1)):
            return True
    except OSError:
        return False
