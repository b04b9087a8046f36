"""Builds the compiled modules. Everything else about the project is in ``pyproject.toml``.

Switches, all from the environment:
    PWSERVER_PURE=1      leave the plain-Python modules uncompiled (only what touches raw memory is built)
    PWSERVER_ASAN=1      build with AddressSanitizer and UBSan, for the fuzzer
    PWSERVER_ONLY=a,b    build only these (while working on one of them)
    PWSERVER_ANNOTATE=1  write Cython's annotated HTML beside the sources
    CFLAGS=...           a level of optimisation in it (-O0 builds in a quarter of the time) takes the place of ours
"""

from __future__ import annotations

import os
import platform
import runpy
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).parent
runpy.run_path(str(HERE / "pwserver" / "__init__.py"))  # on a system where it cannot run, this says so and ends
EXT = HERE / "pwserver_ext"

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "annotation_typing": False,  # C types of a plain module stand in its .pxd and nowhere else
    "embedsignature": True,
}


def switch(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


def sources() -> dict[str, str]:
    """Compiled module -> its source, relative to this file as setuptools wants it."""
    only = os.environ.get("PWSERVER_ONLY", "")
    found = {}
    for name in runpy.run_path(str(EXT / "modules.py"))["MODULES"]:
        if only and name not in only.split(","):
            continue
        raw, plain = EXT / f"{name}.pyx", EXT / f"{name}.py"
        if raw.exists():
            found[name] = f"pwserver_ext/{name}.pyx"
        elif plain.exists() and plain.with_suffix(".pxd").exists():
            if not switch("PWSERVER_PURE"):
                found[name] = f"pwserver_ext/{name}.py"
        else:
            raise SystemExit(f"setup.py: pwserver_ext.{name} is listed in modules.py but has no source")
    return found


def extensions() -> list[Extension]:
    compile_args = ["-std=c11", "-O2", "-g0", "-fno-strict-aliasing", "-fvisibility=hidden"]
    if any(word.startswith("-O") for word in os.environ.get("CFLAGS", "").split()):
        compile_args.remove("-O2")  # the last level on the command line would win, and CFLAGS stand before these
    link_args: list[str] = []
    if switch("PWSERVER_ASAN"):
        sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
        compile_args = ["-std=c11", "-O1", "-g", "-fno-omit-frame-pointer", "-fno-strict-aliasing", *sanitize]
        link_args = sanitize
    return [
        Extension(
            f"pwserver_ext.{name}",
            [source],
            include_dirs=["pwserver_ext"],
            depends=sorted(f"pwserver_ext/{header.name}" for header in EXT.glob("*.h")),
            extra_compile_args=compile_args,
            extra_link_args=link_args,
        )
        for name, source in sources().items()
    ]


class CompileAll(build_ext):
    """Cython first, and before that a plain word about what is missing: only building needs either."""

    def run(self) -> None:
        say_what_is_missing()
        from Cython.Build import cythonize

        translated = cythonize(
            self.extensions,
            compiler_directives=DIRECTIVES,
            annotate=switch("PWSERVER_ANNOTATE"),
            build_dir="build/cython",
            nthreads=os.cpu_count() or 1,
        )
        c_sources = {each.name: each.sources for each in translated}
        for each in self.extensions:
            each.sources = c_sources[each.name]
        super().run()

    def build_extensions(self) -> None:
        more = arguments_for_atomics(getattr(self.compiler, "compiler", []))
        for each in self.extensions:
            each.extra_compile_args = [*each.extra_compile_args, *more]
        super().build_extensions()


def arguments_for_atomics(compiler: list[str]) -> list[str]:
    """What a compiler for 32-bit ARM must be told so that it has atomic 64-bit cells.

    That of Raspberry Pi OS makes code for the very first board (ARMv6), which has none in plain ARMv6; every board sold
    has them. Those of ARMv7 need no help of the kernel, so only a first board gets what it alone can run.
    """
    try:
        asked = subprocess.run([*compiler, "-dM", "-E", "-"], input="", capture_output=True, text=True)
    except OSError:
        return []  # what is wrong with the compiler it says better itself
    macros = dict(line.split(" ", 2)[1:] for line in asked.stdout.splitlines() if line.count(" ") > 1)
    if "__arm__" not in macros or macros.get("__GCC_ATOMIC_LLONG_LOCK_FREE") == "2":
        return []
    return ["-march=armv6k+fp" if platform.machine().startswith("armv6") else "-march=armv7-a+fp", "-marm"]


def say_what_is_missing() -> None:
    """Without a compiler, the installer's last lines tell which packages bring it."""
    missing = []
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if not shutil.which(compiler):
        missing.append(f"a C compiler ({compiler})")
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        missing.append("the headers of Python {}.{} (Python.h)".format(*sys.version_info))
    if missing:
        raise SystemExit(
            "\npwserver: no ready-made wheel fits this system, so its compiled modules must be built here.\n"
            f"Missing: {' and '.join(missing)}. What brings them:\n"
            "  Debian, Ubuntu, Raspberry Pi OS   apt install gcc libc6-dev python3-dev\n"
            "  Fedora                            dnf install gcc python3-devel\n"
            "  Alpine                            apk add gcc musl-dev python3-dev\n"
            "  macOS (untried)                   xcode-select --install\n"
        )


if __name__ == "__main__":  # Cython's helpers import this file once more, except where Python still forks them
    setup(
        ext_modules=extensions(),
        cmdclass={"build_ext": CompileAll},
        options={"build_ext": {"parallel": os.cpu_count() or 1}},
        # The web pages lie beside the packages in the repository and become pwserver/static once installed: whoever
        # looks for them tries pwserver's own folder first, then the one above it.
        packages=[*find_packages(include=["pwserver", "pwserver.*", "pwserver_ext"]), "pwserver.static"],
        package_dir={"pwserver.static": "static"},
        package_data={"pwserver.static": ["*", "**/*"], "pwserver_ext": ["*.pyi"]},
        include_package_data=False,  # sources of compiled modules belong to the sdist (MANIFEST.in), not to the wheel
    )
