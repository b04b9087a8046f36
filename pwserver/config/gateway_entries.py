"""Check the gateway entries of the file and of ``PW_GATEWAYS`` all at once, with one line for each problem."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field

from pwserver.config.gateway_definition import AGGREGATE_ID, GatewayDefinition
from pwserver.config.gateway_settings import TEDAPI_API_VERSION, TEDAPI_AUTH_MODE
from pwserver.config.host_names import host_name, split_host
from pwserver.config.kinds import Bool, Choice, FilePath, Text, TimeZone, Word
from pwserver.config.machine_time_zone import OWN_ZONE
from pwserver.config.number_kinds import Int
from pwserver.config.raw_text import BadValue, decides_who_may_reach_us, nearest, odd_secret, quoted, text_of
from pwserver.config.urls import json_url
from pwserver.config.word_rules import email_address
from pwserver.modes import ConnectionMode
from pwserver.records import record

MAX_GATEWAYS = 256
# The sticker of a gateway has a password of ten characters; the customer's is the last five of them.
GATEWAY_PASSWORD_LENGTH, CUSTOMER_PASSWORD_LENGTH = 10, 5
_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_BOOL = Bool()
MEMBERS = (
    "id", "name", "host", "port", "gw_pwd", "password", "rsa_key_path", "wifi_host", "email", "authpath", "timezone",
    "cloud_mode", "fleetapi", "type", "siteid", "powers_url", "tedapi_api_version", "tedapi_auth_mode",
)  # fmt: skip
_SECRET_MEMBERS = frozenset({"gw_pwd", "password", "powers_url"})
# The members of the one gateway that has settings instead of an entry.
SETTING_OF_MEMBER = {
    "host": "PW_HOST",
    "gw_pwd": "PW_GW_PWD",
    "password": "PW_PASSWORD",
    "rsa_key_path": "PW_RSA_KEY_PATH",
    "wifi_host": "PW_WIFI_HOST",
    "email": "PW_EMAIL",
    "authpath": "PW_AUTH_PATH",
    "timezone": "PW_TIMEZONE",
    "siteid": "PW_SITEID",
    "powers_url": "PW_POWERS_URL",
}
PLACES = ("host", "powers_url")  # one of these says where a gateway is; without one it is Tesla's cloud
_OF_NO_USE_WITH_POWERS = (
    "host",
    "port",
    "gw_pwd",
    "password",
    "rsa_key_path",
    "wifi_host",
    "email",
    "cloud_mode",
    "fleetapi",
)


@record()
class Findings:
    """Collects the problems and warnings that reading a configuration has found so far."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@record(frozen=True)
class Fallbacks:
    """Holds what an entry gets for members it leaves out."""

    timezone: str | None = None
    authpath: str | None = None
    siteid: str | None = None


def read_entries(
    entries: object, source: str, fallbacks: Fallbacks, findings: Findings
) -> tuple[GatewayDefinition, ...]:
    """Return the gateways of a list of entries. Problems and warnings go to ``findings``; bad entries are left out."""
    if not isinstance(entries, Sequence) or isinstance(entries, (str, bytes)):
        findings.problems.append(f"{source}: must be a list of gateways")
        return ()
    if len(entries) > MAX_GATEWAYS:
        findings.problems.append(f"{source}: at most {MAX_GATEWAYS} gateways are supported, not {len(entries)}")
        return ()
    definitions: list[GatewayDefinition] = []
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        where = f"{source}[{index}]"
        if not isinstance(entry, Mapping):
            findings.problems.append(f"{where}: must be an object with the members {', '.join(MEMBERS)}")
            continue
        reader = _Entry(entry, where, fallbacks, findings)
        definition = reader.read()
        # Also when the entry is bad: an id that is used twice is a mistake of its own and must not hide behind another.
        if reader.id in seen:
            findings.problems.append(f"{reader.where}: id is used twice; ids must differ")
            continue
        if reader.id:
            seen.add(reader.id)
        if definition is not None:
            definitions.append(definition)
    return tuple(definitions)


