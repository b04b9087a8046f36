"""The processes of a real server: up without any gateway, clean in what they import, gone when told."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pwserver.documents.catalogue import GATEWAY_DOCUMENTS, SITE_DOCUMENTS, WORKER_DOCUMENTS, gateway_targets
from pwserver.simulator import SimulatedGateway
from tests.compat.situations import NOBODY, online, tedapi
from tests.support.programs import clean_environment
from tests.support.server import Server
from tests.support.waiting import patient, wait_until

TARGETS = sorted(
    {
        *gateway_targets("default", True),
        *(target for row in (*SITE_DOCUMENTS, *WORKER_DOCUMENTS) if not row.internal for target in row.targets),
    }
)
# Answers that are no 200 without data, and why.
ERRORS = {target: {200} for target in TARGETS} | {
    "/api/tesla/tariff_rate": {503},  # there is no cloud connection
    "/metrics": {200, 503},
    "/influx": {200, 503},
}
LIBRARIES = re.compile(r"/(pypowerwall|requests|google/protobuf|google/_upb)/")


@pytest.fixture(scope="module")
def unreachable() -> Iterator[Server]:
    with Server(environment={"PW_HOST": NOBODY, "PW_GW_PWD": "gateway-password", "PW_FAILOVER": "no"}) as server:
        yield server


def test_every_document_is_answered_without_any_gateway(unreachable: Server) -> None:
    for target in TARGETS:
        answer = unreachable.get(target)
        expected = ERRORS[target]
        if target.startswith("/api/gateways/default/api/"):  # the gateway's own words, and it is away
            expected = {200, 503}
        assert answer.status in expected, (target, answer)
        assert answer.body, target


def test_health_says_why(unreachable: Server) -> None:
    wait_until(lambda: unreachable.json("/health")["gateway_details"][0]["cause"] == "unreachable", 20)
    body = unreachable.json("/health")
    assert body["status"] == "unhealthy"
    assert body["gateway_details"][0]["error"]
    assert body["connection_health"]["is_degraded"] is True
    assert unreachable.get("/livez").status == 200
    assert unreachable.get("/readyz").status == 503


def test_documents_say_nothing_of_an_age_they_do_not_have(unreachable: Server) -> None:
    for target in ("/aggregates", "/soe", "/csv", "/api/gateways/default"):
        headers = unreachable.get(target).headers
        assert "age" not in headers
        assert "x-powerwall-timestamp" not in headers


def opened_libraries(pid: int) -> set[str]:
    """Files of the gateway library and of what it needs that this process has mapped."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    return {match[1] for match in LIBRARIES.finditer(maps)}


IMPORTED = """
import sys, threading
{setup}
found = sorted(name for name in sys.modules if name.split(".")[0] in ("pypowerwall", "requests", "urllib3"))
found += sorted(name for name in sys.modules if name.startswith("google.protobuf"))
print(",".join(found))
"""
# Everything a worker runs before it serves, in a process of its own: the fork adds nothing to what main has imported.
WORKER = """
from pwserver.config import load
from pwserver import server
from pwserver.assemble import assemble
from pwserver.web.app import create_app
import pwserver.web.worker, pwserver.supervisor
runtime = assemble(load({}, {"PW_HOST": "127.0.0.1:9", "PW_GW_PWD": "x" * 10}))
create_app(runtime)
from pwserver.web import openapi
openapi.document()
"""


def test_nothing_that_workers_run_imports_the_library() -> None:
    script = IMPORTED.format(setup=WORKER)
    root = str(Path(__file__).parents[2])
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == ""


def test_only_the_poller_has_the_library_mapped() -> None:
    """A second, independent look: compiled parts of the library in the memory maps of the running processes."""
    with SimulatedGateway("powerwall2") as gateway, Server(environment=tedapi(gateway), executed=True) as server:
        wait_until(online(server, "default"), 30)
        for target in ("/docs", "/openapi.json", "/stats", "/vitals"):
            server.get(target)
        children = server.children()
        workers = [pid for name, pid in children.items() if name.startswith("worker")]
        assert len(workers) == 2
        assert opened_libraries(children["poller"])  # the check itself can see it
        for pid in (server.process.pid, *workers):
            assert opened_libraries(pid) == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything(number: signal.Signals) -> None:
    with Server(environment={"PW_HOST": NOBODY, "PW_GW_PWD": "gateway-password"}) as server:
        wait_until(lambda: "poller" in server.children(), 20)
        pids = list(server.children().values())
        lingering = socket.create_connection(("127.0.0.1", server.port))  # a client that stays
        server.process.send_signal(number)
        assert server.process.wait(patient(10)) == 0
        lingering.close()
        assert len(pids) >= 3
        wait_until(lambda: not any(alive(pid) for pid in pids), 5)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_second_server_on_the_port_says_so_in_one_line(unreachable: Server) -> None:
    command = [sys.executable, "-m", "pwserver", "--bind-address", "127.0.0.1", "--port", str(unreachable.port)]
    second = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=patient(30))
    assert second.returncode == 1
    assert second.stdout == ""
    assert len(second.stderr.strip().splitlines()) == 1
    assert f"127.0.0.1:{unreachable.port}" in second.stderr
    assert unreachable.get("/health").status == 200


