"""A real mosquitto of our own, and a client that remembers what it hears."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.programs import free_port
from tests.support.waiting import if_answered, patient, wait_until


class Broker:
    """A mosquitto of our own on a loopback port, with its messages kept across restarts."""

    def __init__(
        self, folder: Path, users: dict[str, str] | None = None, acl: str | None = None, tls: Path | None = None
    ) -> None:
        """``tls``: a folder with ``broker.pem`` and ``broker.key``, read at every start."""
        binary = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        assert os.path.exists(binary), "these tests need the Debian package mosquitto"
        self._binary = binary
        self.port = free_port()
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"persistence_location {folder}/",
            "persistence true",
            "max_queued_messages 100000",
            f"log_dest file {folder}/log",
            "user root",
        ]
        if users is None:
            lines.append("allow_anonymous true")
        else:
            passwords = folder / "passwords"
            passwords.touch(mode=0o600)
            for user, password in users.items():
                subprocess.run(["mosquitto_passwd", "-b", str(passwords), user, password], check=True)
            lines += ["allow_anonymous false", f"password_file {passwords}"]
        if tls is not None:
            lines += [f"certfile {tls}/broker.pem", f"keyfile {tls}/broker.key"]
        if acl is not None:
            (folder / "acl").write_text(acl)
            lines.append(f"acl_file {folder}/acl")
        self.folder = folder
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(lines) + "\n")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen([self._binary, "-c", str(self._config)], stderr=subprocess.DEVNULL)
        wait_until(if_answered(self._listening), 10, "mosquitto did not start")

    def _listening(self) -> bool:
        assert self.process is not None and self.process.poll() is None, "mosquitto ended"
        socket.create_connection(("127.0.0.1", self.port), timeout=patient(1)).close()
        return True

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            # mosquitto forgets a signal that comes after it listens and before its loop runs.
            wait_until(partial(self._ended_by, number), 10, "mosquitto did not stop")
            self.process = None

    def _ended_by(self, number: int) -> bool:
        assert self.process is not None
        self.process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(0.5)
        return self.process.poll() is not None

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)


class Watcher:
    """A client of its own that remembers everything it hears: ``last[topic]`` and ``log`` in order of arrival."""

    def __init__(self, port: int, *filters: str, **options: Any) -> None:
        self._port, self._filters, self._options = port, filters or ("#",), options
        self.last: dict[str, str] = {}
        self.log: list[tuple[str, str, bool]] = []
        self.client: Any = None

    async def __aenter__(self) -> Watcher:
        import aiomqtt

        self.client = aiomqtt.Client("127.0.0.1", self._port, **self._options)
        self.client.pending_calls_threshold = 1000
        await self.client.__aenter__()
        for wanted in self._filters:
            await self.client.subscribe(wanted, qos=1)
        self._task = asyncio.create_task(self._listen())
        return self

    async def _listen(self) -> None:
        async for message in self.client.messages:
            payload = bytes(message.payload or b"").decode("utf-8", "replace")
            topic = str(message.topic)
            self.log.append((topic, payload, message.retain))
            if payload:
                self.last[topic] = payload
            else:
                self.last.pop(topic, None)

    async def __aexit__(self, *error: Any) -> None:
        self._task.cancel()
        try:
            await self.client.__aexit__(*error)
        except Exception:
            pass  # the broker may be gone by now

    async def send(self, topic: str, payload: str | bytes, *, qos: int = 1, retain: bool = False) -> None:
        await self.client.publish(topic, payload, qos=qos, retain=retain)
