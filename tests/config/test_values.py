"""Value parsers: what they take, what they refuse, and that nothing else ever comes out of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.config import SETTINGS, Setting
from pwserver.config.number_kinds import Duration
from pwserver.config.raw_text import BadValue, text_of

# Each kind once, by the first setting that is of it.
KINDS = {setting.kind: setting.name for setting in reversed(SETTINGS)}


def value_of(name: str, text: str) -> Any:
    kind = next(setting.kind for setting in SETTINGS if setting.name == name)
    return kind.parse(text)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("PW_PORT", "8675", 8675),
        ("PW_PORT", "8675.0", 8675),
        ("PW_PORT", " +8675   # the port", 8675),
        ("PW_PORT", "", None),
        ("PW_PORT", "   # nothing", None),
        ("PW_DEBUG", "YES", True),
        ("PW_DEBUG", "t", True),
        ("PW_DEBUG", "on # yes/no", True),
        ("PW_DEBUG", "N", False),
        ("PW_DEBUG", "0", False),
        ("PW_HTTPS", "HTTP", "http"),
        ("PW_HTTPS", "true", "yes"),
        ("PW_HTTPS", "no", "no"),
        ("PW_PASSWORD", " p#w # d ", " p#w # d "),
        ("PW_PASSWORD", "#1", "#1"),
        ("PW_PASSWORD", "   # comment only", None),
        ("PW_PASSWORD", "", None),
        ("PW_HOST", "192.168.91.1:443 # gateway", "192.168.91.1:443"),
        ("PW_HOST", "power-wall.lan.", "power-wall.lan."),
        ("PW_STYLE", "Grafana-Dark # style", "grafana-dark"),
        ("PW_TIMESERIES_RETENTION", "90s", 90.0),
        ("PW_TIMESERIES_RETENTION", "15m", 900.0),
        ("PW_TIMESERIES_RETENTION", "24H", 86400.0),
        ("PW_TIMESERIES_RETENTION", "7d  # a week", 604800.0),
        ("PW_TIMESERIES_RETENTION", "2w", 1209600.0),
        ("PW_TIMESERIES_RETENTION", "3600", 3600.0),
        ("PW_TIMESERIES_RETENTION", "0", 0.0),
        ("PW_TIMESERIES_RETENTION", "-1", -1.0),
        ("PW_HEAD_TIMEOUT", "0.25", 0.25),
        ("MQTT_CONTROLS", " 31 ", 31),
        ("MQTT_CONTROLS", "", None),
        ("CORS_ORIGINS", "*", ("*",)),
        ("CORS_ORIGINS", '["http://a:3000/", "https://b"]', ("http://a:3000", "https://b")),
        ("CORS_ORIGINS", "http://a:3000, https://b", ("http://a:3000", "https://b")),
        ("CORS_ORIGINS", "[]", ()),
        ("PROXY_BASE_URL", "/", ""),
        ("PROXY_BASE_URL", "/pw/", "/pw"),
        ("PROXY_BASE_URL", "a/b", "/a/b"),
        ("MQTT_TOPIC_PREFIX", "energy/pw/", "energy/pw"),
        ("PW_AGGREGATE_PREFIX", "yes", "{id}_"),
        ("PW_AGGREGATE_PREFIX", "no", ""),
        ("PW_AGGREGATE_PREFIX", "{name}:", "{name}:"),
        ("PW_ALLOWED_HOSTS", "Power.Example.org .lan.example", ("power.example.org", "*.lan.example")),
        ("PW_TRUSTED_PROXIES", "172.16.0.5/12, ::1", ("172.16.0.0/12", "::1/128")),
        ("PW_BIND_ADDRESS", "[::1]", "::1"),
        ("PW_REPLICA", "mqtts://u:p@broker:8883/site/pw", "mqtts://u:p@broker:8883/site/pw"),
    ],
)
def test_accepted(name: str, text: str, value: Any) -> None:
    assert value_of(name, text) == value


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("PW_PORT", ["65536", "-1", "80.5", "0x50", "1e3", "nan", "80 81", "٣", "9" * 5000]),
        ("PW_DEBUG", ["2", "maybe", "yess", "none"]),
        ("PW_HTTPS", ["https", "tls"]),
        (
            "PW_HOST",
            ["a b", "1.2.3", "256.1.1.1", "h:0", "h:65536", "h:", ":80", "::g", "fe80::1%", "http://h", "[::1"],
        ),
        ("PW_EMAIL", ["me", "me@host", "a@b@c.d", "@b.c"]),
        ("PW_TIMEZONE", ["Mars/Base", "../etc/passwd", "America"]),
        ("PW_TIMESERIES_RETENTION", ["-2", "5y", "1h30m", "soon", "-1d", "inf"]),
        ("PW_SLOW_INTERVAL", ["-1", "0", "29s"]),
        ("MQTT_CONTROLS", ["-1", "32", "0x1f", "15 # all", "1.0", "²"]),
        ("MQTT_TOPIC_PREFIX", ["a/+/b", "a/#", "/a", "a//b", "/"]),
        ("CORS_ORIGINS", ["localhost", '["a"]', "[1]", "{}", "[", "[" * 4000, "http://x/path"]),
        ("PROXY_BASE_URL", ["/a?b", "/a/../b", "/%2e", "/a//b"]),
        ("PW_ALLOWED_HOSTS", ["*", "a:80", "*.*.b", "[1]"]),
        ("PW_TRUSTED_PROXIES", ["localhost", "1.2.3.4/33"]),
        ("PW_AGGREGATE_PREFIX", ["{", "{site}_", "plain", "{id}" * 20]),
        ("PW_REPLICA", ["http://broker", "mqtt://", "mqtt://h:99999", "mqtt://h/a/#", "mqtt://h/+", "mqtt://[::1"]),
        ("PW_BIND_ADDRESS", ["1.2.3", "a b", "*"]),
        ("PW_PASSWORD", ["a\x00b", "x" * 9000]),
        ("PW_STYLE", ["pink"]),
    ],
)
def test_refused(name: str, texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(BadValue) as caught:
            value_of(name, text)
        assert caught.value.expected


@settings(max_examples=250)
@given(st.one_of(st.text(max_size=40), st.from_regex(r"[-+0-9.smhdwyesno/:*{}\[\]\" #,@a]{0,20}", fullmatch=True)))
def test_a_parser_gives_a_value_or_bad_value_and_values_survive_formatting(text: str) -> None:
    """Every kind is given every text: making one up takes longer than all of them take to read it."""
    for kind, name in KINDS.items():
        try:
            value = kind.parse(text)
        except BadValue:
            continue
        except Exception as error:
            raise AssertionError(f"{name}: the parser fails") from error
        if value is not None:
            assert kind.parse(kind.format(value)) == value, name


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.name)
def test_defaults_are_allowed_values(setting: Setting) -> None:
    if setting.default is not None:
        assert setting.kind.parse(setting.kind.format(setting.default)) == setting.default


@given(st.floats(min_value=60, max_value=3e9))
def test_durations_round_trip(seconds: float) -> None:
    kind = Duration(maximum=4e9)
    seconds = round(seconds, 3)
    assert kind.parse(kind.format(seconds)) == pytest.approx(seconds, abs=1e-6)


@given(st.integers(0, 65535), st.sampled_from(["", ".0", " ", "  # c", "\t#"]))
def test_integers_with_decoration(number: int, tail: str) -> None:
    assert value_of("PW_PORT", f"{number}{tail}") == number


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_file_values_become_text_or_nothing(value: object) -> None:
    assert isinstance(text_of(value), str | None)
