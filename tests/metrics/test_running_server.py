"""The pages of the running server: a real Prometheus scrapes it, a real InfluxDB takes its lines."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from pwserver.documents.influx import SCHEMA
from pwserver.documents.prometheus import BY_NAME, OPENMETRICS_TYPE, SELF_FAMILIES, TEXT_TYPE
from pwserver.simulator import SimulatedGateway
from tests.e2e.conftest import many
from tests.metrics.stacks import (
    INFLUXDB_SERVICE,
    carrying,
    influxdb,
    prometheus_of,
    targets_of,
    until,
    variables_of,
    victoria_metrics_of,
)
from tests.support.server import Server
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
# Only some installations have these.
ELSEWHERE = {
    "pwserver_notices_sent_total",
    "pwserver_notices_failed_total",
    "pwserver_notices_given_up_total",
    "pwserver_notices_waiting",
    "pwserver_mqtt_connected",
    "pwserver_mqtt_connects_total",
    "pwserver_mqtt_published_total",
    "pwserver_mqtt_commands_total",
    "pwserver_replica_connected",
    "pwserver_replica_published_total",
    "pwserver_replica_refused_total",
}


@pytest.fixture(scope="module")
def houses():
    """Two houses that stand still, so that every query has one right answer."""
    with (
        SimulatedGateway("powerwall2", hour=11.5, frozen=True) as house,
        SimulatedGateway("powerwall3", hour=16.0, frozen=True, seed=3) as cabin,
    ):
        yield {"house": house, "cabin": cabin}


@pytest.fixture(scope="module")
def server(houses, tmp_path_factory):
    values = many(houses, tmp_path_factory.mktemp("state"), PW_WORKERS="2")
    with Server(environment=values) as started:
        for name in houses:
            started.wait_for_data(f"/api/gateways/{name}")
        until(lambda: b'powerwall_up{gateway="cabin"} 1.0' in started.get("/metrics").body, "both on the page")
        started.wait_for_everybody()
        yield started


def page(server, **labels):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse_text(server.get("/metrics").body.decode())
        for sample in family.samples
    }


def total(server, name):
    return sum(value for (found, _), value in page(server).items() if found == name)


def test_both_forms_by_accept(server, tool):
    text = server.get("/metrics")
    rich = server.get("/metrics", headers=OPENMETRICS)
    assert (text.status, text.headers["content-type"]) == (200, TEXT_TYPE)
    assert (rich.status, rich.headers["content-type"]) == (200, OPENMETRICS_TYPE)
    for answer in (text, rich):
        assert "accept" in re.split("[, ]+", answer.headers["vary"].lower())
        assert answer.headers["etag"]
    assert text.headers["etag"] != rich.headers["etag"]
    assert rich.body.endswith(b"# EOF\n")
    assert {family.name for family in parse_openmetrics(rich.body.decode())}
    lint = subprocess.run([tool("promtool"), "check", "metrics"], input=text.body, capture_output=True, timeout=60)
    assert (lint.returncode, lint.stdout, lint.stderr) == (0, b"", b"")
    packed = lambda: server.get("/metrics", headers={"Accept-Encoding": "gzip"})  # noqa: E731
    wait_until(lambda: packed().headers.get("content-encoding") == "gzip")  # from the poll after the first request on
    assert len(packed().body) < len(text.body) / 4
    assert server.get("/metrics", "HEAD", OPENMETRICS).headers["content-type"] == OPENMETRICS_TYPE
    assert server.get("/metrics", "POST").status == 405


def test_every_self_metric_is_there(server):
    found = {name for name, _ in page(server)}
    for family in SELF_FAMILIES:
        assert family.name in found or family.name in ELSEWHERE, family.name
    assert found.isdisjoint(ELSEWHERE)
    assert {name for name in found if name.startswith("pwserver_")} <= set(BY_NAME)


def test_requests_are_counted_wherever_they_are_answered(server):
    before = page(server)
    for _ in range(30):
        assert server.get("/aggregates").status == 200  # the gate's
    assert server.get("/health").status == 200  # Sanic's
    assert server.get("/nothing-here").status == 404
    key = ("pwserver_http_documents_total", (("document", "/aggregates"),))
    until(lambda: page(server).get(key, 0) >= before.get(key, 0) + 30, "documents are counted")
    requests = sum(value for (name, _), value in before.items() if name == "pwserver_http_requests_total")
    errors = sum(value for (name, _), value in before.items() if name == "pwserver_http_errors_total")
    until(lambda: total(server, "pwserver_http_requests_total") >= requests + 32, "requests are counted")
    until(lambda: total(server, "pwserver_http_errors_total") >= errors + 1, "errors are counted")
    # Counters for Prometheus never fall, whatever people clear on /stats.
    assert server.get("/stats/clear", "POST").status == 200
    now = page(server)
    assert all(now.get(key, 0) >= value for key, value in before.items() if key[0].endswith("_total"))


def test_a_replaced_worker_shows(server):
    victim = server.children()["worker-1"]
    before = page(server)["pwserver_process_restarts_total", (("process", "worker-1"),)]
    os.kill(victim, signal.SIGKILL)
    key = ("pwserver_process_restarts_total", (("process", "worker-1"),))
    until(lambda: page(server)[key] == before + 1, "the restart is counted")
    pids = {**server.children(), "main": server.process.pid}
    for name in ("main", "poller", "worker-0", "worker-1"):
        assert name in pids
        assert page(server)["pwserver_process_resident_memory_bytes", (("process", name),)] > 5e6
        assert page(server)["pwserver_process_open_fds", (("process", name),)] > 3


def test_the_page_goes_on_while_no_gateway_answers(server, houses):
    for house in houses.values():
        house.fault("unplugged")
    try:
        until(lambda: total(server, "powerwall_up") == 0, "both are down")
        stamp = "pwserver_process_cpu_seconds_total"
        first = total(server, stamp)
        until(lambda: total(server, stamp) > first, "counters go on")
    finally:
        for house in houses.values():
            house.fault("none")
    until(lambda: total(server, "powerwall_up") == 2, "both are back")


@pytest.mark.parametrize("database", [prometheus_of, victoria_metrics_of])
def test_prometheus_and_its_kin_read_the_simulators_truth(server, houses, tool, tmp_path, database):
    with database(tool, tmp_path, server.port) as stored:

        def query(expression):
            return {row["metric"].get("gateway", ""): float(row["value"][1]) for row in stored.query(expression)}

        truths = {name: house.truth() for name, house in houses.items()}
        for expression, member, slack in (
            ("powerwall_grid_power_watts", "site", 2),
            ("powerwall_home_power_watts", "load", 2),
            ("powerwall_solar_power_watts", "solar", 2),
            ("powerwall_battery_power_watts", "battery", 2),
            ("powerwall_battery_charge_raw_ratio * 100", "soe", 0.1),
            ("powerwall_battery_capacity_joules / 3600", "capacity_wh", 1),
            ("powerwall_battery_remaining_joules / 3600", "stored_wh", 2),
        ):
            found = query(expression)
            for name, truth in truths.items():
                assert found[name] == pytest.approx(truth[member], abs=slack), (expression, name)
        # The meters add up, as the rule says.
        until(lambda: query("gateway:powerwall_balance_watts"), "recording rules")
        assert all(abs(watts) < 5 for watts in query("gateway:powerwall_balance_watts").values())
        home = sum(truth["load"] for truth in truths.values())
        until(lambda: query("site:powerwall_home_power_watts:sum"), "recording rules")
        assert query("site:powerwall_home_power_watts:sum")[""] == pytest.approx(home, abs=4)
        optional = re.compile("mqtt|remote_meter|ct_power|alert")
        assert [expression for expression in stored.empty_panels() if not optional.search(expression)] == []


def test_influxdb_takes_the_lines_of_the_server(server, houses, tool, tmp_path):
    with influxdb(tool, tmp_path) as stored:
        times = set()
        while len(times) < 3:
            answer = server.get("/influx")
            assert answer.headers["content-type"].startswith("text/plain")
            times.add(answer.headers["x-powerwall-timestamp"])
            stored.write(answer.body)
            time.sleep(0.1)
        for series in stored.ask("SHOW FIELD KEYS"):
            kinds = dict(series["values"])
            assert kinds == {name: SCHEMA[series["name"]][name] for name in kinds}
        for name, house in houses.items():
            wanted = "last(home_power_watts), count(home_power_watts)"
            (row,) = stored.ask(f"SELECT {wanted} FROM powerwall WHERE gateway='{name}'")
            assert row["values"][0][1] == pytest.approx(house.truth()["load"], abs=2)
            assert row["values"][0][2] >= 2
        keeps_them_beside_the_three_days_of_powerwall_dashboard(stored, server.get("/influx").body)


def test_the_service_for_influxdb_feeds_every_panel(server, houses, tool, tmp_path):
    page = (ROOT / "docs/metrics.md").read_text()
    statements = re.findall(r"^influx -execute '(.*)'$", page, re.MULTILINE)
    assert statements == re.findall(r"^#   influx -execute '(.*)'$", INFLUXDB_SERVICE.read_text(), re.MULTILINE)
    with influxdb(tool, tmp_path) as stored:
        port = stored.base.rpartition(":")[2]
        for statement in statements:
            subprocess.run([tool("influx"), "-port", port, "-execute", statement], check=True, timeout=60)
        with carrying(tmp_path, server.port, stored):
            asked = 'SELECT last(home_power_watts), last(grid_power_watts) FROM "pwserver"."powerwall" GROUP BY gateway'
            series = until(lambda: found if len(found := stored.ask(asked)) == 2 else None, "both houses")
            for row in series:
                truth = houses[row["tags"]["gateway"]].truth()
                assert row["values"][0][1:] == [pytest.approx(truth[name], abs=2) for name in ("load", "site")]
            for target in targets_of("powerwall-influxdb.json"):
                query = target["query"].replace("$timeFilter", "time > now() - 1h").replace("$__interval", "10s")
                assert "$gateway" in query
                query = query.replace("$gateway", "(house|cabin)")
                tags = set(re.findall(r"\$tag_(\w+)", target["alias"]))
                until(lambda query=query: stored.ask(query), f"data for {query}")
                for one in stored.ask(query):
                    assert tags <= one["tags"].keys(), query
                    assert any(value is not None for row in one["values"] for value in row[1:]), query
        (variable,) = [one["query"] for one in variables_of("powerwall-influxdb.json") if one["name"] == "gateway"]
        assert {row[1] for row in stored.ask(variable)[0]["values"]} == set(houses)


def keeps_them_beside_the_three_days_of_powerwall_dashboard(stored, lines):
    """What the head of our Telegraf file tells to do, in a database that Powerwall-Dashboard has set up."""
    text = (ROOT / "deploy/telegraf/telegraf-influx.conf").read_text()
    policy = tomllib.loads(text)["outputs"]["influxdb"][0]["retention_policy"]
    stored.change("CREATE RETENTION POLICY raw ON powerwall DURATION 3d REPLICATION 1")
    statements = re.findall(r"^#   (CREATE .*)$", text, re.MULTILINE)
    assert len(statements) == 2
    for statement in statements:
        stored.change(statement)
    stored.write(lines, policy)
    (policies,) = stored.ask("SHOW RETENTION POLICIES")
    column = policies["columns"].index
    kept = {row[column("name")]: (row[column("duration")], row[column("default")]) for row in policies["values"]}
    assert kept == {"autogen": ("0s", True), "raw": ("72h0m0s", False), policy: ("0s", False)}
    (row,) = stored.ask(f'SELECT count(home_power_watts) FROM "{policy}"."powerwall"')
    assert row["values"][0][1] == 2  # one of each house
    assert stored.ask('SELECT * FROM "raw"."powerwall"') == []


def test_only_the_poller_pays_for_the_libraries():
    """Everything that main and the workers import, and what assembling a server loads, holds neither of them."""
    code = (
        "import sys\n"
        "from pwserver.config.load import load\n"
        "from pwserver import server\n"
        "from pwserver.assemble import assemble\n"
        "from pwserver.web.app import create_app\n"
        "create_app(assemble(load({}, {'PW_REPLICA': 'mqtt://127.0.0.1:1', 'MQTT_HOST': 'localhost'})))\n"
        "print(sorted({'prometheus_client', 'aiomqtt', 'paho', 'pypowerwall'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.stdout, done.stderr) == ("[]\n", "")
