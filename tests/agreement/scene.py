"""A server with one simulated house of every family behind it, a broker beside it, and the phases they go through."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from pwserver.simulator import SimulatedGateway
from tests.mqtt.broker import Broker
from tests.support.server import Answer, Server
from tests.support.waiting import patient, wait_until
from tests.tesla import ROOT, Tesla

# Gateway id -> scenario of the simulator. Two more are played by tests.tesla: "cloud" and "fleet".
FAMILIES = {
    "pw2": "powerwall2",
    "local": "local",
    "newer": "local-new",
    "lan": "basic-lan",
    "pw3": "powerwall3",
    "pack": "powerwall3-single",
    "wired": "v1r",
    "gen": "generator",
    "sun": "solar-only",
}
REMOTE = ("cloud", "fleet")
POLL_SECONDS = 4  # asking everything takes a second or two, and has to be done anew when a poll comes between
SETTINGS = {
    "PW_CACHE_EXPIRE": str(POLL_SECONDS),
    "PW_TIMEOUT": "2",
    "PW_CACHE_TTL": "30",  # long enough to look at every output while the figures are stale
    "PW_BACKOFF_MAX": "2",
    "PW_HEARTBEAT_TIMEOUT": "20",
    "PW_CALLS_PER_MINUTE": "6000",  # the budget is for people, not for tests
    "PW_FLEETAPI_HTTP": "1.1",
    "PW_CONTROL_SECRET": "a-long-control-secret",
    "PW_WORKERS": "1",
    "MQTT_HOST": "127.0.0.1",
}


class Listener:
    """A client of the broker that remembers the last round of messages about each gateway.

    A poll is told as one round, ``availability`` last. A value that is not known is not in it: the broker goes on
    retaining what was told before, which docs/mqtt.md says and which is not what is told now.
    """

    def __init__(self, port: int) -> None:
        self._lock = threading.Lock()
        self._rounds: dict[str, dict[str, str]] = {}  # those that have ended
        self._begun: dict[str, dict[str, str]] = {}
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("pypowerwall/#", 1)
        self._client.on_message = self._heard
        self._client.connect("127.0.0.1", port)

    def _heard(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        _, _, name = message.topic.partition("/")
        gateway, _, topic = name.partition("/")
        if topic and not message.retain:
            with self._lock:
                self._begun.setdefault(gateway, {})[topic] = message.payload.decode()
                if topic == "availability":
                    self._rounds[gateway] = self._begun.pop(gateway)

    def topics(self, gateway: str) -> dict[str, str]:
        """What the last round said of a gateway, by topic."""
        with self._lock:
            return dict(self._rounds.get(gateway, {}))

    def __enter__(self) -> Listener:
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Scene:
    """The server, what listens to it, and the houses, which stand still until they are told otherwise."""

    def __init__(
        self, folder: Path, families: Mapping[str, str], others: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        """``others``: entries of PW_GATEWAYS for houses that never answer, by id; ``at``: another house's address."""
        self.folder = folder
        self.families = families
        self.others = others or {}
        self.houses: dict[str, SimulatedGateway] = {}
        self.tesla: Tesla | None = None
        self.is_explained = True  # whether /api/explain is asked for every number, which takes longer than all others

    def __enter__(self) -> Scene:
        with ExitStack() as stack:
            entries = [self._entry(stack, number, name) for number, name in enumerate(self.families)]
            environment, module = dict(SETTINGS), "pwserver"
            if any(name in REMOTE for name in self.families):
                environment["PLAYED_TESLA"] = self.played.url
                module = "tests.agreement.tesla_server"
            broker = Broker(self.folder)
            broker.start()
            stack.callback(broker.stop)
            environment |= {
                "MQTT_PORT": str(broker.port),
                "PW_CACHE_FILE": str(self.folder / "logins"),
                "PW_GATEWAYS": json.dumps([*entries, *map(self._other, self.others.values())]),
            }
            self.listener = stack.enter_context(Listener(broker.port))
            self.server = stack.enter_context(Server(environment=environment, module=module))
            self._kept = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=patient(10))
            stack.callback(self._kept.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def get(self, target: str) -> Answer:
        """One of the many GETs on the connection that is kept for them."""
        try:
            return self._get(target)
        except ConnectionError:  # the server ends a connection on which nothing was asked for a while
            self._kept.close()
            return self._get(target)

    def _get(self, target: str) -> Answer:
        self._kept.request("GET", target)
        return Answer.to_last_request(self._kept)

    @property
    def played(self) -> Tesla:
        assert self.tesla is not None
        return self.tesla

    def _entry(self, stack: ExitStack, number: int, name: str) -> dict[str, Any]:
        entry: dict[str, Any] = {"id": name, "name": f"House {name}"}
        if name in REMOTE:
            if self.tesla is None:
                self.tesla = stack.enter_context(Tesla())
            folder = self.folder / name
            folder.mkdir()
            if name == "fleet":
                return entry | {"fleetapi": True, "authpath": str(self.tesla.fleet_login(folder))}
            path = str(self.tesla.cloud_login(folder))
            return entry | {"cloud_mode": True, "email": "owner@example.com", "authpath": path}
        made = SimulatedGateway(self.families[name], speed=0.0, hour=11.5, seed=number + 1)
        house = self.houses[name] = stack.enter_context(made)
        entry["host"] = house.address
        if house.scenario.tedapi:
            entry["gw_pwd"] = house.password
        else:
            entry |= {"password": house.customer_password, "email": "owner@example.com"}
        if house.scenario.v1r:
            entry["rsa_key_path"] = house.rsa_key_path
        if self.families[name] == "solar-only":
            entry["type"] = "inverter"
        return entry

    def _other(self, entry: Mapping[str, str]) -> dict[str, str]:
        made = dict(entry)
        if "at" in made:
            made["host"] = self.houses[made.pop("at")].address
        return made

    # --- phases

    def unplug(self, *names: str) -> None:
        """Have these houses answer nobody."""
        for name in names:
            if name in REMOTE:
                self.played.said["*"] = (503, b"", {})
            else:
                self.houses[name].fault("unplugged")

    def make_stale(self, *names: str) -> None:
        """Have these houses go away, unless they did so just now."""
        gone = [name for name in names if self.phases()[name] != "stale"]
        if gone:
            self.mend(*gone)
            self.unplug(*gone)
            self.wait_for("stale", *gone)

    def change(self, *names: str) -> None:
        """Have these houses tell other figures than before."""
        for number, name in enumerate(names):
            if name in REMOTE:
                level = {"percentage_charged": 61.5, "energy_left": 15_990}
                watts = {"solar_power": 2345.5, "load_power": 1545.25, "battery_power": -800.25, "grid_power": 0}
                self.live.update(watts | level)
                self.played.answers[f"{ROOT}/site_status"].update(level)
            else:
                self.houses[name].set_house(fixed_solar=1234.5 + number, fixed_load=987.25, soe_percent=40.0 + number)

    def cut_grid(self, *names: str) -> None:
        """Have these houses run on their own."""
        for name in names:
            if name in REMOTE:
                self.live["island_status"] = "off_grid_unintentional"
            else:
                self.houses[name].set_house(grid_outage=True)

    def turn_counters_back(self, *names: str) -> None:
        """Have every counter of these houses fall a little, as meters do."""
        for name in names:
            told = self.server.json(f"/api/gateways/{name}/aggregates")
            counters = {
                f"{meter}.{way}": body[way] - 50.0
                for meter, body in told.items()
                for way in ("energy_imported", "energy_exported")
                if body.get(way)
            }
            self.houses[name].set_counters(counters)

    def leave_out_fields(self, *names: str) -> None:
        """Have the answers of these houses lack much of what belongs into them."""
        for name in names:
            self.houses[name].fault("absent")

    def mend(self, *names: str) -> None:
        """Have these houses answer again, with nothing left out, on the grid, and with their own counters."""
        for name in names:
            if name in REMOTE:
                self.played.said.clear()
                self.live["island_status"] = "on_grid"
            else:
                self.houses[name].fault()
                self.houses[name].set_house(grid_outage=False)
                self.houses[name].set_counters({})
        self.wait_for("fresh", *names)

    @property
    def live(self) -> dict[str, Any]:
        """What Tesla's servers tell of the present state."""
        found: dict[str, Any] = self.played.answers[f"{ROOT}/live_status"]
        return found

    def phases(self) -> dict[str, str]:
        """What the site document says of every gateway."""
        gateways = self.get("/api/site").json()["gateways"]
        return {one["id"]: "unread" if one.get("cause") == "poller" else one["state"] for one in gateways}

    def wait_for(self, phase: str, *names: str, seconds: float = 60.0) -> None:
        """Until the site document says that these gateways are in this phase."""
        wait_until(lambda: {self.phases()[name] for name in names} == {phase}, seconds, f"{phase}: {self.phases()}")
