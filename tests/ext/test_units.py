"""The compiled units stay small, and each of their functions can be followed."""

from __future__ import annotations

from pathlib import Path

import pytest

import pwserver_ext

LINES_MAX = 600
COMPLEXITY_MAX = 30
SOURCES = Path(pwserver_ext.__file__).parent
UNITS = sorted([*SOURCES.glob("*.pyx"), *SOURCES.glob("*.pxd")])


def complexities(unit: Path) -> list[tuple[str, int]]:
    """List (name, complexity) of every function of a unit."""
    # Every process that collects tests would load Cython's compiler otherwise.
    from tests.ext import complexity

    return complexity.complexities(unit)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_small_and_so_are_its_functions(unit: Path) -> None:
    assert len(unit.read_text(encoding="utf-8").splitlines()) <= LINES_MAX
    assert [found for found in complexities(unit) if found[1] > COMPLEXITY_MAX] == []


def test_no_unit_is_put_together_from_text() -> None:
    assert not list(SOURCES.glob("*.pxi"))
    assert not [path.name for path in UNITS if "\ninclude " in path.read_text(encoding="utf-8")]


def test_the_units_of_the_gate_declare_what_they_share() -> None:
    parts = [path for path in UNITS if path.suffix == ".pyx" and path.stem.startswith("http_")]
    assert parts
    assert [path.name for path in parts if not path.with_suffix(".pxd").exists()] == []


@pytest.mark.parametrize(
    ("body", "complexity"),
    [
        ("return a", 1),
        ("return a if a and b or c else d", 4),
        ("if a:\n        pass\n    elif b:\n        pass", 3),
        ("for a in b:\n        while c:\n            assert d", 4),
        ("try:\n        pass\n    except E:\n        pass", 2),
    ],
)
def test_decisions_are_counted(tmp_path: Path, body: str, complexity: int) -> None:
    unit = tmp_path / "unit.pyx"
    unit.write_text(f"cdef class C:\n  cdef int f(self, a, b, c, d) except -1:\n    {body}\n", encoding="utf-8")
    assert complexities(unit) == [("C.f", complexity)]
