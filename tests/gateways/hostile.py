"""A device that answers every HTTPS request with the bytes it was given, and counts what it is asked."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pwserver.simulator.tls_context import make_certificate
from tests.support.waiting import patient

Answer = Callable[[Callable[[bytes], Any]], None]


class Hostile:
    """Listens on a loopback port until left. ``answer`` is called with the function that sends bytes; ``heads`` are the
    requests as they came."""

    def __init__(self, folder: Path, answer: Answer | bytes, host: str = "127.0.0.1") -> None:
        both = folder / "hostile.pem"
        both.write_bytes(b"".join(make_certificate()))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(both)
        self._answer = answer
        self.heads: list[bytes] = []
        self.sent = 0
        self._socket = socket.create_server((host, 0))
        self.address = f"{host}:{self._socket.getsockname()[1]}"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Hostile:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes whoever accepts; closing alone would not
        self._socket.close()
        self._thread.join(patient(5))

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        plain.settimeout(30)
        with contextlib.suppress(OSError, ssl.SSLError), self._context.wrap_socket(plain, server_side=True) as secure:
            for head in self._heads(secure):
                self.heads.append(head)
                if callable(self._answer):
                    self._answer(lambda data: self._send(secure, data))
                    return
                self._send(secure, self._answer)

    def _heads(self, secure: ssl.SSLSocket) -> Iterator[bytes]:
        waiting = b""
        while True:
            while b"\r\n\r\n" not in waiting:
                data = secure.recv(65536)
                if not data:
                    return
                waiting += data
            head, _, waiting = waiting.partition(b"\r\n\r\n")
            yield head

    def _send(self, secure: ssl.SSLSocket, data: bytes) -> None:
        if self._ended.is_set():
            raise OSError("the test is over")
        secure.sendall(data)
        self.sent += len(data)
