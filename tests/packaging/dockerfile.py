"""A small reader of Dockerfiles: its steps are executed in Debian roots, layer by layer, where no engine runs.

Knows what ours uses and refuses the rest, so that a new instruction cannot go untested.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re
import shlex
import shutil
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.packaging.roots import CACHE, CHEAPLY, COMPILED, Root

KEEP_SECONDS = 7 * 86400.0  # installing a compiler takes longer than all the rest
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass
class Image:
    """What a stage has become."""

    layers: list[Path]
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    volumes: list[str] = field(default_factory=list)
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    stop_signal: str = "SIGTERM"
    history: str = ""  # all steps so far, while none of them took anything from the checkout


def instructions(text: str) -> list[tuple[str, str]]:
    """Instruction and the rest of it, continued lines joined, comments gone."""
    found: list[tuple[str, str]] = []
    pending = ""
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        pending += line.rstrip().removesuffix("\\") if line.rstrip().endswith("\\") else line
        if line.rstrip().endswith("\\"):
            continue
        if pending.strip():
            word, _, rest = pending.strip().partition(" ")
            found.append((word.upper(), rest.strip()))
        pending = ""
    return found


def context(source: Path, target: Path) -> None:
    """Copy what .dockerignore lets through, as the engine sends it to the builder."""
    patterns = [line for line in (source / ".dockerignore").read_text().split("\n") if line and line[0] != "#"]
    for path in source.rglob("*"):
        relative = path.relative_to(source)
        if relative.parts[0] in (".git", ".venv", "build") or not path.is_file():
            continue
        if not ignored(relative, patterns):
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target / relative)


def ignored(path: Path, patterns: list[str]) -> bool:
    """The last matching pattern decides; a pattern for a folder is one for all below it."""
    answer = False
    for pattern in patterns:
        wanted, plain = not pattern.startswith("!"), pattern.removeprefix("!").strip("/")
        names = [path, *path.parents][:-1]
        if plain.startswith("**/"):
            hit = any(fnmatch.fnmatch(name.name, plain[3:]) for name in names)
        else:
            hit = any(fnmatch.fnmatch(str(name), plain) for name in names)
        if hit:
            answer = wanted
    return answer


@dataclass
class Builder:
    """Executes one Dockerfile; the folder keeps one layer per step."""

    dockerfile: Path
    context: Path
    base: Path  # stands in for every image of a registry
    folder: Path
    stages: dict[str, Image] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    steps: int = 0

    def build(self) -> Image:
        """The image of the last stage."""
        image, name = Image([self.base]), ""
        for word, rest in instructions(self.dockerfile.read_text()):
            if word == "ARG":
                key, _, value = rest.partition("=")
                self.arguments[key] = value
            elif word == "FROM":
                source, *alias = re.split(r"\s+AS\s+", self._fill(rest, self.arguments), flags=re.IGNORECASE)
                assert re.fullmatch(r"python:3\.\d+-slim-bookworm", source), f"base is Debian's Python: {source}"
                image, name = Image([self.base], history=f"FROM {self.base}\n"), alias[0] if alias else "final"
                self.stages[name] = image
            else:
                getattr(self, f"_{word.lower()}")(image, rest)
        return image

    @staticmethod
    def _fill(text: str, values: dict[str, str]) -> str:
        return VARIABLE.sub(lambda found: values.get(found[1] or found[2], ""), text)

    def _layer(self, image: Image) -> Root:
        self.steps += 1
        return Root(list(image.layers), self.folder / f"step{self.steps}")

    def _keep(self, image: Image, root: Root) -> None:
        image.layers.append(root.folder / "upper")

    def _run(self, image: Image, rest: str) -> None:
        image.history += f"RUN {rest}\n" if image.history else ""
        kept = CACHE / "layers" / hashlib.sha256(image.history.encode()).hexdigest()[:20]
        if image.history and kept.exists() and time.time() - kept.stat().st_mtime < KEEP_SECONDS:
            image.layers.append(kept / "upper")
            return
        root = self._layer(image)
        root.volumes[COMPILED] = compiled()
        while match := re.match(r"--mount=type=cache,target=(\S+)\s+", rest):
            rest = rest[match.end() :]
            outside = CACHE / "cache" / match[1].strip("/").replace("/", "-")
            outside.mkdir(parents=True, exist_ok=True)
            root.volumes[match[1]] = outside
        assert not rest.startswith(("--", "[")), rest
        result = root.run(["/bin/sh", "-c", rest], CHEAPLY | image.environment, image.user, image.workdir)
        assert result.status == 0, f"RUN {rest}\n{result.output[-6000:]}"
        if image.history:
            shutil.rmtree(kept, ignore_errors=True)
            kept.parent.mkdir(exist_ok=True)
            root.folder.rename(kept)
            os.utime(kept)
            image.layers.append(kept / "upper")
        else:
            self._keep(image, root)

    def _copy(self, image: Image, rest: str) -> None:
        words = shlex.split(rest)
        options = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
        *sources, target = [word for word in words if not word.startswith("--")]
        assert options.keys() <= {"from", "chmod"}, options
        image.history = ""
        root = self._layer(image)
        place = root.folder / "upper" / str(Path(image.workdir, target)).lstrip("/")
        for source in sources:
            if "from" in options:
                layers = self.stages[options["from"]].layers
                found = next(layer / source.lstrip("/") for layer in reversed(layers) if (layer / source[1:]).exists())
            else:
                found = self.context / source
            assert found.exists(), f"COPY {source}: not in the build's context"
            if found.is_dir():
                shutil.copytree(found, place, symlinks=True, dirs_exist_ok=True)
            else:
                goal = place / found.name if target.endswith("/") else place
                goal.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, goal)
                if "chmod" in options:
                    goal.chmod(int(options["chmod"], 8))
        self._keep(image, root)

    def _env(self, image: Image, rest: str) -> None:
        known = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"} | image.environment
        for word in shlex.split(self._fill(rest, known)):
            key, _, value = word.partition("=")
            image.environment[key] = value

    def _workdir(self, image: Image, rest: str) -> None:
        image.workdir = rest
        root = self._layer(image)
        (root.folder / "upper" / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        exists = any((layer / rest.lstrip("/")).exists() for layer in image.layers)
        if not exists:
            self._keep(image, root)

    def _volume(self, image: Image, rest: str) -> None:
        image.volumes = json.loads(rest)

    def _user(self, image: Image, rest: str) -> None:
        image.user = rest

    def _entrypoint(self, image: Image, rest: str) -> None:
        image.entrypoint = json.loads(rest)

    def _healthcheck(self, image: Image, rest: str) -> None:
        options, _, command = rest.partition("CMD ")
        assert "--start-period" in options and "--timeout" in options
        image.health = json.loads(command)

    def _stopsignal(self, image: Image, rest: str) -> None:
        image.stop_signal = rest

    def _label(self, image: Image, rest: str) -> None:
        assert rest.startswith("org.opencontainers.image."), rest

    def _expose(self, image: Image, rest: str) -> None:
        assert rest == "8675", rest


def compiled() -> Path:
    """What the compiler has made in earlier roots, by the content of its sources."""
    folder = CACHE / "cache" / "ccache"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def container(image: Image, folder: Path, *, volumes: dict[str, Path] | None = None, read_only: bool = False) -> Root:
    """A root to run the image in: volumes not given are anonymous, as an engine makes them."""
    given = dict(volumes or {})
    for place in image.volumes:
        if place not in given:
            given[place] = folder / f"volume{place.replace('/', '-')}"
            given[place].mkdir(parents=True, exist_ok=True)
            inside = next((each / place[1:] for each in reversed(image.layers) if (each / place[1:]).exists()), None)
            if inside is not None:  # an anonymous volume begins as a copy of what the image has there
                given[place].chmod(inside.stat().st_mode & 0o7777)
    return replace(Root(list(image.layers), folder), volumes=given, read_only=read_only, network=False)
