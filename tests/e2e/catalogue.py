"""Every address of the catalogue, and the statuses each may have."""

from __future__ import annotations

from collections.abc import Iterable

from pwserver.documents.catalogue import (
    GATEWAY_DOCUMENTS,
    SITE_DOCUMENTS,
    WORKER_DOCUMENTS,
    gateway_targets,
    site_targets,
)

ALWAYS = frozenset({200})


def statuses(gateways: Iterable[str], default: str, aggregate: bool = True) -> dict[str, frozenset[int]]:
    """Request target -> allowed statuses. 200 always; what else the row of the catalogue says, except what it says of
    a server without any gateway (these have some)."""
    allowed: dict[str, frozenset[int]] = {}
    for gateway in (*gateways, *(("aggregate",) if aggregate else ())):
        for target, index in gateway_targets(gateway, gateway == default).items():
            errors = GATEWAY_DOCUMENTS[index].errors
            documented = {status for status, why in errors.items() if why != "no gateway is configured"}
            allowed[target] = ALWAYS | documented
    for target, index in site_targets().items():
        allowed[target] = ALWAYS | set(SITE_DOCUMENTS[index].errors)
    for row in WORKER_DOCUMENTS:
        for target in row.targets:
            allowed[target] = ALWAYS
    return allowed
