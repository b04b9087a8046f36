"""A thousand houses on one replica: ten publishers, one broker; what they cost, and whether a page can show them.

The publishers are the server's own publishing code, ten connections in one process, which sends what one poll of a
simulated gateway has learned, with other figures each time. Nothing of it and of the broker is counted.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.footprint import add_answers, fresh, has_data
from benchmarks.load import load
from benchmarks.reading import changed, read_once
from benchmarks.table import Table
from pwserver.mqtt.replica_publisher import ReplicaPublisher
from pwserver.mqtt.replica_settings import settings_from_url
from pwserver.reading import GatewayIdentity
from pwserver.state.view import View
from tests.mqtt.broker import Broker
from tests.pages.support import Received, until
from tests.support.browser import WHOLE, chromium
from tests.support.programs import children, cpu_seconds, free_port, pss_kb, pwserver, wait_for

SECTION = "thousand"
PUBLISHERS = 10
POLL_SECONDS = 60
LOOK_SECONDS, QUICK_LOOK_SECONDS = 120.0, 60.0
READS_PER_SECOND = 50.0
KEY = "the-key-of-the-fleet"
SHOWN = "document.documentElement.dataset.shown && document.querySelectorAll('tbody tr').length"


def run(table: Table) -> None:
    """About six minutes; ``PWSERVER_HOUSES`` (1000) says how many there are, ``PWSERVER_HISTORY`` where theirs is."""
    count = int(os.environ.get("PWSERVER_HOUSES", "1000"))
    seconds = QUICK_LOOK_SECONDS if table.quick else LOOK_SECONDS
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(Path(folder))
        broker.start()
        publishers = multiprocessing.get_context("spawn").Process(target=_publishers, args=(broker.port, count))
        publishers.start()
        try:
            _replica(table, broker.port, count, seconds)
        finally:
            publishers.terminate()
            publishers.join()
            broker.stop()


def _publishers(broker: int, count: int) -> None:
    asyncio.run(_publish(broker, count))


async def _publish(broker: int, count: int) -> None:
    """Publish the houses in turn, each once in ``POLL_SECONDS``, for ever."""
    runtime, reading, status = await asyncio.to_thread(read_once, "powerwall2")
    facts = replace(runtime.server, poll_interval_seconds=POLL_SECONDS)
    url = f"mqtt://127.0.0.1:{broker}"
    publishers = [
        ReplicaPublisher(settings_from_url(url, f"installer{number}", KEY.encode())) for number in range(PUBLISHERS)
    ]
    for publisher in publishers:
        await publisher.start()
    chance, begun, number = random.Random(1), time.monotonic(), 0
    while True:
        house, now = number % count, time.time()
        known = replace(status, last_updated=now, state_since=now - 3600.0)
        identity = GatewayIdentity(id=f"house{house}", name=f"House {house}")
        learned = replace(changed(reading, chance), timestamp=now)
        publishers[house % PUBLISHERS].publish(View(identity, known, learned, facts, now))
        number += 1
        # All are sent once as fast as they can be made: a broker keeps them, so a replica that starts has them all.
        pause = begun + (number - count) * POLL_SECONDS / count - time.monotonic() if number > count else 0.0
        await asyncio.sleep(max(0.0, pause))


def _replica(table: Table, broker: int, count: int, seconds: float) -> None:
    port, begun = free_port(), time.monotonic()
    settings = {
        "PW_REPLICA": f"mqtt://127.0.0.1:{broker}",
        "PW_REPLICA_KEY": KEY,
        "PW_REPLICA_MAX_GATEWAYS": str(count),
        "PW_DEFAULT_GATEWAY": "aggregate",
        "PW_CACHE_EXPIRE": str(POLL_SECONDS),
        "PW_WORKERS": "2",
        "PW_HISTORY_PATH": os.environ.get("PWSERVER_HISTORY", "memory"),
    }
    with pwserver(port, **settings) as main:
        wait_for(lambda: has_data(port) and fresh(port) == count, 300, 1.0)
        houses = f"{count} houses on a replica"
        table.add(SECTION, f"{houses}: start to all of them", time.monotonic() - begun, "s")
        time.sleep(POLL_SECONDS)
        pids = {"main": main.pid, **children(main.pid)}
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        time.sleep(seconds)
        used = sum(cpu_seconds(pid) - before[name] for name, pid in pids.items())
        table.add(SECTION, f"{houses}, one reading a minute: processor", used / seconds * 100, "%")
        table.add(SECTION, "  for each reading", used / (count * seconds / POLL_SECONDS) * 1000, "ms")
        memory = {name: pss_kb(pid) / 1024 for name, pid in pids.items()}
        table.add(SECTION, f"{houses}: memory (PSS)", sum(memory.values()), "MB", details=memory)
        table.add(SECTION, "  for each house", sum(memory.values()) / count, "MB")
        beside = load(port, seconds / 2, READS_PER_SECOND, 1)
        table.add(SECTION, f"{houses}: p99 of {READS_PER_SECOND:g} reads a second", beside["p99_ms"], "ms")
        add_answers(table, SECTION, houses, port, ("/health", "/metrics", "/api/houses"))
        _page(table, port, houses, seconds / 2)


def _page(table: Table, port: int, houses: str, seconds: float) -> None:
    with chromium(program=WHOLE) as browser:
        page: Page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        received = Received(page)
        page.goto(f"http://127.0.0.1:{port}/houses")
        painted = float(until(page, "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"))
        table.add(SECTION, f"page of {houses}: first paint", painted, "ms", aim="<= 2000")
        until(page, SHOWN)
        shown = page.evaluate("performance.now()")
        table.add(SECTION, f"page of {houses}: they are there", shown, "ms", details={"bytes": received.size})
        page.wait_for_timeout(10_000)
        received.forget()
        begun = time.monotonic()
        page.wait_for_timeout(seconds * 1000)
        rate = received.size / (time.monotonic() - begun)
        table.add(SECTION, f"page of {houses}: received", rate, "B/s", aim="<= 20000")
