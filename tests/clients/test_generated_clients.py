"""Clients that generators make of /openapi.json: nothing is left out of them, and they can be used as they are."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.programs import ROOT
from tests.support.server import Server
from tests.support.waiting import patient

SCRIPTS = Path(sys.executable).parent
NODE_MODULES = ROOT / "node_modules"


def run(*command: str | Path, folder: Path) -> str:
    """What a program says that must succeed."""
    path = os.pathsep.join([str(SCRIPTS), os.environ["PATH"]])  # node may come from there
    ended = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": path, "NO_COLOR": "1", "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=patient(120),
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


@pytest.fixture
def python_client(description: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package that openapi-python-client writes; it is to complain about nothing."""
    settings = tmp_path / "settings.yml"
    settings.write_text("post_hooks: []\n")  # else it formats what it wrote, which takes long and changes nothing
    command = ["generate", "--path", str(description), "--output-path", "pwserver_client", "--meta", "none"]
    said = run(SCRIPTS / "openapi-python-client", *command, "--config", str(settings), folder=tmp_path)
    assert said.split() == ["Generating", "pwserver_client"]
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "pwserver_client"
    for name in [name for name in sys.modules if name.partition(".")[0] == "pwserver_client"]:
        del sys.modules[name]


def test_python_client(server: Server, python_client: Path) -> None:
    """Every module can be imported, and the client reads what the server answers."""
    names = [
        ".".join(path.relative_to(python_client.parent).with_suffix("").parts) for path in python_client.rglob("*.py")
    ]
    assert all(part.isidentifier() for name in names for part in name.split("."))
    modules = {
        name.removesuffix(".__init__"): importlib.import_module(name.removesuffix(".__init__")) for name in names
    }
    soe, daily = (
        modules[f"pwserver_client.api.{name}"] for name in ("core.get_soe", "history.get_api_timeseries_daily")
    )
    with modules["pwserver_client"].Client(base_url=f"http://127.0.0.1:{server.port}", timeout=patient(10)) as client:
        charge = soe.sync(client=client).percentage
        wrong = daily.sync(client=client, days=-1)
    assert 0 < charge <= 100
    assert wrong.detail[0].loc == ["query", "days"]


def test_typescript_client(description: Path, tmp_path: Path) -> None:
    """The types that openapi-typescript writes compile in the strictest way, and lead to a document's members."""
    run(
        NODE_MODULES / ".clients/node_modules/.bin/openapi-typescript",
        description,
        "--output",
        "api.d.ts",
        folder=tmp_path,
    )
    (tmp_path / "use.ts").write_text(
        'import type { paths } from "./api";\n'
        'type Charge = paths["/soe"]["get"]["responses"][200]["content"]["application/json"];\n'
        "export const percentage = (charge: Charge): number | null | undefined =>\n"
        '  "percentage" in charge ? charge.percentage : undefined;\n'
    )
    compiler = NODE_MODULES / ".bin/tsc"
    run(
        compiler,
        "--strict",
        "--noEmit",
        "--target",
        "es2022",
        "--module",
        "es2022",
        "--moduleResolution",
        "bundler",
        "use.ts",
        folder=tmp_path,
    )
