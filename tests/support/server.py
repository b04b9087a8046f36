"""A started pwserver for end-to-end tests: the real processes, the real port, a plain HTTP client."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.fork_server import Forked, can_start, start
from tests.support.programs import clean_environment, free_port
from tests.support.waiting import patient, wait_until

LISTENING = re.compile(r"https?://[^ ]*:(\d+)/")


@dataclass(slots=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def to_last_request(cls, connection: http.client.HTTPConnection) -> Answer:
        """Read what comes on this connection."""
        response = connection.getresponse()
        return cls(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """``python -m pwserver`` (or another ``module``) with these arguments and environment; stopped on exit."""

    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0  # where it listens; 0: where nobody else does
    module: str = "pwserver"  # what is run
    configured: bool = False  # the configuration says where to listen
    executed: bool = False  # with an interpreter of its own, for tests that look at what only that has
    aged: bool = False  # a demo gets the whole past that it is to have

    def __enter__(self) -> Server:
        bundle = {name: os.environ[name] for name in ("REQUESTS_CA_BUNDLE",) if name in os.environ}
        if not self.configured:
            self.port = self.port or free_port()
        self.log = tempfile.NamedTemporaryFile("w+", suffix=".log", delete=False)
        if self.module == "pwserver" and not self.aged and any(one.startswith("--demo") for one in self.arguments):
            self.module = "tests.support.young_demo"
        place = [] if self.configured else ["--bind-address", "127.0.0.1", "--port", str(self.port)]
        self.process = self._started([*place, *self.arguments], clean_environment(**(bundle | self.environment)))
        try:
            wait_until(self._listening, 30)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _started(self, arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes] | Forked:
        if not self.executed and can_start(self.module, environment):
            return start(self.module, arguments, environment, self.log.fileno())
        return subprocess.Popen(
            [sys.executable, "-m", self.module, *arguments],
            env=environment,
            stdout=self.log,
            stderr=self.log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _listening(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"pwserver ended with {self.process.returncode}:\n{self.output()}")
        found = LISTENING.search(self.output())
        if found:
            self.port = int(found[1])
        return bool(found)

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(patient(10))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"pwserver did not stop:\n{self.output()}") from None
        self.log.close()
        os.unlink(self.log.name)

    def output(self) -> str:
        """Everything it has printed and logged so far."""
        return Path(self.log.name).read_text()

    def get(
        self, target: str, method: str = "GET", headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patient(10))
        try:
            connection.request(method, target, body=body, headers=headers or {})
            return Answer.to_last_request(connection)
        finally:
            connection.close()

    def json(self, target: str) -> Any:
        """The JSON body of a GET that must be 200."""
        answer = self.get(target)
        assert answer.status == 200, (target, answer)
        return answer.json()

    def state(self, gateway: str = "default") -> dict[str, Any]:
        """What /health says of one gateway."""
        details: list[dict[str, Any]] = self.json("/health")["gateway_details"]
        return next(entry for entry in details if entry["id"] == gateway)

    def timestamp(self, target: str = "/aggregates") -> float:
        """When the data of a document were read from the gateway, epoch seconds; 0 without data."""
        return float(self.get(target).headers.get("x-powerwall-timestamp", 0))

    def wait_for_data(self, target: str = "/aggregates", newer_than: float = 0.0) -> None:
        """Until the document has data read later than that moment (epoch seconds)."""
        wait_until(lambda: self.timestamp(target) > newer_than, 30, f"fresh data in {target}:\n{self.output()}")

    def wait_for_everybody(self) -> None:
        """Until every process that main looks after works: a slow machine has data before the last of them."""

        def all_work() -> bool:
            stats = self.json("/stats")
            working = {one["name"] for one in stats["processes"] if one["beat_age_seconds"] is not None}
            wanted = {"poller", *(f"worker-{number}" for number in range(stats["config"]["PW_WORKERS"]))}
            return wanted <= working and wanted <= self.children().keys()

        wait_until(all_work, 30, f"not all processes work:\n{self.output()}")

    def children(self) -> dict[str, int]:
        """Name -> pid of the processes main looks after, from the names they gave themselves."""
        found: dict[str, int] = {}
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, _, rest = entry.read_text(errors="replace").partition("(")[2].rpartition(")")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(rest.split()[1]) == self.process.pid:
                found[name.removeprefix("pw:")] = int(entry.parent.name)
        return found
