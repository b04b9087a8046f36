"""Run one simulated gateway for tests and the demo: start it, read the truth about it, break it and mend it."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable

from pwserver.json_types import JsonMapping, JsonObject

from . import device_requests
from .faults import Fault
from .hardware import even_split
from .house import House, Plant
from .http_messages import Request, Response
from .http_port import HttpPort, LoopThread, RequestLog
from .scenarios import SCENARIOS, Scenario
from .signed import SignedTransport, own_key, public_key_of
from .simulated_device import SimulatedDevice
from .tls_context import server_context
from .writes import Write

DEFAULT_PASSWORD = "SIMULATED1"


class SimulatedGateway:
    """Runs one gateway on a TLS port of its own, as a context manager or with start() and stop().

    ``scenario`` is a name of SCENARIOS. ``speed`` is simulated seconds per real second; ``frozen`` is the same as speed
    0. ``start`` is the simulated epoch time at the beginning (default: now). ``hour`` is the hour of the day at which
    sun and household begin, regardless of the clock. ``same_house_as`` makes a second entrance to another gateway, with
    a port, faults and request log of its own, like the WiFi address beside the wired one. Gateways may share a
    ``loop``; without one, a gateway has a thread of its own.
    """

    def __init__(
        self,
        scenario: str | Scenario = "powerwall2",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        password: str = DEFAULT_PASSWORD,
        seed: int = 1,
        speed: float = 1.0,
        frozen: bool = False,
        start: float | None = None,
        hour: float | None = None,
        clock: Callable[[], float] = time.time,
        plant: Plant | None = None,
        rsa_key: bytes | None = None,
        same_house_as: SimulatedGateway | None = None,
        loop: LoopThread | None = None,
    ) -> None:
        if isinstance(scenario, str):
            if scenario not in SCENARIOS:
                raise ValueError(f"unknown scenario {scenario!r}; known: {', '.join(SCENARIOS)}")
            scenario = SCENARIOS[scenario]
        self.scenario = scenario
        self._key_path: str | None = None
        self._key: bytes | None
        self.device: SimulatedDevice
        if same_house_as is not None:
            self.device = same_house_as.device
            self.scenario = same_house_as.scenario
            self._key = same_house_as._key
        else:
            family = scenario.make_family()
            if plant is not None:
                family.plant = plant
            self._key = rsa_key
            signed = None
            if scenario.v1r:
                if self._key is None:
                    self._key = own_key()
                signed = SignedTransport({public_key_of(self._key): True})
            house = House(family.plant, seed=seed, clock=clock, speed=0.0 if frozen else speed, start=start, hour=hour)
            self.device = SimulatedDevice(scenario, family, house, password, signed)
        self.host = host
        self._wanted_port = port
        self._shared_loop = loop
        self._loop: LoopThread | None = None
        self._listener: HttpPort | None = None

    # -- life ------------------------------------------------------------------------------------------------------

    def start(self) -> SimulatedGateway:
        """Listen. Raises OSError when the port is taken."""
        if self._listener is None:
            listener = HttpPort(self._answer, context=server_context(), host=self.host, port=self._wanted_port)
            loop = self._shared_loop or LoopThread()
            try:
                loop.call(listener.open())
            except OSError:
                if loop is not self._shared_loop:
                    loop.stop()
                raise
            self._listener, self._loop = listener, loop
        return self

    def stop(self) -> None:
        """Close the port and every connection."""
        if self._listener is not None and self._loop is not None:
            self._loop.call(self._listener.shut())
            if self._loop is not self._shared_loop:
                self._loop.stop()
            self._listener = self._loop = None
        if self._key_path is not None:
            os.unlink(self._key_path)
            self._key_path = None

    def __enter__(self) -> SimulatedGateway:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answer(self, request: Request, fault: Fault) -> tuple[Response, str]:
        answer = device_requests.answer(self.device, request, fault)
        return answer.response, answer.about

    @property
    def _open(self) -> HttpPort:
        if self._listener is None:
            raise RuntimeError("the simulated gateway is not running")
        return self._listener

    # -- where and who ---------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """Return the port that the gateway listens on."""
        return self._open.port

    @property
    def address(self) -> str:
        """Return host:port, which pypowerwall accepts as its host."""
        return f"{self.host}:{self.port}"

    @property
    def password(self) -> str:
        """Return the gateway's own password, for TEDAPI."""
        return self.device.password

    @property
    def customer_password(self) -> str:
        """Return the owner's password, for the local API and the login of v1r."""
        return self.device.customer_password

    @property
    def din(self) -> str:
        """Return the gateway's DIN (device identification number)."""
        return self.device.family.din

    @property
    def rsa_key_path(self) -> str:
        """Return the path of a file with the registered private key, which stop() removes. Only for v1r."""
        if self._key is None:
            raise RuntimeError(f"scenario {self.scenario.name} has no signed transport")
        if self._key_path is None:
            handle, self._key_path = tempfile.mkstemp(suffix=".pem")
            with os.fdopen(handle, "wb") as file:
                file.write(self._key)
        return self._key_path

    # -- watching --------------------------------------------------------------------------------------------------

    @property
    def requests(self) -> RequestLog:
        """Return the log of the requests so far."""
        return self._open.log

    @property
    def writes(self) -> list[Write]:
        """Return the writes so far, oldest first."""
        return self.device.writes.list()

    def truth(self) -> JsonObject:
        """Return the house as it is: powers in watts, energies in watt-hours, percentages raw, degrees Celsius."""
        device = self.device
        with device.lock:
            snapshot = device.house.snapshot()
            family = device.family
            info = device.config.get("site_info") or {}
            energy = snapshot.energy
            shares = even_split(int(snapshot.stored_wh), len(family.packs), 1.0)
            stored = {pack.din: int(share) for pack, share in zip(family.packs, shares, strict=True)}
            return {
                "time": snapshot.time,
                "din": family.din,
                "site": snapshot.flows.site,
                "load": snapshot.flows.load,
                "solar": snapshot.flows.solar,
                "battery": snapshot.flows.battery,
                "generator": snapshot.flows.generator,
                "soe": snapshot.soe_percent,
                "stored_wh": int(snapshot.stored_wh),
                "capacity_wh": int(snapshot.capacity_wh),
                "grid": snapshot.grid,
                "load_shed": snapshot.load_shed,
                "mode": device.config.get("default_real_mode"),
                "reserve": info.get("backup_reserve_percent"),
                "grid_export": info.get("customer_preferred_export_rule"),
                "grid_charging": not info.get("disallow_charge_from_grid_with_solar_installed"),
                "backup_event": device.writes.backup_event,
                "energy_wh": {
                    "solar_exported": energy.solar,
                    "solar_imported": energy.solar_consumed,
                    "load_imported": energy.load,
                    "site_imported": energy.site_imported,
                    "site_exported": energy.site_exported,
                    "battery_imported": energy.battery_charged,
                    "battery_exported": energy.battery_discharged,
                },
                "units": [
                    {
                        "din": unit.din,
                        "battery": watts,
                        "stored_wh": stored[unit.din],
                        "capacity_wh": int(snapshot.capacity_wh) // max(len(family.packs), 1),
                    }
                    for unit, watts in zip(
                        family.units, even_split(snapshot.flows.battery, len(family.units)), strict=True
                    )
                ],
                "packs_wh": stored,
                "alerts": device.site_alerts(snapshot),
                "failed_logins": device.failed_logins,
                **(family.truth() or {}),
            }

    # -- changing --------------------------------------------------------------------------------------------------

    def fault(self, kind: Fault | JsonMapping | str = "none", **options: object) -> None:
        """Break this port or mend it (``"none"``). Raises ValueError for an unknown kind or option."""
        assert self._loop is not None, "not running"
        self._loop.call(self._open.set_fault(Fault.parse(kind, **options)))

    def fault_soon(self, fault: Fault) -> None:
        """Break or mend this port like fault(), but without waiting, for callers on an asyncio loop."""
        assert self._loop is not None, "not running"
        asyncio.run_coroutine_threadsafe(self._open.set_fault(fault), self._loop.loop)

    @property
    def fault_now(self) -> str:
        """Return the kind of the present fault."""
        return self._open.fault.kind

    def forget(self) -> None:
        """Let all logins expire, and count requests and writes from zero again."""
        self.device.forget_logins()
        self.device.writes.clear()
        self.requests.clear()

    def set_house(self, *, soe_percent: float | None = None, **controls: object) -> None:
        """Set the raw state of charge, and any member of house.Controls (fixed_solar, grid_outage, off_grid ...)."""
        with self.device.lock:
            if soe_percent is not None:
                self.device.house.set_stored_percent(soe_percent)
            if controls:
                self.device.house.command(**controls)

    def set_counters(self, counters: JsonMapping) -> None:
        """Let the meters report these counters (``load.energy_imported``) instead of their own; empty: their own."""
        with self.device.lock:
            self.device.counters = dict(counters)

    def raise_alert(self, name: str, serial: str = "site") -> None:
        """Make an alert active, for the site or for the device with this serial number."""
        with self.device.lock:
            names = self.device.alerts.setdefault(serial, [])
            if name not in names and len(names) < 100:
                names.append(name)

    def clear_alert(self, name: str, serial: str = "site") -> None:
        """Make an alert inactive again."""
        with self.device.lock:
            names = self.device.alerts.get(serial, [])
            if name in names:
                names.remove(name)
