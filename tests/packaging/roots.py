"""Bare Debian roots to build and run in, as a container engine would: layers, own processes, own network.

One debootstrap per machine, kept in ``/var/tmp``; everything else is an overlay on it. Needs root, as CI has.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
CACHE = Path("/var/tmp/pwserver-tests")
SUITE, MIRROR = "bookworm", "http://deb.debian.org/debian"
# What python:*-slim has, and no compiler; ccache is for CHEAPLY.
PACKAGES = ("python3", "python3-venv", "ca-certificates", "ccache")
LIMIT_SECONDS = 1000  # a slow machine with much beside it has taken 400 for the image
# What is built here is built in the same way as by everybody, but not made fast, which is most of a compiler's work.
# And what has been compiled in one root is not compiled once more in another one.
COMPILED = "/var/cache/ccache"
CHEAPLY = {
    "CFLAGS": "-O0",
    "CC": "ccache cc",
    "CCACHE_DIR": COMPILED,
    "CCACHE_NOHASHDIR": "1",  # the place of a checkout is only of use to a debugger
}
# How this machine reaches the package registries, which a bare root must learn: certificates and pip's options.
HOST_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt")
HOST_VARIABLES = (
    "PIP_CERT",
    "PIP_INDEX_URL",
    "PIP_DEFAULT_TIMEOUT",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
)

SET_UP = """
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount -t tmpfs -o mode=755 tmpfs "$ROOT/dev"
for node in null zero full random urandom tty; do
    touch "$ROOT/dev/$node"; mount --bind "/dev/$node" "$ROOT/dev/$node"
