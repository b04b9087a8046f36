"""What setup.py tells compilers that need to be told something. The compiler is a script that notes its arguments."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.roots import CHECKOUT

COMPILER = """#!/bin/sh
case "$*" in
*-dM*) printf '#define __ELF__ 1\\n{macros}' ;;
*) echo "$*" >>"{log}"; while [ $# -gt 0 ]; do if [ "$1" = -o ]; then : >"$2"; fi; shift; done ;;
esac
"""
ARM = "#define __arm__ 1\\n"
LOCK_FREE = "#define __GCC_ATOMIC_LLONG_LOCK_FREE {}\\n"


def compiled_with(folder: Path, macros: str, **environment: str) -> list[str]:
    """Build one module with a compiler of these macros; return what it was told for each source."""
    compiler, log = folder / "cc", folder / "log"
    compiler.write_text(COMPILER.format(macros=macros, log=log))
    compiler.chmod(0o755)
    places = ["--build-lib", str(folder / "lib"), "--build-temp", str(folder / "temp")]
    built = subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_ext", "--force", *places],
        cwd=CHECKOUT,
        env=os.environ | {"CC": str(compiler), "PWSERVER_ONLY": "process"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert built.returncode == 0, built.stderr
    return [line for line in log.read_text().splitlines() if " -c " in line]


@pytest.mark.parametrize(
    ("macros", "told"),
    [
        pytest.param(ARM + LOCK_FREE.format(1), True, id="Raspberry Pi OS, 32 bit"),
        pytest.param(ARM + LOCK_FREE.format(2), False, id="Debian armhf"),
        pytest.param(LOCK_FREE.format(2), False, id="64 bit"),
    ],
)
def test_compilers_for_the_first_raspberry_pi_are_told_to_use_atomics(macros: str, told: bool, tmp_path: Path) -> None:
    (compiling,) = compiled_with(tmp_path, macros)
    assert ("-march=armv7-a+fp" in compiling) is told
    assert "-std=c11" in compiling


@pytest.mark.parametrize(("flags", "level"), [("", "-O2"), ("-g -O0", "-O0"), ("-Wall", "-O2")])
def test_the_level_of_optimisation_in_cflags_is_the_one_that_counts(flags: str, level: str, tmp_path: Path) -> None:
    (compiling,) = compiled_with(tmp_path, "", CFLAGS=flags)
    assert [word for word in compiling.split() if word.startswith("-O")][-1] == level
