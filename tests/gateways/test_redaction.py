"""Raw dumps lose what is private, and nothing else."""

from __future__ import annotations

import copy

import pytest

from pwserver.gateways.redaction import HIDDEN, blotted, is_private
from tests.gateways.conftest import Open

SOUND = {
    "vin": "1232100-00-E--TG1",
    "site_info": {"site_name": "Home", "timezone": "Europe/Berlin", "token_count": 3},
    "meters": [{"type": "neurio", "connection": {"short_id": "1234", "pin": None}}],
    "wifi": {"ssid": "x"},
    "customer": {"registered": True, "email": ""},
    "installer": {"company": "Sun"},
}


@pytest.mark.parametrize(
    "name",
    ["password", "wifi_password", "wifiPassword", "WiFi-Password", "psk", "wpa_psk", "preSharedKey", "access_token",
     "refreshToken", "client_secret", "AuthCookie", "email", "e-mail", "phone_number", "firstName", "private_key",
     "api_key", "customer_email", "latitude"],
)  # fmt: skip
def test_private_names_in_every_style(name: str) -> None:
    assert is_private(name)
    holed = {"outer": [{name: "canary", "other": 1}]}
    assert blotted(holed) == {"outer": [{name: HIDDEN, "other": 1}]}
    assert holed == {"outer": [{name: "canary", "other": 1}]}, "the given one stays as it was"


@pytest.mark.parametrize(
    "name", ["vin", "site_name", "instant_power", "PINV_Pout", "tokens_used", "serialNumber", "phase", "spin_rate"]
)
def test_ordinary_names_are_not_private(name: str) -> None:
    assert not is_private(name)


def test_a_dump_without_secrets_is_the_very_same_object() -> None:
    before = copy.deepcopy(SOUND)
    assert blotted(SOUND) is SOUND and before == SOUND


def test_whole_branches_and_deep_ones() -> None:
    assert blotted({"credentials": {"user": "a", "key": "b"}}) == {"credentials": HIDDEN}
    deep: object = {"password": "canary"}
    for _ in range(100):
        deep = {"down": deep}
    assert "canary" not in repr(blotted(deep))


def test_what_a_gateway_reveals_about_its_network_and_owner_is_withheld(open_gateway: Open) -> None:
    gateway, connection = open_gateway("powerwall2")
    config = gateway.device.config
    config["wifi"] = {"ssid": "Home", "wifi_password": "canary-wifi"}
    config["customer"] = {"registered": True, "email": "canary@example.com"}
    reading = connection.poll()
    assert reading.tedapi_config is not None
    assert reading.tedapi_config["wifi"] == {"ssid": "Home", "wifi_password": HIDDEN}
    assert reading.tedapi_config["customer"] == {"registered": True, "email": HIDDEN}
    assert "canary" not in repr(reading)
