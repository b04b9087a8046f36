"""Check the settings against each other: contradictions are problems, surprises are warnings."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from pwserver.config.gateway_entries import Findings
from pwserver.config.notice_settings import NoticeSettings
from pwserver.config.raw_text import is_blank, quoted
from pwserver.config.server_settings import ControlSettings, ProcessSettings
from pwserver.config.service_settings import BrokerSettings
from pwserver.config.settings import SETTINGS, Settings
from pwserver.regular_file import check_regular

LONGEST_PATH = 4096  # a path in a message is shown as a whole: it is what must be looked at
SHORTEST_TOKEN = 8  # characters; what is shorter can be guessed


def check_aliases(environment: Mapping[str, str], findings: Findings) -> None:
    """Report variables of one meaning that are both set and differ."""
    for setting in SETTINGS:
        for alias in setting.aliases:
            given = {environment[name] for name in (setting.name, alias) if not is_blank(environment.get(name, ""))}
            if len(given) > 1:
                text = f"{setting.name} and {alias} (environment) are both set and differ"
                if setting.secret:
                    findings.problems.append(f"{text}; give one of them, or the same value")
                else:
                    findings.warnings.append(f"{text}; {setting.name} is used")


def check_settings(settings: Settings, findings: Findings) -> None:
    """Report settings that contradict each other, and files that cannot be read."""
    problem = findings.problems.append
    _check_control(settings.control, findings)
    _check_tls(settings.process, settings.mqtt.tls_ca_cert, findings)
    if settings.web.max_request_line_bytes > settings.web.max_head_bytes:
        problem("PW_MAX_REQUEST_LINE: must not be larger than PW_MAX_HEAD")
    if settings.documents.document_max_bytes > settings.documents.snapshot_bytes:
        problem("PW_DOCUMENT_MAX_BYTES: must not be larger than PW_SNAPSHOT_BYTES")
    if settings.definitions.demo_scenario and settings.sharing.source_url:
        problem("PW_DEMO and PW_REPLICA: only one of them can be set")
    if settings.sharing.publish and not settings.mqtt.host:
        problem("PW_REPLICA_PUBLISH: needs MQTT_HOST, the broker to publish on")
    _check_mqtt_controls(settings.mqtt, settings.control, findings)
    _check_mqtt_client(settings, findings)
    _check_notices(settings.notices, findings)


def _check_control(control: ControlSettings, findings: Findings) -> None:
    if control.enabled and not control.secret:
        findings.warnings.append("CONTROL_ENABLED is yes, but there is no PW_CONTROL_SECRET: control stays off")
    if control.secret and len(control.secret) < SHORTEST_TOKEN:
        findings.warnings.append("PW_CONTROL_SECRET is short enough to be guessed; give it at least 16 characters")


def _check_tls(process: ProcessSettings, trusted: str | None, findings: Findings) -> None:
    if bool(process.tls_cert) != bool(process.tls_key):
        findings.problems.append("PW_TLS_CERT and PW_TLS_KEY: only one of them is set; give both, or none")
    files = {"PW_TLS_CERT": process.tls_cert, "PW_TLS_KEY": process.tls_key, "MQTT_TLS_CA_CERT": trusted}
    for name, path in files.items():
        why = why_unreadable(path) if path else None
        if why:
            shown = quoted(path, LONGEST_PATH)
            findings.problems.append(f"{name}: {shown} is not allowed ({why}); give a file that exists and can be read")
    if process.tls_cert and not process.tls:
        findings.warnings.append("PW_TLS_CERT is set, but PW_HTTPS is not yes: TLS stays off")


def _check_mqtt_controls(mqtt: BrokerSettings, control: ControlSettings, findings: Findings) -> None:
    needed = {"PW_CONTROL_SECRET": control.token, "MQTT_USERNAME": mqtt.username, "MQTT_PASSWORD": mqtt.password}
    missing = ", ".join(name for name, value in needed.items() if not value)
    if mqtt.controls and missing:
        findings.warnings.append(f"MQTT_CONTROLS is set, but needs {missing}: MQTT commands stay off")


def _check_mqtt_client(settings: Settings, findings: Findings) -> None:
    wanting = {"MQTT_HOST": settings.mqtt.host, "PW_REPLICA": settings.sharing.source_url}
    named = " and ".join(name for name, value in wanting.items() if value)
    # A pip install without dependencies, or a distribution's package, may leave it out.
    if named and find_spec("aiomqtt") is None:
        findings.warnings.append(f"{named} needs the Python package aiomqtt, which is not installed: MQTT stays off")


def _check_notices(notices: NoticeSettings, findings: Findings) -> None:
    if notices.addresses and find_spec("apprise") is None:
        findings.problems.append(
            "PW_NOTICE_URLS: needs the Python package apprise, which is not installed; "
            "install it with `pip install 'pwserver[notices]'`, or remove the setting"
        )
    below, above = notices.charge_below_percent, notices.charge_above_percent
    if below is not None and above is not None and below >= above:
        findings.problems.append(
            f"PW_NOTICE_CHARGE_BELOW and PW_NOTICE_CHARGE_ABOVE: {below} is not below {above}, so that every charge "
            "would be told of; give a smaller PW_NOTICE_CHARGE_BELOW"
        )


def why_unreadable(path: str) -> str | None:
    """Say why no file can be read there; None when one can."""
    try:
        check_regular(path)
    except (OSError, ValueError) as refused:
        return getattr(refused, "strerror", None) or "it is no path"
    return None
