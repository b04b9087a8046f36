"""What a user of Home Assistant does with the recipe: add MQTT, choose the entities of the Energy dashboard.

``walk.py`` starts this with pytest and the plugin pytest-homeassistant-custom-component, which makes a Home Assistant
Core. It reports lines of JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from homeassistant import config_entries
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt
from pytest_homeassistant_custom_component.components.recorder import common  # type: ignore[import-not-found]

MARK = "TOLD "  # walk.py looks for it
NAMES: list[str] = json.loads(os.environ["CHOSEN"])
FIVE_MINUTES = 5  # of Home Assistant's short statistics
PATIENCE_SECONDS = 60.0
NO_PRICE = {"entity_energy_price": None, "number_energy_price": None}


@pytest.fixture(autouse=True)
def network(socket_enabled: None) -> None:
    """The plugin closes the network otherwise."""


def tell(**what: Any) -> None:
    print(f"\n{MARK}{json.dumps(what)}", flush=True)


async def test_steps(recorder_mock: Any, hass: HomeAssistant, hass_ws_client: Any, caplog: Any) -> None:
    hass.config.components.add("frontend")  # which the dashboard wants, and which only draws
    Path(hass.config.path("configuration.yaml")).touch()
    assert await async_setup_component(hass, "sensor", {})
    flow = await hass.config_entries.flow.async_init("mqtt", context={"source": config_entries.SOURCE_USER})
    login = {"username": "homeassistant", "password": os.environ["PASSWORD"]}
    broker = {"broker": "127.0.0.1", "port": int(os.environ["BROKER_PORT"]), **login}
    added = await hass.config_entries.flow.async_configure(flow["flow_id"], broker)
    assert added["type"] == "create_entry", added

    chosen: dict[str, Any] = {}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(chosen) < len(NAMES):
            await asyncio.sleep(0.2)
            await hass.async_block_till_done()
            ready = [one for one in hass.states.async_all("sensor") if one.state not in ("unknown", "unavailable")]
            chosen = {name: one for name in NAMES for one in ready if one.attributes["friendly_name"].endswith(name)}
    for name in NAMES:
        members = chosen[name].attributes
        words = [members[each] for each in ("unit_of_measurement", "device_class", "state_class")]
        tell(entity=chosen[name].entity_id, words=[chosen[name].state, *words])

    await common.async_wait_recording_done(hass)
    now = dt.utcnow()
    common.do_adhoc_statistics(
        hass, start=now - timedelta(minutes=now.minute % FIVE_MINUTES, seconds=now.second, microseconds=now.microsecond)
    )
    await common.async_wait_recording_done(hass)
    assert await async_setup_component(hass, "energy", {})
    dashboard = await hass_ws_client(hass)
    bought, sold, solar, charged, discharged = (chosen[name].entity_id for name in NAMES)
    grid = {"flow_from": [{"stat_energy_from": bought, "stat_cost": None, **NO_PRICE}], "cost_adjustment_day": 0}
    grid["flow_to"] = [{"stat_energy_to": sold, "stat_compensation": None, **NO_PRICE}]
    sources = [
        {"type": "grid", **grid},
        {"type": "solar", "stat_energy_from": solar, "config_entry_solar_forecast": None},
        {"type": "battery", "stat_energy_to": charged, "stat_energy_from": discharged},
    ]
    await dashboard.send_json_auto_id({"type": "energy/save_prefs", "energy_sources": sources})
    assert (await dashboard.receive_json())["success"]
    await dashboard.send_json_auto_id({"type": "energy/validate"})
    tell(validated=(await dashboard.receive_json())["result"]["energy_sources"])
    ours = [one for one in caplog.records if one.levelno >= logging.WARNING and "mqtt" in one.name]
    tell(warnings=[one.getMessage() for one in ours])
    await hass.config_entries.async_unload(added["result"].entry_id)
