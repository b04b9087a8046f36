"""Every file in deploy/{prometheus,telegraf,grafana}: valid for its tool, and naming only what the server has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

import jsonata
import pytest
import yaml

from pwserver.documents.influx import SCHEMA
from pwserver.documents.prometheus import FAMILIES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
ANSWERS = json.loads((Path(__file__).parent / "data/answers.json").read_text())
NAMES = {family.name: set(family.labels) for family in FAMILIES}
SCRAPE_LABELS = {"job", "instance"}
KINDS: dict[str, type | tuple[type, ...]] = {
    "number": (int, float),
    "timestamp_epoch_s": (int, float),
    "string": str,
    "boolean": bool,
}


RULE_FILES = [DEPLOY / "prometheus" / name for name in ("powerwall.rules.yml", "powerwall.alerts.yml")]
SOURCES = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/pwserver.yml").read_text())["datasources"]


def rules():
    for path in RULE_FILES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


RECORDED = {rule["record"] for rule in rules() if "record" in rule}


def board_expressions(path):
    for panel in json.loads(path.read_text())["panels"]:
        for target in panel["targets"]:
            if "expr" in target:
                yield panel, target, target["expr"]


def check_names(expression):
    found = re.findall(r"(?<![\w:])((?:powerwall_|pwserver_|gateway:|site:)[\w:]*)(\{[^}]*\})?", expression)
    for name, selector in found:
        assert name in NAMES or name in RECORDED, name
        for label in re.findall(r"(\w+)\s*[=!]", selector):
            assert label in NAMES.get(name, SCRAPE_LABELS) | SCRAPE_LABELS, (name, label)
    return [name for name, _ in found]


def test_prometheus_configuration_and_rules(tool, tmp_path):
    for name in ("prometheus.yml", "powerwall.rules.yml", "powerwall.alerts.yml"):
        shutil.copy(DEPLOY / "prometheus" / name, tmp_path)
    run = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 60}
    done = subprocess.run([tool("promtool"), "check", "config", "--lint-fatal", "prometheus.yml"], **run)
    assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run(
        [tool("promtool"), "check", "rules", "--lint-fatal", "powerwall.rules.yml", "powerwall.alerts.yml"], **run
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_fire_when_they_should(tool, tmp_path):
    for path in (*RULE_FILES, Path(__file__).parent / "data/alerts_test.yml"):
        shutil.copy(path, tmp_path)
    done = subprocess.run(
        [tool("promtool"), "test", "rules", "alerts_test.yml"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_name_only_what_exists():
    named = {name for rule in rules() for name in check_names(rule["expr"])}
    assert len(named) > 15
    for rule in rules():
        known = set().union(*(NAMES.get(name, set()) for name in check_names(rule["expr"])))
        used = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule.get("annotations", {}))))
        assert used <= known | SCRAPE_LABELS | {"gateway"}, rule


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_are_whole(path):
    board = json.loads(path.read_text())
    (source,) = [one for one in board["templating"]["list"] if one["type"] == "datasource"]
    assert source["query"] in {one["type"] for one in SOURCES}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) > 5
    for panel in board["panels"]:
        assert panel["title"] and panel["targets"]
        for item in (panel, *panel["targets"]):
            assert item["datasource"] == {"type": source["query"], "uid": f"${{{source['name']}}}"}
        grid = panel["gridPos"]
        assert grid["x"] >= 0 and grid["x"] + grid["w"] <= 24
    cells = [
        (x, y)
        for g in (p["gridPos"] for p in board["panels"])
        for x in range(g["x"], g["x"] + g["w"])
        for y in range(g["y"], g["y"] + g["h"])
    ]
    assert len(cells) == len(set(cells)), "panels overlap"


def test_dashboard_uids_differ_and_a_provider_loads_them():
    assert len(DASHBOARDS) == 4
    assert len({json.loads(path.read_text())["uid"] for path in DASHBOARDS}) == 4
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/pwserver.yml").read_text())["providers"][0]
    assert provider["type"] == "file" and provider["options"]["path"]


def test_dashboard_queries_name_only_what_exists():
    count = 0
    for path in DASHBOARDS:
        for _, target, expression in board_expressions(path):
            names = check_names(expression)
            known = set().union(*(NAMES.get(name, set()) for name in names)) | SCRAPE_LABELS
            assert names and set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= known, expression
            count += 1
    assert count > 40


def test_influxdb_queries_name_only_what_exists():
    board = json.loads((DEPLOY / "grafana/dashboards/powerwall-influxdb.json").read_text())
    targets = [target for panel in board["panels"] for target in panel["targets"]]
    for target in targets:
        (field,) = re.findall(r'\b(?:mean|max|last|spread)\("(\w+)"\)', target["query"])
        (measurement,) = re.findall(r'FROM "pwserver"\."(\w+)"', target["query"])
        assert field in SCHEMA[measurement], target["query"]
    assert len(targets) > 20


def test_infinity_queries_find_their_columns():
    board = json.loads((DEPLOY / "grafana/dashboards/powerwall-infinity.json").read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            path = urlsplit(target["url"].removeprefix("${server}")).path
            body = ANSWERS[path]
            rows = jsonata.Jsonata(target["root_selector"]).evaluate(body) if target["root_selector"] else body
            rows = rows if isinstance(rows, list) else [rows]
            assert rows, path
            for column in target["columns"]:
                for row in rows:
                    assert column["selector"] in row, (path, column)
                value = rows[0][column["selector"]]
                assert value is None or isinstance(value, KINDS[column["type"]]), (path, column, value)
            if target["format"] == "timeseries":
                assert "timestamp_epoch_s" in {column["type"] for column in target["columns"]}


def flattened(value, prefix=""):
    """What Telegraf's json parser keeps: numbers, as floats, keys joined with an underscore."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flattened(inner, f"{prefix}_{key}" if prefix else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from flattened(inner, f"{prefix}_{index}" if prefix else str(index))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield prefix, float(value)


