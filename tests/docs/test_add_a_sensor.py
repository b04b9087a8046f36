"""The walk "How to add a sensor" of docs/contributing.md, followed to the letter in a copy of the sources."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.walks import ROOT, followed, run, steps
from tests.mqtt.broker import Broker
from tests.mqtt.conftest import make_broker  # noqa: F401 - a fixture

TITLE = "How to add a sensor"
PROGRAM = """
import asyncio, json, sys
from pwserver.mqtt.broker_settings import MqttSettings
from pwserver.mqtt.publisher import MqttPublisher
from pwserver.reading import GatewayIdentity, GatewayStatus, Reading, ServerFacts
from pwserver.state.view import View
from tests.mqtt.broker import Watcher
async def main():
    port, topic = int(sys.argv[1]), sys.argv[2]
    publisher = MqttPublisher(MqttSettings(host="127.0.0.1", port=port, handshake_pause_seconds=0.01))
    await publisher.start()
    blocks = [{"PackageSerialNumber": serial, "nominal_full_pack_energy": 14000} for serial in ("TG1", "TG2")]
    reading = Reading.partial("home", 1.7e9, {}, system_status={"battery_blocks": blocks})
    server = ServerFacts("1", "1", 0.0, None, 5.0, {})
    publisher.publish(View(GatewayIdentity("home", "Home"), GatewayStatus(online=True), reading, server, 1.7e9))
    async with Watcher(port) as seen:
        async with asyncio.timeout(60):
            while topic not in seen.last or seen.last.get("pypowerwall/home/availability") != "online":
                await asyncio.sleep(0.01)
    await publisher.stop()
    config = json.loads(seen.last["homeassistant/device/pypowerwall_home/config"])
    states = [part.get("state_topic") for part in config["components"].values()]
    print(seen.last[topic], states.count(topic))
asyncio.run(main())
"""


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """A copy of the sources with the steps of the walk applied."""
    return followed(TITLE, tmp_path / "copy", "tests/mqtt")


def test_the_new_sensor_arrives_at_a_broker_and_fits_all_recordings(
    changed: Path, make_broker: Callable[..., Broker]
) -> None:
    topic = re.search(r"`(\w+)`", steps(TITLE)[2].row)
    assert topic
    port = str(make_broker().port)
    assert run(changed, "-c", PROGRAM, port, f"pypowerwall/home/{topic[1]}").split() == ["2", "1"]
    tests = [f"tests/mqtt/test_mqtt_{name}.py" for name in ("recorded", "discovery", "docs")]
    assert " passed" in run(changed, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)


def test_what_is_left_out_is_told(changed: Path) -> None:
    """Every step is needed: without the reason and the line of documentation, tests fail that say so."""
    for step in steps(TITLE)[1:]:
        shutil.copy(ROOT / step.file, changed / step.file)
    tests = [f"tests/mqtt/test_mqtt_{name}.py" for name in ("recorded", "docs")]
    with pytest.raises(AssertionError) as told:
        run(changed, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    for name in ("test_all_messages_are_as_recorded_or_in_the_table[powerwall3]", "test_every_topic_is_documented"):
        assert f"::{name}" in str(told.value)
