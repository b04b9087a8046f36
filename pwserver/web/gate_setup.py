"""Make the settings of the gate: what it serves and refuses, from the table of documents and the configuration."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import quote

from pwserver.runtime import Runtime
from pwserver.web.address_table import GUESSES, AddressTable
from pwserver.web.client_address import TrustedProxies
from pwserver.web.control_routes import MAX_BACKUP
from pwserver.web.document_table import DocumentTable, Entry
from pwserver.web.gate import GateSettings
from pwserver.web.own_names import OwnNames, readable_names
from pwserver.web.shared_regions import LIMITS
from pwserver_ext.http_documents import ServedDocument
from pwserver_ext.limits import WindowLimiter

CONTROL_BODY_BYTES = 1 << 16  # what the gate lets through; each route has its own, smaller limit


def inherit(old: Runtime, new: Runtime) -> None:
    """Carry over into the next generation how often each address has guessed at the token."""
    tables = [AddressTable(one.shared.arena.region(GUESSES), one.workers) for one in (old, new)]
    tables[1].inherit(tables[0])


def gate_settings(runtime: Runtime, table: DocumentTable, names: OwnNames) -> GateSettings:
    """Make the settings for all workers; each takes its own row of the counters with ``for_worker``."""
    settings = runtime.config.settings
    web = settings.web
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
    workers, proxies = runtime.workers, TrustedProxies(web.trusted_proxies)
    return GateSettings(
        targets=targets,
        query_targets=with_query,
        accept_targets=with_accept,
        streams=stream_paths(table.gateways),
        prefix=web.base_path,
        hosts=readable_names(web),
        explain_host=names.explain,
        origins=web.cors_origins,
        request_line_bytes=web.max_request_line_bytes,
        head_bytes=web.max_head_bytes,
        head_fields=web.max_head_fields,
        body_bytes=max(CONTROL_BODY_BYTES, settings.control.max_body_bytes),
        head_seconds=web.head_timeout_seconds,
        idle_seconds=web.idle_timeout_seconds,
        stall_seconds=web.write_timeout_seconds,
        write_buffer_bytes=web.max_write_buffer_bytes,
        drain_seconds=settings.process.stop_timeout_seconds / 5,
        connections=share(web.max_connections, workers),
        connections_per_address=share(web.max_connections_per_address, workers),
        exempt_addresses=proxies,
        client=proxies.client,
        asker=proxies.address,
        counters=runtime.shared.hits,
        limiter=rate_limiter(runtime),
        access_log=settings.process.debug,
    )


def for_worker(settings: GateSettings, number: int, tls: ssl.SSLContext | None = None) -> GateSettings:
    """Return the settings for worker ``number``: with its row of the counters, and TLS where it has a context."""
    return replace(settings, row=number, tls=tls)


def stream_paths(gateways: Iterable[str]) -> tuple[bytes, ...]:
    """Return the paths of all WebSockets."""
    ids = [quote(gateway, safe="") for gateway in gateways]
    names = ["/ws/aggregate", "/ws/site", *(f"/ws/{kind}/{name}" for kind in ("gateway", "site") for name in ids)]
    return tuple(name.encode() for name in names)


def rate_limiter(runtime: Runtime) -> Callable[[str], float] | None:
    """Make the limit for each address over all workers; None where it is off."""
    web = runtime.config.settings.web
    if not web.rate_limit_enabled:
        return None
    return WindowLimiter(
        runtime.shared.arena.region(LIMITS),
        web.rate_limit_addresses,
        web.rate_limit_requests,
        web.rate_limit_window_seconds,
    )


def share(total: int, workers: int) -> int:
    """Return one worker's part of a limit."""
    # Rounded up, so that the parts never sum to less than the setting.
    return max(1, -(-total // workers))
