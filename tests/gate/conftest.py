"""Servers behind the gate in processes of their own, and a client that speaks raw bytes."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import h11
import pytest

from pwserver.simulator.tls_context import make_certificate
from tests.support.waiting import patient

HERE = Path(__file__).parent
PATIENCE_SECONDS = patient(15.0)


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """One client connection. Answers are read with h11, so their framing must be right."""

    def __init__(self, port: int, receive_buffer: int = 0, tls: bool = False) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE_SECONDS)
        self.socket.connect(("127.0.0.1", port))
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket, suppress_ragged_eofs=True)
        self.left = b""
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> bytes:
        try:
            return self.socket.recv(1 << 16)
        except ConnectionResetError:
            return b""

    def answer(self, method: bytes = b"GET") -> Answer:
        """The next answer; `method` is that of the request it answers. EOFError when the server closed instead."""
        client = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
        client.send(h11.Request(method=method, target=b"/", headers=[(b"Host", b"x"), (b"Content-Length", b"0")]))
        client.send(h11.EndOfMessage())
        if self.left:
            client.receive_data(self.left)
        response, body = None, b""
        while True:
            event = client.next_event()
            if event is h11.NEED_DATA:
                data = self.receive()
                if not data and response is None:
                    self.closed = True
                    raise EOFError
                client.receive_data(data)
            elif isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
        self.left = bytes(client.trailing_data[0])
        assert response is not None
        headers: dict[str, str] = {}
        for name, value in response.headers:
            assert name == b"set-cookie" or name.decode() not in headers, f"{name!r} twice"
            headers[name.decode()] = value.decode()
        return Answer(response.status_code, headers, body)

    def rest(self) -> bytes:
        """Everything until the server closes."""
        data, self.left = self.left, b""
        while more := self.receive():
            data += more
        self.closed = True
        return data


class Server:
    def __init__(self, options: dict[str, Any]) -> None:
        root = HERE.parents[1]
        self.tls = "tls" in options
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "demo_server.py"), json.dumps(options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(root), "SANIC_NO_COLOR": "1"},
        )
        assert self.process.stdout is not None
        self.log: list[str] = []
        for line in self.process.stdout:
            self.log.append(line)
            if line.strip().isdigit():
                self.port = int(line)
                break
        else:
            raise RuntimeError("".join(self.log))
        self._drainer = threading.Thread(target=self._drain, daemon=True)
        self._drainer.start()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _drain(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line)

    def wire(self, receive_buffer: int = 0) -> Wire:
        return Wire(self.port, receive_buffer, self.tls)

    def get(self, target: str, *headers: str, method: str = "GET", body: bytes = b"") -> Answer:
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        with self.wire() as wire:
            wire.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
            return wire.answer(method.encode())

    def counters(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get("/counters").body)
        return found

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(patient(20))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._drainer.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="package")
def serve() -> Iterator[Callable[..., Server]]:
    """serve(**options): a server with these GateSettings, shared by the tests that ask for the same."""
    servers: dict[str, Server] = {}

    def start(**options: Any) -> Server:
        key = json.dumps(options, sort_keys=True)
        if key not in servers:
            servers[key] = Server(options)
        return servers[key]

    yield start
    for server in servers.values():
        server.stop()


@pytest.fixture(scope="package")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Paths of a self-signed certificate and its key."""
    folder = tmp_path_factory.mktemp("tls")
    for name, content in zip(("cert.pem", "key.pem"), make_certificate(), strict=True):
        (folder / name).write_bytes(content)
    return [str(folder / "cert.pem"), str(folder / "key.pem")]


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    return serve()
