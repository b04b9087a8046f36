"""Make of a user's file the environment that its own program would give to the server: compose, docker, Kubernetes …"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

_COMMENT = re.compile(r"\s+#.*")
Environment = dict[str, str]


def environment_of(path: Path) -> Environment:
    """The environment that the file's own program would make of it, in the folder where the file lies."""
    return READERS[path.suffix](path)


def _pairs(lines: Iterable[str]) -> Environment:
    return dict(line.split("=", 1) for line in lines)


def docker_env_file(path: Path) -> Environment:
    """What ``docker run --env-file`` reads: everything behind the equals sign, comments and blanks too."""
    return _pairs(line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#"))


def compose_env_file(path: Path) -> Environment:
    """What compose reads: comments behind values are dropped."""
    return {name: _COMMENT.sub("", value).strip() for name, value in docker_env_file(path).items()}


def compose(path: Path) -> Environment:
    """The environment of the one service that is ours: its env files, then what stands in the file itself."""
    services = yaml.safe_load(path.read_text("utf-8"))["services"]
    (service,) = (one for name, one in services.items() if name.startswith("pypowerwall"))
    given = service.get("environment", {})
    files = [compose_env_file(path.parent / name) for name in service.get("env_file", [])]
    own = given if isinstance(given, dict) else _pairs(given)
    return {name: value for one in [*files, own] for name, value in one.items()}


def make_recipe(path: Path) -> Environment:
    """The environment of the container that the file's ``docker run`` starts."""
    (command,) = re.findall(r"^\t.*docker run (.*)", path.read_text("utf-8").replace("\\\n", " "), re.MULTILINE)
    words = shlex.split(command)
    found: Environment = {}
    for option, value in pairwise(words):
        if option == "--env-file":
            found |= docker_env_file(path.parent / value)
        elif option == "-e":
            found |= _pairs([value])
    return found


def kubernetes(path: Path) -> Environment:
    """The environment of the one container: what its manifest names, and what each service puts into it."""
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(path.read_text("utf-8")))
    maps = {one["metadata"]["name"]: one["data"] for one in documents if one["kind"] == "ConfigMap"}
    found: Environment = {}
    for one in documents:
        if one["kind"] == "Service":
            name, port = one["metadata"]["name"].upper().replace("-", "_"), one["spec"]["ports"][0]["port"]
            link = f"tcp://10.43.0.7:{port}"
            found |= {f"{name}_SERVICE_HOST": "10.43.0.7", f"{name}_SERVICE_PORT": str(port), f"{name}_PORT": link}
            found |= {f"{name}_PORT_{port}_TCP": link, f"{name}_PORT_{port}_TCP_PROTO": "tcp"}
    for one in documents:
        if one["kind"] == "Deployment":
            (container,) = one["spec"]["template"]["spec"]["containers"]
            for variable in container["env"]:
                source = variable["valueFrom"]["configMapKeyRef"]
                found[variable["name"]] = maps[source["name"]][source["key"]]
    return found


def yaml_file(path: Path) -> Environment:
    """Kubernetes' manifests, or a file for PW_CONFIG."""
    return kubernetes(path) if "\nkind:" in path.read_text("utf-8") else {"PW_CONFIG": str(path)}


def addon_options(path: Path) -> Environment:
    """What that add-on's script exports: every option as text, and the zone once more."""
    found = {name: str(value) for name, value in json.loads(path.read_text("utf-8")).items() if name}
    return found | {"TZ": found["PW_TIMEZONE"]}


def systemd_unit(path: Path) -> Environment:
    lines = [line for line in path.read_text("utf-8").splitlines() if line.startswith("Environment=")]
    return _pairs(word for line in lines for word in shlex.split(line.removeprefix("Environment=")))


READERS: dict[str, Callable[[Path], Environment]] = {
    ".env": docker_env_file,
    ".json": addon_options,
    ".mk": make_recipe,
    ".service": systemd_unit,
    ".yaml": yaml_file,
    ".yml": compose,
}
