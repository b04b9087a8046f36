"""Read the lines of a large text file that somebody brings: compressed or not, from Unix or from Windows."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_MOST_LINE_BYTES: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"


def numbered_lines(source: io.BufferedReader) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file in UTF-8 with their numbers, from 1 on. ValueError says what is wrong with the file."""
    number = 0
    try:
        if source.peek(len(_GZIP)).startswith(_GZIP):
            source = io.BufferedReader(gzip.GzipFile(fileobj=source))
        source = _as_utf8(source)
        while line := source.readline(_MOST_LINE_BYTES + 1):
            number += 1
            if len(line) > _MOST_LINE_BYTES:
                raise ValueError(f"line {number}: it is longer than {_MOST_LINE_BYTES} bytes")
            yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise ValueError(f"the compressed file is damaged or cut: {problem}") from None


def _as_utf8(source: io.BufferedReader) -> io.BufferedReader:
    """Return a file without its mark of byte order; PowerShell writes what a program says in UTF-16."""
    opening = source.peek(len(codecs.BOM_UTF8))
    if opening.startswith(codecs.BOM_UTF8):
        source.read(len(codecs.BOM_UTF8))
    if opening.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return io.BufferedReader(_Recoded(source))
    return source


class _Recoded(io.RawIOBase):
    """Reads UTF-16 as UTF-8."""

    def __init__(self, source: io.BufferedReader) -> None:
        self._source = source
        self._decode = codecs.getincrementaldecoder("utf-16")().decode
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, target: WriteableBuffer) -> int:
        view = memoryview(target).cast("B")
        try:
            while not self._rest and (part := self._source.read(len(view))):
                self._rest = self._decode(part).encode()
        except ValueError:
            raise ValueError("it is not text in UTF-16") from None
        taken = self._rest[: len(view)]
        view[: len(taken)], self._rest = taken, self._rest[len(taken) :]
        return len(taken)
