"""Load one checked :class:`Config` from the command line, the file and the environment.

Precedence of every setting: command line, the file's ``server:`` block, environment, default. Gateways come from one
source only; see :func:`read_gateways`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from pwserver.config.config_file import read_file, server_texts
from pwserver.config.configuration import Config, ValueSource
from pwserver.config.gateway_entries import Findings
from pwserver.config.gateway_source import GivenGateways, check_default_gateway, read_gateways
from pwserver.config.kinds import FilePath
from pwserver.config.number_kinds import Int
from pwserver.config.problems import ConfigError
from pwserver.config.raw_text import BadValue, decides_who_may_reach_us, is_utf8, nearest, odd_secret, quoted
from pwserver.config.setting import Setting
from pwserver.config.settings import BY_NAME, ENVIRONMENT_NAMES, SETTINGS, Settings
from pwserver.config.settings_check import check_aliases, check_settings
from pwserver.config.tariff_source import find_tariffs
from pwserver.json_types import JsonMapping

_PREFIXES = ("PW_", "MQTT_", "CONTROL_", "CORS_", "PROXY_")


def load(flags: Mapping[str, str], environ: Mapping[str, str]) -> Config:
    """Read everything and check everything.

    ``flags`` maps setting names to the texts given on the command line. Raises ConfigError with all problems at once.
    """
    findings = Findings()
    environment = _known_environment(environ, findings)
    loader = _Loader(flags, environment, findings)
    settings, sources = loader.settings()
    check_aliases(environment, findings)
    check_settings(settings, findings)
    given = GivenGateways(settings, sources, loader.file_path, loader.file_content)
    gateways, source = read_gateways(given, findings)
    check_default_gateway(given, gateways, findings)
    tariffs = find_tariffs(given, gateways, findings)
    if findings.problems:
        raise ConfigError(findings.problems, findings.warnings)
    return Config(
        settings=settings,
        gateways=gateways,
        gateway_source=source,
        warnings=tuple(findings.warnings),
        sources=sources,
        state_home=_state_home(environ),
        tariffs=tariffs,
    )


def login_given(flags: Mapping[str, str], environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return the folder of logins and the Tesla account as they were given, unchecked, for a first login."""
    folder, email = BY_NAME["PW_AUTH_PATH"], BY_NAME["PW_EMAIL"]
    folders = (flags.get(folder.name), *(environ.get(name) for name in (folder.name, *folder.aliases)))
    return next(filter(None, folders), None), flags.get(email.name) or environ.get(email.name)


def _known_environment(environ: Mapping[str, str], findings: Findings) -> dict[str, str]:
    """Return the environment's settings by exact name. Another case is accepted where the exact name is missing."""
    known = {name: environ[name] for name in ENVIRONMENT_NAMES if name in environ}
    for name in sorted(environ):
        upper = name.upper()
        if upper in ENVIRONMENT_NAMES:
            known.setdefault(upper, environ[name])
        elif upper.startswith("PW_") and decides_who_may_reach_us(upper):
            findings.problems.append(
                f"{quoted(name)} is not a setting; give the address to listen on as PW_BIND_ADDRESS"
            )
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
        self.file_content: JsonMapping | None = None

    def settings(self) -> tuple[Settings, dict[str, ValueSource]]:
        """Return the values of all settings and where each came from."""
        self._open_file()
        values: dict[str, object] = {}
        sources: dict[str, ValueSource] = {}
        for setting in SETTINGS:
            values[setting.name], sources[setting.name] = self._value(setting)
        settings = Settings.from_values(values)
        # Told as a number, so that the listings of the settings in force show how many there are.
        process = replace(settings.process, workers=settings.process.worker_count)
        return replace(settings, process=process), sources

    def _open_file(self) -> None:
        path, _ = self._value(BY_NAME["PW_CONFIG"])
        self.file_path = path if isinstance(path, str) else None
        if self.file_path is None:
            return
        self.file_content = read_file(self.file_path, self._findings)
        if self.file_content is not None:
            self._file_texts = server_texts(self.file_path, self.file_content, self._findings)

    def _value(self, setting: Setting) -> tuple[object, ValueSource]:
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
        # The setting's own name wins over its aliases, which are names that the predecessors had.
        names = [name for name in (setting.name, *setting.aliases) if name in self._environment]
        found.extend((self._environment[name], ValueSource("environment", name)) for name in names)
        return found

    def _parse(self, setting: Setting, text: str, source: ValueSource) -> tuple[object, bool]:
        """Return the value, and whether the text was blank, in which case the next source counts."""
        try:
            if not isinstance(setting.kind, FilePath) and not is_utf8(text):  # a path may be any bytes
                raise BadValue("a text in UTF-8")
            value = setting.kind.parse(text)
            if value is not None and setting.secret:
                self._odd_secret(setting, text, source)
            return value, value is None
        except BadValue as error:
            # A URL may hold a login, also where none is expected.
            given = "(hidden)" if setting.secret or ("://" in text and "@" in text) else quoted(text)
            repaired = setting.repaired(error.number) if error.number is not None else None
            if repaired is None and not _starts_anyway(setting, text, source):
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


def _starts_anyway(setting: Setting, text: str, source: ValueSource) -> bool:
    """Tell whether the predecessors started with a bad value of this setting, so that it gets a warning only."""
    if source.kind == "flag" and isinstance(setting.kind, Int):
        return False  # they refused a flag whose number was none
    # A login that cannot even be shown in a warning is no login: it must be mended, not left out.
    return setting.bad_value_is_default and (is_utf8(text) or not setting.private)


def _state_home(environ: Mapping[str, str]) -> str:
    """Return the folder for what must survive a restart, when PW_STATE_PATH does not say."""
    if environ.get("STATE_DIRECTORY"):  # systemd's StateDirectory=
        return environ["STATE_DIRECTORY"].split(":")[0]
    # The volume of the predecessor's container image, which existing installations mount.
    if os.path.isdir("/data") and os.access("/data", os.W_OK):
        return "/data"
    base = environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(base, "pwserver")