done
mkdir -m 1777 "$ROOT/dev/shm"
ln -s /proc/self/fd "$ROOT/dev/fd"
"""
LOOPBACK = """
printf '127.0.0.1 localhost\\n::1 localhost\\n' >"$ROOT/etc/hosts"
python3 -c '
import fcntl, socket, struct
with socket.socket() as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", b"lo", 0x41))  # SIOCSIFFLAGS: up, running
'
"""


def required(program: str) -> None:
    """Fail in CI, skip on a machine without what it takes."""
    if os.geteuid() == 0 and shutil.which(program):
        return
    missing = f"needs root and the program {program}"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder on a real disk (an overlay's upper layer cannot lie on another overlay), removed at the end."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=CACHE, prefix="run-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def base(suite: str = SUITE, architecture: str = "", packages: tuple[str, ...] = PACKAGES) -> Path:
    """The bare root; made once, never written to afterwards. Of another architecture it needs QEMU, and longer."""
    required("debootstrap")
    root = CACHE / "-".join(filter(None, (suite, architecture, *packages)))
    if not root.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=CACHE, prefix="part-"))
        part.chmod(0o755)
        try:
            options = ["--variant=minbase", f"--include={','.join(packages)}"]
            if architecture:
                options.append(f"--arch={architecture}")
            subprocess.run(  # the script is the same for all suites, and known for those younger than this debootstrap
                ["debootstrap", *options, suite, part, MIRROR, "sid"],
                check=True,
                capture_output=True,
                text=True,
                timeout=LIMIT_SECONDS * (5 if architecture else 1),
            )
            with contextlib.suppress(OSError):  # somebody else was quicker
                part.rename(root)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return root


@dataclass
class Result:
    """How a command in a root ended."""

    status: int
    output: str


@dataclass
class Root:
    """Layers (lowest first) and a writable one above them in ``folder``."""

    layers: list[Path]
    folder: Path
    volumes: dict[str, Path] = field(default_factory=dict)  # place in the root -> folder outside
    read_only: bool = False
    network: bool = True  # the machine's own, for package registries; else an empty one with its own loopback

    def __post_init__(self) -> None:
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    @property
    def mounted(self) -> Path:
        """Where the root is mounted, seen from inside of its own mount namespace only."""
        return self.folder / "root"

    def _script(self) -> str:
        lines = [SET_UP]
        if self.network:
            for file in filter(os.path.exists, HOST_FILES):
                lines.append(f'touch "$ROOT{file}"; mount --bind {file} "$ROOT{file}"')
        else:
            lines.append(LOOPBACK)
        for place, outside in self.volumes.items():
            target = shlex.quote(f"{self.mounted}{place}")
            lines.append(f"mkdir -p {target}; mount --bind {shlex.quote(str(outside))} {target}")
        if self.read_only:
            lines.append('mount -o remount,ro "$ROOT"')
        return "set -eu\n" + "\n".join(lines) + '\nexec chroot --userspec="$AS" "$ROOT" "$@"\n'

    def command(
        self, arguments: Sequence[str], environment: Mapping[str, str], user: str = "0:0", workdir: str = "/"
    ) -> tuple[list[str], dict[str, str]]:
        """What to start: ``arguments`` as process 1 of a root of its own."""
        own = {"HOME": "/root" if user == "0:0" else "/", "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
        if self.network:
            own |= {name: os.environ[name] for name in HOST_VARIABLES if name in os.environ}
        words = [f"{name}={value}" for name, value in (own | dict(environment)).items()]
        inside = ["/usr/bin/env", "-i", *words, "sh", "-c", 'cd "$0" && exec "$@"', workdir, *arguments]
        spaces = ["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", *([] if self.network else ["--net"])]
        variables = {
            "PATH": os.environ["PATH"],
            "ROOT": str(self.mounted),
            "LOWER": ":".join(str(layer) for layer in reversed(self.layers)),
            "UPPER": str(self.folder / "upper"),
            "WORK": str(self.folder / "work"),
            "AS": user,
        }
        return ["unshare", *spaces, "sh", "-c", self._script(), "sh", *inside], variables

    def run(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        user: str = "0:0",
        workdir: str = "/",
        seconds: float = LIMIT_SECONDS,
    ) -> Result:
        """Run to the end; output and errors together."""
        command, variables = self.command(arguments, environment or {}, user, workdir)
        ended = subprocess.run(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            text=True,
            errors="replace",
        )
        return Result(ended.returncode, ended.stdout)

    @contextlib.contextmanager
    def started(
        self, arguments: Sequence[str], environment: Mapping[str, str], user: str, workdir: str = "/"
    ) -> Iterator[Running]:
        """Run until the block ends; then SIGTERM, as ``docker stop`` does."""
        command, variables = self.command(arguments, environment, user, workdir)
        log = self.folder / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        running = Running(self, process, log, environment, user, workdir)
        try:
            yield running
        finally:
            running.stop()


@dataclass
class Running:
    """A root whose process 1 is running."""

    root: Root
    process: subprocess.Popen[bytes]
    log: Path
    environment: Mapping[str, str]
    user: str
    workdir: str

    @property
    def first(self) -> int:
        """Process 1 of the root, by its number out here; 0 before it is there."""
        try:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        except FileNotFoundError:
            return 0
        return int(children[0]) if children else 0

    def output(self) -> str:
        """Everything printed so far."""
        return self.log.read_text(errors="replace")

    def exec(self, arguments: Sequence[str], user: str | None = None, seconds: float = 60) -> Result:
        """Another command in the same root, as ``docker exec`` does."""
        words = [f"{name}={value}" for name, value in self.environment.items()]
        command = [
            "nsenter", "--target", str(self.first), "--mount", "--pid", "--net", "--ipc", "--",
            "chroot", f"--userspec={user or self.user}", str(self.root.mounted),
            "/usr/bin/env", "-i", *words, "sh", "-c", 'cd "$0" && exec "$@"', self.workdir, *arguments,
        ]  # fmt: skip
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )
        return Result(ended.returncode, ended.stdout)

    def stop(self, seconds: float = 10) -> int:
        """SIGTERM to process 1; its exit status, or 137 when it had to be killed."""
        if self.process.poll() is None and self.first:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.first, 15)
            try:
                return self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()  # --kill-child takes everything inside along
                self.process.wait()
                return 137
        return self.process.wait()
