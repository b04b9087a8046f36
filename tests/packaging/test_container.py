"""The image, built step by step and run as an engine would run it: any user, read-only root, own process tree."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.packaging.conftest import Built
from tests.packaging.dockerfile import container
from tests.packaging.roots import Running
from tests.support.waiting import wait_until

START_SECONDS = 90


def healthy(running: Running, health: list[str]) -> bool:
    """The image's own health check says so."""
    assert running.process.poll() is None, running.output()
    return bool(running.first) and running.exec(health).status == 0


def owner(path: Path) -> int:
    return path.stat().st_uid


def test_read_only_root_as_uid_1000(built: Built, scratch: Path) -> None:
    image = built.image
    root = container(image, scratch / "read-only", read_only=True)
    environment = image.environment | {"PW_DEMO": "powerwall3"}
    with root.started(image.entrypoint, environment, "1000:1000", image.workdir) as running:
        wait_until(lambda: healthy(running, image.health), START_SECONDS, "health")
        health = running.exec(["curl", "--fail", "--silent", "http://localhost:8675/health"])
        assert health.status == 0 and '"status"' in health.output
        # What other compose files ask, and the first thing a dashboard reads.
        assert running.exec(["wget", "-q", "--spider", "http://localhost:8675/health"]).status == 0
        assert '"percentage"' in running.exec(["curl", "-sf", "http://localhost:8675/soe"]).output
        assert running.exec(["touch", "/opt/pwserver/x"], user="0:0").status != 0, "the root is meant to be read-only"
        writing = wait_until(lambda: list((scratch / "read-only/volume-data").iterdir()), 60, "history in /data")
        assert {owner(path) for path in writing} == {1000}
        # Process 1 adopts what others leave behind.
        running.exec(["sh", "-c", "(sleep 0.2 &) ; true"])
        zombies = ["sh", "-c", "grep -l '^State:.Z' /proc/[0-9]*/status || true"]
        wait_until(lambda: running.exec(zombies).output.strip() == "", 20, "zombies are reaped")
        assert running.stop() == 0, running.output()


def test_dashboards_compose_file(built: Built, scratch: Path) -> None:
    """Powerwall-Dashboard's service with another image name: its user, its relative folder, its environment file."""
    image = built.image
    auth = scratch / "dashboard-auth"
    auth.mkdir()
    os.chown(auth, 1000, 1000)
    root = container(image, scratch / "dashboard", volumes={"/app/.auth": auth})
    environment = image.environment | {
        "PW_AUTH_PATH": ".auth",
        "PW_EMAIL": "",
        "PW_PASSWORD": "",
        "PW_HOST": "",
        "PW_TIMEZONE": "Europe/Berlin",
        "TZ": "Europe/Berlin",
        "PW_GW_PWD": "",
        "PW_DEBUG": "no   # yes or no",
        "PW_STYLE": "grafana-dark",
        "PW_NEG_SOLAR": "yes",
        "PW_CACHE_EXPIRE": "5",
        "PW_TIMEOUT": "5 # seconds",
    }
    with root.started(image.entrypoint, environment, "1000:1000", image.workdir) as running:
        wait_until(lambda: healthy(running, image.health), START_SECONDS, "health")
        wait_until(lambda: "no gateway is configured" in running.output(), 20, "main says so")
        assert running.exec(["curl", "-sf", "http://localhost:8675/stats"]).status == 0


@pytest.mark.parametrize(("who", "expected"), [(0, 1000), (1234, 1234)])
def test_started_as_root_continues_as_the_owner_of_the_logins(
    built: Built, scratch: Path, who: int, expected: int
) -> None:
    """`docker run` and `docker exec` without a user, with a folder the engine or the owner has made."""
    image = built.image
    auth = scratch / f"auth-{who}"
    auth.mkdir(mode=0o700)
    (auth / ".pypowerwall.auth").write_text("{}")
    (auth / ".pypowerwall.auth").chmod(0o600)
    for path in (auth, auth / ".pypowerwall.auth"):
        os.chown(path, who, who)
    root = container(image, scratch / f"owner-{who}", volumes={"/auth": auth})
    environment = image.environment | {"PW_AUTHPATH": "/auth"}
    script = "import os; print(os.getuid(), os.environ['PW_AUTH_PATH']); open('/auth/.pypowerwall.auth', 'a')"
    with root.started([*image.entrypoint, "--demo"], environment, "0:0", image.workdir) as running:
        wait_until(lambda: healthy(running, image.health), START_SECONDS, "health")
        first = Path(f"/proc/{running.first}/status").read_text()
        assert f"Uid:\t{expected}\t{expected}" in first
        assert "NoNewPrivs:\t1" in first
        inside = running.exec(["python", "-c", script])
        assert inside.output.split() == [str(expected), "/auth"], inside
        assert running.exec(["python", "-m", "pypowerwall", "version"]).status == 0
    assert owner(auth / ".pypowerwall.auth") == expected
    assert stat.S_IMODE((auth / ".pypowerwall.auth").stat().st_mode) == 0o600


def test_nothing_of_the_builder_is_shipped(built: Built, scratch: Path) -> None:
    root = container(built.image, scratch / "shipped")
    names = "for name in gcc cc make pip; do command -v $name && exit 1; done; command -v curl wget"
    assert root.run(["sh", "-c", names], built.image.environment).status == 0
    shipped = sum(
        path.lstat().st_size for layer in built.image.layers[1:] for path in layer.rglob("*") if path.is_file()
    )
    assert shipped < 200e6, shipped
