"""From command line, file and environment to one checked :class:`Config`.

Precedence of every setting: command line, the file's ``server:`` block, environment, default. Gateways come from one
source only; see :func:`_gateways`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from pwserver.config.config_file import read_file, server_texts
from pwserver.config.configuration import Config, ValueSource
from pwserver.config.gateway_definition import AGGREGATE_ID, GatewayDefinition
from pwserver.config.gateway_entries import (
    PLACES,
    SETTING_OF_MEMBER,
    Fallbacks,
    Findings,
    check_together,
    read_entries,
)
from pwserver.config.kinds import FilePath
from pwserver.config.problems import ConfigError
from pwserver.config.raw_text import BadValue, is_blank, is_utf8, nearest, odd_secret, parse_json, quoted
from pwserver.config.setting import Setting
from pwserver.config.settings import BY_NAME, ENVIRONMENT_NAMES, SETTINGS, default_workers
from pwserver.config.single_gateway import single_gateway
from pwserver.regular_file import check_regular

_PREFIXES = ("PW_", "MQTT_", "CONTROL_", "CORS_", "PROXY_")
LONGEST_PATH = 4096  # a path in a message is shown as a whole: it is what must be looked at
_PLACES = tuple(SETTING_OF_MEMBER[member] for member in PLACES)
_GATEWAY_FLAGS = (*_PLACES, "PW_EMAIL")  # either on the command line means: this gateway, not the configured ones


def load(flags: Mapping[str, str], environ: Mapping[str, str]) -> Config:
    """Read everything and check everything.

    ``flags`` maps setting names to the texts given on the command line. Raises ConfigError with all problems at once.
    """
    findings = Findings()
    environment = _known_environment(environ, findings)
    loader = _Loader(flags, environment, findings)
    settings, sources = loader.settings()
    _check_settings(settings, environment, findings)
    gateways, source = _gateways(loader, settings, sources, findings)
    _check_default_gateway(settings, sources, gateways, findings)
    if findings.problems:
        raise ConfigError(findings.problems, findings.warnings)
    return Config(
        settings=settings,
        gateways=gateways,
        gateway_source=source,
        warnings=tuple(findings.warnings),
        sources=sources,
        state_home=_state_home(environ),
    )


def _known_environment(environ: Mapping[str, str], findings: Findings) -> dict[str, str]:
    """The environment's settings by exact name. Another case is accepted where the exact name is missing."""
    known = {name: environ[name] for name in ENVIRONMENT_NAMES if name in environ}
    for name in sorted(environ):
        upper = name.upper()
        if upper in ENVIRONMENT_NAMES:
            known.setdefault(upper, environ[name])
        elif upper.startswith(_PREFIXES):
            near = nearest(upper, ENVIRONMENT_NAMES)
            if near:
                findings.warnings.append(f"{quoted(name)} is not a setting and ignored; did you mean {near}?")
            elif upper.startswith("PW_"):
                findings.warnings.append(f"{quoted(name)} is not a setting and ignored")
    return known


