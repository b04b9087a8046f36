"""Below a prefix behind nginx with HTTPS, as owners run it: everything relative, the WebSocket too."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pwserver.certificate import self_signed
from tests.pages.conftest import Look
from tests.pages.support import House, until
from tests.support.programs import free_port
from tests.support.waiting import patient, wait_until

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


@pytest.fixture(scope="module")
def nginx(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an nginx with TLS that passes /power/ on, whole."""
    folder: Path = tmp_path_factory.mktemp("nginx")
    (folder / "both.pem").write_bytes(b"".join(self_signed("localhost", ["localhost"], ["127.0.0.1"], days=1)))
    port = free_port()
    (folder / "nginx.conf").write_text(f"""
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
  fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  map $http_upgrade $connection_wanted {{ default upgrade; '' ''; }}
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/both.pem; ssl_certificate_key {folder}/both.pem;
    location /power {{
      proxy_pass http://127.0.0.1:{house.server.port}; proxy_http_version 1.1; proxy_buffering off;
      proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto https;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_wanted;
    }}
  }}
}}""")
    process = subprocess.Popen(
        [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _listens(port), 10, "nginx does not listen")
        yield f"https://localhost:{port}"
    finally:
        process.terminate()
        process.wait(patient(10))


def _listens(port: int) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port), patient(1)) as plain,
            context.wrap_socket(plain, server_hostname="localhost"),
        ):
            return True
    except OSError:
        return False


def test_pages_below_a_prefix_with_https(nginx: str, look: Look) -> None:
    watched = look(f"{nginx}/power", ignore_https_errors=True)
    page = watched.open("", "socket")
    until(page, "document.querySelector('.node.home .value').textContent !== '–'")
    page.click("nav a:has-text('Console')")
    until(page, "document.querySelector('#state')?.textContent === 'Live'")
    assert page.url == f"{nginx}/power/console"
    page.click("nav a:has-text('History')")
    until(page, "document.documentElement.dataset.shown && document.querySelector('#power canvas')")
    page.goto(f"{nginx}/power/example.html")
    wait_until(
        lambda: (
            len(page.frames) == 2
            and page.frames[1].evaluate("document.querySelector('.node.home .value')?.textContent ?? '–'") != "–"
        ),
        15,
        "frame",
    )


def test_bare_prefix_leads_to_the_page(nginx: str, look: Look) -> None:
    page = look(nginx, ignore_https_errors=True).page
    page.goto(f"{nginx}/power?style=black")
    assert page.url == f"{nginx}/power/?style=black"
    until(page, "document.querySelector('.node.home .value').textContent !== '–'")
