"""Killed at every stage of a notice, one after another: what is written, handed over, accepted and written down.

The server's process is the real service, the one that sends is its real journal; both run here, so that a kill can be
put between any two steps. ``test_sending`` kills real processes, at random moments.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from pwserver.events.event_ring import RING_BYTES, EventRing
from pwserver.history import mapped_file
from pwserver.notices import dispatcher, outbox_file
from pwserver.notices.courier import REPEATED, Courier, Line
from pwserver.notices.sending_process import Journal
from tests.notices.recorder import record, service_of

CLOCK = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d – ")
EVENTS: Final = 3
MOST_STEPS: Final = 20

SAVING, WRITTEN, SAVED = "outbox is to be saved", "outbox is on the disk, not in its place", "outbox is saved"
HANDED, BEGUN, ACCEPTED, NOTED, TOLD = "handed over", "begun is noted", "accepted", "sent is noted", "outcome is told"
STAGES: Final = {SAVING, WRITTEN, SAVED, HANDED, BEGUN, ACCEPTED, NOTED, TOLD}


class Killed(BaseException):
    """Ends a process, as nothing that it could handle."""


class World:
    """What outlives a kill: the folder, the events, and what the receiver has. Kills once, at moment ``kill_at``."""

    def __init__(self, folder: Path, kill_at: int, sender_survives: bool) -> None:
        self.folder, self.ring = folder, EventRing("home", memoryview(bytearray(RING_BYTES)))
        self.kill_at, self.sender_survives = kill_at, sender_survives
        self.moments = 0
        self.killed: str | None = None  # the stage
        self.received: list[str] = []
        self.journal: Journal | None = None

    def passes(self, stage: str) -> None:
        """Be killed here, when it is time."""
        self.moments += 1
        if self.moments == self.kill_at:
            self.killed = stage
            raise Killed(stage)

    def live(self) -> None:
        """Run the service until every event is told; after a kill, start it again."""
        for _ in range(2):
            try:
                self._run()
                return
            except Killed:
                continue

    def _run(self) -> None:
        service = service_of(self.folder, self.ring, ["json://receiver/"])
        for _ in range(MOST_STEPS):
            if service.ready and self.ring.head < EVENTS:
                record(self.ring)
            service.step()
            if self.ring.head == EVENTS and not service.outbox.messages and not service.outbox.waiting:
                return
        raise AssertionError("notices are left over")

    @property
    def lines(self) -> Counter[str]:
        """How often each event was told, by its time."""
        return Counter(stamp for body in self.received for stamp in CLOCK.findall(body))


class CourierHere(Courier):
    """Hands messages to an attempt that runs here, in the steps of ``sending_process``."""

    world: World

    def start(self) -> None:
        """Read the journal, as a fresh sending process does; the one before has ended, and with it its lock."""
        before = self.world.journal
        if before is not None and before._descriptor is not None:
            os.close(before._descriptor)
        path = self._start["journal"]
        assert isinstance(path, str)
        journal = self.world.journal = Journal(path)
        sent, begun = sorted(journal.sent), sorted(journal.begun - journal.sent)
        self._tell(json.loads(json.dumps({"ready": {"sent": sent, "doubtful": begun, "refused": []}})))

    def _write(self, line: Line) -> None:
        journal, world = self.world.journal, self.world
        assert journal is not None
        if "settled" in line:
            journal.settle(line["settled"], False)
            return
        number, target = line["number"], line["target"]
        try:
            self._attempt(line)
        except Killed:
            if world.sender_survives:  # only the server's process was killed: the attempt goes on to its end
                left = {HANDED: 3, BEGUN: 2, ACCEPTED: 1}.get(world.killed or "", 0)
                if left >= 3:
                    journal.write("begun", number, target)
                if left >= 2:
                    world.received.append(line["body"])
                if left >= 1:
                    journal.write("sent", number, target)
            raise
        self._tell({"number": number, "target": target, "outcome": "sent", "cause": ""})
        world.passes(TOLD)

    def _attempt(self, line: Line) -> None:
        journal, world = self.world.journal, self.world
        assert journal is not None
        world.passes(HANDED)
        journal.write("begun", line["number"], line["target"])
        world.passes(BEGUN)
        world.received.append(line["body"])
        world.passes(ACCEPTED)
        journal.write("sent", line["number"], line["target"])
        world.passes(NOTED)


def lived(folder: Path, monkeypatch: pytest.MonkeyPatch, kill_at: int, sender_survives: bool) -> World:
    """A world in which there was that kill."""
    folder.mkdir()
    world = World(folder, kill_at, sender_survives)
    real_write, real_replace = mapped_file.write_new, os.replace

    def write(*arguments: Any) -> None:
        world.passes(SAVING)
        real_write(*arguments)
        world.passes(SAVED)

    def replace(*arguments: Any) -> None:
        world.passes(WRITTEN)
        real_replace(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(CourierHere, "world", world, raising=False)
        patched.setattr(dispatcher, "Courier", CourierHere)
        patched.setattr(outbox_file, "write_new", write)
        patched.setattr(os, "replace", replace)
        world.live()
    if world.journal is not None and world.journal._descriptor is not None:
        os.close(world.journal._descriptor)
    return world


@pytest.mark.parametrize("sender_survives", [True, False], ids=["the server is killed", "the attempt is killed, too"])
def test_killed_at_every_stage_each_event_is_told_once(
    sender_survives: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice only where nobody can know: accepted, and killed before that was written down. Then it says so."""
    stages: set[str] = set()
    for kill_at in range(1, 200):
        world = lived(tmp_path / str(kill_at), monkeypatch, kill_at, sender_survives)
        if world.killed is None:
            break
        stages.add(world.killed)
        at = (kill_at, world.killed)
        counts = sorted(world.lines.values())
        repeated = [body for body in world.received if REPEATED in body]
        if world.killed == ACCEPTED and not sender_survives:
            assert counts == [1, 1, 2] and len(repeated) == 1, at
        else:
            assert counts == [1, 1, 1], at
            assert len(repeated) == (world.killed == BEGUN and not sender_survives), at
    assert world.killed is None and stages == STAGES
