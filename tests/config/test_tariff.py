"""The owner's tariff: what it may be, and what is said where it is wrong."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from pwserver.config import Config, ConfigError, load
from pwserver.tariff.price_lookup import PriceLookup

GATEWAY = {"PW_HOST": "192.0.2.1", "PW_GW_PWD": "SECRETPASS"}
PERIODS = [
    {"name": "peak", "days": "mon-fri", "from": "16:00", "to": "21:00", "buy": 0.45},
    {"name": "night", "from": "22:00", "to": "06:00", "buy": 0.15, "sell": 0.02},
    {"name": "rest", "buy": 0.3},
]
SEASONS = [
    {"name": "summer", "from": "04-01", "to": "09-30", "sell": 0.05, "periods": PERIODS},
    {"name": "winter", "from": "10-01", "to": "03-31", "buy": 0.33, "sell": 0.1},
]
VERSIONS = [
    {"from": "2024-01-01", "buy": 0.25, "sell": 0.07, "fixed_per_day": 0.4},
    {"from": "2026-01-01", "seasons": SEASONS, "fixed_per_month": 31},
]


def load_file(tmp_path: Path, tariff: object, name: str = "tariff.yaml") -> Config:
    """Load a configuration whose tariff is in a file of its own."""
    path = tmp_path / name
    path.write_text(json.dumps(tariff) if name.endswith(".json") else yaml.safe_dump(tariff, sort_keys=False))
    return load({}, {**GATEWAY, "PW_TARIFF_FILE": str(path)})


def prices(config: Config, when: str, gateway: str = "default") -> tuple[float | None, float | None]:
    """Return what a kWh costs and earns at a local time in Berlin."""
    tariff = config.tariffs.get(gateway)
    assert tariff is not None
    zone = ZoneInfo("Europe/Berlin")
    found = PriceLookup(tariff, zone).at(datetime.datetime.fromisoformat(when).replace(tzinfo=zone).timestamp())
    return found.buy.per_kwh, found.sell.per_kwh


@pytest.mark.parametrize("name", ["tariff.yaml", "tariff.json"])
def test_versions_seasons_and_periods(tmp_path: Path, name: str):
    config = load_file(tmp_path, {"currency": "eur", "versions": VERSIONS[::-1]}, name)
    assert not config.warnings
    tariff = config.tariffs.get("default")
    assert tariff is not None
    assert tariff.currency == "EUR"
    assert prices(config, "2023-12-31T23:59") == (None, None)
    assert prices(config, "2025-12-31T23:59") == (0.25, 0.07)
    assert prices(config, "2026-01-01T00:00") == (0.33, 0.1)
    assert prices(config, "2026-07-06T16:00") == (0.45, 0.05)  # a Monday
    assert prices(config, "2026-07-05T16:00") == (0.3, 0.05)  # a Sunday
    assert prices(config, "2026-07-06T05:59") == (0.15, 0.02)
    assert tariff.versions[1].fixed_part(datetime.date(2026, 7, 6)) == 1.0


def test_a_flat_price_needs_no_version(tmp_path: Path):
    config = load_file(tmp_path, {"currency": "EUR", "buy": 0.3})
    assert prices(config, "2026-07-06T16:00") == (0.3, None)


def test_the_tariff_may_stand_in_the_configuration_file(tmp_path: Path):
    path = tmp_path / "pwserver.yaml"
    gateways = [{"id": name, "host": f"192.0.2.{number}", "gw_pwd": "SECRETPASS"} for number, name in enumerate("abc")]
    tariff = {"currency": "EUR", "buy": 0.3, "gateways": {"b": {"buy": 0.4}, "c": {"currency": "CHF", "buy": 0.2}}}
    path.write_text(yaml.safe_dump({"gateways": gateways, "tariff": tariff}))
    config = load({}, {"PW_CONFIG": str(path)})
    assert not config.warnings
    assert [prices(config, "2026-07-06T16:00", name)[0] for name in "abc"] == [0.3, 0.4, 0.2]
    other = config.tariffs.get("c")
    assert other is not None
    assert other.currency == "CHF"
    with pytest.raises(ConfigError, match="both given; leave one of them out"):
        load({}, {"PW_CONFIG": str(path), "PW_TARIFF_FILE": str(path)})
    path.write_text(yaml.safe_dump({"gateways": gateways, "tariff": {**tariff, "gateways": {"d": {"buy": 1}}}}))
    with pytest.raises(ConfigError, match=r'tariff\.gateways: "d" is not allowed; give the id of a gateway: a, b, c'):
        load({}, {"PW_CONFIG": str(path)})


def test_a_document_of_teslas_may_be_a_version(tmp_path: Path):
    document = {"energy_charges": {"ALL": {"rates": {"ALL": 0.28}}}, "daily_charges": [{"amount": 1.2}]}
    config = load_file(tmp_path, {"currency": "USD", "versions": [{"from": "2026-01-01", "tesla": document}]})
    assert prices(config, "2026-07-06T16:00") == (0.28, None)


def changed(**members: Any) -> dict[str, Any]:
    """Return a flat tariff with other members."""
    return {"currency": "EUR", "buy": 0.3, **members}


def period(**members: Any) -> dict[str, Any]:
    """Return a tariff whose first period has other members."""
    return {"currency": "EUR", "periods": [{"name": "p", "buy": 0.3, **members}, {"name": "rest", "buy": 0.2}]}


@pytest.mark.parametrize(
    ("tariff", "said"),
    [
        ([], 'must be a mapping with `currency` and prices'),
        ({"buy": 0.3}, 'tariff.currency: "None" is not allowed; give a code of three letters'),
        (changed(currency="€"), 'tariff.currency: "€" is not allowed; give a code of three letters'),
        ({"currency": "EUR"}, "tariff: has no price; give buy, periods, seasons or tesla"),
        (changed(by=0.3), 'tariff: "by" is not known; did you mean buy?'),
        (changed(buy="0,30"), 'tariff.buy: "0,30" is not allowed; give a number such as 0.29'),
        (changed(buy=None), 'tariff.buy: "None" is not allowed; give a number'),
        (changed(buy=True), 'tariff.buy: "True" is not allowed; give a number'),
        (changed(sell=float("nan")), 'tariff.sell: "nan" is not allowed; give a number'),
        (changed(fixed_per_day="1 EUR"), 'tariff.fixed_per_day: "1 EUR" is not allowed; give a number'),
        (changed(versions=[]), "tariff: buy stands beside versions; it belongs into one of them"),
        ({"currency": "EUR", "versions": {}}, 'tariff.versions: "{}" is not allowed; give a list of 1 to 100 mappings'),
        ({"currency": "EUR", "versions": [7]}, 'tariff.versions[0]: "7" is not allowed; give a mapping with from'),
        (changed(**{"from": "1.1.2026"}), 'tariff.from: "1.1.2026" is not allowed; give a date such as 2026-01-31'),
        (changed(**{"from": "2026-02-30"}), 'tariff.from: "2026-02-30" is not allowed; give a date'),
        (changed(**{"from": 20260101}), 'tariff.from: "20260101" is not allowed; give a date'),
        (
            {"currency": "EUR", "versions": [{"from": "2026-01-01", "buy": 1}, {"from": "2026-01-01", "buy": 2}]},
            "tariff.versions[1].from: 2026-01-01 is also that of versions[0]",
        ),
        ({"currency": "EUR", "versions": [{"buy": 1}, {"buy": 2}]}, "versions[1].from: no date is also that of"),
        (period(**{"from": 960}), 'tariff.periods[0].from: "960" is not allowed; give a time from "00:00" to "24:00"'),
        (period(to="24:01"), 'tariff.periods[0].to: "24:01" is not allowed; give a time'),
        (period(**{"from": "7:60"}), 'tariff.periods[0].from: "7:60" is not allowed; give a time'),
        (period(**{"from": "07:00", "to": "07:00"}), 'tariff.periods[0].to: "07:00" is not allowed; give a time other'),
        (period(days="mon-fry"), 'tariff.periods[0].days: "mon-fry" is not allowed; give days such as mon-fri'),
        (period(days=[0, 1]), 'tariff.periods[0].days: "[0, 1]" is not allowed; give days such as mon-fri'),
        (period(days=[]), 'tariff.periods[0].days: "[]" is not allowed; give days such as mon-fri'),
        (period(name=7), 'tariff.periods[0].name: "7" is not allowed; give a text'),
        (period(), "tariff.periods[1]: is the second one without days and hours; only one can have what is left"),
        (
            {"currency": "EUR", "periods": [{"name": "a", "to": "12:00", "buy": 1}, {"name": "b", "buy": 1,
             "days": "sun", "from": "11:00"}]},
            "tariff.periods: a and b both have sun 11:00; an hour has one price",
        ),
        (
            {"currency": "EUR", "periods": [{"name": "a", "days": "sun", "from": "22:00", "to": "06:00", "buy": 1},
             {"name": "b", "buy": 1, "days": "mon"}]},
            "tariff.periods: a and b both have mon 00:00; an hour has one price",
        ),
        ({"currency": "EUR", "periods": [{"from": "12:00"}]}, "tariff.periods[0]: has no price; give buy"),
        (
            {"currency": "EUR", "seasons": [{**SEASONS[0], "to": "02-30"}]},
            'tariff.seasons[0].to: "02-30" is not allowed; give a month and a day such as "06-15"',
        ),
        (
            {"currency": "EUR", "seasons": [{**SEASONS[0], "to": "10-01"}, SEASONS[1]]},
            "tariff.seasons: summer and winter both have 10-01; a day has one season",
        ),
        (changed(seasons=SEASONS), "tariff: buy stands beside seasons; it belongs into one of them"),
        ({"currency": "EUR", "tesla": []}, "tariff.tesla: is no tariff document of Tesla's: it is not an object"),
        (changed(gateways=[]), 'tariff.gateways: "[]" is not allowed; give a mapping from the id of a gateway'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_value_and_what_is_allowed(tmp_path: Path, tariff: object, said: str):
    with pytest.raises(ConfigError) as refused:
        load_file(tmp_path, tariff)
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("tariff", "said"),
    [
        ({"currency": "EUR", "seasons": SEASONS[:1]}, "tariff.seasons: no season has 01-01; days without a season"),
        ({"currency": "EUR", "periods": PERIODS[:2]}, "tariff.periods: none has mon 06:00; hours without a period"),
    ],
)
def test_days_and_hours_without_a_price_are_told(tmp_path: Path, tariff: object, said: str):
    warnings = load_file(tmp_path, tariff).warnings
    assert [said in warning for warning in warnings] == [True]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match="the tariff file cannot be read: No such file or directory"):
        load({}, {**GATEWAY, "PW_TARIFF_FILE": str(tmp_path / "none.yaml")})


EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", Path("docs/value.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_documentation_are_tariffs(tmp_path: Path, example: str):
    path = tmp_path / "tariff.yaml"
    path.write_text(example)
    gateways = [{"id": "cabin", "host": "192.0.2.1", "gw_pwd": "SECRETPASS"}]
    config = load({}, {"PW_GATEWAYS": json.dumps(gateways), "PW_TARIFF_FILE": str(path)})
    assert not config.warnings
    assert prices(config, "2025-12-01T12:00", "cabin")[0] is not None


def test_the_documentation_has_examples():
    assert len(EXAMPLES) == 4
