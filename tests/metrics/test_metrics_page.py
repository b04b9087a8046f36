"""The Prometheus page: golden files, the formats' own parsers, promtool, a real Prometheus."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from pwserver.documents.exposition import UNITS, family_text, openmetrics_of, text_of
from pwserver.documents.prometheus import DATA_FAMILIES, FAMILIES, SELF_FAMILIES, render, wants_openmetrics
from pwserver.generated_page import with_generated
from pwserver.reading import GatewayIdentity, GatewayStatus, Reading, ServerFacts
from pwserver.state.view import SiteView, View
from tests.docs import metrics_page

GOLDEN = Path(__file__).parent / "data"


def values(page, parse=parse_text):
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in parse(page) for s in f.samples}


def value(page, name, **labels):
    return values(page).get((name, tuple(sorted(labels.items()))))


@pytest.mark.parametrize(("openmetrics", "name"), [(False, "metrics.txt"), (True, "metrics.openmetrics")])
def test_golden(frozen_site, self_metrics, openmetrics, name):
    """Set UPDATE_GOLDEN=1 to write the files anew, and read the difference."""
    page = render(frozen_site, self_metrics, openmetrics=openmetrics)
    if os.environ.get("UPDATE_GOLDEN"):
        (GOLDEN / name).write_text(page)
    assert page == (GOLDEN / name).read_text()


def test_both_formats_say_the_same(frozen_site, self_metrics):
    text, openmetrics = (render(frozen_site, self_metrics, openmetrics=o) for o in (False, True))
    assert openmetrics.endswith("# EOF\n") and "# EOF" not in text
    assert values(openmetrics, parse_openmetrics) == values(text)


def test_the_frozen_site_exercises_every_family(frozen_site, self_metrics):
    page = render(frozen_site, self_metrics)
    shown = {match[1] for match in re.finditer(r"^# TYPE (\S+)", page, re.M)}
    assert shown == {family.name for family in FAMILIES}


def test_promtool_finds_nothing_to_say(frozen_site, self_metrics, tool):
    page = render(frozen_site, self_metrics)
    done = subprocess.run([tool("promtool"), "check", "metrics"], input=page.encode(), capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_names_keep_the_guidelines():
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for family in FAMILIES:
        assert re.fullmatch(r"(powerwall|pwserver)_[a-z0-9_]+", family.name)
        assert (family.kind == "counter") == family.name.endswith("_total")
        assert (family.kind == "info") == family.name.endswith("_info")
        assert family.help.endswith(".") and "type" not in family.labels[:-1]
        assert not re.search(r"percent|_ms|_wh|kwh|minutes|hours", family.name)
    assert all(family.labels[0] == "gateway" for family in DATA_FAMILIES)
    assert all(family.name.startswith("pwserver_") for family in SELF_FAMILIES)


def test_base_units(frozen_site):
    page = render(frozen_site)
    assert value(page, "powerwall_grid_power_watts", gateway="home") == -2100.25
    assert value(page, "powerwall_grid_imported_joules_total", gateway="home") == pytest.approx(1234567.4 * 3600)
    assert value(page, "powerwall_battery_charge_raw_ratio", gateway="home") == pytest.approx(0.8104)
    assert value(page, "powerwall_backup_reserve_ratio", gateway="home") == pytest.approx(0.2)
    assert value(page, "powerwall_backup_time_remaining_seconds", gateway="home") == pytest.approx(19.1234567 * 3600)
    assert value(page, "powerwall_reading_age_seconds", gateway="home") == 2.5
    fan = {"gateway": "home", "device": "TG0000000000A1", "fan": "a"}
    assert value(page, "powerwall_fan_duty_ratio", **fan) == pytest.approx(0.3333)
    meter = {"gateway": "home", "meter": "2002069-00-E--EM0000000000", "ct": "0"}
    assert value(page, "powerwall_remote_meter_imported_joules_total", **meter) == 36000000


def test_without_a_new_view_only_the_age_grows(frozen_site, self_metrics):
    before = values(render(frozen_site, self_metrics))
    after = values(render(replace(frozen_site, now=frozen_site.now + 3.0), self_metrics))
    other = {series for series in before.keys() | after.keys() if before.get(series) != after.get(series)}
    assert {name for name, _ in other} == {"powerwall_reading_age_seconds"}
    assert {after[series] - before[series] for series in other} == {3.0}


def test_what_is_not_known_is_absent(view_of, site_of):
    nothing = Reading.partial("home", 1.7e9, {"site": {"instant_power": None, "energy_imported": float("nan")}})
    page = render(site_of(view_of(nothing)))
    names = {name for name, _ in values(page) if name.startswith("powerwall_")}
    assert names == {
        "powerwall_up",
        "powerwall_gateway_info",
        "powerwall_connection_state",
        "powerwall_last_success_timestamp_seconds",
        "powerwall_reading_timestamp_seconds",
        "powerwall_reading_age_seconds",
        "powerwall_polls_total",
        "powerwall_poll_failures_total",
        "powerwall_poll_consecutive_failures",
        "powerwall_poll_duration_seconds",
        "powerwall_poll_backoff_seconds",
        "powerwall_gateway_calls_total",
        "powerwall_flagged_values",
    }
    assert "NaN" not in page and "Inf" not in page


def test_a_gateway_that_is_down_shows_that_and_nothing_else(frozen_site):
    page = render(frozen_site)
    mine = {name for name, labels in values(page) if ("gateway", "barn") in labels}
    assert value(page, "powerwall_up", gateway="barn") == 0
    assert value(page, "powerwall_connection_state", gateway="barn", state="backing-off") == 1
    assert not [name for name in mine if re.search("watts|joules|ratio|reading", name)]


def test_energies_a_firmware_lacks_are_absent_not_zero(view_of, site_of, powerwall3):
    none = {m: {**b, "energy_imported": 0, "energy_exported": 0} for m, b in powerwall3.aggregates.items()}
    page = render(site_of(view_of(powerwall3, aggregates=none, vitals=None)))
    assert "joules_total" not in page and "powerwall_grid_power_watts" in page


def test_unknown_grid_is_not_down(view_of, site_of, powerwall3):
    for status, expected in (("UP", 1), ("DOWN", 0), ("SYNCING", 0), (None, None), ("Unknown", None)):
        page = render(site_of(view_of(powerwall3, grid_status=status)))
        assert value(page, "powerwall_grid_connected", gateway="home") == expected


def test_the_virtual_gateway_is_no_gateway(frozen_site):
    page = render(frozen_site)
    assert "aggregate" not in page and value(page, "pwserver_gateways") == 3


def test_self_metrics_that_nobody_declared_are_left_out(frozen_site):
    page = render(
        frozen_site,
        {
            "pwserver_secret": 1,
            "powerwall_up": 5,
            "pwserver_mqtt_connected": None,
            "pwserver_http_errors_total": {("1", "2"): 3, ("7",): 4},
        },
    )
    assert "secret" not in page and "mqtt" not in page
    assert value(page, "pwserver_http_errors_total", worker="7") == 4
    assert value(page, "powerwall_up", gateway="home") == 1


def test_the_same_device_twice_is_one_sample(view_of, site_of, powerwall3):
    twice = {"PVAC--1--X": {"PVAC_Fout": 60.0}, "PVAC--2--X": {"PVAC_Fout": 61.0}}
    page = render(site_of(view_of(powerwall3, vitals=twice)))
    assert page.count("powerwall_inverter_frequency_hertz{") == 1


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(10**20), 10**20) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(["TEPINV--a--S", "PVAC--b--S", "TRM--d", "TESYNC--e--S", "NEURIO--N", "TEPOD--x--S",
                        "battery_blocks", "site", "load", "A", "B"])  # fmt: skip
members = st.sampled_from(["instant_power", "energy_imported", "PINV_Fout", "TRM_CT0_InstRealPower", "METER_X_CTA_I",
                           "ISLAND_VL1N_Main", "HVP_PackTempMax", "Power", "Connected", "Location", "serialNumber",
                           "NEURIO_CT0_InstRealPower", "PackageSerialNumber"])  # fmt: skip
bodies = st.dictionaries(keys, st.dictionaries(members, json_like, max_size=4) | json_like, max_size=4)


@settings(max_examples=150, deadline=None)
@given(bodies, bodies, bodies, bodies, st.text(max_size=10), st.lists(st.text(max_size=10), max_size=3))
def test_whatever_a_gateway_sends_the_page_stays_valid(meters, vitals, strings, status, name, alerts):
    reading = Reading.partial(
        "g",
        1.7e9,
        meters,
        vitals=vitals,
        strings=strings,
        system_status=status,
        alerts=alerts,
        mode=name,
        version=name,
        fan_speeds=vitals,
    )
    server = ServerFacts("1", "1", 0.0, None, 5.0, {})
    view = View(GatewayIdentity("g", name), GatewayStatus(online=True), reading, server, 1.7e9)
    site = SiteView((view,), server, 1.7e9)
    list(parse_openmetrics(render(site, openmetrics=True)))
    found = [(s.name, tuple(sorted(s.labels.items()))) for f in parse_text(render(site)) for s in f.samples]
    assert len(found) == len(set(found))


PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;"
    "q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", True),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1", True),
        ("application/openmetrics-text;version=1.0.0;q=0.2,text/plain;version=0.0.4;q=0.3", False),
        ("application/openmetrics-text;version=0.0.1", False),
        ("application/openmetrics-text;q=0", False),
        (PROMETHEUS_3, True),
        ("APPLICATION/OPENMETRICS-TEXT ; q=x", False),
        (",;,", False),
    ],
)
def test_accept(accept, expected):
    assert wants_openmetrics(accept) is expected


ODD = ('"', "\\", "\n", 'a\\"b\nc', "%s", "{}", "é 電", "", ",", "}")
NUMBERS = (0.0, -0.0, 1.0, -1.5, 123456.0, 1234567.0, 1764201234.25, 1e16, 1.5e300, -1e20, 5e-324, 0.1 + 0.2)
NO_NUMBERS = (float("inf"), -float("inf"), float("nan"))


class Collected:
    """The same samples for prometheus_client."""

    def __init__(self, found):
        self.found = found

    def collect(self):
        for family, samples in self.found:
            base = family.name.removesuffix("_info" if family.kind == "info" else "_total")
            unit = base.rpartition("_")[2]
            kinds = {"info": InfoMetricFamily, "counter": CounterMetricFamily, "gauge": GaugeMetricFamily}
            more = {} if family.kind == "info" else {"labels": family.labels, "unit": unit if unit in UNITS else ""}
            metric = kinds[family.kind](base, family.help, **more)
            for labels, number in samples.items():
                if family.kind == "info":
                    metric.add_metric((), dict(zip(family.labels, labels, strict=True)))
                else:
                    metric.add_metric(labels, number)
            yield metric


def test_both_formats_are_what_prometheus_client_writes():
    told = [
        (
            replace(family, help=f'{family.help} "a" \\ \n'),
            {
                tuple([text] * len(family.labels)): 1.0 if family.kind == "info" else number
                for text in ODD
                for number in (*NUMBERS, *NO_NUMBERS)[place % 5 :: 5]
            },
        )
        for place, family in enumerate(FAMILIES)
    ]
    written = []
    for family, samples in told:
        text = family_text(family.name, family.kind, family.labels, family.help)
        written.append((text, text.lines(samples)))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collected(told))
    assert text_of(written) == generate_latest(registry).decode()
    assert openmetrics_of(written) == generate_openmetrics(registry).decode()


@pytest.mark.parametrize("marker", metrics_page.TABLES)
def test_every_metric_is_in_the_documentation(root, marker):
    page = (root / "docs/metrics.md").read_text()
    again = "run: python -m tests.docs.metrics_page docs/metrics.md"
    assert page == with_generated(page, marker, metrics_page.TABLES[marker]), again