def test_telegraf_json():
    config = tomllib.loads((DEPLOY / "telegraf/telegraf-json.conf").read_text())
    fields, urls = {}, []
    for plugin in config["inputs"]["http"]:
        assert plugin["data_format"] == "json" and plugin["timeout"] == "4s"
        urls += plugin["urls"]
        for url in plugin["urls"]:
            for name, value in flattened(ANSWERS[urlsplit(url).path]):
                key = (plugin["name_override"], name)
                assert fields.setdefault(key, value) == value, f"{name} comes twice and differs"
    assert {name for measurement, name in fields if measurement == "http"} >= {
        "site_instant_power",
        "load_instant_power",
        "solar_instant_power",
        "battery_instant_power",
        "percentage",
        "A_Power",
        "PW1_PINV_Fout",
        "PW1_POD_nom_full_pack_energy",
    }
    assert len(urls) == 8 and config["outputs"]["influxdb"][0]["database"] == "powerwall"


def test_telegraf_influx():
    text = (DEPLOY / "telegraf/telegraf-influx.conf").read_text()
    config = tomllib.loads(text)
    (plugin,) = config["inputs"]["http"]
    assert plugin["data_format"] == "influx" and [urlsplit(u).path for u in plugin["urls"]] == ["/influx"]
    described = re.findall(r"\bpowerwall(?:_\w+)?\b", text.split("[agent]")[0])
    assert set(described) == set(SCHEMA)
    (output,) = config["outputs"]["influxdb"]
    made = f"CREATE RETENTION POLICY {output['retention_policy']} ON {output['database']} DURATION INF REPLICATION 1"
    assert made in text and f"'{made}'" in (DEPLOY.parent / "docs/powerwall-dashboard.md").read_text()
    assert all(any(fnmatchcase(name, pattern) for pattern in output["namepass"]) for name in SCHEMA)
    assert not any(fnmatchcase(name, pattern) for name in ("http", "alerts", "cpu") for pattern in output["namepass"])
