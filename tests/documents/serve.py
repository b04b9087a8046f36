"""Answers a recorded path from rendered documents, as the web room would: without a socket."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from pwserver.documents.catalogue import (
    FACTS_INDEX,
    GATEWAY_DOCUMENTS,
    SITE_DOCUMENTS,
    WORKER_DOCUMENTS,
    gateway_targets,
    site_targets,
)
from pwserver.documents.document import TEXT
from pwserver.documents.render import render_gateway, render_no_gateways, render_site
from pwserver.documents.status import LiveNumbers
from pwserver.state.view import SiteView


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    media_type: str
    body: Any


class Server:
    """Every document of a site, by request target."""

    def __init__(self, site: SiteView, live: LiveNumbers | None = None) -> None:
        self.replies: dict[str, Reply] = {}
        self.errors: list[str] = []
        site_rendered = render_site(site, self._failed)
        for target, index in site_targets().items():
            self._put(target, site_rendered[index], SITE_DOCUMENTS[index].media_type)
        for view in site.views:
            rendered = render_gateway(view, self._failed)
            default = view.gateway.id == site.server.default_gateway
            for target, index in gateway_targets(view.gateway.id, default).items():
                self._put(target, rendered[index], GATEWAY_DOCUMENTS[index].media_type)
        if not site.views:
            rendered = render_no_gateways(site.server, site.now)
            for target, index in gateway_targets("-", True).items():
                if not target.startswith(("/api/gateways/-", "/api/site/-")):
                    self._put(target, rendered[index], GATEWAY_DOCUMENTS[index].media_type)
        facts = json.loads(site_rendered[FACTS_INDEX][1])
        numbers: LiveNumbers = {"now": site.now, "gets": 3, **(live or {})}
        for row in WORKER_DOCUMENTS:
            body = row.render({}) if row.target == "/api/mqtt/status" else row.render(facts, numbers)
            self.replies[row.target] = Reply(200, row.media_type, body)

    def get(self, path: str) -> Reply | None:
        """None: nothing is served there."""
        path, _, query = path.partition("?")
        if "headers" in parse_qs(query, keep_blank_values=True):
            path += "?headers"
        return self.replies.get(path)

    def _put(self, target: str, rendered: tuple[int, bytes], media_type: str) -> None:
        status, body = rendered
        shown = body.decode() if media_type == TEXT and status == 200 else json.loads(body)
        assert target not in self.replies, f"{target} is served twice"
        self.replies[target] = Reply(status, media_type if status == 200 else "application/json", shown)

    def _failed(self, document: Any, error: Exception) -> None:
        self.errors.append(f"{document.target}: {error!r}")
