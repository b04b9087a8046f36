"""Configurations such as users of the predecessors have: each starts, answers, and warns at most.

Only the two `-run.env` follow lines that a user published; the others are written from the documented forms.

Only addresses of gateways are replaced, by that of a simulated one, and the port that the server listens on.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pwserver.simulator.simulated_gateway import SimulatedGateway
from tests.support.server import Server

FOLDER = Path(__file__).parent / "configurations"
PASSWORD = "ABCDEFGHIJ"
# file -> the gateways it configures, and parts of the warnings it must get
CASES: dict[str, tuple[list[str], list[str]]] = {
    "proxy-run.env": (["default"], ["did you mean America/Los_Angeles"]),
    "server-run.env": (["default"], ["did you mean America/Los_Angeles"]),
    "dashboard.env": (["default"], []),
    "powerwall2-local.env": (["default"], []),
    "odd-values.env": (["default"], ["PW_EMAIL", "using 5", "using 300", "maybe", "CORS_ORIGINS"]),
    "compose-proxy.yml": (["default"], []),
    "compose-two-gateways.yml": (["home", "cabin"], ["the same address"]),
    "gateways.yaml": (["home", "solar"], ["the same address"]),
    "pypowerwall.service": (["default"], []),
    "not-configured.yml": ([], []),
}


def environment_of(path: Path) -> dict[str, str]:
    """The environment that the file's own reader would make of it."""
    text = path.read_text("utf-8")
    if path.suffix == ".env":  # `docker run --env-file` keeps comments after values
        return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
    if path.suffix == ".service":
        lines = [line.removeprefix("Environment=") for line in text.splitlines() if line.startswith("Environment=")]
        return dict(word.split("=", 1) for line in lines for word in shlex.split(line))
    if path.suffix == ".yaml":
        return {"PW_CONFIG": str(path)}
    (service,) = yaml.safe_load(text)["services"].values()
    given = service["environment"]
    return given if isinstance(given, dict) else dict(entry.split("=", 1) for entry in given)


@pytest.fixture(scope="module")
def simulated() -> Iterator[dict[str, SimulatedGateway]]:
    with (
        SimulatedGateway("powerwall3", hour=11.5, password=PASSWORD) as newer,
        SimulatedGateway("local", hour=11.5, password=PASSWORD) as older,
    ):
        yield {"192.168.91.1": newer, "192.168.92.1": newer, "10.0.1.20": older}


def test_there_are_ten_of_them() -> None:
    assert sorted(CASES) == sorted(path.name for path in FOLDER.iterdir())
    assert len(CASES) == 10


@pytest.mark.parametrize("name", CASES)
def test_a_published_configuration_starts_and_answers(
    name: str, simulated: dict[str, SimulatedGateway], tmp_path: Path
) -> None:
    gateways, warned = CASES[name]
    path = tmp_path / name
    text = (FOLDER / name).read_text("utf-8")
    for host, gateway in simulated.items():
        text = text.replace(host, gateway.address)
    path.write_text(text, "utf-8")
    environment = environment_of(path) | {"PW_STATE_PATH": str(tmp_path / "state")}
    environment |= {"PW_AUTH_PATH": str(tmp_path)} if "PW_AUTH_PATH" in environment else {}
    with Server(environment=environment) as server:
        health = server.json("/health")
        assert sorted(entry["id"] for entry in health["gateway_details"]) == sorted(gateways)
        for gateway_id in gateways:
            server.wait_for_data(f"/api/gateways/{gateway_id}/aggregates" if len(gateways) > 1 else "/aggregates")
        if not gateways:
            assert health["status"] == "no_gateways" and server.get("/aggregates").status == 503
            assert "no gateway is configured: set PW_HOST" in server.output()
        for page in ("/", "/console", "/history"):
            assert server.get(page).status == 200
            assert f"http://127.0.0.1:{server.port}{page}" in server.output()
        output = server.output()
        for part in warned:
            assert part in output, output
        if not warned:
            assert "is not allowed" not in output and "is not a setting" not in output, output
        assert PASSWORD not in output and "FGHIJ" not in output
        assert json.dumps(health).count(PASSWORD) == 0
