"""The table of client addresses that all workers share: no reader takes half of one note for another."""

from __future__ import annotations

import mmap
import os
import signal

from pwserver.web.address_table import SETS, WAYS, AddressTable, Note

READS = 100_000


def test_a_reader_beside_a_writer_sees_notes_as_they_were_written() -> None:
    memory = mmap.mmap(-1, AddressTable.size(1))
    table = AddressTable(memoryview(memory), 1)
    # As many addresses of one set as have no room in it, so that entries also change their owner.
    chosen = [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(1, 1 << 14)]
    first = table._key(chosen[0]) % SETS
    chosen = [address for address in chosen if table._key(address) % SETS == first][: WAYS + 2]
    writer = os.fork()
    if writer == 0:
        value = 1.0
        while True:
            for index, address in enumerate(chosen):
                number = value * 100.0 + index
                table.write(0, address, Note(number, number, number))
            value += 1.0
    try:
        seen = set()
        for number in range(READS):
            index = number % len(chosen)
            for note in table.notes(chosen[index]):
                assert note.first == note.second == note.third
                assert note.first % 100.0 == index, "a note of another address"
                seen.add(note.first)
        assert len(seen) > 100
    finally:
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)


def test_a_writer_that_died_inside_an_entry_leaves_nothing_there_and_the_next_one_goes_on() -> None:
    memory = bytearray(AddressTable.size(1))
    table = AddressTable(memoryview(memory), 1)
    table.write(0, "10.0.0.1", Note(1.0, 2.0, 3.0))
    words = memoryview(memory).cast("Q")
    (version,) = (place for place, word in enumerate(words) if word == 2)
    words[version] += 1
    assert table.notes("10.0.0.1") == []
    table.write(0, "10.0.0.1", Note(4.0, 5.0, 6.0))
    assert table.notes("10.0.0.1") == [Note(4.0, 5.0, 6.0)]