def test_a_document_that_does_not_fit_costs_only_itself() -> None:
    """The smallest limits there are, and a Powerwall 3 site whose vitals and configuration are larger."""
    limits = {"PW_DOCUMENT_MAX_BYTES": "16384", "PW_SNAPSHOT_BYTES": "262144"}
    with SimulatedGateway("powerwall3") as gateway, Server(environment=tedapi(gateway, **limits)) as server:
        wait_until(lambda: server.json("/health")["gateways_online"] == 1, 30)
        bodies = {target: server.get(target) for target in gateway_targets("default", True)}
        too_large = {target for target, answer in bodies.items() if answer.status == 503}
        too_large.discard("/api/tesla/tariff_rate")
        assert too_large
        for target in too_large:
            assert bodies[target].headers["content-type"] == "application/json", target
            assert bodies[target].json(), target
        assert "/api/gateways/default" in too_large
        for target in ("/aggregates", "/soe", "/freq", "/pod", "/json", "/csv", "/temps/pw", "/fans/pw"):
            assert bodies[target].status == 200, target
        assert len(bodies) > 10 * len(too_large)
        wait_until(lambda: "too large for the snapshot" in server.output(), 10)


# Key sets and types of both predecessors for two Powerwall 2 with a solar inverter, TEDAPI. A flag that nobody tells is
# null, where they have 0.
NUMBER, WORD, FLAG, ANY = (int, float), str, (int, type(None)), (int, float, str, bool, type(None))
POWERWALL2_FREQ = {
    "PINV_Fout": NUMBER,
    "PINV_VSplit1": NUMBER,
    "PINV_VSplit2": NUMBER,
    "PackagePartNumber": WORD,
    "PackageSerialNumber": WORD,
    "f_out": NUMBER,
    "i_out": ANY,
    "name": WORD,
    "p_out": NUMBER,
    "q_out": ANY,
    "v_out": NUMBER,
}
POWERWALL2_POD = {
    "POD_ActiveHeating": FLAG, "POD_ChargeComplete": FLAG, "POD_ChargeRequest": FLAG, "POD_DischargeComplete": FLAG,
    "POD_PermanentlyFaulted": FLAG, "POD_PersistentlyFaulted": FLAG, "POD_enable_line": FLAG,
    "POD_available_charge_power": NUMBER, "POD_available_dischg_power": NUMBER, "POD_nom_energy_remaining": NUMBER,
    "POD_nom_energy_to_be_charged": NUMBER, "POD_nom_full_pack_energy": NUMBER,
    "OpSeqState": ANY, "PackagePartNumber": WORD, "PackageSerialNumber": WORD, "Type": WORD, "backup_ready": FLAG,
    "charge_power_clamped": FLAG, "energy_charged": ANY, "energy_discharged": ANY, "f_out": NUMBER, "i_out": ANY,
    "name": WORD, "off_grid": FLAG, "p_out": NUMBER, "pinv_grid_state": ANY, "pinv_state": ANY, "q_out": ANY,
    "v_out": NUMBER, "version": ANY, "vf_mode": FLAG, "wobble_detected": FLAG,
}  # fmt: skip
SITE_POD = {"backup_reserve_percent", "nominal_energy_remaining", "nominal_full_pack_energy", "time_remaining_hours"}


def test_a_powerwall2_site_has_the_keys_and_types_it_should() -> None:
    with SimulatedGateway("powerwall2", hour=12) as gateway, Server(environment=tedapi(gateway)) as server:
        wait_until(online(server, "default"), 30)
        freq, pod = server.json("/freq"), server.json("/pod")
        vitals, strings, temps = server.json("/vitals"), server.json("/strings"), server.json("/temps/pw")
    check_units(freq, POWERWALL2_FREQ, 2)
    rest = {key for key in freq if not key.startswith("PW")}
    assert all(key == "grid_status" or key.startswith(("ISLAND_", "METER_")) for key in rest)
    assert {"grid_status", "ISLAND_FreqL1_Load", "ISLAND_FreqL1_Main", "METER_X_VL1N"} <= rest
    assert freq["grid_status"] in (1, 0, -1)
    check_units(pod, POWERWALL2_POD, 2)
    assert {key for key in pod if not key.startswith("PW")} == SITE_POD
    assert all(isinstance(pod[key], NUMBER) for key in SITE_POD)
    kinds = {name.partition("--")[0] for name in vitals}
    assert {"VITALS", "STSTSM", "TETHC", "TEPOD", "TEPINV", "PVAC", "PVS", "TESYNC"} <= kinds
    assert {"text", "timestamp", "gateway", "pyPowerwall"} == set(vitals["VITALS"])
    assert all(isinstance(device["alerts"], list) for name, device in vitals.items() if name.startswith("TEP"))
    assert set(strings) == {"A", "B", "C", "D"}
    for string in strings.values():
        assert set(string) == {"Connected", "Current", "Power", "Voltage", "State"}
        assert type(string["Connected"]) is bool
        assert all(isinstance(string[key], NUMBER) for key in ("Current", "Power", "Voltage"))
    assert set(temps) == {"PW1_temp", "PW2_temp"}
    assert all(isinstance(value, NUMBER) for value in temps.values())


def check_units(body: dict[str, object], members: dict[str, object], units: int) -> None:
    wanted = {f"PW{n}_{member}" for n in range(1, units + 1) for member in members}
    assert {key for key in body if key.startswith("PW")} == wanted
    for key in wanted:
        kind = members[key.partition("_")[2]]
        assert isinstance(body[key], kind), (key, body[key])  # type: ignore[arg-type]
        assert kind is ANY or not isinstance(body[key], bool), key  # Telegraf drops booleans


def test_the_catalogue_is_what_the_tests_above_walk_over() -> None:
    assert len(TARGETS) > 200
    assert len(GATEWAY_DOCUMENTS) > 100
