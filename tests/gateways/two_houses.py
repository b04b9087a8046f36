"""Two houses that differ in every number that a gateway or Tesla's servers can tell, each looked at two times."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pwserver.documents.catalogue import GATEWAY_DOCUMENTS, SITE_DOCUMENTS
from pwserver.documents.document import TEXT
from pwserver.documents.explanations import leaves
from pwserver.gateways.connection import GatewayConnection
from pwserver.state.judge import GatewayJudge
from pwserver.state.provenance import ANSWERS
from pwserver.state.view import SiteView, View
from tests.documents.factory import server_facts
from tests.documents.serve import Server

Members = dict[tuple[str, str], Any]  # document, member -> value


# Every document, once: without its other names and without the gateway's prefix. What the server tells of itself, and
# the answers that are the same for everybody by decision, are no answers of a gateway.
SHOWN = {
    row.target.replace("{id}", "home") or "/api/gateways/home"
    for row in (*GATEWAY_DOCUMENTS, *SITE_DOCUMENTS)
    if row.family not in ("control", "aggregate") and not row.internal and row.summary != "Fixed answer"
} - {"/api/checks", "/api/gateways/", "/api/houses", "/api/site", "/metrics", "/csv?headers", "/csv/v2?headers"}
_METERS, _SYSTEM = ANSWERS["aggregates"], ANSWERS["system_status"]
# The same answers under other names: document, start of the member -> where they are at home.
_REPEATED = {
    ("/aggregates", ""): (_METERS, ""),
    ("/api/meters/site", "0.Cached_readings."): (_METERS, "site."),
    ("/api/meters/solar", "0.Cached_readings."): (_METERS, "solar."),
    ("/api/meters/solar", "0."): (_METERS, "solar."),
    ("/pw/system_status", ""): (_SYSTEM, ""),
    ("/pw/status", ""): (ANSWERS["status"], ""),
    ("/pw/version", ""): ("/version", ""),
    ("/pw/grid_status", ""): ("/api/system_status/grid_status", ""),
    ("/json", "strings."): ("/strings", ""),
    ("/api/gateways/{id}", "data.strings."): ("/strings", ""),
    ("/api/gateways/{id}", "data.grid_status_detail."): ("/api/system_status/grid_status", ""),
    ("/api/gateways/{id}", "data.operation."): ("/api/operation", ""),
    **{("/api/gateways/{id}", f"data.{name}."): (document, "") for name, document in ANSWERS.items()},
    **{(f"/pw/{name}", ""): (_METERS, f"{name}.") for name in ("site", "solar", "battery", "load")},
}


def canonical(document: str, member: str) -> tuple[str, str]:
    """Return the document in which a member is at home, and its name there."""
    document = document.replace("/home", "/{id}")
    for (repeated, start), (home, name) in _REPEATED.items():
        if document == repeated and member.startswith(start):
            return home, name + member.removeprefix(start)
    return document, member


@dataclass
class Told:
    """Makes an answer differ from house to house, and notes the words in it."""

    house: int
    words: set[str] = field(default_factory=set)

    def __call__(self, answer: Any) -> Any:
        if isinstance(answer, dict):
            self.words.update(str(name) for name in answer)
            return {name: self(value) for name, value in answer.items()}
        if isinstance(answer, (list, tuple)):
            return [self(value) for value in answer]
        if isinstance(answer, str):
            self.words.update((answer, *answer.split("--"), *answer.split()))
        if self.house == 0 or isinstance(answer, bool) or not isinstance(answer, (int, float)):
            return answer
        return answer + max(1, round(answer * 0.03)) if isinstance(answer, int) else answer * 1.03 + 3.7


def shown(connection: GatewayConnection, judge: GatewayJudge) -> Members:
    """Poll, and write every document of the catalogue."""
    reading = connection.poll()
    now = time.time()
    server = server_facts(default_gateway=connection.identity.id)
    judged = judge.take(reading)
    view = View(connection.identity, connection.status(), judged.reading, server, now, judged)
    site = Server(SiteView([view], server, now))
    assert site.errors == []
    found: Members = {}
    for target, reply in site.replies.items():
        if target in SHOWN and reply.status == 200:
            for member, value in _members(target, reply.media_type, reply.body):
                name = canonical(target, member)
                # The gateway's own path may tell in its own form what is null in the reading.
                if member not in ("error", "detail") and found.get(name) is None:
                    found[name] = value
    return found


def _members(target: str, media_type: str, body: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(body, str):
        yield from leaves(body).items() if isinstance(body, (dict, list)) else [("", body)]
    elif media_type == TEXT and target.startswith("/csv"):
        yield from ((str(number), value.strip() or None) for number, value in enumerate(body.split(",")))
    elif target.startswith("/influx"):
        for line in body.splitlines():
            series, rest = re.split(r"(?<!\\) ", line, maxsplit=1)
            for name, value in re.findall(r'([^=, ]+)=("(?:[^"\\]|\\.)*"|[^, ]+)', rest):
                yield f"{series} {name}", value.strip('"')
    else:
        for line in body.splitlines():
            if not line.startswith("#"):
                series, _, value = line.rpartition(" ")
                yield series, value


def alike(seen: list[Members], words: set[str]) -> Members:
    """The members that every look shows with one and the same value, and that no answer told.

    A number differs whenever it was told, as every number of the second house does. A word, or a yes or no, may be the
    same in both: it was told when it, or the name of the member, is in the answers of both houses.
    """
    found: Members = {}
    for name in sorted(set(seen[0]).intersection(*seen[1:])):
        value = seen[0][name]
        if value in (None, "", [], {}) or any(one[name] != value for one in seen[1:]):
            continue
        own_name = next((part for part in reversed(name[1].split(".")) if not part.isdigit()), "")
        flag = isinstance(value, bool) or (name[0] == "/pod" and value in (0, 1))
        told = re.sub(r"^PW\d+_", "", own_name) in words if flag else value in words
        if not told and not (isinstance(value, str) and all(part in words for part in re.split("--| ", value))):
            found[name] = value
    return found
