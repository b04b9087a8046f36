"""A real Prometheus and a real InfluxDB 1.x on loopback, and how tests ask them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.support.programs import free_port
from tests.support.waiting import if_answered, patient, wait_until

ROOT = Path(__file__).parents[2]
Tool = Callable[[str], str]


def get(url: str, data: bytes | None = None) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def until(check: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """The first true value of ``check``; a server that does not answer yet counts as false."""
    return wait_until(if_answered(check), seconds, what)


@contextmanager
def running(command: list[str], log: Path, **options: Any) -> Iterator[None]:
    with open(log, "wb") as sink:
        child = subprocess.Popen(command, stdout=sink, stderr=sink, **options)
    try:
        yield
    finally:
        child.terminate()
        try:
            child.wait(patient(15))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


class Prometheus:
    """Ours in ``deploy/``, every second, with its rules."""

    def __init__(self, port: int) -> None:
        self.api = f"http://127.0.0.1:{port}/api/v1"

    def ask(self, what: str) -> Any:
        answer = json.loads(get(f"{self.api}/{what}"))
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask(f"query?{urllib.parse.urlencode({'query': expression})}")["result"]
        return found

    def empty_panels(self) -> list[str]:
        """Queries of the shipped dashboards that find nothing."""
        empty = []
        for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*prometheus.json")):
            for panel in json.loads(path.read_text())["panels"]:
                for item in panel["targets"]:
                    expression = item["expr"].replace("$gateway", ".*").replace("$__rate_interval", "1m")
                    if not self.query(expression):
                        empty.append(expression)
        return empty


@contextmanager
def prometheus_of(tool: Tool, folder: Path, port: int) -> Iterator[Prometheus]:
    """One that has scraped the server on ``port`` three times without an error."""
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{port}"]
    for name in config["rule_files"]:
        shutil.copy(ROOT / "deploy/prometheus" / name, folder)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    mine = free_port()
    command = [
        tool("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{mine}",
    ]
    with running(command, folder / "log"):
        found = Prometheus(mine)
        until(lambda: found.query("count_over_time(up[1m]) > 2 and up == 1"), "three good scrapes")
        target = found.ask("targets")["activeTargets"][0]
        assert (target["health"], target["lastError"]) == ("up", "")
        yield found


class Influx:
    """A database ``powerwall``."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"

    def write(self, lines: bytes, policy: str = "") -> None:
        query = urllib.parse.urlencode({"db": "powerwall", "rp": policy})
        assert get(f"{self.base}/write?{query}", lines) == ""  # a refused point would be an error

    def change(self, statement: str) -> None:
        answer = json.loads(get(f"{self.base}/query", urllib.parse.urlencode({"q": statement}).encode()))
        assert answer == {"results": [{"statement_id": 0}]}, answer

    def ask(self, expression: str, epoch: str = "ms") -> list[dict[str, Any]]:
        query = urllib.parse.urlencode({"db": "powerwall", "q": expression, "epoch": epoch})
        found: list[dict[str, Any]] = json.loads(get(f"{self.base}/query?{query}"))["results"][0].get("series", [])
        return found


@contextmanager
def influxdb(tool: Tool, folder: Path) -> Iterator[Influx]:
    mine, rpc = free_port(), free_port()
    environment = {
        **os.environ,
        "INFLUXDB_META_DIR": f"{folder}/meta",
        "INFLUXDB_DATA_DIR": f"{folder}/data",
        "INFLUXDB_DATA_WAL_DIR": f"{folder}/wal",
        "INFLUXDB_HTTP_BIND_ADDRESS": f"127.0.0.1:{mine}",
        "INFLUXDB_BIND_ADDRESS": f"127.0.0.1:{rpc}",
        "INFLUXDB_REPORTING_DISABLED": "true",
        "INFLUXDB_MONITOR_STORE_ENABLED": "false",
    }
    (folder / "empty.conf").write_text("")
    with running([tool("influxd"), "run", "-config", f"{folder}/empty.conf"], folder / "log", env=environment):
        found = Influx(mine)
        until(lambda: get(f"{found.base}/ping") == "", "influxd answers")
        found.change("CREATE DATABASE powerwall")
        yield found
