"""Run the simulator as a program."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from .control_port import ControlPort
from .http_port import HttpPort, LoopThread
from .scenarios import SCENARIOS
from .simulated_gateway import DEFAULT_PASSWORD, SimulatedGateway

DEFAULT_PORT = 8443


class Simulation:
    """Runs several gateways and their control port in one process, as a context manager."""

    def __init__(self, gateways: dict[str, SimulatedGateway], *, control_port: int | None = 0) -> None:
        """Prepare a simulation. ``control_port``: None for no control port, 0 for any free one."""
        self.gateways = gateways
        self._control_port = control_port
        self._port: HttpPort | None = None
        self._loop: LoopThread | None = None

    @property
    def control_address(self) -> str | None:
        """Return host:port of the control port, which speaks plain HTTP; None if there is none."""
        return None if self._port is None else f"127.0.0.1:{self._port.port}"

    def __enter__(self) -> Simulation:
        with contextlib.ExitStack() as stack:
            for gateway in self.gateways.values():
                stack.enter_context(gateway)
            if self._control_port is not None:
                self._port = HttpPort(ControlPort(self.gateways).answer, context=None, port=self._control_port)
                self._loop = LoopThread()
                self._loop.call(self._port.open())
            stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        if self._port is not None and self._loop is not None:
            self._loop.call(self._port.shut())
            self._loop.stop()
            self._port = self._loop = None
        for gateway in self.gateways.values():
            gateway.stop()


def run(
    scenario: str = "powerwall2",
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    *,
    count: int = 1,
    password: str = DEFAULT_PASSWORD,
    control_port: int | None = 0,
    rsa_key: bytes | None = None,
    out: TextIO | None = None,
    stop: threading.Event | None = None,
    **options: Any,
) -> int:
    """Simulate ``count`` gateways until ``stop`` is set or a signal comes, and return the exit status.

    Their ports are ``port``, ``port`` + 1 ..., or any free ones for 0. ``options`` are those of SimulatedGateway.
    Prints one line per gateway.
    """
    out = out or sys.stdout
    gateways = {}
    loop = LoopThread()  # shared, as a thread for each of many gateways would cost more than their work
    for index in range(count):
        name = scenario if count == 1 else f"{scenario}-{index + 1}"
        gateways[name] = SimulatedGateway(
            scenario,
            host=host,
            port=port + index if port else 0,
            password=password,
            rsa_key=rsa_key,
            loop=loop,
            **{"seed": index + 1, **options},
        )
    with wait_for_end(stop) as wait:
        try:
            simulation = Simulation(gateways, control_port=control_port).__enter__()
        except OSError as error:
            print(f"simulate: cannot listen on {host}:{port}: {error.strerror}", file=sys.stderr)
            loop.stop()
            return 1
        try:
            for name, gateway in gateways.items():
                print(
                    f"{name}: https://{gateway.address} gateway password {gateway.password} "
                    f"owner password {gateway.customer_password} DIN {gateway.din}",
                    file=out,
                )
                if gateway.scenario.v1r:
                    print(f"{name}: owner's key {gateway.rsa_key_path}", file=out)
            if simulation.control_address:
                print(f"control: http://{simulation.control_address}", file=out)
            print("ready", file=out, flush=True)
            wait()
        finally:
            simulation.__exit__()
            loop.stop()
    return 0


@contextlib.contextmanager
def wait_for_end(stop: threading.Event | None = None) -> Iterator[Callable[[], object]]:
    """Give a function that waits until ``stop`` is set or SIGTERM or SIGINT comes; from here on these do only that."""
    stop = stop or threading.Event()
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():  # Python allows signal handlers only there
        for number in (signal.SIGTERM, signal.SIGINT):
            before[number] = signal.signal(number, lambda *_: stop.set())
    try:
        yield stop.wait
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``simulate`` to a parser."""
    parser.add_argument("--scenario", default="powerwall2", choices=sorted(SCENARIOS), help="the installation")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="TLS port, 0 for any (default %(default)s)")
    parser.add_argument("--count", type=int, default=1, help="gateways, on consecutive ports (default %(default)s)")
    parser.add_argument("--password", default=DEFAULT_PASSWORD, help="gateway password (default %(default)s)")
    parser.add_argument(
        "--control-port", type=int, default=0, help="plain loopback port of the control port, 0 for any"
    )
    parser.add_argument("--seed", type=int, default=None, help="another house (default: the gateway's number)")
    parser.add_argument("--speed", type=float, default=1.0, help="simulated seconds per second, 0 stands still")
    parser.add_argument("--hour", type=float, default=None, help="hour of the day the house starts at (default: now)")
    parser.add_argument("--rsa-key", type=Path, default=None, help="PEM file with the owner's key (scenario v1r)")
    parser.add_argument("--list", action="store_true", help="list the scenarios")


def run_arguments(given: argparse.Namespace) -> int:
    """Call ``run`` with parsed options, and return the exit status."""
    if given.list:
        for name, scenario in SCENARIOS.items():
            print(f"{name:22} {scenario.description}")
        return 0
    options = {"speed": given.speed, "hour": given.hour}
    if given.seed is not None:
        options["seed"] = given.seed
    return run(
        given.scenario,
        given.host,
        given.port,
        count=given.count,
        password=given.password,
        control_port=given.control_port,
        rsa_key=given.rsa_key.read_bytes() if given.rsa_key else None,
        **options,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``python -m pwserver.simulator``."""
    parser = argparse.ArgumentParser(prog="pwserver simulate", description="a Tesla gateway in software, over real TLS")
    add_arguments(parser)
    return run_arguments(parser.parse_args(arguments))
