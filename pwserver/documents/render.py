"""Render documents to bytes: every body once, regardless of its number of names.

A renderer that fails costs only its own document.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

from pwserver.documents.catalogue import GATEWAY_DOCUMENTS, SITE_DOCUMENTS
from pwserver.documents.document import Document
from pwserver.documents.encode import Encoded, etag, gzip_twin, to_json
from pwserver.documents.error_answer import NO_GATEWAYS, ErrorAnswer
from pwserver.reading import GatewayIdentity, GatewayStatus, ServerFacts
from pwserver.state.view import SiteView, View

Rendered = tuple[int, bytes]
Twin = bytes  # a body compressed with gzip
Packed = tuple[int, bytes, Twin | None, bytes]  # status, body, gzip twin, entity tag
OnError = Callable[[Document, Exception], None]

FAILED: Rendered = (500, to_json({"error": "This document could not be rendered"}))


def render_gateway(view: View, on_error: OnError | None = None) -> list[Rendered]:
    """Render every document of one gateway as (status, body), in the order of ``GATEWAY_DOCUMENTS``.

    Equal bodies are one bytes object. The documents of a renderer that raises become a 500, and ``on_error`` is called.
    """
    return _render(GATEWAY_DOCUMENTS, view, on_error)


def render_site(site: SiteView, on_error: OnError | None = None) -> list[Rendered]:
    """Render every document of the site as (status, body), in the order of ``SITE_DOCUMENTS``."""
    return _render(SITE_DOCUMENTS, site, on_error)


def render_expired(rows: Sequence[Document], subject: View | SiteView, rendered: Sequence[Rendered]) -> list[Rendered]:
    """Render the documents that are served once the snapshot with ``rendered`` has expired."""
    return [
        encoded(row.expired(subject)) if row.expired is not None else known
        for row, known in zip(rows, rendered, strict=True)
    ]


def render_no_gateways(server: ServerFacts, now: float) -> list[Rendered]:
    """Render the answers of the unprefixed documents while no gateway is configured."""
    no_gateway = View(GatewayIdentity(id="", name=""), GatewayStatus(error=None), None, server, now)
    refused = encoded(NO_GATEWAYS)
    rendered = render_gateway(no_gateway)
    return [refused if row.needs_gateway else rendered[index] for index, row in enumerate(GATEWAY_DOCUMENTS)]


def encoded(body: object) -> Rendered:
    """Return the status and bytes of a renderer's result."""
    if isinstance(body, ErrorAnswer):
        return body.status, to_json(body.body)
    if isinstance(body, str):
        return 200, body.encode()
    if isinstance(body, Encoded):
        return 200, body.text
    return 200, to_json(body)


def pack(
    rendered: Sequence[Rendered],
    previous: Mapping[bytes, Twin] | None = None,
    plain: Container[int] = (),
) -> list[Packed]:
    """Return the documents with their gzip twins and entity tags.

    ``previous`` (see ``twins_by_tag``) saves compressing bodies that did not change. ``plain``: positions of documents
    that no client takes, so that they need no twin.
    """
    known: dict[bytes, Packed] = {}
    packed: list[Packed] = []
    for index, (status, body) in enumerate(rendered):
        entry = known.get(body)
        if entry is None or entry[0] != status:
            tag = etag(body)
            twin = previous.get(tag) if previous else None
            entry = (status, body, twin if twin is not None or index in plain else gzip_twin(body), tag)
        elif entry[2] is None and index not in plain and (twin := gzip_twin(body)) is not None:
            entry = (status, body, twin, entry[3])  # nobody took it before
        known[body] = entry
        packed.append(entry)
    return packed


def twins_by_tag(packed: Sequence[Packed]) -> dict[bytes, Twin]:
    """Return the argument ``previous`` for the next ``pack``; it has at most one entry per document, and no bodies."""
    return {tag: twin for _, _, twin, tag in packed if twin is not None}


def _render(rows: Sequence[Document], subject: Any, on_error: OnError | None) -> list[Rendered]:
    by_render: dict[Callable[..., Any], Rendered] = {}
    by_body: dict[bytes, bytes] = {}
    result: list[Rendered] = []
    for row in rows:
        answer: Rendered | None
        try:
            refusal = row.gate(subject) if row.gate is not None else None
            if refusal is not None:
                answer = encoded(refusal)
            else:
                answer = by_render.get(row.render)
                if answer is None:
                    answer = by_render[row.render] = encoded(row.render(subject))
        except Exception as error:  # one bad document must not cost the others
            answer = FAILED
            if on_error is not None:
                on_error(row, error)
        # Equal bodies become one object, so that they are compressed and stored only once.
        result.append((answer[0], by_body.setdefault(answer[1], answer[1])))
    return result
