"""The row type of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pwserver.documents.error_answer import OFFLINE, ErrorAnswer
from pwserver.documents.json_schema import Schema
from pwserver.reading import Reading
from pwserver.state.view import View

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


class Scope(Enum):
    """Whose document it is, and so what its renderer is given."""

    GATEWAY = "gateway"  # render(view): one per gateway
    SITE = "site"  # render(site): one for all gateways together
    WORKER = "worker"  # render(facts, live): made by a worker at the moment of the request


@dataclass(frozen=True, slots=True)
class Document:
    """One page a client can GET.

    ``render`` is pure and gives a JSON-able object, a str for text, or an ``Answer`` with a status. Two documents
    with the same ``render`` share their body. ``gate`` may refuse first. ``needs_gateway`` False: the same answer
    when no gateway is configured. ``prefixed`` / ``unprefixed``: served below ``/api/gateways/{id}`` / at the root
    for the default gateway. ``chosen_by`` makes it another form of the page whose target stands before its ``#``:
    served there when this says so of the request's ``Accept``; such a row is ``internal``. ``by_id``: the target's
    ``{id}`` is the id of a gateway. ``expired`` renders what is served once the snapshot has expired; without it that
    is the document of a gateway that has not been read yet.
    """

    target: str
    render: Callable[..., Any]
    family: str
    summary: str
    schema: Schema
    scope: Scope = Scope.GATEWAY
    media_type: str = JSON
    aliases: tuple[str, ...] = ()
    errors: Mapping[int, str] = field(default_factory=dict)
    gate: Callable[[View], ErrorAnswer | None] | None = None
    has: Callable[[Reading], bool] | None = None  # the gateway itself has something for this path
    needs_gateway: bool = True
    prefixed: bool = True
    unprefixed: bool = True
    internal: bool = False  # for workers only; never routed by its own target
    chosen_by: Callable[[str], bool] | None = None
    by_id: bool = False
    expired: Callable[..., Any] | None = None
    example: str | None = None  # where rendering one would cost a worker a library

    @property
    def targets(self) -> tuple[str, ...]:
        """Every request target without a gateway prefix, the canonical one first."""
        return (self.target, *self.aliases)


def raw_gate(has: Callable[[Reading], bool] | None) -> Callable[[View], ErrorAnswer | None]:
    """Return the rule of ``/api/gateways/{id}/api/*``: 503 while the gateway is away or has nothing for the path."""

    def gate(view: View) -> ErrorAnswer | None:
        if not view.status.online or view.reading is None:
            return OFFLINE
        return OFFLINE if has is not None and not has(view.reading) else None

    return gate
