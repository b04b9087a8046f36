"""Simulated gateways and the real pypowerwall to read them with."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from pwserver.simulator import SimulatedGateway
from tests.simulator.recorded_scenarios import ALL_SCENARIOS

RECORDED = Path(__file__).parents[1] / "documents" / "recorded"


@pytest.fixture(autouse=True)
def _no_certificate_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    # requests lets these win over verify=False, and no bundle knows a self-signed certificate.
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def gateway() -> Iterator[Callable[..., SimulatedGateway]]:
    """Start simulated gateways that begin at half past eleven; they end with the test, and must not have failed."""
    with ExitStack() as stack:

        def start(scenario: str = "powerwall2", **options: Any) -> SimulatedGateway:
            return stack.enter_context(SimulatedGateway(ALL_SCENARIOS[scenario], **{"hour": 11.5, **options}))

        started: list[SimulatedGateway] = []

        def remembered(*args: Any, **options: Any) -> SimulatedGateway:
            started.append(start(*args, **options))
            return started[-1]

        yield remembered
        for one in started:
            assert not one.requests.errors


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """A real pypowerwall reading a simulated gateway, without caches, closed with the test."""
    import pypowerwall

    opened: list[Any] = []

    def open_one(gateway: SimulatedGateway, **options: Any) -> Any:
        given: dict[str, Any] = {"timeout": 3, "pwcacheexpire": 0, "failover": False}
        if gateway.scenario.v1r:
            given |= {"gw_pwd": gateway.password, "rsa_key_path": gateway.rsa_key_path}
        elif gateway.scenario.tedapi:
            given["gw_pwd"] = gateway.password
        else:
            given |= {"password": gateway.customer_password, "cachefile": str(tmp_path / f"login{len(opened)}")}
        opened.append(pypowerwall.Powerwall(gateway.address, **given | options))
        return opened[-1]

    yield open_one
    for powerwall in opened:
        client = powerwall.client
        if client is None:
            continue
        tedapi = getattr(client, "tedapi", None)
        if tedapi is not None:
            if tedapi.api_session is not None:
                tedapi.api_session.close()
            tedapi.close_session()
        elif not isinstance(client.session, type(json)):
            client.session.close()


def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.fixture
def ask() -> Iterator[Callable[..., http.client.HTTPResponse]]:
    """One plain HTTPS request with a connection of its own; the body is read already (``.content``)."""
    context = trusting()
    connections: list[http.client.HTTPSConnection] = []

    def send(
        gateway: SimulatedGateway,
        path: str,
        method: str = "GET",
        body: Any = None,
        timeout: float = 5.0,
        **headers: str,
    ) -> Any:
        connection = http.client.HTTPSConnection(gateway.host, gateway.port, timeout=timeout, context=context)
        connections.append(connection)
        if body is not None and not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
        connection.request(method, path, body=body, headers=headers)
        answer: Any = connection.getresponse()
        answer.content = answer.read()
        return answer

    yield send
    for connection in connections:
        with suppress(OSError):
            connection.close()


@pytest.fixture
def recorded() -> Callable[[str], dict[str, Any]]:
    """The answers recorded from the predecessors, by file name below the contract."""

    def read(name: str) -> dict[str, Any]:
        data: dict[str, Any] = json.loads((RECORDED / name).read_text())
        return data

    return read
