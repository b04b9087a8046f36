"""The settings of notices: what is taken, what is refused, and that no address is ever shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.config import ConfigError, load
from pwserver.config.check_report import report
from pwserver.config.notice_settings import MOST_ADDRESSES, Addresses
from pwserver.notices import address_check
from pwserver.notices.delivery import target_of
from pwserver.notices.tool import run
from pwserver.redaction import Redactor
from tests.notices.receiver import Receiver

TWO = ("json://localhost/hook?a=1,2", "mailto://me:pass%40word1@example.com/?to=a@b.c,d@e.f")


WRITTEN = (", ".join(TWO), " ".join(TWO), "\n".join(TWO), Addresses().format(TWO), f"{', '.join(TWO)} # mine")


@pytest.mark.parametrize("text", WRITTEN)
def test_addresses_with_commas_in_them_are_told_apart(text: str) -> None:
    assert Addresses().parse(text) == TWO


@pytest.mark.parametrize(
    "text", ["very-secret", "https:/very-secret", "[1]", '["very-secret"]', '{"very": "secret"}',
             " ".join(f"json://very-secret/{number}" for number in range(MOST_ADDRESSES + 1))]
)  # fmt: skip
def test_what_is_no_address_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load({}, {"PW_NOTICE_URLS": text})
    assert "PW_NOTICE_URLS" in refused.value.message and "ntfy://host/topic" in refused.value.message
    assert "secret" not in refused.value.message


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("PW_NOTICE_QUIET_HOURS", "22-7", "22:00-07:00"),
        ("PW_NOTICE_CHARGE_BELOW", "100", "1 to 99"),
        ("PW_NOTICE_RULES", "grid, weather", "charge_below"),
        ("PW_NOTICE_URGENT", "all", "charge_below"),
        ("PW_NOTICE_MAX_PER_HOUR", "0", "1 to 100"),
        ("PW_NOTICE_BACKUP_BELOW", "4 hours", "90s"),
    ],
)
def test_a_wrong_value_names_what_is_allowed(name: str, text: str, allowed: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load({}, {name: text})
    assert name in refused.value.message and text in refused.value.message and allowed in refused.value.message


def test_thresholds_that_every_charge_passes_are_refused() -> None:
    with pytest.raises(ConfigError, match="50 is not below 40"):
        load({}, {"PW_NOTICE_CHARGE_BELOW": "50", "PW_NOTICE_CHARGE_ABOVE": "40"})


def test_without_apprise_the_start_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwserver.config.settings_check.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'pwserver\[notices\]'"):
        load({}, {"PW_NOTICE_URLS": TWO[0]})


@settings(max_examples=20)
@given(st.text("abcXYZ0123456789", min_size=8, max_size=30), st.text("abcXYZ0123456789", min_size=8, max_size=30))
def test_no_part_of_an_address_that_may_be_a_token_is_shown(login: str, token: str) -> None:
    addresses = f"json://{login}:{token}@localhost/{token[::-1]}x"
    config = load({}, {"PW_NOTICE_URLS": addresses})
    for text in (report(config), str(config.masked()), repr(config), repr(config.settings.notices)):
        assert token not in text
    blotted = Redactor(config.secrets()).redact(f"POST /{token[::-1]}x as {login}, {token}; {addresses}")
    assert all(part not in blotted for part in (login, token, token[::-1]))
    assert token not in target_of(addresses)


def test_the_command_says_of_every_address_what_became_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    with Receiver("/hook/very-secret") as good, Receiver("/closed/very-secret") as bad:
        bad.status = 401
        config = load({}, {"PW_NOTICE_URLS": f"{good.address} {bad.address}"})
        assert run(["test"], config.settings.notices) == 1
        told = capsys.readouterr().out
        assert f"{target_of(good.address)}: sent\n" in told
        assert f"{target_of(bad.address)}: not sent. The service refuses the login." in told and "secret" not in told
        assert [message.title for message in good.messages] == ["Test of pwserver's notices"]
    assert run([], config.settings.notices) == run(["test"], load({}, {}).settings.notices) == 2
    assert "PW_NOTICE_URLS is not set" in capsys.readouterr().err


def test_apprise_that_cannot_be_run_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_check, "PROGRAM", ("/nonexistent",))
    with pytest.raises(ConfigError, match="Apprise cannot be run"):
        address_check.check_addresses(load({}, {"PW_NOTICE_URLS": TWO[0]}).settings.notices)
