"""Prepare ``--demo``: a simulated gateway as one more supervised child, and a configuration that polls it."""

from __future__ import annotations

import atexit
import os
import socket
import tempfile
from collections.abc import Callable

from pwserver.config import Config, ConfigError, GatewayDefinition
from pwserver.config.configuration import temporary_folder

DEFAULT_SCENARIO = "powerwall2"
MORNING_HOUR = 9.5  # the simulated day always begins with sun, so that the pages have something to show
PASSWORD = "simulated-gateway"


def prepare(config: Config) -> tuple[Config, Callable[[], None]]:
    """Return the configuration with the simulated gateway in it, and the life of the simulator's process.

    ConfigError for an unknown scenario.
    """
    from pwserver.simulator.scenarios import SCENARIOS

    asked = config.settings.definitions.demo_scenario
    scenario = DEFAULT_SCENARIO if asked == "default" else asked
    if scenario not in SCENARIOS:
        raise ConfigError([f"PW_DEMO: unknown scenario {scenario!r}; allowed: {', '.join(SCENARIOS)}"])
    port = _free_port()
    chosen = SCENARIOS[scenario]
    local = not chosen.tedapi
    key, key_path = _owner_key() if chosen.v1r else (None, None)
    gateway = GatewayDefinition(
        id="default",
        name=f"Demo {scenario}",
        host=f"127.0.0.1:{port}",
        gw_pwd=None if local else PASSWORD,
        password=PASSWORD[-5:] if local else None,
        rsa_key_path=key_path,
        timezone=config.settings.definitions.timezone,
    )

    def live() -> None:
        from pwserver.simulator.run import run

        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            run(scenario, port=port, password=PASSWORD, control_port=None, rsa_key=key, out=nowhere, hour=MORNING_HOUR)

    return config.replace_gateways([gateway], f"demo {scenario}"), live


def _owner_key() -> tuple[bytes, str]:
    """Make a key that the simulated v1r gateway knows, and the file from which the server reads it.

    The file is removed when main ends.
    """
    from pwserver.simulator.signed import make_key

    key, _ = make_key()
    try:
        with tempfile.NamedTemporaryFile(
            dir=temporary_folder(), prefix="pwserver-demo-", suffix=".pem", delete=False
        ) as file:
            file.write(key)
    except OSError as problem:
        raise ConfigError([f"PW_DEMO: no temporary file can be written ({problem.strerror}); set TMPDIR"]) from None
    main = os.getpid()
    # Children inherit the handler; one that ended first would take the file from the others.
    atexit.register(lambda: os.unlink(file.name) if os.getpid() == main else None)
    return key, file.name


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
