"""Keep notices until they have been sent: which wait, which messages they have become, and to whom these have to go.

A notice waits while its house has quiet hours, or while the bound of messages per hour is reached. What has waited is
summed up in one message when it may go, so nothing is dropped and nothing comes as a burst. All of it is kept at one
instant, together with what the rules remember and their place in the ring of events; docs/notices.md has the promise
that follows from that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from pwserver.json_types import JsonObject
from pwserver.notices.notice import LARGEST, LONGEST_BODY, LONGEST_TITLE, Message, Notice
from pwserver.notices.rules import RuleMemory
from pwserver.records import record
from pwserver.state.fact import finite

FORMAT_VERSION: Final = 1
HOUR_SECONDS: Final = 3600.0
OLDEST_SECONDS: Final = 86_400.0  # a message that could not be delivered for so long is given up
MOST_WAITING: Final = 100  # notices
MOST_MESSAGES: Final = 100
MOST_LINES: Final = 10  # of a message that sums notices up
MOST_GATEWAYS: Final = 10_000


@record(slots=True)
class Outbox:
    """Holds what must survive a kill. Not safe for several threads."""

    next_number: int = 1
    memories: dict[str, RuleMemory] = field(default_factory=dict)  # gateway -> what its rules remember
    waiting: list[Notice] = field(default_factory=list)  # the oldest first
    left_out: int = 0  # notices that had no room among those that wait
    messages: list[Message] = field(default_factory=list)  # the oldest first
    made: list[float] = field(default_factory=list)  # when the messages of the last hour were made

    def take(
        self,
        fresh: Sequence[Notice],
        now: float,
        quiet: Callable[[Notice], bool],
        targets: Sequence[str],
        max_per_hour: int,
    ) -> list[Message]:
        """Make messages of the notices that may go now, and let the others wait; returns the new messages.

        Those that have waited go together in one; fresh ones go one by one, unless the bound leaves less room: then
        the last message takes all that are left. ``quiet`` says of a notice whether its house has quiet hours.
        """
        self.made = [at for at in self.made if 0.0 <= now - at < HOUR_SECONDS]
        room = min(max_per_hour - len(self.made), MOST_MESSAGES - len(self.messages))
        held = [notice for notice in self.waiting if not quiet(notice)] if room > 0 else []
        due = [notice for notice in fresh if not quiet(notice)] if room > 0 else []
        batches = [held] * bool(held) + [[notice] for notice in due]
        if len(batches) > room:
            rest = [notice for batch in batches[room - 1 :] for notice in batch]
            batches = [*batches[: room - 1], rest]
        made = [self._message(batch, now, targets) for batch in batches]
        gone = {id(notice) for batch in batches for notice in batch}
        self.waiting = [notice for notice in self.waiting if id(notice) not in gone]
        self.wait([notice for notice in fresh if id(notice) not in gone])
        return made

    def wait(self, notices: Sequence[Notice]) -> None:
        """Let notices wait; what has no room is counted, and told with the message that follows."""
        room = MOST_WAITING - len(self.waiting)
        self.waiting += notices[:room]
        self.left_out += len(notices[room:])

    def _message(self, notices: Sequence[Notice], now: float, targets: Sequence[str]) -> Message:
        title, body = notices[0].title, notices[0].text
        if len(notices) > 1:
            title = f"{len(notices) + self.left_out} notices"
            lines = [f"{notice.title}: {notice.text}" for notice in notices[:MOST_LINES]]
            more = len(notices) - len(lines) + self.left_out
            body = "\n".join([*lines, *([f"… and {more} more"] if more else [])])
            self.left_out = 0
        message = Message(
            self.next_number, title[:LONGEST_TITLE], body[:LONGEST_BODY], now, dict.fromkeys(targets, False)
        )
        self.next_number += 1
        self.made.append(now)
        self.messages.append(message)
        return message

    def done(self, number: int, target: str) -> None:
        """Note that a message need not be sent to a target any more."""
        for message in self.messages:
            if message.number == number:
                message.targets.pop(target, None)
        self.messages = [message for message in self.messages if message.targets]

    def doubt(self, number: int, target: str) -> None:
        """Note that nobody knows whether a message has arrived at a target."""
        for message in self.messages:
            if message.number == number and target in message.targets:
                message.targets[target] = True

    def next_for(self, target: str) -> Message | None:
        """Return the oldest message that has to go to a target."""
        return next((message for message in self.messages if target in message.targets), None)

    def give_up(self, now: float, targets: Iterable[str]) -> list[tuple[int, str]]:
        """Drop what is too old, and what goes to a target that is no longer configured. Returns number and target."""
        wanted, found = set(targets), []
        for message in self.messages:
            for target in list(message.targets):
                if target not in wanted or now - message.created > OLDEST_SECONDS:
                    found.append((message.number, target))
        for number, target in found:
            self.done(number, target)
        return found

    @property
    def settled(self) -> int:
        """Return the number below which every message is done with."""
        return min((message.number for message in self.messages), default=self.next_number)

    def to_json(self) -> JsonObject:
        """Return all of it as plain JSON."""
        return {
            "version": FORMAT_VERSION,
            "next_number": self.next_number,
            "memories": {gateway: memory.to_json() for gateway, memory in self.memories.items()},
            "waiting": [notice.to_json() for notice in self.waiting],
            "left_out": self.left_out,
            "messages": [message.to_json() for message in self.messages],
            "made": list(self.made),
        }

    @classmethod
    def from_json(cls, kept: object) -> Outbox:
        """Return the outbox that ``to_json`` wrote; parts that cannot be understood are left out."""
        told: Mapping[str, Any] = kept if isinstance(kept, Mapping) else {}
        found = cls()
        memories = told.get("memories")
        for gateway, memory in list(memories.items())[:MOST_GATEWAYS] if isinstance(memories, Mapping) else ():
            found.memories[str(gateway)] = RuleMemory.from_json(memory)
        notices = map(Notice.from_json, _list(told.get("waiting"))[:MOST_WAITING])
        found.waiting = [notice for notice in notices if notice is not None]
        messages = map(Message.from_json, _list(told.get("messages"))[:MOST_MESSAGES])
        found.messages = [message for message in messages if message is not None]
        moments = [finite(at) for at in _list(told.get("made"))]
        found.made = [at for at in moments if at is not None]
        found.left_out = _count(told.get("left_out"))
        found.next_number = max([_count(told.get("next_number")), 1, *(one.number + 1 for one in found.messages)])
        return found


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST else 0
