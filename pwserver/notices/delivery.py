"""Name what both sides of the sending process say to each other: outcomes, causes, and the lines between them.

The poller starts ``python -m pwserver.notices.sending_process`` and writes one JSON object per line to it: first
``Start``, then a message for a target, or the number below which everything is settled. It reads one JSON object per
line: ``ready`` once, and then an outcome for each attempt. Addresses pass through this pipe only, never through
arguments, environments or files.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from pwserver.records import record

SENT, FAILED, UNKNOWN = "sent", "failed", "unknown"

UNREACHABLE, LOGIN, REFUSED, TIMED_OUT, ENDED = "unreachable", "login", "refused", "timed_out", "ended"


@record(frozen=True, slots=True)
class FailureCause:
    """Describes why a message could not be delivered, and what the owner can do about it."""

    sentence: str
    remedy: str


CAUSES: Final[Mapping[str, FailureCause]] = {
    UNREACHABLE: FailureCause(
        "The service cannot be reached.", "Check host and port in the address, and the network of this machine."
    ),
    LOGIN: FailureCause("The service refuses the login.", "Check the user, password or token in the address."),
    REFUSED: FailureCause(
        "The service does not accept the message.", "Check topic, channel or recipient in the address."
    ),
    TIMED_OUT: FailureCause(
        "The service did not answer in time.", "Wait: it is tried again. Check the service if that goes on."
    ),
    ENDED: FailureCause(
        "The process that sends has ended.", "It is started again by itself; the log says more if that goes on."
    ),
}


def target_of(address: str) -> str:
    """Return the name of an address in files and answers: its kind of service, and too short a hash to find it by."""
    kind = address.partition("://")[0].lower()
    return f"{kind}-{blake2b(address.encode('utf-8', 'surrogatepass'), digest_size=3).hexdigest()}"
