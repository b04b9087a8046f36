"""A real Prometheus, VictoriaMetrics and InfluxDB 1.x on loopback, set up as documented, and how tests ask them."""

from __future__ import annotations

import json
import os
import re
import shlex
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
INFLUXDB_SERVICE = ROOT / "deploy/influxdb/pwserver-influxdb.service"
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
        expressions = [
            target["expr"].replace("$gateway", ".*").replace("$__rate_interval", "1m")
            for target in targets_of("*prometheus.json")
        ]
        return [expression for expression in expressions if not self.query(expression)]


class VictoriaMetrics(Prometheus):
    """Shows at once what has come, not after some seconds."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._flush = f"http://127.0.0.1:{port}/internal/force_flush"

    def query(self, expression: str) -> list[dict[str, Any]]:
        get(self._flush)
        return super().query(expression)


def targets_of(boards: str) -> list[dict[str, Any]]:
    """The queries of all panels of some of the shipped dashboards."""
    found = []
    for path in sorted((ROOT / "deploy/grafana/dashboards").glob(boards)):
        found += [target for panel in json.loads(path.read_text())["panels"] for target in panel["targets"]]
    assert found, boards
    return found


def variables_of(board: str) -> list[dict[str, Any]]:
    """The variables of a shipped dashboard."""
    content = json.loads((ROOT / "deploy/grafana/dashboards" / board).read_text())
    found: list[dict[str, Any]] = content["templating"]["list"]
    return found


def documented_arguments(program: str) -> dict[str, str]:
    """Flags that docs/metrics.md gives to a program in its file below /etc/default, with their values."""
    page = (ROOT / "docs/metrics.md").read_text()
    (words,) = re.findall(rf"`/etc/default/{program}`.*?\n+```ini\nARGS=\"([^\"]*)\"\n```", page)
    flags = (word.partition("=") for word in shlex.split(words))
    return {name: value for name, _, value in flags}


def command_of(program: str, flags: dict[str, str]) -> list[str]:
    return [program, *(f"{name}={value}" if value else name for name, value in flags.items())]


def scrape_config(folder: Path, port: int) -> Path:
    """The shipped configuration with its rules, for the server on ``port`` and every second."""
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{port}"]
    for name in config["rule_files"]:
        shutil.copy(ROOT / "deploy/prometheus" / name, folder)
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    return file


@contextmanager
def prometheus_of(tool: Tool, folder: Path, port: int) -> Iterator[Prometheus]:
    """One that has scraped the server on ``port`` three times without an error."""
    mine = free_port()
    flags = documented_arguments("prometheus") | {
        "--config.file": str(scrape_config(folder, port)),
        "--storage.tsdb.path": f"{folder}/data",
        "--web.listen-address": f"127.0.0.1:{mine}",
    }
    with running(command_of(tool("prometheus"), flags), folder / "log"):
        found = Prometheus(mine)
        until(lambda: found.query("count_over_time(up[1m]) > 2 and up == 1"), "three good scrapes")
        target = found.ask("targets")["activeTargets"][0]
        assert (target["health"], target["lastError"]) == ("up", "")
        assert found.ask("status/flags")["storage.tsdb.retention.time"] == "10y"
        yield found


@contextmanager
def victoria_metrics_of(tool: Tool, folder: Path, port: int) -> Iterator[Prometheus]:
    """One that has scraped the server on ``port`` three times, and evaluates our rules with its ``vmalert``."""
    mine, alert = free_port(), free_port()
    flags = documented_arguments("victoria-metrics")
    assert flags.keys() >= {"-storageDataPath", "-httpListenAddr", "-promscrape.config"}
    flags |= {
        "-storageDataPath": f"{folder}/data",
        "-httpListenAddr": f"127.0.0.1:{mine}",
        "-promscrape.config": str(scrape_config(folder, port)),
        # Only here: what came within the last half minute is not shown otherwise.
        "-search.latencyOffset": "0s",
    }
    (line,) = re.findall(r"^vmalert (.*)$", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
    line = line.replace("/etc/victoria-metrics", str(folder)).replace("localhost:8428", f"127.0.0.1:{mine}")
    rules = [
        tool("vmalert"),
        *shlex.split(line),
        f"-httpListenAddr=127.0.0.1:{alert}",
        "-evaluationInterval=1s",
        "-remoteWrite.flushInterval=200ms",
        "-datasource.queryTimeAlignment=false",
    ]
    with running(command_of(tool("victoria-metrics"), flags), folder / "log"):
        found = VictoriaMetrics(mine)
        until(lambda: found.query("count_over_time(up[1m]) > 2 and up == 1"), "three good scrapes")
        assert 'flag{name="retentionPeriod", value="10y"' in get(f"http://127.0.0.1:{mine}/metrics")
        with running(rules, folder / "rules.log"):
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
def carrying(folder: Path, port: int, stored: Influx) -> Iterator[None]:
    """Our service that carries the lines of the server on ``port`` into the database, without systemd and faster."""
    (line,) = re.findall(r"^ExecStart=(.*)$", INFLUXDB_SERVICE.read_text(), re.MULTILINE)
    for old, new in (
        ("http://localhost:8675", f"http://127.0.0.1:{port}"),
        ("http://localhost:8086", stored.base),
        ("sleep 10", "sleep 0.2"),
    ):
        assert line.count(old) == 1, old
        line = line.replace(old, new)
    with running(shlex.split(line), folder / "carrying.log"):
        yield


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
