"""The situations the predecessors were recorded in, made again: simulated gateways and a server that polls them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from pwserver.simulator import SimulatedGateway
from tests.documents.factory import PROXY, SERVER
from tests.documents.factory import recorded as recorded_documents
from tests.simulator.recorded_scenarios import ALL_SCENARIOS
from tests.support.server import Answer, Server
from tests.support.waiting import patient, wait_until

# Recorded paths that no room serves yet. Delete an entry when its route has come.
PENDING: tuple[str, ...] = ()

RECORDED = Path(__file__).parent / "recorded"
SECRET = "correct-horse-battery"
NOBODY = "127.0.0.1:9"  # the discard port: nothing listens there
RECORDED_ADDRESS = b"127.0.0.1:8443"


def recording(name: str) -> dict[str, Any]:
    """One whole recording: the documents, which tests/documents uses too, and everything else."""
    rest: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    return {**recorded_documents(name), **rest}


@dataclass
class Situation:
    """A server in a state. ``replace``: bytes of our answers that stand for recorded ones (addresses)."""

    server: Server
    replace: dict[bytes, bytes] = field(default_factory=dict)

    def get(self, target: str, method: str = "GET") -> Answer:
        answer = self.server.get(target, method)
        answer.body = self.as_recorded(answer.body)
        return answer

    def first_message(self, path: str) -> Any:
        """What a WebSocket says as soon as it is open."""
        with connect(f"ws://127.0.0.1:{self.server.port}{path}", open_timeout=patient(10), proxy=None) as socket:
            return json.loads(self.as_recorded(socket.recv(10, decode=False)))

    def as_recorded(self, body: bytes) -> bytes:
        """With the addresses of the recordings."""
        for ours, theirs in self.replace.items():
            body = body.replace(ours, theirs)
        return body


def online(server: Server, *gateways: str) -> Callable[[], bool]:
    """A condition: these gateways have been read, all of the slower data included."""

    def check() -> bool:
        known = server.json("/api/gateways/")
        return all(known[name]["online"] and known[name]["data"]["site_info"] is not None for name in gateways)

    return check


def recorded_a_while(server: Server, *gateways: str) -> Callable[[], bool]:
    """A condition: energies of the day are known for exactly these gateways, which takes two polls."""
    return lambda: set(server.json("/api/timeseries/today")["gateways"]) == set(gateways)


def tedapi(gateway: SimulatedGateway, **more: str) -> dict[str, str]:
    """Environment of a server that polls ``gateway`` with its own password."""
    return {"PW_HOST": gateway.address, "PW_GW_PWD": gateway.password, **more}


def local(gateway: SimulatedGateway, **more: str) -> dict[str, str]:
    """Environment of a server that polls ``gateway`` as its owner."""
    return {
        "PW_HOST": gateway.address,
        "PW_PASSWORD": gateway.customer_password,
        "PW_EMAIL": "owner@example.com",
        "PW_FAILOVER": "no",
        **more,
    }


@contextmanager
def situation(name: str) -> Iterator[Situation]:
    """The situation of a recording, by its file name without ``.json``."""
    with ExitStack() as stack:

        def gateway(scenario: str = "recorded") -> SimulatedGateway:
            return stack.enter_context(SimulatedGateway(ALL_SCENARIOS[scenario]))

        def serve(environment: dict[str, str]) -> Server:
            return stack.enter_context(Server(environment=environment))

        control = {"PW_CONTROL_SECRET": SECRET}
        made: Situation
        if name in (SERVER, PROXY):
            simulated = gateway()
            server = serve(tedapi(simulated, **control))
            made = Situation(server, {simulated.address.encode(): RECORDED_ADDRESS})
            wait_until(online(server, "default"), 30)
            wait_until(recorded_a_while(server, "default"), 30)
        elif name.startswith("local-mode"):
            simulated = gateway("recorded-local")
            server = serve(local(simulated, **control))
            made = Situation(server, {simulated.address.encode(): RECORDED_ADDRESS})
            wait_until(lambda: server.json("/health")["gateways_online"] == 1, 30)
            wait_until(recorded_a_while(server, "default"), 30)
        elif name.startswith("multi-gateway"):
            made = several(gateway(), gateway("recorded-local"), serve)
        elif name.endswith("no-gateways"):
            made = Situation(serve({}))
        elif name.endswith("never-connected"):
            server = serve(
                {"PW_HOST": NOBODY, "PW_GW_PWD": "gateway-password", "PW_FAILOVER": "no", "TZ": "Etc/UTC", **control}
            )
            made = Situation(server, {NOBODY.encode(): RECORDED_ADDRESS})
            wait_until(lambda: server.json("/health")["connection_health"]["total_failures"], 30)
        else:
            simulated = gateway()
            ttl = "600" if name.endswith("stale") else "1"
            limits = {"PW_CACHE_EXPIRE": "1", "PW_CACHE_TTL": ttl, "PW_FAILOVER": "no"}
            server = serve(tedapi(simulated, **control, **limits))
            made = Situation(server, {simulated.address.encode(): RECORDED_ADDRESS})
            wait_until(online(server, "default"), 30)
            wait_until(recorded_a_while(server, "default"), 30)
            simulated.fault("unplugged")
            served = 0 if name.endswith("expired") else 1  # documents of one gateway come before those of all
            wait_until(lambda: server.json("/api/aggregate/status")["num_online"] == 0, 30)
            wait_until(lambda: len(server.json("/api/aggregate/")["gateways"]) == served, 30)
        yield made


def several(home: SimulatedGateway, cottage: SimulatedGateway, serve: Callable[[dict[str, str]], Server]) -> Situation:
    """Three gateways, the middle one out of reach."""
    listed = [
        {"id": "home", "name": "Home", "host": home.host, "port": home.port, "gw_pwd": home.password},
        {"id": "cabin", "name": "cabin", "host": "127.0.0.1", "port": 9, "gw_pwd": "gateway-password",
         "type": "inverter", "timezone": "America/Denver"},
        {"id": "local", "name": "local", "host": cottage.address, "password": cottage.customer_password,
         "email": "owner@example.com"},
    ]  # fmt: skip
    server = serve({"PW_GATEWAYS": json.dumps(listed), "PW_TIMEOUT": "3", "PW_FAILOVER": "no"})
    addresses = {address.encode(): RECORDED_ADDRESS for address in (home.address, cottage.address)}
    addresses |= {f'"port":{home.port}'.encode(): b'"port":8443'}
    wait_until(lambda: online(server, "home")() and server.json("/health")["gateways_online"] == 2, 40)
    wait_until(lambda: server.json("/health")["connection_health"]["total_failures"], 40)
    wait_until(recorded_a_while(server, "home", "local"), 40)
    return Situation(server, addresses)