class _Entry:
    """Reads one entry; ``id`` is known afterwards even when the entry is bad."""

    def __init__(self, entry: Mapping[object, object], where: str, fallbacks: Fallbacks, findings: Findings) -> None:
        self.entry = entry
        self.where = where
        self.id = ""
        self._fallbacks = fallbacks
        self._findings = findings
        self._bad = False

    def read(self) -> GatewayDefinition | None:
        self.id = self._id()
        if self.id:
            self.where += f" ({self.id})"
        self._unknown_members()
        host = self._text("host", host_name)
        definition = GatewayDefinition(
            id=self.id,
            name=self._text("name", _display_name) or self.id,
            host=host,
            port=self._port(host),
            gw_pwd=self._text("gw_pwd"),
            password=self._text("password"),
            rsa_key_path=self._path("rsa_key_path"),
            wifi_host=self._text("wifi_host", host_name),
            email=self._text("email", email_address),
            authpath=self._path("authpath") or self._fallbacks.authpath,
            timezone=self._timezone() or self._fallbacks.timezone,
            cloud_mode=self._flag("cloud_mode"),
            fleetapi=self._flag("fleetapi"),
            type=self._text("type", _gateway_type) or "powerwall",
            siteid=self._siteid() or self._fallbacks.siteid,
            powers_url=self._text("powers_url", json_url),
            tedapi_api_version=self._choice("tedapi_api_version", TEDAPI_API_VERSION),
            tedapi_auth_mode=self._choice("tedapi_auth_mode", TEDAPI_AUTH_MODE),
        )
        if self._bad:
            return None
        findings = Findings()
        check_combination(definition, self.where, findings)
        self._findings.problems += findings.problems
        self._findings.warnings += findings.warnings
        return None if findings.problems else definition

    def _problem(self, member: str, text: str) -> None:
        self._bad = True
        self._findings.problems.append(f"{self.where}: {member}: {text}")

    def _id(self) -> str:
        value = self.entry.get("id")
        allowed = "a text of 1 to 64 of the characters A-Z a-z 0-9 _ . -"
        if value is None or value == "":
            self._problem("id", f"is missing; give {allowed}")
        elif not isinstance(value, str):
            self._problem("id", f"{quoted(value)} is not a text; put it in quotation marks")
        elif not _ID.match(value) or value in (".", ".."):
            self._problem("id", f"{quoted(value)} is not allowed; give {allowed}")
        elif value == AGGREGATE_ID:
            self._problem("id", f'"{AGGREGATE_ID}" is taken by the sum of all gateways; choose another')
        else:
            return value
        return ""

    def _unknown_members(self) -> None:
        for member in self.entry:
            if member not in MEMBERS and decides_who_may_reach_us(str(member)):
                self._problem(str(member), "is nothing of a gateway; PW_BIND_ADDRESS is the address to listen on")
            elif member not in MEMBERS:
                near = nearest(str(member), MEMBERS)
                if near:
                    text = f"{self.where}: {quoted(str(member))} is not known and ignored; did you mean {near}?"
                    self._findings.warnings.append(text)

    def _text(self, member: str, rule: Callable[[str], str] | None = None) -> str | None:
        value = self.entry.get(member)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        if not isinstance(value, str):
            shown = "(hidden)" if member in _SECRET_MEMBERS else quoted(value)
            self._problem(member, f"{shown} is not a text; put it in quotation marks")
            return None
        # A password may begin with a blank, so this is a warning and the text stays as it is.
        odd = odd_secret(value) if member in _SECRET_MEMBERS else None
        if odd:
            self._findings.warnings.append(f"{self.where}: {member}: {odd}")
        try:
            text = Text().parse(value)
            return text if rule is None or text is None else rule(text.strip())
        except BadValue as error:
            shown = "(hidden)" if member in _SECRET_MEMBERS else quoted(value)
            self._problem(member, f"{shown} is not allowed; give {error.expected}")
            return None

    def _timezone(self) -> str | None:
        """Return the entry's zone. A wrong one does not keep the server from starting: it gets a warning instead."""
        value = self.entry.get("timezone")
        if not isinstance(value, str):
            return self._text("timezone")
        try:
            return TimeZone().parse(value)
        except BadValue as error:
            instead = self._fallbacks.timezone or OWN_ZONE
            self._findings.warnings.append(
                f"{self.where}: timezone: {quoted(value)} is not allowed; using {instead}; give {error.expected}"
            )
            return None

    def _choice(self, member: str, kind: Choice) -> str | None:
        """Return a word of a setting that the predecessors had: a wrong one gets a warning, as it did there."""
        value = self.entry.get(member)
        if not isinstance(value, str):
            return self._text(member)
        try:
            return kind.parse(value)
        except BadValue as error:
            self._findings.warnings.append(
                f"{self.where}: {member}: {quoted(value)} is not allowed and ignored; give {error.expected}"
            )
            return None

    def _path(self, member: str) -> str | None:
        text = self._text(member)
        return None if text is None else FilePath().parse(text)

    def _port(self, host: str | None) -> int | None:
        value = self.entry.get("port")
        if value is None or value == "":
            return None
        port: int | None = None
        text = text_of(value)
        if text is not None and not isinstance(value, bool):
            try:
                port = Int(1, 65535).parse(text)
            except BadValue:
                port = None
        if port is None:
            self._problem("port", f"{quoted(value)} is not allowed; give a whole number from 1 to 65535")
        elif not self.entry.get("host"):
            self._problem("port", "is of no use without host")
        elif host and split_host(host)[1] not in (None, str(port)):
            self._problem("port", f"{port} contradicts the port in host {quoted(host)}; leave one of them out")
        return port

    def _flag(self, member: str) -> bool:
        value = self.entry.get(member)
        if value is None or isinstance(value, bool):
            return bool(value)
        # YAML 1.1 reads yes and no as booleans, JSON has texts for them: both spellings mean the same here.
        try:
            return bool(_BOOL.parse(text_of(value) or "neither"))
        except BadValue as error:
            self._problem(member, f"{quoted(value)} is not allowed; give {error.expected}")
            return False

    def _siteid(self) -> str | None:
        value = self.entry.get("siteid")
        # Owners write the number without quotation marks. Python refuses to write integers of thousands of digits.
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**30:
            return str(value)
        return self._text("siteid", _single_word)


