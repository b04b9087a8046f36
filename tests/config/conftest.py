"""Helpers of the configuration tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pwserver.config import ConfigError, load


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Auth files are looked for in the working folder: make sure there are none."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture
def problems_of() -> Callable[..., tuple[str, ...]]:
    """Load what cannot be loaded, and give what is wrong with it."""

    def problems_of(environ: Mapping[str, str], flags: Mapping[str, str] | None = None) -> tuple[str, ...]:
        with pytest.raises(ConfigError) as caught:
            load(flags or {}, environ)
        return caught.value.problems

    return problems_of


@pytest.fixture
def write_file(tmp_path: Path) -> Callable[..., str]:
    """Write a configuration file, give its path."""

    def write_file(text: str, name: str = "gateways.yaml") -> str:
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return str(path)

    return write_file
