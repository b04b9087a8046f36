"""The simulator as a program: its control port, many gateways at once, a quick light start, a clean end."""

from __future__ import annotations

import http.client
import io
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pwserver.simulator import SimulatedGateway
from pwserver.simulator.http_port import LoopThread
from pwserver.simulator.run import Simulation, run
from tests.support.waiting import patient

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")


def talk(address: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(address, timeout=patient(10))
    try:
        connection.request(method, path, body=None if body is None else json.dumps(body))
        answer = connection.getresponse()
        text = answer.read().decode()
        is_json = answer.getheader("Content-Type", "").startswith("application/json")
        return answer.status, json.loads(text) if is_json else text
    finally:
        connection.close()


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    with Simulation({"a": SimulatedGateway(hour=12.0), "b": SimulatedGateway("powerwall3", hour=12.0)}) as running:
        yield running


def test_control_door(simulation: Simulation, ask: Callable[..., Any], wait_until: Callable[..., Any]) -> None:
    door = simulation.control_address
    assert door
    status, state = talk(door, "GET", "/state")
    assert status == 200
    assert set(state) == {"a", "b"}
    assert state["a"]["truth"]["solar"] > 0
    assert talk(door, "POST", "/fault", {"kind": "status", "status": 503, "gateway": "a"})[0] == 200
    a, b = simulation.gateways["a"], simulation.gateways["b"]
    wait_until(lambda: ask(a, "/").status == 503)
    assert ask(b, "/").status == 404
    assert talk(door, "GET", "/state/a")[1]["fault"] == "status"
    assert talk(door, "POST", "/fault", {"kind": "none"})[0] == 200
    wait_until(lambda: ask(a, "/").status == 200)
    talk(door, "POST", "/house", {"gateway": "b", "grid_outage": True, "soe_percent": 33.0})
    truth = talk(door, "GET", "/state/b")[1]["truth"]
    assert (truth["grid"], truth["site"]) == ("down", 0.0)
    assert truth["soe"] == pytest.approx(33.0, abs=0.1)
    talk(door, "POST", "/alert", {"gateway": "a", "name": "Test"})
    assert "Test" in talk(door, "GET", "/state/a")[1]["truth"]["alerts"]["site"]
    assert talk(door, "GET", "/state/a")[1]["requests"]["total"] > 0
    talk(door, "POST", "/forget")
    assert talk(door, "GET", "/state/a")[1]["requests"]["total"] == 0
    assert "silent" in talk(door, "GET", "/faults")[1]


def test_control_door_refuses_nonsense(simulation: Simulation) -> None:
    door = simulation.control_address
    assert door
    assert talk(door, "POST", "/fault", {"kind": "haunted"})[0] == 400
    assert talk(door, "POST", "/house", {"warp": 9})[0] == 400
    assert talk(door, "POST", "/fault", {"gateway": "zz"})[0] == 404
    assert talk(door, "POST", "/nothing")[0] == 404
    assert talk(door, "GET", "/state/zz")[0] == 404
    assert talk(door, "POST", "/alert", [1])[0] == 400


def test_as_a_subprocess() -> None:
    command = [sys.executable, "-m", "pwserver.simulator", "--port", "0", "--count", "2", "--hour", "12"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if line == "ready\n":
                break
        assert len([line for line in lines if re.match(r"powerwall2-\d: https://127\.0\.0\.1:\d+ ", line)]) == 2
        control = next(line for line in lines if line.startswith("control: ")).removeprefix("control: http://")
        assert len(talk(control, "GET", "/state")[1]) == 2
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=patient(10))
    assert process.returncode == 0
    assert errors == ""


def test_a_taken_port_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        stop = threading.Event()
        stop.set()
        assert run(port=taken.getsockname()[1], stop=stop) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_two_simulators_do_not_share_a_port() -> None:
    with SimulatedGateway(hour=12.0) as first, pytest.raises(OSError, match="in use"):
        SimulatedGateway(hour=12.0, port=first.port).start()


def test_the_key_of_a_signed_scenario_is_named() -> None:
    from pwserver.simulator.signed import make_key

    key, _ = make_key()
    out, stop = io.StringIO(), threading.Event()
    stop.set()
    assert run("v1r", port=0, rsa_key=key, out=out, stop=stop) == 0
    assert re.search(r"^v1r: owner's key \S+\.pem$", out.getvalue(), re.MULTILINE)


def test_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    from pwserver.simulator.run import main

    assert main(["--list"]) == 0
    assert "powerwall3" in capsys.readouterr().out


def test_nothing_of_the_library_is_loaded() -> None:
    code = (
        "import sys; from pwserver.simulator import SimulatedGateway\n"
        "with SimulatedGateway('v1r') as gw: gw.truth()\n"
        "bad = {'pypowerwall', 'requests', 'google', 'sanic', 'urllib3'} & set(sys.modules)\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_fifty_gateways_can_share_one_thread(ask: Callable[..., Any]) -> None:
    before = threading.active_count()
    loop = LoopThread()
    gateways = {str(number): SimulatedGateway(seed=number, hour=12.0, loop=loop) for number in range(50)}
    with Simulation(gateways, control_port=None):
        assert threading.active_count() == before + 1
        for gw in list(gateways.values())[::10]:
            assert ask(gw, "/").status == 200
        assert len({gw.truth()["load"] for gw in gateways.values()}) > 40
        assert len({gw.port for gw in gateways.values()}) == 50
    loop.stop()
    assert threading.active_count() == before


def test_stopped_and_started_again(ask: Callable[..., Any]) -> None:
    gw = SimulatedGateway(hour=12.0)
    for _ in range(3):
        with gw:
            assert ask(gw, "/").status == 200
    with pytest.raises(RuntimeError):
        _ = gw.port


def test_unknown_scenario() -> None:
    with pytest.raises(ValueError, match="known: powerwall2"):
        SimulatedGateway("perpetuum-mobile")