class _Loader:
    """Finds the text of each setting and where it comes from, then its value."""

    def __init__(self, flags: Mapping[str, str], environment: Mapping[str, str], findings: Findings) -> None:
        self._flags = flags
        self._environment = environment
        self._findings = findings
        self._file_texts: Mapping[str, str] = {}
        self.file_path: str | None = None
        self.file_content: Mapping[str, Any] | None = None

    def settings(self) -> tuple[dict[str, Any], dict[str, ValueSource]]:
        self._open_file()
        settings: dict[str, Any] = {}
        sources: dict[str, ValueSource] = {}
        for setting in SETTINGS:
            settings[setting.name], sources[setting.name] = self._value(setting)
        if settings["PW_WORKERS"] is None:
            settings["PW_WORKERS"] = default_workers()
        return settings, sources

    def _open_file(self) -> None:
        self.file_path, _ = self._value(BY_NAME["PW_CONFIG"])
        if self.file_path is None:
            return
        self.file_content = read_file(self.file_path, self._findings)
        if self.file_content is not None:
            self._file_texts = server_texts(self.file_path, self.file_content, self._findings)

    def _value(self, setting: Setting) -> tuple[Any, ValueSource]:
        for text, source in self._texts(setting):
            value, blank = self._parse(setting, text, source)
            if not blank:
                return value, source
        return setting.default, ValueSource("default")

    def _texts(self, setting: Setting) -> list[tuple[str, ValueSource]]:
        found: list[tuple[str, ValueSource]] = []
        if setting.name in self._flags:
            found.append((self._flags[setting.name], ValueSource("flag", setting.flags[0])))
        if setting.name in self._file_texts:
            place = f"{self.file_path}: server.{setting.file_key}"
            found.append((self._file_texts[setting.name], ValueSource("file", place)))
        names = [name for name in (setting.name, *setting.aliases) if name in self._environment]
        found.extend((self._environment[name], ValueSource("environment", name)) for name in names)
        return found

    def _parse(self, setting: Setting, text: str, source: ValueSource) -> tuple[Any, bool]:
        """Value, and whether the text was blank, which lets the next source speak."""
        try:
            if not isinstance(setting.kind, FilePath) and not is_utf8(text):  # a path may be any bytes
                raise BadValue("a text in UTF-8")
            value = setting.kind.parse(text)
            if value is not None and setting.secret:
                self._odd_secret(setting, text, source)
            return value, value is None
        except BadValue as error:
            given = "(hidden)" if setting.secret else quoted(text)
            repaired = setting.repair(error.number) if setting.repair and error.number is not None else None
            if repaired is None and not setting.bad_value_is_default:
                self._findings.problems.append(
                    f"{setting.name} ({source}): {given} is not allowed; give {error.expected}"
                )
                return setting.default, False
            value = setting.default if repaired is None else repaired
            self._findings.warnings.append(
                f"{setting.name} ({source}): {given} is not allowed; using {setting.text(value)}; give {error.expected}"
            )
            return value, False

    def _odd_secret(self, setting: Setting, text: str, source: ValueSource) -> None:
        if source.kind == "flag":
            self._findings.warnings.append(
                f"{source.place}: a secret on the command line can be read by every user of this machine; "
                "use the environment or the file"
            )
        odd = odd_secret(text) if setting.name != "PW_GATEWAYS" else None  # its members are looked at one by one
        if odd:
            self._findings.warnings.append(f"{source.place}: {odd}")


def _check_settings(settings: Mapping[str, Any], environment: Mapping[str, str], findings: Findings) -> None:
    """What the settings say about each other."""
    problem, warn = findings.problems.append, findings.warnings.append
    for setting in SETTINGS:
        for alias in setting.aliases:
            given = {environment[name] for name in (setting.name, alias) if not is_blank(environment.get(name, ""))}
            if len(given) > 1:
                text = f"{setting.name} and {alias} (environment) are both set and differ"
                if setting.secret:
                    problem(f"{text}; give one of them, or the same value")
                else:
                    warn(f"{text}; {setting.name} is used")
    if settings["CONTROL_ENABLED"] and not settings["PW_CONTROL_SECRET"]:
        warn("CONTROL_ENABLED is yes, but there is no PW_CONTROL_SECRET: control stays off")
    secret = settings["PW_CONTROL_SECRET"]
    if secret and len(secret) < 8:
        warn("PW_CONTROL_SECRET is short enough to be guessed; give it at least 16 characters")
    if bool(settings["PW_TLS_CERT"]) != bool(settings["PW_TLS_KEY"]):
        problem("PW_TLS_CERT and PW_TLS_KEY: only one of them is set; give both, or none")
    for name in ("PW_TLS_CERT", "PW_TLS_KEY", "MQTT_TLS_CA_CERT"):
        why = _unreadable(settings[name]) if settings[name] else None
        if why:
            path = quoted(settings[name], LONGEST_PATH)
            problem(f"{name}: {path} is not allowed ({why}); give a file that exists and can be read")
    if settings["PW_TLS_CERT"] and settings["PW_HTTPS"] != "yes":
        warn("PW_TLS_CERT is set, but PW_HTTPS is not yes: TLS stays off")
    if settings["PW_MAX_REQUEST_LINE"] > settings["PW_MAX_HEAD"]:
        problem("PW_MAX_REQUEST_LINE: must not be larger than PW_MAX_HEAD")
    if settings["PW_DOCUMENT_MAX_BYTES"] > settings["PW_SNAPSHOT_BYTES"]:
        problem("PW_DOCUMENT_MAX_BYTES: must not be larger than PW_SNAPSHOT_BYTES")
    if settings["PW_DEMO"] and settings["PW_REPLICA"]:
        problem("PW_DEMO and PW_REPLICA: only one of them can be set")
    if settings["PW_REPLICA_PUBLISH"] and not settings["MQTT_HOST"]:
        problem("PW_REPLICA_PUBLISH: needs MQTT_HOST, the broker to publish on")
    if settings["MQTT_CONTROLS"]:
        control = bool(secret) and settings["CONTROL_ENABLED"] is not False
        needed = {"PW_CONTROL_SECRET": control, **{n: settings[n] for n in ("MQTT_USERNAME", "MQTT_PASSWORD")}}
        missing = ", ".join(name for name, value in needed.items() if not value)
        if missing:
            warn(f"MQTT_CONTROLS is set, but needs {missing}: MQTT commands stay off")


