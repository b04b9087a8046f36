"""A real Prometheus scrapes the page and a real InfluxDB 1.x stores the lines, on loopback."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pwserver.documents import prometheus
from pwserver.documents.influx import SCHEMA
from pwserver.documents.influx import render as render_influx
from tests.metrics.stacks import influxdb, prometheus_of, until


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
    with prometheus_of(tool, tmp_path, port) as found:
        assert any("openmetrics" in accept for accept in accepts)
        for expression, truth in (
            ('powerwall_grid_power_watts{gateway="home"}', -2100.25),
            ('powerwall_home_power_watts{gateway="cabin"}', 900),
            ('powerwall_up{gateway="barn"}', 0),
            ('powerwall_string_power_watts{gateway="cabin",string="C"}', 5618.94),
            ("sum(pwserver_http_requests_total)", 201),
            ('powerwall_grid_imported_joules_total{gateway="home"} / 3600', 1234567.4),
        ):
            assert float(found.query(expression)[0]["value"][1]) == pytest.approx(truth), expression
        until(lambda: found.query("gateway:powerwall_balance_watts"), "recording rules")
        described = set(found.ask("metadata"))
        for family in prometheus.FAMILIES:
            name = family.name
            assert {name, name.removesuffix("_total"), name.removesuffix("_info")} & described, family
        assert found.empty_panels() == []
        groups = found.ask("rules")["groups"]
        assert [rule["name"] for group in groups for rule in group["rules"] if rule["health"] != "ok"] == []


def test_influxdb_takes_an_hour_without_a_type_conflict(tool, tmp_path, view_of, site_of, powerwall3, simulated):
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
            powerwall3,
            timestamp=float(when),
            aggregates=meters,
            strings=strings,
            reserve=chance.choice(odd),
            mode=chance.choice(("backup", 1, None)),
            version=chance.choice(("24.1 x, y=z", "", 24)),
        )
        views = (view_of(home), view_of(replace(simulated, timestamp=when + 0.25), "my cabin, north=1"))
        return render_influx(site_of(*(replace(view, now=when + 1.0) for view in views)))

    with influxdb(tool, tmp_path) as stored:
        for start in range(0, 720, 60):
            body = "".join(minute_of(poll) for poll in range(start, start + 60))
            stored.write(body.encode())
        measurements = {row[0] for row in stored.ask("SHOW MEASUREMENTS")[0]["values"]}
        assert measurements <= set(SCHEMA) and {"powerwall", "powerwall_string", "powerwall_poll"} <= measurements
        for series in stored.ask("SHOW FIELD KEYS"):
            kinds = dict(series["values"])
            assert kinds == {name: SCHEMA[series["name"]][name] for name in kinds}
        (row,) = stored.ask("SELECT count(battery_raw_percent) FROM powerwall WHERE gateway = 'my cabin, north=1'")
        assert row["values"][0][1] == 720
        (row,) = stored.ask("SELECT last(grid_power_watts) FROM powerwall WHERE gateway = 'my cabin, north=1'", "ns")
        assert row["values"][0] == [(1_700_000_000 + 5 * 719) * 10**9 + 250_000_000, -2100.0]
        found = stored.ask("SELECT state FROM powerwall_string WHERE \"string\" = 'A'")
        states = {row[1] for series in found for row in series["values"]}
        assert {'q"\\', "a b"} <= states
        tags = {row[1] for s in stored.ask("SHOW TAG VALUES FROM powerwall WITH KEY = gateway") for row in s["values"]}
        assert tags == {"home", "my cabin, north=1"}
