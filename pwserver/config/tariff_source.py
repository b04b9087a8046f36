"""Find the owner's tariff: in the configuration file, or in the file that PW_TARIFF_FILE names."""

from __future__ import annotations

from collections.abc import Sequence

from pwserver.config.config_file import read_file
from pwserver.config.gateway_definition import GatewayDefinition
from pwserver.config.gateway_entries import Findings
from pwserver.config.gateway_source import GivenGateways
from pwserver.config.tariff_entries import Tariffs, read_tariffs

_MEMBERS = "`currency` and prices"


def find_tariffs(given: GivenGateways, gateways: Sequence[GatewayDefinition], findings: Findings) -> Tariffs:
    """Return the owner's tariffs; none where nothing was given. Given at both places they are a problem."""
    own_file = given.settings.tariff.tariff_file
    block = (given.file_content or {}).get("tariff")
    if own_file is not None and block is not None:
        findings.problems.append(f"PW_TARIFF_FILE and {given.file_path}: tariff are both given; leave one of them out")
        return Tariffs()
    source = f"{given.file_path}: tariff"
    if own_file is not None:
        block, source = read_file(own_file, findings, "tariff", _MEMBERS), f"{own_file}: tariff"
    if block is None:
        return Tariffs()
    # After a problem with one of them the list of gateways may be short, and that is no fault of the tariff.
    known = () if findings.problems else tuple(gateway.id for gateway in gateways)
    return read_tariffs(block, source, known, findings)
