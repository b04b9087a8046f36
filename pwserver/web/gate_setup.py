"""Make the settings of the gate: what it serves and refuses, from the table of documents and the configuration."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from pwserver.runtime import Runtime
from pwserver.web.address_table import GUESSES, STREAMS, AddressTable
from pwserver.web.client_address import TrustedProxies
from pwserver.web.control_routes import MAX_BACKUP
from pwserver.web.document_table import DocumentTable, Entry
from pwserver.web.gate import LOCAL_NAMES, GateSettings
from pwserver_ext.http_documents import ServedDocument
from pwserver_ext.limits import WindowLimiter

LIMITS = "limits"  # the arena's region of the rate limiter
CONTROL_BODY_BYTES = 1 << 16  # what the gate lets through; each route has its own, smaller limit


def shared_bytes(settings: Mapping[str, Any]) -> dict[str, int]:
    """Return the regions that the web needs in the arena beside snapshots and counters: name -> bytes."""
    regions = dict.fromkeys((GUESSES, STREAMS), AddressTable.size(settings["PW_WORKERS"]))
    if settings["PW_RATE_LIMIT_ENABLED"]:
        regions[LIMITS] = WindowLimiter.size(settings["PW_RATE_LIMIT_MAX_BUCKETS"])
    return regions


def inherit(old: Runtime, new: Runtime) -> None:
    """Carry over into the next generation how often each address has guessed at the token."""
    tables = [AddressTable(one.shared.arena.region(GUESSES), one.workers) for one in (old, new)]
    tables[1].inherit(tables[0])


def gate_settings(runtime: Runtime, table: DocumentTable) -> GateSettings:
    """Make the settings for all workers; each takes its own row of the counters with ``for_worker``."""
    settings = runtime.config.settings
    made: dict[tuple[str, int, str], ServedDocument] = {}

    def document(entry: Entry) -> ServedDocument:
        key = (entry.slot, entry.index, entry.media_type)
        if key not in made:
            slot, fallback = runtime.shared.slots[entry.slot], table.fallbacks[entry.slot][entry.index]
            made[key] = ServedDocument(slot, entry.index, entry.media_type, fallback, entry.column)
        return made[key]

    targets: dict[bytes, ServedDocument] = {}
    with_query: dict[tuple[bytes, bytes], ServedDocument] = {}
    for target, entry in table.entries.items():
        path, _, query = target.partition("?")
        if path.endswith(MAX_BACKUP):
            continue  # for clients with the control token this is more than a document
        if query:
            with_query[path.encode(), query.encode()] = document(entry)
        else:
            targets[path.encode()] = document(entry)
    with_accept: dict[bytes, tuple[Callable[[str], bool], ServedDocument]] = {}
    for target, forms in table.forms.items():
        targets[target.encode()] = document(forms.plain)
        with_accept[target.encode()] = forms.wanted, document(forms.other)
    workers, proxies = runtime.workers, TrustedProxies(settings["PW_TRUSTED_PROXIES"])
    return GateSettings(
        targets=targets,
        query_targets=with_query,
        accept_targets=with_accept,
        streams=stream_paths(table.gateways),
        prefix=settings["PROXY_BASE_URL"],
        hosts=allowed_hosts(settings),
        origins=tuple(settings["CORS_ORIGINS"]),
        request_line_bytes=settings["PW_MAX_REQUEST_LINE"],
        head_bytes=settings["PW_MAX_HEAD"],
        head_fields=settings["PW_MAX_FIELDS"],
        body_bytes=max(CONTROL_BODY_BYTES, settings["PW_MAX_CONTROL_BODY"]),
        head_seconds=settings["PW_HEAD_TIMEOUT"],
        idle_seconds=settings["PW_IDLE_TIMEOUT"],
        stall_seconds=settings["PW_WRITE_TIMEOUT"],
        write_buffer_bytes=settings["PW_MAX_WRITE_BUFFER"],
        drain_seconds=settings["PW_STOP_TIMEOUT"] / 5,
        connections=share(settings["PW_MAX_CONNECTIONS"], workers),
        connections_per_address=share(settings["PW_MAX_CONNECTIONS_PER_ADDRESS"], workers),
        exempt_addresses=proxies,
        client=proxies.client,
        asker=proxies.address,
        counters=runtime.shared.hits,
        limiter=rate_limiter(runtime),
        access_log=settings["PW_DEBUG"],
    )


def for_worker(settings: GateSettings, number: int, tls: ssl.SSLContext | None = None) -> GateSettings:
    """Return the settings for worker ``number``: with its row of the counters, and TLS where it has a context."""
    return replace(settings, row=number, tls=tls)


def stream_paths(gateways: Iterable[str]) -> tuple[bytes, ...]:
    """Return the paths of all WebSockets."""
    ids = [quote(gateway, safe="") for gateway in gateways]
    names = ["/ws/aggregate", "/ws/site", *(f"/ws/{kind}/{name}" for kind in ("gateway", "site") for name in ids)]
    return tuple(name.encode() for name in names)


def allowed_hosts(settings: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the names that Host may have beside IP addresses and single labels; None where the check is off."""
    if not settings["PW_HOST_CHECK"]:
        return None
    own = socket.gethostname().lower().rstrip(".")  # not the full name: asking for that may wait for a name server
    return (*LOCAL_NAMES, *filter(None, [own]), *settings["PW_ALLOWED_HOSTS"])


def rate_limiter(runtime: Runtime) -> Callable[[str], float] | None:
    """Make the limit for each address over all workers; None where it is off."""
    settings = runtime.config.settings
    if not settings["PW_RATE_LIMIT_ENABLED"]:
        return None
    return WindowLimiter(
        runtime.shared.arena.region(LIMITS),
        settings["PW_RATE_LIMIT_MAX_BUCKETS"],
        settings["PW_RATE_LIMIT_MAX_REQUESTS"],
        settings["PW_RATE_LIMIT_WINDOW_SECONDS"],
    )


def share(total: int, workers: int) -> int:
    """Return one worker's part of a limit."""
    return max(1, -(-total // workers))
