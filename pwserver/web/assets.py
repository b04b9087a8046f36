"""Read the files of ``static/`` once in main and hash them; every worker serves them, most of them from memory.

Pages refer to ``static/<hash>/…``: one hash over all files, so relative imports between modules keep working and
the whole tree can be cached for ever. ``static/…`` without the hash is served too, revalidated by ETag.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from pwserver.records import record

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
}
KEPT_BYTES = 256 * 1024  # larger ones, of the pages about the API, are 2.8 MB together, and read when asked for
COMPRESSIBLE = ("text/", "application/json", "image/svg", "application/manifest")


@record(frozen=True)
class Asset:
    """Holds one file: its bytes, what it is, and the strong tag that names this very content."""

    path: str  # below static/, with forward slashes
    media_type: str
    etag: str  # quotes included
    kept: bytes | None  # None: too large to be kept
    file: Traversable

    @property
    def body(self) -> bytes:
        """Return the bytes. Raises FileNotFoundError when a large file is no longer the one that was hashed."""
        if self.kept is not None:
            return self.kept
        body = self.file.read_bytes()
        if strong_tag(body) != self.etag:
            raise FileNotFoundError(f"static/{self.path} has been replaced since the start")
        return body

    @cached_property
    def gzip(self) -> bytes | None:
        """Return the compressed twin, made when first asked for; None where it would not help."""
        # A smaller file fits into one packet anyway; images and fonts are compressed already.
        if len(self.body) < 1024 or not self.media_type.startswith(COMPRESSIBLE):
            return None
        return gzip.compress(self.body, 9, mtime=0)


class Assets:
    """Holds every file of the shipped ``static`` folder, by path."""

    def __init__(self, root: Traversable | None = None) -> None:
        self.files = {path: asset_of(path, file) for path, file in _walk(root or static_root()) if media_type(path)}
        # One hash over all files, not one per file: modules import each other by relative paths, which cannot know it.
        digest = hashlib.blake2b(digest_size=6)
        for path in sorted(self.files):
            digest.update(path.encode() + b"\0" + self.files[path].etag.encode())
        self.hash = digest.hexdigest()

    def get(self, path: str) -> tuple[Asset, bool] | None:
        """Return the file for ``path`` (with or without the leading hash) and whether it may be cached for ever."""
        head, _, rest = path.partition("/")
        if head == self.hash and rest in self.files:
            return self.files[rest], True
        return (self.files[path], False) if path in self.files else None

    def page(self, name: str) -> str:
        """Return the text of ``<name>.html``."""
        return self.files[f"{name}.html"].body.decode()


def asset_of(path: str, file: Traversable) -> Asset:
    """Read one file."""
    body = file.read_bytes()
    return Asset(path, media_type(path), strong_tag(body), body if len(body) <= KEPT_BYTES else None, file)


def strong_tag(body: bytes) -> str:
    """Return the strong entity tag of a file, quotes included."""
    return f'"{hashlib.blake2b(body, digest_size=9).hexdigest()}"'


def static_root() -> Traversable:
    """Find the shipped ``static`` folder: inside the installed package, or beside it in a checkout."""
    packaged = resources.files("pwserver") / "static"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "static"


def media_type(path: str) -> str:
    """Return the media type for an extension; empty for files that are not served (Python, licences)."""
    dot = path.rfind(".")
    return MEDIA_TYPES.get(path[dot:], "") if dot > 0 else ""


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            if not entry.name.startswith(("_", ".")):
                yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry
