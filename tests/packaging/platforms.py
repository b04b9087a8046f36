"""Other Pythons and processors than this machine's: pwserver is built there, starts there, and is tested there.

    python -m tests.packaging.platforms [NAME ...]

Each is a Debian of its own, with what is committed here. Foreign processors are emulated by QEMU (Debian's
qemu-user-static and binfmt-support): that compiles for half an hour, and shows sizes, alignment and behaviour, but not
the order of memory accesses, which stays the host's. Needs root.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.packaging.roots import CHECKOUT, Root, base, scratch

COMPILER = ("python3", "python3-venv", "python3-dev", "gcc", "libc6-dev", "make", "git", "ca-certificates", "openssl")
RESULT = re.compile(r"^pwserver \S+ on \S+: whole$|^.*\d+ (?:passed|failed|error).*$", re.MULTILINE)
LIMIT_SECONDS = 3 * 3600.0
FAST_ROOMS = ("ext", "gate", "documents", "history")
ROOMS = (*FAST_ROOMS, "gateways", "control", "streams", "server", "e2e")
# What these rooms import beyond pwserver itself; all the tools of development have no wheels for ARMv7.
TEST_TOOLS = "pytest pytest-timeout hypothesis h11 jsonschema"

# No limit for a single test: an emulated processor needs minutes for the year of one of them.
STEPS = """
cd /root/pwserver
python3 -m venv $OPTIONS /root/venv
pip="/root/venv/bin/python -m pip --disable-pip-version-check --quiet"
$pip install 'setuptools>=78' 'cython>=3.1,<4'
$pip wheel --no-build-isolation --no-deps --wheel-dir /root/dist .
$pip install --prefer-binary '/root/dist/'*.whl $TOOLS
(cd /tmp && /root/venv/bin/python /root/pwserver/tests/packaging/smoke.py)
/root/venv/bin/python setup.py --quiet build_ext --inplace
/root/venv/bin/python -m pytest --quiet -p no:cacheprovider -o faulthandler_timeout=0 --timeout=0 $ROOMS
"""


@dataclass(frozen=True)
class Platform:
    """A suite of Debian, and for which processor."""

    suite: str
    architecture: str = ""
    rooms: Sequence[str] = ROOMS
    packages: tuple[str, ...] = ()  # of Debian, in place of wheels that PyPI does not have

    def run(self, folder: Path) -> str:
        """Build, start and test; the last lines of what was printed, and how it ended."""
        root = Root([base(self.suite, self.architecture, (*COMPILER, *self.packages))], folder)
        clone = folder / "upper/root/pwserver"
        clone.parent.mkdir(parents=True)
        subprocess.run(["git", "clone", "--quiet", CHECKOUT, clone], check=True)
        environment = {
            "ROOMS": " ".join(f"tests/{room}" for room in self.rooms),
            "TOOLS": TEST_TOOLS,
            "OPTIONS": "--system-site-packages" if self.packages else "",
            "LANG": "C.UTF-8",
        }
        ended = root.run(["sh", "-eux", "-c", STEPS], environment, seconds=LIMIT_SECONDS)
        if ended.status:
            print(ended.output[-10_000:])
        found = RESULT.findall(ended.output)
        return "; ".join([*found, "ok" if ended.status == 0 else f"ended with status {ended.status}"])


PLATFORMS = {
    "python3.13": Platform("trixie"),
    "python3.14": Platform("forky"),
    "aarch64": Platform("bookworm", "arm64", FAST_ROOMS),
    "armv7l": Platform(
        "bookworm", "armhf", FAST_ROOMS, ("g++", "libffi-dev", "python3-httptools", "python3-uvloop", "python3-yaml")
    ),
}


def main(names: Sequence[str]) -> int:
    """Run the named platforms, all of them by default; 0 when all went well."""
    well = True
    for name in names or PLATFORMS:
        with scratch() as folder:
            result = PLATFORMS[name].run(folder)
        print(f"{name}: {result}", flush=True)
        well = well and result.endswith("ok")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
