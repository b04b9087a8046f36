"""A real Prometheus scrapes the page and a real InfluxDB 1.x stores the lines, on loopback."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from pwserver.documents import prometheus
from pwserver.documents.influx import SCHEMA
from pwserver.documents.influx import render as render_influx

ROOT = Path(__file__).parents[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url, data=None, headers=None):
    with urllib.request.urlopen(urllib.request.Request(url, data, headers or {}), timeout=10) as answer:
        return answer.read().decode()


def until(check, what, seconds=60):
    deadline = time.monotonic() + seconds
    while True:
        try:
            value = check()
            if value:
                return value
        except (OSError, urllib.error.URLError):
            pass
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.1)


@contextmanager
def running(command, log, **options):
    with open(log, "wb") as sink:
        child = subprocess.Popen(command, stdout=sink, stderr=sink, **options)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@pytest.fixture
def page_server(frozen_site, self_metrics):
    """Serves the page the way the real server has to: by Accept, with the right types."""
    accepts = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            accept = self.headers.get("Accept", "")
            accepts.append(accept)
            openmetrics = prometheus.wants_openmetrics(accept)
            page = prometheus.render(frozen_site, self_metrics, openmetrics=openmetrics).encode()
            self.send_response(200)
            self.send_header("Content-Type", prometheus.OPENMETRICS_TYPE if openmetrics else prometheus.TEXT_TYPE)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port, accepts
    server.shutdown()
    thread.join()
    server.server_close()


def test_prometheus_scrapes_and_every_shipped_query_answers(page_server, tool, tmp_path):
    port, accepts = page_server
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{port}"]
    for name in config["rule_files"]:
        shutil.copy(ROOT / "deploy/prometheus" / name, tmp_path)
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    mine = free_port()
    command = [
        tool("prometheus"), f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{mine}",
    ]  # fmt: skip
    api = f"http://127.0.0.1:{mine}/api/v1"

    def query(expression):
        answer = json.loads(get(f"{api}/query?{urllib.parse.urlencode({'query': expression})}"))
        assert answer["status"] == "success", answer
        return answer["data"]["result"]

    with running(command, tmp_path / "log"):
        until(lambda: query("count_over_time(up[1m]) > 2 and up == 1"), "three good scrapes")
        target = json.loads(get(f"{api}/targets"))["data"]["activeTargets"][0]
        assert target["health"] == "up" and target["lastError"] == ""
        assert any("openmetrics" in accept for accept in accepts)
        for expression, truth in (
            ('powerwall_grid_power_watts{gateway="home"}', -2100.25),
            ('powerwall_home_power_watts{gateway="cabin"}', 900),
            ('powerwall_up{gateway="barn"}', 0),
            ('powerwall_string_power_watts{gateway="cabin",string="C"}', 5618.94),
            ("sum(pwserver_http_requests_total)", 201),
            ('powerwall_grid_imported_joules_total{gateway="home"} / 3600', 1234567.4),
        ):
            assert float(query(expression)[0]["value"][1]) == pytest.approx(truth), expression
        until(lambda: query("gateway:powerwall_balance_watts"), "recording rules")
        described = set(json.loads(get(f"{api}/metadata"))["data"])
        for family in prometheus.FAMILIES:
            name = family.name
            assert {name, name.removesuffix("_total"), name.removesuffix("_info")} & described, family
        empty = []
        for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*prometheus.json")):
            for panel in json.loads(path.read_text())["panels"]:
                for item in panel["targets"]:
                    expression = item["expr"].replace("$gateway", ".*").replace("$__rate_interval", "1m")
                    if not query(expression):
                        empty.append(expression)
        assert empty == []
        groups = json.loads(get(f"{api}/rules"))["data"]["groups"]
        assert [rule["name"] for group in groups for rule in group["rules"] if rule["health"] != "ok"] == []


def test_influxdb_takes_an_hour_without_a_type_conflict(tool, tmp_path, view_of, site_of, powerwall3, simulated):
    mine, rpc = free_port(), free_port()
    environment = {
        **os.environ, "INFLUXDB_META_DIR": f"{tmp_path}/meta", "INFLUXDB_DATA_DIR": f"{tmp_path}/data",
        "INFLUXDB_DATA_WAL_DIR": f"{tmp_path}/wal", "INFLUXDB_HTTP_BIND_ADDRESS": f"127.0.0.1:{mine}",
        "INFLUXDB_BIND_ADDRESS": f"127.0.0.1:{rpc}", "INFLUXDB_REPORTING_DISABLED": "true",
        "INFLUXDB_MONITOR_STORE_ENABLED": "false",
    }  # fmt: skip
    (tmp_path / "empty.conf").write_text("")
    base = f"http://127.0.0.1:{mine}"
    chance = random.Random(5)
    odd = (0, 1, 2.5, -3, None, True, "12", float("nan"), 10**25)

    def minute_of(poll):
        """Values that change their kind on the way, as gateways and firmware updates make them."""
        when = 1_700_000_000 + 5 * poll
        meters = {m: {**b, "instant_power": chance.choice(odd)} for m, b in powerwall3.aggregates.items()}
        strings = {
            name: {**body, "Power": chance.choice(odd), "State": chance.choice(("a b", 'q"\\', 3))}
            for name, body in powerwall3.strings.items()
        }
        home = replace(
            powerwall3, timestamp=float(when), aggregates=meters, strings=strings, reserve=chance.choice(odd),
            mode=chance.choice(("backup", 1, None)), version=chance.choice(("24.1 x, y=z", "", 24)),
        )  # fmt: skip
        views = (view_of(home), view_of(replace(simulated, timestamp=when + 0.25), "my cabin, north=1"))
        return render_influx(site_of(*(replace(view, now=when + 1.0) for view in views)))

    def ask(expression):
        query = urllib.parse.urlencode({"db": "powerwall", "q": expression, "epoch": "ns"})
        return json.loads(get(f"{base}/query?{query}"))["results"][0].get("series", [])

    with running([tool("influxd"), "run", "-config", f"{tmp_path}/empty.conf"], tmp_path / "log", env=environment):
        until(lambda: get(f"{base}/ping") == "", "influxd answers")
        get(f"{base}/query", urllib.parse.urlencode({"q": "CREATE DATABASE powerwall"}).encode())
        for start in range(0, 720, 60):
            body = "".join(minute_of(poll) for poll in range(start, start + 60))
            assert get(f"{base}/write?db=powerwall", body.encode()) == ""  # a refused point would be an error
        measurements = {row[0] for row in ask("SHOW MEASUREMENTS")[0]["values"]}
        assert measurements <= set(SCHEMA) and {"powerwall", "powerwall_string", "powerwall_poll"} <= measurements
        for series in ask("SHOW FIELD KEYS"):
            kinds = dict(series["values"])
            assert kinds == {name: SCHEMA[series["name"]][name] for name in kinds}
        (row,) = ask("SELECT count(battery_raw_percent) FROM powerwall WHERE gateway = 'my cabin, north=1'")
        assert row["values"][0][1] == 720
        (row,) = ask("SELECT last(grid_power_watts) FROM powerwall WHERE gateway = 'my cabin, north=1'")
        assert row["values"][0] == [(1_700_000_000 + 5 * 719) * 10**9 + 250_000_000, -2100.0]
        found = ask("SELECT state FROM powerwall_string WHERE \"string\" = 'A'")
        states = {row[1] for series in found for row in series["values"]}
        assert {'q"\\', "a b"} <= states
        tags = {row[1] for s in ask("SHOW TAG VALUES FROM powerwall WITH KEY = gateway") for row in s["values"]}
        assert tags == {"home", "my cabin, north=1"}
