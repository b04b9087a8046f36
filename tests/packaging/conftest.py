"""The image of the checkout, built once for all tests here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.packaging import roots
from tests.packaging.dockerfile import Builder, Image, context
from tests.packaging.roots import CHECKOUT, Root, base

HERE = Path(__file__).parent


# The first test here waits for the image, which takes minutes where much else runs.
LONGEST_SECONDS = 1500


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of this room longer than all others."""
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.timeout(LONGEST_SECONDS))


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """The folder that all tests here share."""
    with roots.scratch() as folder:
        yield folder


@dataclass(frozen=True)
class Built:
    """The image, and the stage it was built in."""

    image: Image
    build: Image

    def wheels(self) -> Path:
        """The folder with the wheels of pwserver and everything it needs."""
        return self._found("wheels")

    def translated(self) -> Path:
        """The folder with what Cython has made of the sources."""
        return self._found("src/build/cython")

    def _found(self, place: str) -> Path:
        return next(layer / place for layer in reversed(self.build.layers) if (layer / place).exists())

    def compiler(self) -> list[Path]:
        """The layers of a Debian with a compiler and nothing else."""
        return self.build.layers[:2]


@pytest.fixture(scope="session")
def built(scratch: Path) -> Built:
    """Every step of the Dockerfile, executed."""
    bare = base()
    files = scratch / "context"
    context(CHECKOUT, files)
    builder = Builder(CHECKOUT / "Dockerfile", files, bare, scratch / "build")
    image = builder.build()
    return Built(image, builder.stages["build"])


@pytest.fixture
def bare_root(scratch: Path, tmp_path: Path) -> Root:
    """Debian with Python and venv, without a compiler."""
    return Root([base()], scratch / tmp_path.name)