def _display_name(text: str) -> str:
    if not text.isprintable() or len(text) > 100:
        raise BadValue("at most 100 printable characters")
    return text


def _single_word(text: str) -> str:
    word = Word("site id").parse(text)
    if not isinstance(word, str):
        raise BadValue("a site id")
    return word


def _gateway_type(text: str) -> str:
    if text not in ("powerwall", "inverter"):
        raise BadValue("powerwall or inverter")
    return text


def check_combination(gateway: GatewayDefinition, where: str, findings: Findings) -> None:
    """Report whether the members together make no connection, and what about them is surprising."""
    problem = _why_no_connection(gateway)
    if problem is not None:
        findings.problems.append(f"{where}: {problem}")
    elif not gateway.powers_url:
        findings.warnings += [f"{where}: {surprise}" for surprise in _surprises(gateway)]


def _why_no_connection(gateway: GatewayDefinition) -> str | None:
    """Say what is missing or too much for any connection; None when there is one."""
    if gateway.powers_url:
        others = [member for member in _OF_NO_USE_WITH_POWERS if getattr(gateway, member)]
        return f"powers_url stands alone; leave out {' and '.join(others)}" if others else None
    if gateway.fleetapi or gateway.email:
        return None
    if gateway.cloud_mode:
        return "cloud_mode needs email (or fleetapi)"
    if gateway.host and (gateway.gw_pwd or gateway.password):
        return None
    if gateway.host and gateway.rsa_key_path:
        return "rsa_key_path also needs gw_pwd or password"
    return "nothing to connect with; give host with gw_pwd or password, or email, or fleetapi, or powers_url"


def _surprises(gateway: GatewayDefinition) -> Iterator[str]:
    """Yield a sentence for each member that is not used, or not as far as its owner may expect."""
    mode = gateway.mode
    if gateway.gw_pwd and _on_sticker(gateway.gw_pwd, CUSTOMER_PASSWORD_LENGTH) and not mode.remote:
        yield (
            "gw_pwd has five characters, as the customer's has, which is only the end of the gateway's; "
            "the gateway's own on the sticker, which belongs here, is longer"
        )
    whole = gateway.password and _on_sticker(gateway.password, GATEWAY_PASSWORD_LENGTH) and gateway.password.isupper()
    if whole and not (gateway.gw_pwd or mode.remote):
        yield (
            "password has ten characters, as the gateway's own on the sticker has; if it is that one, "
            "give it as gw_pwd, or only its last five characters as password"
        )
    if gateway.host and mode.remote:
        reason = (
            "fleetapi" if gateway.fleetapi else "cloud_mode" if gateway.cloud_mode else "no password for it is given"
        )
        yield f"host {quoted(gateway.host)} is not used ({reason}): data come from {mode.label}"
    if mode is ConnectionMode.V1R and gateway.gw_pwd:
        yield "TEDAPI v1r without wifi_host reaches only the leading Powerwall, no followers"
    if mode is ConnectionMode.LOCAL_ONLY:
        yield "gw_pwd is not used: with password, TEDAPI works only at 192.168.91.1; leave password out"


def _on_sticker(password: str, length: int) -> bool:
    """Tell whether a password looks like a printed one of this length; an owner's own may have any characters."""
    return len(password) == length and password.isascii() and password.isalnum()


def check_together(gateways: Sequence[GatewayDefinition], findings: Findings) -> None:
    """Report what is surprising about the gateways as a set."""
    places: dict[tuple[str, ...], str] = {}
    names: dict[str, str] = {}
    for gateway in gateways:
        place: tuple[str, ...]
        if gateway.mode.remote:
            place = ("account", gateway.mode.word, gateway.email or "", gateway.authpath or "", gateway.siteid or "")
            what = "account and site"
        else:
            place = ("address", gateway.place)
            what = "address"
        other = places.setdefault(place, gateway.id)
        if other != gateway.id:
            findings.warnings.append(
                f"gateways {other} and {gateway.id} have the same {what} and would be counted twice"
            )
        namesake = names.setdefault(gateway.name, gateway.id)
        if namesake != gateway.id:
            findings.warnings.append(
                f"gateways {namesake} and {gateway.id} have the same name; what is said of one may mean either"
            )
