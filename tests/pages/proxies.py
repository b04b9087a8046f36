"""Start the proxies of docs/proxies.md as that page has them: only ports and the places of files are put in."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pwserver.certificate import self_signed
from tests.support.programs import free_port
from tests.support.waiting import patient, wait_until

PAGE = Path(__file__).parents[2] / "docs" / "proxies.md"
NAME = "home.example.org"
PREFIX = "/power"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PUBLIC_PORT, _SERVER_PORT = "8443", "8675"


def block(language: str) -> str:
    """The one block of the page in this language."""
    (found,) = [text for name, text in _BLOCK.findall(PAGE.read_text()) if name == language]
    return str(found)


def settings() -> dict[str, str]:
    """The settings of pwserver that the page asks for."""
    return dict(line.split("=", 1) for line in block("ini").splitlines())


class Proxy(NamedTuple):
    """A started one: where it is reached, what it listens on, and whom to trust for its certificate."""

    base: str
    port: int
    context: ssl.SSLContext

    @property
    def authority(self) -> str:
        """The value of Host."""
        return f"{NAME}:{self.port}"

    def connect(self, source: str = "127.0.0.1") -> ssl.SSLSocket:
        """A connection from this address."""
        plain = socket.create_connection(("127.0.0.1", self.port), patient(20), (source, 0))
        return self.context.wrap_socket(plain, server_hostname=NAME)


def _nginx(folder: Path, recipe: str) -> list[str]:
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/log; worker_processes 1;\n"
        "events { worker_connections 64; }\n"
        f"http {{ access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;\n"
        f"fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;\n{recipe}}}\n"
    )
    return [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]


def _caddy(folder: Path, recipe: str) -> list[str]:
    # No port of its own for administration or for redirects from HTTP, and loopback only.
    own = "{\n admin off\n auto_https disable_redirects\n default_bind 127.0.0.1\n}\n"
    (folder / "Caddyfile").write_text(own + recipe)
    return [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


def _haproxy(folder: Path, recipe: str) -> list[str]:
    (folder / "haproxy.cfg").write_text(f"global\n maxconn 64\ndefaults\n timeout http-request 10s\n{recipe}")
    return [program("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]


def _apache(folder: Path, recipe: str) -> list[str]:
    (enabled,) = re.findall(r"^a2enmod (.*)$", PAGE.read_text(), re.MULTILINE)
    # What Debian's own configuration loads, and what a2enmod adds to ssl.
    modules = ["mpm_event", "authz_core", "mime", "setenvif", "socache_shmcb", *enabled.split()]
    loaded = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in modules)
    (folder / "mime.types").touch()
    (folder / "apache.conf").write_text(
        f"{loaded}ServerName localhost\nServerRoot {folder}\nDefaultRuntimeDir {folder}\nPidFile {folder}/pid\n"
        f"ErrorLog {folder}/log\nTypesConfig {folder}/mime.types\nStartServers 1\n{recipe}"
    )
    return [program("apache2"), "-D", "FOREGROUND", "-f", str(folder / "apache.conf")]


_LISTENS: Mapping[str, tuple[Callable[[Path, str], list[str]], str]] = {
    "nginx": (_nginx, "listen "),
    "caddy": (_caddy, ""),
    "haproxy": (_haproxy, "bind *:"),
    "apache": (_apache, "Listen "),
}
PROXIES = tuple(_LISTENS)


def program(name: str) -> str:
    """The program; Debian has most of them where only root looks."""
    return shutil.which(name) or f"/usr/sbin/{name}"


@contextmanager
def running(name: str, folder: Path, server_port: int) -> Iterator[Proxy]:
    """Run this proxy of the page in front of the server."""
    certificate, key = self_signed(NAME, [NAME], ["127.0.0.1"], days=1)
    for file, content in {"home.pem": certificate, "home.key": key, "home-with-key.pem": certificate + key}.items():
        (folder / file).write_bytes(content)
    port = free_port()
    start, listens = _LISTENS[name]
    recipe = block(name).replace("/etc/ssl/", f"{folder}/").replace(_SERVER_PORT, str(server_port))
    if listens:  # on loopback only
        assert f"{listens}{_PUBLIC_PORT}" in recipe
        recipe = recipe.replace(f"{listens}{_PUBLIC_PORT}", f"{listens.removesuffix('*:')}127.0.0.1:{_PUBLIC_PORT}")
    command = start(folder, recipe.replace(_PUBLIC_PORT, str(port)))
    log = folder / "output"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            env={"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    context = ssl.create_default_context(cadata=certificate.decode())
    proxy = Proxy(f"https://{NAME}:{port}", port, context)
    try:
        wait_until(lambda: _listens(process, proxy, log), 30, f"{name} listens")
        yield proxy
    finally:
        process.terminate()
        process.wait(patient(10))


def _listens(process: subprocess.Popen[bytes], proxy: Proxy, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        proxy.connect().close()
    except OSError:
        return False
    return True
