"""From nothing to live data: the wheel where there is no compiler, the sdist that says so, the README's commands."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from pwserver_ext.modules import MODULES
from tests.packaging.conftest import Built
from tests.packaging.dockerfile import compiled
from tests.packaging.roots import CACHE, CHEAPLY, CHECKOUT, COMPILED, Result, Root
from tests.support.waiting import wait_until

ME = "1000:1000"
PIP = "/opt/try/bin/python -m pip --disable-pip-version-check"
AS_NEEDED = {"PIP_NO_COMPILE": "1"}  # Python translates what it imports: of what is installed to build with, little


def shell(root: Root, command: str, **options: Any) -> Result:
    return root.run(["sh", "-euc", command], **options)


def checkout(folder: Path) -> Path:
    """What a clone would have: everything git knows or would take, as it is now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, folder / name)
    return folder


def test_wheel_without_a_compiler(built: Built, bare_root: Root) -> None:
    bare_root.volumes = {"/wheels": built.wheels(), "/checkout/tests/packaging": CHECKOUT / "tests/packaging"}
    install = (
        "for name in gcc cc c99; do ! command -v $name; done; "
        f"python3 -m venv /opt/try; {PIP} install --no-index --find-links /wheels /wheels/pwserver-*.whl"
    )
    installed = shell(bare_root, install)
    assert installed.status == 0, installed.output[-3000:]
    smoke = shell(bare_root, "exec /opt/try/bin/python /checkout/tests/packaging/smoke.py", user=ME, workdir="/var/tmp")
    assert smoke.status == 0 and "whole" in smoke.output, smoke.output
    assert smoke.output.count(" numbers\n") == 8


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = checkout(tmp_path_factory.mktemp("sdist"))
    build = "import sys; from setuptools import build_meta; print(build_meta.build_sdist(sys.argv[1]))"
    made = subprocess.run(
        [sys.executable, "-c", build, str(folder / "dist")], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert made.returncode == 0, made.stderr
    return folder / "dist" / made.stdout.split()[-1]


def test_sdist_is_complete(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for module in MODULES:
        assert {f"pwserver_ext/{module}.pyx", f"pwserver_ext/{module}.pxd"} & names or (
            f"pwserver_ext/{module}.py" in names
        ), module
    sources = {f"pwserver_ext/{path.name}" for path in (CHECKOUT / "pwserver_ext").glob("*.p[xy][dixy]*")}
    assert sources <= names
    assert {
        "pyproject.toml",
        "setup.py",
        "Makefile",
        "LICENSE",
        "CHANGELOG.md",
        "Dockerfile",
        "static/index.html",
    } <= names
    assert not [name for name in names if name.endswith((".so", ".c", ".pyc"))]


def test_sdist_says_what_is_missing(sdist: Path, bare_root: Root) -> None:
    bare_root.volumes = {"/sdist": sdist.parent, "/root/.cache/pip": pip_cache("0")}
    install = f"python3 -m venv /opt/try; {PIP} install --no-deps /sdist/{sdist.name}"
    tried = shell(bare_root, install, environment=AS_NEEDED)
    assert tried.status != 0
    assert re.search(r"Missing: a C compiler \(\S+\) and the headers of Python 3\.\d+ \(Python\.h\)", tried.output)
    assert "apt install gcc libc6-dev python3-dev" in tried.output
    assert "Traceback" not in tried.output, tried.output


def test_first_command_of_the_readme_on_a_fresh_machine(built: Built, scratch: Path) -> None:
    """Debian with python3-venv and a compiler, a clone, and the command as it stands there."""
    block = re.search(r"^```sh\n(.*?)^```", (CHECKOUT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert block
    first, second = (line.partition("#")[0].split() for line in block[1].splitlines()[:2])
    assert (first, second) == (["make", "run"], ["make", "test"])

    known = shutil.copytree(compiled(), scratch / "compiled")  # its owner may write there, and root's is root's
    volumes = {"/home/me/.cache/pip": pip_cache("1000"), COMPILED: known}
    root = Root(built.compiler(), scratch / "fresh", volumes=volumes)
    clone = checkout(scratch / "fresh/upper/home/me/pwserver")
    # Cython has translated these sources for the image; what is younger than its source it does not translate again.
    later = time.time() + 86400.0
    for path in shutil.copytree(built.translated(), clone / "build/cython").rglob("*.c"):
        os.utime(path, (later, later))
    for path in (clone.parent, clone, *clone.rglob("*"), known, *known.rglob("*")):
        os.chown(path, 1000, 1000)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]  # the machine's own 8675 may be taken
    environment = {"HOME": "/home/me", "PW_PORT": str(port), "PW_BIND_ADDRESS": "127.0.0.1", **CHEAPLY, **AS_NEEDED}
    with root.started(first, environment, ME, "/home/me/pwserver") as running:

        def meters() -> dict[str, dict[str, float]] | None:
            assert running.process.poll() is None, running.output()[-3000:]
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            with contextlib.closing(connection), contextlib.suppress(OSError):
                connection.request("GET", "/aggregates")
                return json.loads(connection.getresponse().read()) or None
            return None

        found = wait_until(meters, 900, "live data")
        grid, solar, battery, home = (found[name]["instant_power"] for name in ("site", "solar", "battery", "load"))
        assert abs(grid + solar + battery - home) < 50
        assert f"http://127.0.0.1:{port}/" in running.output()


def pip_cache(user: str) -> Path:
    """Downloads of earlier runs."""
    folder = CACHE / "cache" / f"pip-{user}"
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, int(user), int(user))
    return folder
