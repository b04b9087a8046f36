"""Find the one source of the gateways: the configuration file, PW_GATEWAYS or the single-gateway settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pwserver.config.configuration import ValueSource
from pwserver.config.gateway_definition import AGGREGATE_ID, GatewayDefinition
from pwserver.config.gateway_entries import (
    PLACES,
    SETTING_OF_MEMBER,
    Fallbacks,
    Findings,
    check_together,
    read_entries,
)
from pwserver.config.raw_text import BadValue, parse_json, quoted
from pwserver.config.settings import Settings
from pwserver.config.settings_check import why_unreadable
from pwserver.config.single_gateway import single_gateway
from pwserver.json_types import JsonMapping
from pwserver.records import record

_GATEWAY_MEMBERS = (*PLACES, "email")  # each on the command line means: this gateway, not the configured ones

Gateways = tuple[GatewayDefinition, ...]


@record(frozen=True, slots=True)
class GivenGateways:
    """Holds what was given about gateways, and where: the settings and the content of the configuration file."""

    settings: Settings
    sources: Mapping[str, ValueSource]
    file_path: str | None = None
    file_content: JsonMapping | None = None

    def by_flag(self, name: str) -> bool:
        """Tell whether the setting stood on the command line."""
        return self.sources[name].kind == "flag"


def read_gateways(given: GivenGateways, findings: Findings) -> tuple[Gateways, str]:
    """Return the gateways, and the name of the one source they come from.

    The first that is given: ``--config``, ``--gateways``, ``--host``/``--email``, then PW_CONFIG, PW_GATEWAYS and the
    single-gateway variables of the environment. A broken source never lets the next one speak.
    """
    own = given.settings.definitions
    if own.demo_scenario:
        return (), "demo"
    if given.settings.sharing.source_url:
        return (), "replica"
    fallbacks = Fallbacks(own.timezone, own.authpath, own.siteid)
    by_flag = [member for member in _GATEWAY_MEMBERS if given.by_flag(SETTING_OF_MEMBER[member])]
    places = [member for member in PLACES if getattr(own, member)]
    single = (by_flag or places or PLACES)[0]
    readers: list[tuple[str, object, Callable[[], tuple[Gateways, str]]]] = [
        ("PW_CONFIG", own.config_file, lambda: _from_file(given, fallbacks, findings)),
        ("PW_GATEWAYS", own.gateways_json, lambda: _from_json(given, fallbacks, findings)),
        (SETTING_OF_MEMBER[single], getattr(own, single), lambda: _from_settings(given, findings)),
    ]
    found = [reader for reader in readers if reader[1]]
    # A flag is what its user wants now, so it wins over every variable, in the same order as those.
    first = [reader for reader in found if given.by_flag(reader[0])]
    chosen, _, read = (first or found or readers[-1:])[0]
    gateways, source = read()
    for name, _, _ in found:
        if name != chosen:
            findings.warnings.append(f"{name} ({given.sources[name]}): its gateways are ignored: {chosen} comes first")
    check_together(gateways, findings)
    for gateway in gateways:
        why = why_unreadable(gateway.rsa_key_path) if gateway.rsa_key_path else None
        if why:
            findings.warnings.append(f"gateway {gateway.id}: the file of rsa_key_path cannot be read ({why})")
    return gateways, source


def _from_file(given: GivenGateways, fallbacks: Fallbacks, findings: Findings) -> tuple[Gateways, str]:
    source = f"{given.file_path}: gateways"
    if given.file_content is None:
        return (), source
    entries = given.file_content.get("gateways")
    if entries is None:
        findings.problems.append(f"{given.file_path}: has no list `gateways`")
        return (), source
    return read_entries(entries, source, fallbacks, findings), source


def _from_json(given: GivenGateways, fallbacks: Fallbacks, findings: Findings) -> tuple[Gateways, str]:
    source = "PW_GATEWAYS"
    try:
        entries = parse_json(given.settings.definitions.gateways_json or "", "a JSON array of objects")
    except BadValue as error:
        findings.problems.append(f"{source} ({given.sources[source]}): (hidden) is not JSON; give {error.expected}")
        return (), source
    return read_entries(entries, source, fallbacks, findings), source


def _from_settings(given: GivenGateways, findings: Findings) -> tuple[Gateways, str]:
    gateway = single_gateway(given.settings.definitions, findings)
    return ((gateway,) if gateway else ()), "single gateway settings"


def check_default_gateway(given: GivenGateways, gateways: Gateways, findings: Findings) -> None:
    """Report a default gateway that is none of ``gateways``."""
    wanted = given.settings.definitions.default_gateway
    # With demo or replica the ids are not known yet; after another problem the list of them may be short.
    if wanted is None or not gateways or findings.problems:
        return
    allowed = [*(gateway.id for gateway in gateways), AGGREGATE_ID]
    if wanted not in allowed:
        findings.problems.append(
            f"PW_DEFAULT_GATEWAY ({given.sources['PW_DEFAULT_GATEWAY']}): {quoted(wanted)} is not allowed; "
            f"give one of {', '.join(allowed)}"
        )
