"""The add-on's image: its sources are complete, and it runs with options as Home Assistant writes them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.packaging.conftest import Built
from tests.packaging.dockerfile import Builder, Image, container, instructions
from tests.packaging.roots import CHECKOUT
from tests.packaging.test_files import run
from tests.support.addon import FOLDER, TOKEN
from tests.support.waiting import wait_until

DEFAULTS = yaml.safe_load((FOLDER / "config.yaml").read_text())["options"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make addon` makes."""
    folder = tmp_path_factory.mktemp("addon") / "homeassistant"
    made = subprocess.run(
        ["make", "addon", f"ADDON={folder}"], cwd=CHECKOUT, capture_output=True, text=True, timeout=120
    )
    assert made.returncode == 0, made.stderr
    return folder


def test_the_repository_holds_all_that_the_image_is_built_of(repository: Path) -> None:
    dockerfile = repository / "pwserver/Dockerfile"
    run("hadolint", dockerfile)
    ours = instructions(dockerfile.read_text())
    image = [one for one in instructions((CHECKOUT / "Dockerfile").read_text()) if one[0] != "ENTRYPOINT"]
    assert ours[: len(image)] == image
    for word, rest in ours:
        if word == "COPY" and "--from" not in rest:
            *sources, _ = [part for part in rest.split() if not part.startswith("--")]
            for source in sources:
                assert (repository / "pwserver" / source).exists(), source
    assert not [path for path in repository.rglob("*") if path.suffix in (".so", ".c", ".pyc")]
    assert (repository / "repository.yaml").exists()
    assert not (repository / "pwserver/Dockerfile.end").exists()
    told = {"config.yaml", "DOCS.md", "README.md", "CHANGELOG.md", "icon.png", "translations"}
    assert told <= {path.name for path in (repository / "pwserver").iterdir()}


@pytest.fixture
def image(built: Built, repository: Path, scratch: Path) -> Image:
    """The add-on's image: what it adds, on top of the image of the checkout."""
    found = replace(built.image, layers=list(built.image.layers), environment=dict(built.image.environment))
    builder = Builder(repository / "pwserver/Dockerfile", repository / "pwserver", Path("/"), scratch / "addon")
    for word, rest in instructions((FOLDER / "Dockerfile.end").read_text()):
        getattr(builder, f"_{word.lower()}")(found, rest)
    return found


def test_the_image_starts_with_options(image: Image, scratch: Path) -> None:
    data, config = scratch / "addon-data", scratch / "addon-config"
    data.mkdir()
    config.mkdir()
    options = {**DEFAULTS, "mqtt": False, "control_secret": "of the add-on's owner"}
    options["environment"] = [{"name": "PW_DEMO", "value": "powerwall3"}]
    (data / "options.json").write_text(json.dumps(options))
    (data / "options.json").chmod(0o600)
    root = container(image, scratch / "addon-run", volumes={"/data": data, "/config": config})
    given = image.environment | {"SUPERVISOR_TOKEN": TOKEN}
    with root.started(image.entrypoint, given, "0:0", image.workdir) as running:

        def healthy() -> bool:
            assert running.process.poll() is None, running.output()
            return bool(running.first) and running.exec(image.health).status == 0

        wait_until(healthy, 90, "health")
        assert "Uid:\t1000\t1000" in Path(f"/proc/{running.first}/status").read_text()
        assert b"SUPERVISOR" not in Path(f"/proc/{running.first}/environ").read_bytes()
        assert '"percentage"' in running.exec(["curl", "-sf", "http://localhost:8675/soe"]).output
        wait_until(lambda: [path for path in data.iterdir() if path.name != "options.json"], 60, "history in /data")
        assert running.stop() == 0
        assert TOKEN not in running.output() and "of the add-on's owner" not in running.output()
