#!/usr/bin/env python3
"""Start pwserver as Home Assistant's add-on: write its environment from the add-on's options, then become the server.

It is called with the folders of the add-on; they are /data and /config unless they are given. Home Assistant writes the
options into /data/options.json, and its Supervisor tells of the broker that it offers. No password is ever printed.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

MOST_BYTES = 1_000_000  # of the options, and of an answer of the Supervisor
SUPERVISOR_SECONDS = 10.0
SUPERVISOR_TRIES = 3
PAUSE_SECONDS = 2.0
# Home Assistant's core and its Supervisor in their own network: a reader's request for the sidebar passes through both.
INGRESS = "172.30.32.1,172.30.32.2"
# The tokens are for asking the Supervisor, which the server has no business with.
TOKENS = ("SUPERVISOR_TOKEN", "HASSIO_TOKEN")

# Option -> setting of the server.
SETTINGS = {
    "host": "PW_HOST",
    "gateway_password": "PW_GW_PWD",
    "customer_password": "PW_PASSWORD",
    "email": "PW_EMAIL",
    "timezone": "PW_TIMEZONE",
    "control_secret": "PW_CONTROL_SECRET",
    "mqtt_controls": "MQTT_CONTROLS",
}
BROKER = {
    "mqtt_host": "MQTT_HOST",
    "mqtt_port": "MQTT_PORT",
    "mqtt_username": "MQTT_USERNAME",
    "mqtt_password": "MQTT_PASSWORD",
}
# Option of one of several gateways -> its member in PW_GATEWAYS.
MEMBERS = {
    "id": "id",
    "name": "name",
    "host": "host",
    "gateway_password": "gw_pwd",
    "customer_password": "password",
    "email": "email",
    "site_id": "siteid",
    "timezone": "timezone",
}
SETTING = re.compile(r"(?:PW|MQTT|CORS|CONTROL|PROXY)_[A-Z0-9_]+")
# What Home Assistant's ingress and the health check rely on.
FIXED = ("PW_PORT", "PW_BIND_ADDRESS", "PW_HTTPS", "PW_TLS_CERT", "PW_TLS_KEY", "PROXY_BASE_URL")


class WrongOption(Exception):
    """Says which option cannot be used, and why."""


def environment_of(options: Mapping[str, Any], data: Path, config: Path) -> dict[str, str]:
    """Return the server's settings for these options, without the broker that Home Assistant offers."""
    found = {
        "PW_STATE_PATH": str(data),
        "PW_HISTORY_PATH": str(data),
        "PW_AUTH_PATH": str(config),
        "PW_CACHE_FILE": str(data / ".powerwall"),  # a login, which the share of /config would show
        "PW_TRUSTED_PROXIES": INGRESS,
    }
    found |= {name: text for option, name in SETTINGS.items() if (text := given(options, option)) is not None}
    if (key := given(options, "key_file")) is not None:
        found["PW_RSA_KEY_PATH"] = str(config / key)
    hosts = [given({"allowed_hosts": host}, "allowed_hosts") for host in listed(options, "allowed_hosts")]
    if any(hosts):
        found["PW_ALLOWED_HOSTS"] = ",".join(filter(None, hosts))
    addresses = [given({"notice_urls": address}, "notice_urls") for address in listed(options, "notice_urls")]
    if any(addresses):
        found["PW_NOTICE_URLS"] = json.dumps([address for address in addresses if address])
    if gateways := [gateway_of(entry, config) for entry in entries(options, "gateways")]:
        found["PW_GATEWAYS"] = json.dumps(gateways)
    for entry in entries(options, "environment"):
        name = given(entry, "name") or ""
        if not SETTING.fullmatch(name):
            raise WrongOption("environment: a name has to be that of a setting, as PW_CACHE_EXPIRE")
        if name in FIXED:
            raise WrongOption(f"environment: {name} cannot be changed, because Home Assistant relies on it")
        found[name] = given(entry, "value") or ""
    return found


def gateway_of(entry: Mapping[str, Any], config: Path) -> dict[str, str]:
    """Return one entry of PW_GATEWAYS."""
    found = {member: text for option, member in MEMBERS.items() if (text := given(entry, option)) is not None}
    if (key := given(entry, "key_file")) is not None:
        found["rsa_key_path"] = str(config / key)
    return found


