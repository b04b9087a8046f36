"""What a user of Home Assistant does with its Tesla Powerwall integration; runs in Home Assistant's own environment.

``walk.py`` starts this with pytest and the plugin pytest-homeassistant-custom-component, which makes a Home Assistant
Core. After each step it reports one line of JSON, and waits for a line of input.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any

import pytest
from homeassistant import config_entries
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry, entity_registry

MARK = "STEP "  # walk.py looks for it


@pytest.fixture(autouse=True)
def network(socket_enabled: None) -> None:
    """The plugin closes the network otherwise."""


@pytest.fixture
def expected_lingering_timers() -> bool:
    """Removed in the middle of its life, the integration may leave a timer, which the plugin takes for an error."""
    return True


async def test_steps(hass: HomeAssistant, caplog: pytest.LogCaptureFixture) -> None:
    async def report(step: str, **more: Any) -> None:
        await hass.async_block_till_done()
        registry = entity_registry.async_get(hass)
        entries = hass.config_entries.async_entries("powerwall")
        told = {
            "step": step,
            "entry": [entry.state.value for entry in entries],
            "entities": {
                state.entity_id: [state.state, state.attributes.get("unit_of_measurement")]
                for state in hass.states.async_all()
                if registry.async_get(state.entity_id) is not None
            },
            "devices": [
                [one.name, one.model, one.sw_version] for one in device_registry.async_get(hass).devices.values()
            ],
            "log": [
                f"{record.levelname} {record.name}: {record.getMessage().splitlines()[0]}"
                for record in caplog.records
                if record.levelno >= logging.WARNING and record.name != "asyncio"  # which tells what took long
            ],
            **more,
        }
        caplog.clear()
        print(f"\n{MARK}{json.dumps(told)}", flush=True)
        assert await hass.async_add_executor_job(sys.stdin.readline)

    async def add(address: str) -> Any:
        """Add the integration as a user does: any password will do."""
        flow = await hass.config_entries.flow.async_init("powerwall", context={"source": config_entries.SOURCE_USER})
        return await hass.config_entries.flow.async_configure(
            flow["flow_id"], {"ip_address": address, "password": "any"}
        )

    async def update() -> None:
        await hass.data["powerwall"][entry.entry_id]["coordinator"].async_refresh()

    done = await add(os.environ["HA_TARGET"])
    assert done["type"] == "create_entry", done
    entry = done["result"]
    await report("set up", id=entry.unique_id, title=entry.title)
    for step in ("update while the battery discharges", "update in an outage"):
        await update()
        await report(step)
    await update()
    await report("update without the gateway", unavailable=True)
    await update()
    await report("update after it is back")
    await hass.config_entries.async_reload(entry.entry_id)
    await report("reload")
    done = await add(os.environ["HA_OTHER_TARGET"])
    assert done["reason"] == "already_configured", done
    await report("add once more with another address", address=entry.data["ip_address"])
    await hass.config_entries.async_remove(entry.entry_id)
    await report("remove")
