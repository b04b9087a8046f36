"""Find how much memory the kernel lets this server have, and how often it has killed for want of it.

No call of the standard library tells a container's limit: it is in the files of the control groups (cgroups), in two
versions that may be mounted side by side. A limit may be set on any level between our own group and the root of what is
mounted, and the lowest one counts. Levels above a container's own root cannot be seen from inside; of theirs only
version 1 tells the lowest limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pwserver.records import record

ROOT = Path("/")
UNLIMITED_BYTES = 1 << 60  # version 1 writes "no limit" as the largest multiple of a page
MOST_LEVELS = 64
MOST_BYTES = 1 << 20  # of one of these files; they are small, but mountinfo grows with the machine's mounts
# Beyond the first the kernel kills; beyond the second it slows everything down until hardly anything moves.
SLOWING = "memory.high"
LIMIT_FILES = ("memory.max", SLOWING, "memory.limit_in_bytes")
# Version 1 tells here the lowest limit of all groups above, those included that cannot be seen from inside.
STATISTICS, LOWEST = "memory.stat", "hierarchical_memory_limit"
INSTALLED = "/proc/meminfo"  # the source of a limit that is the machine's own size
KILLS_FILES = ("memory.events", "memory.oom_control")


@record(frozen=True, slots=True)
class MemoryLimit:
    """Holds the lowest limit there is, and the file that says so."""

    limit_bytes: int
    source: str

    @property
    def slows(self) -> bool:
        """Tell whether the kernel kills nobody beyond this limit, but slows everything down."""
        return self.source.endswith(f"/{SLOWING}")


def memory_limit(root: Path = ROOT) -> MemoryLimit | None:
    """Find the lowest limit: of our own group, of every group above it, and of the machine. None: nothing is known.

    ``root``: where ``/proc`` and the mounted groups are looked for.
    """
    found = []
    for folder in groups(root):
        for name in LIMIT_FILES:
            value = _number(_text(folder / name).strip())
            if value is not None and value < UNLIMITED_BYTES:
                found.append(MemoryLimit(value, f"/{(folder / name).relative_to(root)}"))
        value = _field(folder / STATISTICS, LOWEST)
        if value is not None and value < UNLIMITED_BYTES:
            found.append(MemoryLimit(value, f"/{(folder / STATISTICS).relative_to(root)}"))
    installed = _field(root / "proc/meminfo", "MemTotal:")
    if installed is not None:
        found.append(MemoryLimit(installed * 1024, INSTALLED))
    return min(found, key=lambda limit: limit.limit_bytes, default=None)


def kills_file(root: Path = ROOT) -> Path | None:
    """Return the file that counts the processes of our own group that the kernel killed because memory ran out.

    The root of all groups has no such file in version 2; then the machine's own count is the best there is.
    """
    own: list[Path] = []
    for mounted in _mounts(root):  # both versions may be mounted; memory is counted in one of them
        folder = mounted.folder_of(_text(root / "proc/self/cgroup"))
        own += [] if folder is None else [folder / name for name in KILLS_FILES]
    for path in (*own, root / "proc/vmstat"):
        if count_of_kills(path) is not None:
            return path
    return None


def count_of_kills(path: Path) -> int | None:
    """Return the number after ``oom_kill`` in one of the kernel's files; None when it has no such line."""
    return _field(path, "oom_kill")


def groups(root: Path = ROOT) -> Iterator[Path]:
    """Yield the folders of this process's memory group and of those above it, from the inside out; both versions."""
    for mounted in _mounts(root):
        inner = mounted.folder_of(_text(root / "proc/self/cgroup"))
        if inner is None:
            continue
        for _ in range(MOST_LEVELS):
            if inner.is_dir():
                yield inner
            if inner == mounted.folder:
                break
            inner = inner.parent


@record(frozen=True, slots=True)
class _Mount:
    """Describes a mounted hierarchy of groups.

    ``inside``: the group that is mounted, seen from the hierarchy's own root.
    """

    folder: Path
    inside: str
    version: int

    def folder_of(self, memberships: str) -> Path | None:
        """Return the folder of this process's group; None when it is in none of this hierarchy.

        ``memberships``: the content of ``/proc/self/cgroup``.
        """
        for line in memberships.splitlines():
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if controllers != "" if self.version == 2 else "memory" not in controllers.split(","):
                continue
            # Without a namespace of its own a container sees the whole path and has only its end mounted.
            below = path.removeprefix(self.inside.rstrip("/")) if self._has(path) else ""
            return self.folder.joinpath(*(part for part in below.split("/") if part not in ("", ".", "..")))
        return None

    def _has(self, path: str) -> bool:
        inside = self.inside.rstrip("/")
        return path == inside or path.startswith(f"{inside}/")


def _mounts(root: Path) -> Iterator[_Mount]:
    """Yield the mounted hierarchies that may limit memory."""
    for line in _text(root / "proc/self/mountinfo").splitlines():
        mount, _, filesystem = line.partition(" - ")
        fields, kind = mount.split(" "), filesystem.split(" ")
        if len(fields) < 5 or len(kind) < 3:
            continue
        folder = root / _unescaped(fields[4]).lstrip("/")
        if kind[0] == "cgroup2":
            yield _Mount(folder, _unescaped(fields[3]), 2)
        elif kind[0] == "cgroup" and "memory" in kind[2].split(","):
            yield _Mount(folder, _unescaped(fields[3]), 1)


def _unescaped(path: str) -> str:
    """Return a path of mountinfo, which writes blanks and backslashes as octal numbers."""
    for octal, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(octal, character)
    return path


def _text(path: Path) -> str:
    """Return the content of a file, empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES).decode(errors="replace")
    except (OSError, ValueError):
        return ""


def _number(text: str) -> int | None:
    """Return a number of bytes as the kernel writes it; None for ``max`` and for any other text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 25 else None


def _field(path: Path, name: str) -> int | None:
    """Return the number behind ``name`` at the beginning of a line."""
    for line in _text(path).splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == name:
            return _number(words[1])
    return None