def broker_of(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of the broker: the one that is named, else the one that Home Assistant offers, else none."""
    if not options.get("mqtt", True):
        say("MQTT is switched off by the option mqtt")
        return {}
    named = {name: text for option, name in BROKER.items() if (text := given(options, option)) is not None}
    if "MQTT_HOST" in named:
        say(f"MQTT: the broker of the option mqtt_host, {named['MQTT_HOST']}")
        return named
    service = offered()
    host = given(service, "host")
    if host is None:
        return {}
    found = {"MQTT_HOST": host, "MQTT_TLS": "yes" if service.get("ssl") is True else "no"}
    for member, name in {"port": "MQTT_PORT", "username": "MQTT_USERNAME", "password": "MQTT_PASSWORD"}.items():
        if (text := given(service, member)) is not None:
            found[name] = text
    say(f"MQTT: the broker that Home Assistant offers, {host}")
    return found


def offered() -> Mapping[str, Any]:
    """Ask the Supervisor for the broker; empty where there is none, which the log says with what helps."""
    token = os.environ.get("SUPERVISOR_TOKEN", "")
    address = os.environ.get("SUPERVISOR_API", "http://supervisor") + "/services/mqtt"
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
    why = ""
    for attempt in range(SUPERVISOR_TRIES):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        try:
            with urllib.request.urlopen(request, timeout=SUPERVISOR_SECONDS) as answer:
                body = json.loads(answer.read(MOST_BYTES))
            data = body.get("data") if isinstance(body, dict) else None
            if isinstance(data, dict) and data.get("host"):
                return data
            why = "its answer names no broker"
            break
        except urllib.error.HTTPError as refused:
            why = f"it answered {refused.code}"
            if refused.code < 500:  # there is no such service
                break
        except (OSError, http.client.HTTPException, ValueError) as failed:
            why = type(failed).__name__
    say(f"MQTT stays off: Home Assistant offers no broker ({why}); install the add-on Mosquitto broker")
    return {}


def given(options: Mapping[str, Any], option: str) -> str | None:
    """Return an option as text; None where it is not filled in."""
    value = options.get(option)
    if value is None or value == "":
        return None
    if isinstance(value, dict | list):
        raise WrongOption(f"{option}: has to be a text, a number or a yes or no")
    text = str(value)
    if "\0" in text or not text.isprintable():
        raise WrongOption(f"{option}: holds a character that cannot be printed")
    return text


def listed(options: Mapping[str, Any], option: str) -> list[Any]:
    """Return an option that is a list; empty where it is not filled in."""
    value = options.get(option) or []
    if not isinstance(value, list):
        raise WrongOption(f"{option}: has to be a list")
    return value


def entries(options: Mapping[str, Any], option: str) -> list[Mapping[str, Any]]:
    """Return an option that is a list of entries with members."""
    found = listed(options, option)
    if not all(isinstance(entry, dict) for entry in found):
        raise WrongOption(f"{option}: each entry has to have named members")
    return found


def read_options(data: Path) -> Mapping[str, Any]:
    """Read what Home Assistant has written."""
    path = data / "options.json"
    try:
        with path.open("rb") as file:
            options = json.loads(file.read(MOST_BYTES))
    except (OSError, ValueError) as failed:
        raise WrongOption(f"{path} cannot be read: {type(failed).__name__}") from None
    if not isinstance(options, dict):
        raise WrongOption(f"{path} holds no options")
    return options


def say(text: str) -> None:
    """Write a line into the add-on's log."""
    print(f"add-on: {text}", flush=True)


def main(data: Path, config: Path) -> NoReturn:
    """Become the server, or end with status 2 and the reason."""
    try:
        options = read_options(data)
        settings = broker_of(options) | environment_of(options, data, config)
    except WrongOption as wrong:
        say(str(wrong))
        sys.exit(2)
    inherited = {name: value for name, value in os.environ.items() if name not in TOKENS}
    os.execvpe("pwserver", ["pwserver"], inherited | settings)


if __name__ == "__main__":
    folders = [Path(argument) for argument in sys.argv[1:3]]
    main(*folders, *[Path("/data"), Path("/config")][len(folders) :])
