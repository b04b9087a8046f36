"""Configurations of users of the predecessors: each starts, answers with data, and warns at most.

They follow public files, with all names, addresses and passwords made up anew; the first line of each says where it is
from. Those of ``WRITTEN`` have a form of which no public file was found. Only the addresses of gateways and the folder
of logins are replaced, by simulated ones, and the port that the server listens on.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from pwserver.simulator.simulated_gateway import SimulatedGateway
from tests.compat.configuration_readers import environment_of
from tests.simulator.wired_solar import SOLAR_ON_THE_WIRED_PORT
from tests.support.programs import free_port
from tests.support.server import Server
from tests.tesla import Tesla

FOLDER = Path(__file__).parent / "configurations"
COMPANIONS = "companions"  # files that others name
PASSWORDS = ("ABCDEFGHIJ", "ABCDEden#1")  # of the newer gateway, and of the older one, whose customer has its end
NO_SUCH_ZONE = "did you mean America/Los_Angeles"
# file -> the gateways it configures, and parts of the warnings it must get
CASES: dict[str, tuple[list[str], list[str]]] = {
    "proxy-run.env": (["default"], [NO_SUCH_ZONE]),
    "server-run.env": (["default"], [NO_SUCH_ZONE]),
    "second-dashboard.env": (["default"], []),
    "control.env": (["default"], []),
    "host-left-empty.env": (["default"], []),
    "dashboard.yml": (["default"], []),
    "dashboard.mk": (["default"], []),
    "compose-server.yml": (["default"], []),
    "compose-port.yml": (["default"], []),
    "kubernetes.yaml": (["default"], []),
    "addon-options.json": (["default"], []),
    "solar-lan.env": (["default"], []),
    "gateways.yaml": (["home", "cabin", "remote-site", "fleet-site"], ["the same address"]),
}
WRITTEN: dict[str, tuple[list[str], list[str]]] = {
    "compose-two-gateways.yml": (["home", "cabin"], ["the same address"]),
    "pypowerwall.service": (["default"], []),
    "odd-values.env": (["default"], ["PW_EMAIL", "using 5", "using 300", "maybe", "CORS_ORIGINS"]),
}
# What lies in the folder of logins, where it is not the login to Tesla's cloud alone.
LOGINS = {"control.env": "none", "gateways.yaml": "cloud and fleet"}


@dataclass(frozen=True)
class Home:
    """What the files lead to: simulated gateways by the address that stands for them, and Tesla's servers."""

    gateways: dict[str, SimulatedGateway]
    logins: dict[str, Path]
    tesla: str


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    logins = {kind: tmp_path_factory.mktemp("logins") for kind in ("none", "cloud", "cloud and fleet")}
    with ExitStack() as stack:
        newer, older = (
            stack.enter_context(SimulatedGateway(kind, hour=11.5, password=password))
            for kind, password in zip(("powerwall3", "local"), PASSWORDS, strict=True)
        )
        solar = stack.enter_context(SimulatedGateway(SOLAR_ON_THE_WIRED_PORT, hour=11.5, password=PASSWORDS[0]))
        tesla = stack.enter_context(Tesla())
        tesla.cloud_login(logins["cloud"])
        tesla.fleet_login(tesla.cloud_login(logins["cloud and fleet"]))
        gateways = {"192.168.91.1": newer, "192.168.92.1": newer, "10.0.1.20": older, "10.0.1.30": solar}
        yield Home(gateways, logins, tesla.url)


def moved(name: str, home: Home, to: Path) -> tuple[Path, int]:
    """Copy a file and its companions to where everything it names is simulated; with its port where it chooses one."""
    shutil.copytree(FOLDER / COMPANIONS, to / COMPANIONS)
    shutil.copy(FOLDER / name, to)
    port = free_port() if name == "compose-port.yml" else 0
    logins = home.logins[LOGINS.get(name, "cloud")]
    for path in (to / name, *(to / COMPANIONS).iterdir()):
        text = path.read_text("utf-8").replace("PW_PORT=8799", f"PW_PORT={port}")
        for host, gateway in home.gateways.items():
            text = text.replace(host, gateway.address)
        text = text.replace("authpath: .auth", f"authpath: {logins}").replace("PATH=.auth", f"PATH={logins}")
        path.write_text(text, "utf-8")
    return to / name, port


def test_ten_of_them_follow_public_files() -> None:
    assert sorted([*CASES, *WRITTEN, COMPANIONS]) == sorted(path.name for path in FOLDER.iterdir())
    assert len(CASES) >= 10
    for name in CASES:
        first = (FOLDER / name).read_text("utf-8").replace("{\n", "").partition("\n")[0]
        assert "rom " in first and "found 2026-11" in first, name


@pytest.mark.parametrize("name", [*CASES, *WRITTEN])
def test_a_configuration_starts_and_answers(name: str, home: Home, tmp_path: Path) -> None:
    gateways, warned = (CASES | WRITTEN)[name]
    path, port = moved(name, home, tmp_path)
    environment = environment_of(path) | {"PW_STATE_PATH": str(tmp_path / "state")}
    environment |= {"PLAYED_TESLA": home.tesla}
    environment |= {"PW_BIND_ADDRESS": "127.0.0.1"} if port else {}
    with Server(environment=environment, configured=bool(port), module="tests.agreement.tesla_server") as server:
        assert not port or server.port == port
        health = server.json("/health")
        assert sorted(entry["id"] for entry in health["gateway_details"]) == sorted(gateways)
        for gateway_id in gateways:
            target = f"/api/gateways/{gateway_id}/aggregates" if len(gateways) > 1 else "/aggregates"
            server.wait_for_data(target)
            assert isinstance(server.json(target)["load"]["instant_power"], int | float)
        for page in ("/", "/console", "/history"):
            assert server.get(page).status == 200
            assert f"http://127.0.0.1:{server.port}{page}" in server.output()
        output = server.output()
        for part in warned:
            assert part in output, output
        if not warned:
            assert "is not allowed" not in output and "is not a setting" not in output, output
        for secret in (*PASSWORDS, *(word[-5:] for word in PASSWORDS), "open.sesame", "CANARY"):
            assert secret not in output and secret not in json.dumps(health)
