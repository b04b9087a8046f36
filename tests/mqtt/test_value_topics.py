"""What energy was worth, over MQTT: only with a tariff, in its currency, and nothing that is not known."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pwserver.mqtt.broker_settings import MqttSettings
from pwserver.mqtt.discovery import Announcer
from pwserver.mqtt.publisher import MqttPublisher
from pwserver.mqtt.state_topics import topics
from pwserver.mqtt.value_sensors import TOPICS
from pwserver.tariff.figures import FIGURES, SPANS, ValueFigures
from pwserver.tariff.price_lookup import PriceLookup
from pwserver.tariff.tariff import Tariff
from pwserver.tariff.tesla_tariff import read_tesla_tariff
from tests.support.waiting import patient

BELOW = "pypowerwall/home/value"


def worth(currency: str | None = "EUR") -> ValueFigures:
    """Figures with a price to buy, none to sell, and a day of which the savings are not known."""
    version, _ = read_tesla_tariff({"energy_charges": {"ALL": {"ALL": 0.29}}})
    day: dict[str, float | None] = {"cost": 1.25, "earnings": -0.00001, "fixed": 0.5, "bill": 1.75}
    day |= {"solar_savings": None, "battery_savings": None}
    every = dict.fromkeys(FIGURES, 2.0)
    lookup = PriceLookup(Tariff(currency, (version,)), ZoneInfo("UTC"))
    return ValueFigures(currency, lookup, {"today": day, "month": day, "total": every})


def test_nothing_is_told_without_a_tariff(powerwall3, view_of):
    assert not [topic for topic in topics(view_of(powerwall3)) if "/value/" in topic]


def test_what_is_known_is_told_and_the_rest_is_unavailable(powerwall3, view_of):
    found = topics(replace(view_of(powerwall3), value=worth()))
    told = {topic.removeprefix("pypowerwall/home/value/"): text for topic, text in found.items() if "/value/" in topic}
    assert told["buy_price"] == "0.2900"
    assert told["buy_price/availability"] == "online"
    assert told["sell_price/availability"] == "offline"
    assert told["cost_today"] == "1.2500"
    assert told["earnings_today"] == "0.0000"
    assert told["bill_total"] == "2.0000"
    assert {"sell_price", "solar_savings_today", "battery_savings_month"}.isdisjoint(told)
    assert {topic.removesuffix("/availability") for topic in told} == set(TOPICS)


@pytest.mark.parametrize("form", ["device", "entity"])
def test_home_assistant_gets_monetary_sensors_in_the_currency(powerwall3, view_of, form):
    announcement = Announcer(MqttSettings(host="x", ha_form=form)).announce(
        replace(view_of(powerwall3), value=worth()), 0
    )
    assert announcement is not None
    entities = {}
    for text in filter(None, announcement.then.values()):
        body = json.loads(text)
        for each in body.get("components", {"": body}).values():
            if "/value/" in each.get("state_topic", ""):
                entities[each["state_topic"].rpartition("/")[2]] = each
    assert set(entities) == set(TOPICS)
    total = entities["bill_total"]
    assert (total["device_class"], total["state_class"], total["unit_of_measurement"]) == ("monetary", "total", "EUR")
    assert "state_class" not in entities["bill_today"]
    assert entities["buy_price"]["unit_of_measurement"] == "EUR/kWh"
    assert any("value/bill_total/availability" in each["topic"] for each in total["availability"])


def test_without_a_currency_nothing_is_monetary(powerwall3, view_of):
    announcement = Announcer(MqttSettings(host="x")).announce(replace(view_of(powerwall3), value=worth(None)), 0)
    assert announcement is not None
    assert not [text for text in announcement.then.values() if "monetary" in text or "None" in text]


def test_a_broker_keeps_what_is_known_and_hears_when_it_no_longer_is(broker, watch, until, powerwall3, view_of):
    async def main():
        settings = MqttSettings(host="127.0.0.1", port=broker.port, birth_jitter_seconds=0.05)
        publisher = MqttPublisher(settings)
        async with watch(broker.port) as seen:
            await publisher.start()
            publisher.publish(replace(view_of(powerwall3), value=worth()))
            await until(lambda: seen.last.get(f"{BELOW}/buy_price/availability") == "online")
            await until(lambda: seen.last.get(f"{BELOW}/bill_total") == "2.0000")
            assert seen.last[f"{BELOW}/cost_today"] == "1.2500" and seen.last[f"{BELOW}/buy_price"] == "0.2900"
            await until(lambda: seen.last.get(f"{BELOW}/sell_price/availability") == "offline")
            assert f"{BELOW}/sell_price" not in seen.last
            unknown = {span: dict.fromkeys(FIGURES) for span in SPANS}
            publisher.publish(replace(view_of(powerwall3), value=replace(worth(), spans=unknown)))
            await until(lambda: seen.last.get(f"{BELOW}/bill_total/availability") == "offline")
            assert seen.last[f"{BELOW}/buy_price/availability"] == "online"
        async with watch(broker.port) as late:  # a client that comes later gets what the broker keeps
            await until(lambda: late.last.get(f"{BELOW}/buy_price") == "0.2900")
            await until(lambda: late.last.get(f"{BELOW}/bill_total/availability") == "offline")
        await publisher.stop()

    asyncio.run(asyncio.wait_for(main(), patient(60)))


def test_every_topic_is_in_the_documentation():
    page = Path("docs/mqtt.md").read_text()
    for topic in TOPICS:
        assert f"`value/{topic}`" in page or f"`value/{topic.rpartition('_')[0]}_{{span}}`" in page
