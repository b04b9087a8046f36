"""Define ``Document``, the type of the catalogue's rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from enum import Enum
from typing import Any

from pwserver.documents.error_answer import OFFLINE, ErrorAnswer
from pwserver.documents.json_schema import Schema
from pwserver.reading import Reading
from pwserver.records import record
from pwserver.state.view import View

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


class Scope(Enum):
    """Lists what a document is about, and so what its renderer is given."""

    GATEWAY = "gateway"  # render(view): one per gateway
    SITE = "site"  # render(site): one for all gateways together
    WORKER = "worker"  # render(facts, live): made by a worker at the moment of the request


@record(frozen=True, slots=True)
class Document:
    """Describes one document that a client can GET."""

    target: str
    # Pure: returns an object for JSON, a str for text, or an ``ErrorAnswer``. Documents with one renderer share a body.
    render: Callable[..., Any]
    family: str
    summary: str
    schema: Schema
    scope: Scope = Scope.GATEWAY
    media_type: str = JSON
    aliases: tuple[str, ...] = ()
    errors: Mapping[int, str] = field(default_factory=dict)
    gate: Callable[[View], ErrorAnswer | None] | None = None  # may refuse the document before it is rendered
    has: Callable[[Reading], bool] | None = None  # whether the gateway itself has something for this path
    needs_gateway: bool = True  # False: served in the same way when no gateway is configured
    prefixed: bool = True  # served below ``/api/gateways/{id}``
    unprefixed: bool = True  # served at the root for the default gateway
    internal: bool = False  # for workers only; never routed by its own target
    # Makes this row another form of the document whose target stands before its ``#``, which is served there if this
    # returns True for the request's ``Accept`` header. Such a row is ``internal``.
    chosen_by: Callable[[str], bool] | None = None
    by_id: bool = False  # ``{id}`` in the target stands for the id of a gateway
    # Renders what is served once the snapshot has expired; None: the document of a gateway that was never read.
    expired: Callable[..., Any] | None = None
    example: str | None = None  # given if rendering an example would make a worker import a library

    @property
    def targets(self) -> tuple[str, ...]:
        """Return every request target without a gateway prefix, the canonical one first."""
        return (self.target, *self.aliases)


def raw_gate(has: Callable[[Reading], bool] | None) -> Callable[[View], ErrorAnswer | None]:
    """Return the gate of ``/api/gateways/{id}/api/*``: 503 while the gateway is away or has nothing for the path."""

    def gate(view: View) -> ErrorAnswer | None:
        # Old data are refused here, too, unlike at the same path without a gateway's prefix.
        if not view.status.online or view.reading is None:
            return OFFLINE
        return OFFLINE if has is not None and not has(view.reading) else None

    return gate
