"""Canaries in every secret: none may sing, whatever goes wrong."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.config import MASK, SETTINGS, ConfigError, load
from pwserver.config.check_report import report

SECRETS = [setting.name for setting in SETTINGS if setting.secret]
PRIVATE = [setting.name for setting in SETTINGS if setting.private]
CANARY = "kanarienvogel"


def test_the_secrets_are_these() -> None:
    assert set(SECRETS) == {
        "PW_GATEWAYS",
        "PW_GW_PWD",
        "PW_PASSWORD",
        "PW_CONTROL_SECRET",
        "MQTT_PASSWORD",
        "PW_REPLICA",
        "PW_REPLICA_KEY",
        "PW_POWERS_URL",
        "PW_NOTICE_URLS",
    }


def said_about(path: str) -> str:
    """All that anyone gets to read about a configuration file, good or bad."""
    try:
        return report(load({}, {"PW_CONFIG": path}))
    except ConfigError as error:
        return error.message


def with_canaries() -> dict[str, str]:
    gateways = [
        {"id": "a", "host": "h", "gw_pwd": f"{CANARY}1", "password": f"{CANARY}2"},
        {"id": "b", "email": "a@b.c"},
        {"id": "c", "powers_url": f"http://monitor.lan:8080/{CANARY}?token={CANARY}"},
    ]
    values = {name: f"{CANARY}-{name}" for name in SECRETS}
    values |= {"PW_GATEWAYS": json.dumps(gateways), "PW_REPLICA": "", "PW_POWERS_URL": ""}
    values["PW_NOTICE_URLS"] = f"json://{CANARY}:{CANARY}@localhost/{CANARY}"
    return values | {"PW_HOST": "h", "MQTT_USERNAME": "u"}


def test_not_in_what_is_shown_of_a_good_configuration() -> None:
    replica = load({}, {"PW_REPLICA": f"mqtt://u:{CANARY}@broker"})
    for config in (load({}, with_canaries()), load(with_canaries(), {}), replica):
        for shown in (report(config), repr(config), str(config.masked()), str(config.warnings), repr(config.gateways)):
            assert CANARY not in shown
        assert CANARY not in repr([config.gateway_options(gateway) for gateway in config.gateways])
        assert CANARY not in repr([gateway.identity() for gateway in config.gateways])
    assert load({}, with_canaries()).masked()["PW_GW_PWD"] == MASK
    powers = load({}, {"PW_POWERS_URL": f"https://monitor.lan/{CANARY}"})
    for shown in (report(powers), repr(powers), str(powers.masked()), repr(powers.gateways)):
        assert CANARY not in shown
    assert powers.gateways[0].address == "monitor.lan:443" and "Powers [powers]; monitor.lan:443" in report(powers)
    assert load({}, {}).masked()["PW_GW_PWD"] is None


def test_private_values_are_masked_for_clients_but_shown_to_the_operator() -> None:
    config = load(
        {}, {"PW_EMAIL": "me@example.com", "PW_SITEID": "4711", "PW_AUTH_PATH": "/auth", "PW_CACHE_FILE": "/c"}
    )
    masked = config.masked()
    assert [masked[name] for name in ("PW_EMAIL", "PW_SITEID", "PW_AUTH_PATH", "PW_CACHE_FILE")] == [MASK] * 4
    assert "me@example.com" in report(config)
    assert {"PW_EMAIL", "PW_SITEID", "PW_AUTH_PATH", "PW_CACHE_FILE"} <= set(PRIVATE)


def test_masked_values_are_plain_json() -> None:
    assert json.loads(json.dumps(load({}, with_canaries()).masked()))["PW_PORT"] == 8675


@pytest.mark.parametrize("name", SECRETS)
@given(tail=st.text(max_size=20))
def test_not_in_any_error_about_the_secret_itself(name: str, tail: str) -> None:
    environ = {"PW_HOST": "h", name: f"{CANARY}{tail}\x00"}
    with pytest.raises(ConfigError) as caught:
        load({}, environ)
    assert name in caught.value.message
    assert CANARY not in caught.value.message


@pytest.mark.parametrize(
    "line",
    [
        f"gw_pwd: *{CANARY}", f"gw_pwd: !{CANARY} x", f"gw_pwd: [{CANARY}", f'gw_pwd: "{CANARY}',
        f"gw_pwd: {CANARY}: x",
        f"gw_pwd: %{CANARY}", f"gw_pwd: `{CANARY}", f"gw_pwd: @{CANARY}", f"gw_pwd: {{{CANARY}: 1}}",
        f"\tgw_pwd: {CANARY}",
        f"gw_pwd: &{CANARY} &{CANARY} x", f"gw_pwd: '{CANARY}' {CANARY}", f"gw_pwd: [{CANARY}]",
        f'gw_pwd: "\\q{CANARY}"', f"gw_pwd: !!int {CANARY}", f"gw_pwd: !!timestamp {CANARY}", f"<<: {CANARY}",
        f"gw_pwd: !!binary {CANARY}é", f"gw_pwd: {CANARY}\x07",
    ],
)  # fmt: skip
def test_not_in_errors_about_the_file(write_file, line) -> None:
    for text in (f"gateways:\n  - id: a\n    host: h\n    {line}\n", f"server:\n  {line}\ngateways: []\n"):
        path = write_file(text)
        assert CANARY not in said_about(path)


@pytest.mark.parametrize(
    "text", [f'{{"{CANARY}', f'[{{"gw_pwd": "{CANARY}"', f'[{{"gw_pwd": {CANARY}}}]', f'["{CANARY}"]']
)
def test_not_in_errors_about_json(write_file, problems_of, text) -> None:
    for environ in ({"PW_GATEWAYS": text}, {"PW_CONFIG": write_file(text, "a.json")}):
        assert CANARY not in "".join(problems_of(environ))


def test_not_in_errors_about_other_members(problems_of) -> None:
    gateways = [{"id": "a", "host": "bad host", "gw_pwd": CANARY}, {"id": "b", "host": "h", "password": [CANARY]}]
    problems = problems_of({"PW_GATEWAYS": json.dumps(gateways)})
    assert len(problems) == 2
    assert CANARY not in "".join(problems)