def _unreadable(path: str) -> str | None:
    """Why no file can be read there; None when one can."""
    try:
        check_regular(path)
    except (OSError, ValueError) as refused:
        return getattr(refused, "strerror", None) or "it is no path"
    return None


def _gateways(
    loader: _Loader, settings: Mapping[str, Any], sources: Mapping[str, ValueSource], findings: Findings
) -> tuple[tuple[GatewayDefinition, ...], str]:
    """The gateways, and the name of the one source they come from.

    The first that is given: ``--config``, ``--gateways``, ``--host``/``--email``, then PW_CONFIG, PW_GATEWAYS and the
    single-gateway variables of the environment. A broken source never lets the next one speak.
    """
    if settings["PW_DEMO"]:
        return (), "demo"
    if settings["PW_REPLICA"]:
        return (), "replica"
    fallbacks = Fallbacks(settings["PW_TIMEZONE"], settings["PW_AUTH_PATH"], settings["PW_SITEID"])
    single_flag = next((n for n in _GATEWAY_FLAGS if sources[n].kind == "flag"), None)
    single = single_flag or next((name for name in _PLACES if settings[name]), _PLACES[0])

    def from_file() -> tuple[tuple[GatewayDefinition, ...], str]:
        entries = None if loader.file_content is None else loader.file_content.get("gateways")
        if loader.file_content is not None and entries is None:
            findings.problems.append(f"{loader.file_path}: has no list `gateways`")
        source = f"{loader.file_path}: gateways"
        return (read_entries(entries, source, fallbacks, findings) if entries is not None else ()), source

    def from_json() -> tuple[tuple[GatewayDefinition, ...], str]:
        source = "PW_GATEWAYS"
        try:
            entries = parse_json(settings["PW_GATEWAYS"], "a JSON array of objects")
        except BadValue as error:
            findings.problems.append(f"{source} ({sources[source]}): (hidden) is not JSON; give {error.expected}")
            return (), source
        return read_entries(entries, source, fallbacks, findings), source

    def from_variables() -> tuple[tuple[GatewayDefinition, ...], str]:
        gateway = single_gateway(settings, findings)
        return ((gateway,) if gateway else ()), "single gateway settings"

    readers: list[tuple[str, Callable[[], tuple[tuple[GatewayDefinition, ...], str]]]] = [
        ("PW_CONFIG", from_file), ("PW_GATEWAYS", from_json), (single, from_variables),
    ]  # fmt: skip
    given = [(name, reader) for name, reader in readers if settings[name]]
    by_flag = [(name, reader) for name, reader in given if sources[name].kind == "flag"]
    chosen = (by_flag or given or readers[-1:])[0]
    gateways, source = chosen[1]()
    for name, _ in given:
        if name != chosen[0]:
            findings.warnings.append(f"{name} ({sources[name]}): its gateways are ignored: {chosen[0]} comes first")
    check_together(gateways, findings)
    for gateway in gateways:
        why = _unreadable(gateway.rsa_key_path) if gateway.rsa_key_path else None
        if why:
            findings.warnings.append(f"gateway {gateway.id}: the file of rsa_key_path cannot be read ({why})")
    return gateways, source


def _check_default_gateway(
    settings: Mapping[str, Any],
    sources: Mapping[str, ValueSource],
    gateways: tuple[GatewayDefinition, ...],
    findings: Findings,
) -> None:
    wanted = settings["PW_DEFAULT_GATEWAY"]
    # With demo or replica the ids are not known yet; after another problem the list of them may be short.
    if wanted is None or not gateways or findings.problems:
        return
    allowed = [*(gateway.id for gateway in gateways), AGGREGATE_ID]
    if wanted not in allowed:
        findings.problems.append(
            f"PW_DEFAULT_GATEWAY ({sources['PW_DEFAULT_GATEWAY']}): {quoted(wanted)} is not allowed; "
            f"give one of {', '.join(allowed)}"
        )


def _state_home(environ: Mapping[str, str]) -> str:
    """The folder for what must survive a restart, when PW_STATE_PATH does not say."""
    if environ.get("STATE_DIRECTORY"):  # systemd's StateDirectory=
        return environ["STATE_DIRECTORY"].split(":")[0]
    if os.path.isdir("/data") and os.access("/data", os.W_OK):
        return "/data"
    base = environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(base, "pwserver")
