"""The files others' tools read are what those tools want: Dockerfile, compose, Kubernetes, GitHub's workflows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from pwserver import __version__
from pwserver.config.settings import ENVIRONMENT_NAMES

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
COMPOSE = [ROOT / "docker-compose.yml", *sorted((ROOT / "deploy/compose").glob("*.yml"))]
MANIFEST = ROOT / "deploy/kubernetes/pwserver.yaml"
SCRIPTS = Path(sys.executable).parent  # where the tools of the test group are
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
IMAGE = PROJECT["tool"]["pwserver"]["image"]
# Whatever somebody may follow: there nothing names an image of the predecessors but the page about leaving them.
FOLLOWED = [
    "*.md",
    "*.yml",
    "Dockerfile",
    "Makefile",
    ".github/**/*",
    "deploy/**/*",
    "docs/**/*.md",
    "pwserver/**/*.py",
]
PREDECESSORS_IMAGE = re.compile(r"\bjasonacox/pypowerwall(?:-server)?\b")
TELLS_WHAT_TO_REPLACE = {"docs/migration.md"}


def run(*command: str | Path) -> None:
    """A tool that must be content."""
    ended = subprocess.run(
        [SCRIPTS / command[0], *command[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"NO_COLOR": "1"},
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_dockerfile() -> None:
    run("hadolint", "Dockerfile")


@pytest.mark.parametrize(
    "path", [path for path in COMPOSE if path.name != "powerwall-dashboard.yml"], ids=lambda path: path.name
)
def test_every_setting_of_the_environment_file_reaches_the_server(path: Path) -> None:
    for service in yaml.safe_load(path.read_text())["services"].values():
        assert service["env_file"] == [{"path": ".env", "required": False}]
        # What stands here wins over the file, and a default here would be a gateway beside those of PW_GATEWAYS.
        for name, value in service.get("environment", {}).items():
            assert "$" not in value and name == "PW_AUTH_PATH", name


def test_compose_files() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", *COMPOSE)


def test_manifest() -> None:
    resources = {each["kind"]: each for each in yaml.safe_load_all(MANIFEST.read_text())}
    deployment = resources["Deployment"]["spec"]
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels == resources["Service"]["spec"]["selector"]
    assert deployment["replicas"] == 1 and deployment["strategy"]["type"] == "Recreate"
    assert pod["securityContext"]["runAsNonRoot"] and container["securityContext"]["readOnlyRootFilesystem"]
    assert container["image"] == f"{IMAGE}:{__version__}"
    (port,) = container["ports"]
    assert port["name"] == resources["Service"]["spec"]["ports"][0]["targetPort"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert {each["name"] for each in container["env"]} <= set(ENVIRONMENT_NAMES)


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_compose_starts_the_same_image(path: Path) -> None:
    for service in yaml.safe_load(path.read_text())["services"].values():
        assert service["image"] == f"${{PWSERVER_IMAGE:-{IMAGE}}}"
        assert set(service.get("environment", {})) <= set(ENVIRONMENT_NAMES)


def test_no_file_starts_a_predecessor() -> None:
    files = {path for pattern in FOLLOWED for path in ROOT.glob(pattern) if path.is_file()}
    text = {str(path.relative_to(ROOT)): path.read_text(errors="replace") for path in files}
    assert {name for name in text if PREDECESSORS_IMAGE.search(text[name])} == TELLS_WHAT_TO_REPLACE


def test_every_file_names_the_same_image_and_package() -> None:
    """Both are named in pyproject.toml; the image is built, started and published by that name."""
    built = subprocess.run(["make", "-n", "image"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert f"build --tag {IMAGE} --tag {IMAGE}:{__version__} " in built.stdout
    published = yaml.safe_load((ROOT / ".github/workflows/image.yml").read_text())["env"]["IMAGE"]
    assert published.rpartition("/")[2] == IMAGE
    package = PROJECT["project"]["name"]
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for image in re.findall(r"\bdocker run (?:[^\n`]|\\\n)*? (\S+)$", page.read_text(), re.MULTILINE):
            assert image == IMAGE, page
        for installed in re.findall(r"\bpip(?:x)? install ([^\n`]+)", page.read_text()):
            assert re.search(rf"\b{package}\b|\.(\[(mqtt|notices)\])?'?$|^-|openssl", installed), (page, installed)


def test_workflows() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)
    run("zizmor", "--offline", "--no-progress", "--min-severity=medium", *WORKFLOWS)


def steps(path: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(path.read_text())["jobs"].values()
    return [step for job in jobs for step in job.get("steps", [])]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_pin_actions_and_call_real_verbs(path: Path) -> None:
    verbs = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for step in steps(path):
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40}", step["uses"]), step
        for verb in re.findall(r"\bmake ([a-z]+)", step.get("run", "")):
            assert verb in verbs, step
    pinned = re.findall(r"uses: (\S+)@\S+( # v\d+\.\d+\.\d+)?$", path.read_text(), re.MULTILINE)
    assert all(version for action, version in pinned if not action.startswith("./"))


def test_release_publishes_with_provenance() -> None:
    used = [
        step["uses"].partition("@")[0]
        for name in ("release", "image")
        for step in steps(ROOT / f".github/workflows/{name}.yml")
        if "uses" in step
    ]
    assert used.count("actions/attest-build-provenance") == 2  # wheels and image
    release = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]
    assert release["pypi"]["permissions"]["id-token"] == "write"


def test_wheels_are_configured_for_every_machine() -> None:
    wheels = PROJECT["tool"]["cibuildwheel"]
    assert wheels["linux"]["archs"] == ["x86_64", "aarch64", "armv7l"]
    assert wheels["macos"]["archs"] == ["x86_64", "arm64"]
    assert not wheels.get("skip"), "manylinux and musllinux both"
    declared = {entry.rpartition(" ")[2] for entry in PROJECT["project"]["classifiers"] if "Python :: 3." in entry}
    assert {f"cp{version.replace('.', '')}-*" for version in declared} == set(wheels["build"].split())
    assert "smoke.py" in wheels["test-command"]
    built = {
        step["env"]["ARCHS"] for step in steps(ROOT / ".github/workflows/wheels.yml") if "ARCHS" in step.get("env", {})
    }
    assert built == {"${{ matrix.archs }}"}


def test_door_of_the_image_is_plain_shell() -> None:
    door = ROOT / "deploy/container/as-owner"
    assert os.access(door, os.X_OK)
    assert subprocess.run(["sh", "-n", door], check=False).returncode == 0
