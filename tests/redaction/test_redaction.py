"""Secrets are blotted out in every encoding, ordinary words are not, and no line takes long."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
import re
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver import log
from pwserver.config import load
from pwserver.redaction import HIDDEN, LINE_CHARACTERS, LINES, Redactor, known, shapes, spans

SECRET = "s€crét-token/1+2 \\x\"'%41\n&"
ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "percent": lambda text: urllib.parse.quote(text, safe=""),
    "percent, lower case": lambda text: urllib.parse.quote(text, safe="").lower().replace("%5cx", "%5Cx"),
    "percent, every byte": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "percent, path": urllib.parse.quote,
    "percent, twice": lambda text: urllib.parse.quote(urllib.parse.quote(text, safe=""), safe=""),
    "form": urllib.parse.quote_plus,
    "JSON": lambda text: json.dumps(text),
    "JSON in JSON": lambda text: json.dumps({"x": json.dumps(text)}),
    "JSON, every character": lambda text: "".join(f"\\u{ord(character):04X}" for character in text),
    "JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON with slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "repr": repr,
    "ascii": ascii,
    "repr of bytes": lambda text: repr(text.encode()),
    "repr of repr": lambda text: repr(repr(text.encode())),
    "repr of JSON": lambda text: repr(json.dumps(text)),
    "Latin-1": lambda text: text.encode().decode("latin-1"),
    "surrogates": lambda text: text.encode().decode("ascii", "surrogateescape"),
    "HTML": html.escape,
    "percent in JSON": lambda text: json.dumps(urllib.parse.quote(text)),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of a login": lambda text: base64.b64encode(f"owner:{text}".encode()).decode(),
    "base64 of a longer login": lambda text: base64.b64encode(f"owners:{text}!".encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(f"u:{text}".encode()).decode(),
    "base64, percent": lambda text: urllib.parse.quote(base64.b64encode(text.encode()).decode(), safe=""),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("around", ["{}", "GET /x/{}/y?token={}&z", "x{}y", '{{"detail": "{}"}}', "a {} b {} c"])
def test_every_encoding(encoding: str, around: str) -> None:
    written = ENCODINGS[encoding](SECRET)
    for redacted in (Redactor([SECRET]).redact, Redactor([SECRET]).redact_known):
        told = redacted(around.format(written, written))
        assert HIDDEN in told
        for part in ("crét", "cr", "token", "1+2", "MSsy", "Y3LD"):
            assert part not in told.replace("?token=", ""), told


ONE_BY_ONE: list[Callable[[str], str]] = [
    lambda character: character if character not in "\\%&+\"'" else f"%{ord(character):02X}",
    lambda character: "".join(f"%{byte:02x}" for byte in character.encode()),
    lambda character: json.dumps(character)[1:-1],
    lambda character: f"\\u{ord(character):04x}" if ord(character) < 0x10000 else json.dumps(character)[1:-1],
    lambda character: f"\\U{ord(character):08x}",
    lambda character: f"&#{ord(character)};" if ord(character) >= 32 else f"%{ord(character):02x}",
]
# U+0080 to U+00BF beside literal letters could be bytes of UTF-8 as well; nobody can tell.
CONTINUATION = "".join(map(chr, range(0x80, 0xC0)))
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r…+" + CONTINUATION), min_size=8, max_size=24
)


@given(TEXTS, st.data())
def test_any_mixture_of_encodings(secret: str, data: Any) -> None:
    """Each character is written in one way or another: nothing of it may be left but what stands around it."""
    written = "".join(data.draw(st.sampled_from(ONE_BY_ONE))(character) for character in secret)
    told = Redactor([secret]).redact_known(f"<{written}>")
    assert told == f"<{HIDDEN}>"


@pytest.mark.parametrize("character", ["\x01", "\x0b", "\x7f", "\ufdd0", "\ufffe", "\U0001ffff"])
@pytest.mark.parametrize("reference", ["&#{};", "&#x{:x};", "&#X{:X};"])
def test_a_reference_that_html_forbids_is_found_all_the_same(character: str, reference: str) -> None:
    written = f"000{reference.format(ord(character))}0000"
    assert Redactor([f"000{character}0000"]).redact_known(f"<{written}>") == f"<{HIDDEN}>"


@given(st.text(max_size=300), st.lists(st.text(max_size=20), max_size=4), st.lists(st.text(max_size=8), max_size=3))
def test_nothing_raises_and_no_secret_stays(text: str, secrets: list[str], public: list[str]) -> None:
    redactor = Redactor(secrets, public)
    for told in (redactor.redact(text), redactor.redact_known(text)):
        assert not any(len(secret) >= known.ANYWHERE_FROM and secret in told for secret in secrets if "*" not in secret)


@given(st.text(max_size=60))
def test_json_stays_json(text: str) -> None:
    body = json.dumps({"detail": text + SECRET + text})
    told = json.loads(Redactor([SECRET]).redact_known(body))
    assert "token" not in told["detail"].replace(text, "")


@pytest.mark.parametrize(
    ("secret", "text", "told"),
    [
        ("home", "gateway home: connected, at home", None),  # an ordinary word stays one
        ("home", "login('home') pw=home \"home\"", f"login('{HIDDEN}') pw={HIDDEN} \"{HIDDEN}\""),
        ("Solar", "Solar power, 5 kW solar", None),
        ("ZXYTQ", "user ZXYTQ, ZXYTQW", f"user {HIDDEN}, ZXYTQW"),
        ("pw12", "/pw123 and /pw12", f"/pw123 and /{HIDDEN}"),
        ("a-b!", "xa-b!y a-b!", f"xa-b!y {HIDDEN}"),
        ("abc", "abc password=abcdef", f"abc password={HIDDEN}"),
        ("homeward", "homewards", f"{HIDDEN}s"),  # eight characters are a secret anywhere
        ("x" * 30, "detail: " + "x" * 20 + "… more", f"detail: {HIDDEN}… more"),
    ],
)
def test_how_short_secrets_are_decided(secret: str, text: str, told: str | None) -> None:
    assert Redactor([secret]).redact(text) == (text if told is None else told)


def test_a_short_secret_that_is_public_hides_nothing() -> None:
    assert Redactor(["home1"], ["home1"]).redact("gateway home1: 'home1'") == "gateway home1: 'home1'"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", f"Authorization: Basic {HIDDEN}"),
        ("bearer   abcdefgh12345, x", f"bearer   {HIDDEN}, x"),
        ('{"refresh_token": "abcd efgh", "x": 1}', f'{{"refresh_token": "{HIDDEN}", "x": 1}}'),
        ("{'gw_pwd': 'AB CD EF', 'x': 1}", f"{{'gw_pwd': '{HIDDEN}', 'x': 1}}"),
        ("mqtt://user:pass%20word@broker:1883/x", f"mqtt://user:{HIDDEN}@broker:1883/x"),
        ("mail owner@home.example.", f"mail {HIDDEN}."),
        ("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ.abc-_9 x", f"{HIDDEN} x"),
        ("X-Api-Key: 0123456789", f"X-Api-Key: {HIDDEN}"),
        ("Set-Cookie: AuthCookie=abcdefgh; Path=/", f"Set-Cookie: {HIDDEN}; Path=/"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nab==\n-----END RSA PRIVATE KEY-----\nx",
            f"-----BEGIN RSA PRIVATE KEY-----{HIDDEN}-----END RSA PRIVATE KEY-----\nx",
        ),
        ("'-----BEGIN PRIVATE KEY-----\\nMIIE", f"'-----BEGIN PRIVATE KEY-----{HIDDEN}"),
    ],
)
def test_what_looks_like_a_secret(text: str, told: str) -> None:
    assert Redactor([]).redact(text) == told


@pytest.mark.parametrize("text", [
    "gateway home: ok (was new)", "no token", "wrong token, refused", "http://127.0.0.1:8675/", "a @ b", "user@host",
    "/data/history/polls.ring is damaged", "basic lan", "-----BEGIN CERTIFICATE-----\nMIIE", "eyJust a word",
    "100 % of 5",
])  # fmt: skip
def test_ordinary_lines_stay(text: str) -> None:
    assert Redactor(["a secret of the tests"]).redact(text) == text


def test_the_settings_table_says_what_is_a_secret() -> None:
    environment = {
        "PW_HOST": "10.0.0.1",
        "PW_GW_PWD": "GATEWAYPWD",
        "PW_EMAIL": "owner@home.example",
        "PW_AUTH_PATH": "/home/pi",
        "PW_CONTROL_SECRET": "control-secret",
        "MQTT_HOST": "home",
        "MQTT_USERNAME": "home",
        "MQTT_PASSWORD": "mqtt-word",
        "PW_STATE_PATH": "/data",
        "PW_HISTORY_PATH": "/data/history",
        "PW_RSA_KEY_PATH": "/keys/rsa.pem",
    }
    config = load({}, environment)
    assert config.secrets() == {"GATEWAYPWD", "AYPWD", "control-secret", "mqtt-word"}
    redactor = Redactor(config.secrets(), config.public_words())
    line = "gateway home: /data/history/home.polls is damaged; /keys/rsa.pem, /home/pi"
    assert redactor.redact(line) == line
    masked = config.masked()
    assert all(masked[name] == HIDDEN for name in ("MQTT_USERNAME", "PW_STATE_PATH", "PW_EMAIL"))


def test_the_password_in_a_brokers_address_is_a_secret_by_itself() -> None:
    found = load({}, {"PW_REPLICA": "mqtt://user:p%40ss-word@broker/x", "PW_REPLICA_KEY": "replica-key"}).secrets()
    assert {"p%40ss-word", "p@ss-word", "replica-key"} <= found


# --- lines of the log


def logged(secret: str) -> tuple[logging.Logger, io.StringIO]:
    out = io.StringIO()
    handler = log.Output(out)
    handler.setFormatter(log.Redacted([secret], "%(message)s"))
    logger = logging.Logger("test")  # noqa: LOG001 - of this test alone
    logger.addHandler(handler)
    return logger, out


def test_split_over_the_arguments_of_a_record() -> None:
    logger, out = logged(SECRET)
    logger.error("%s%s %r %s", SECRET[:7], SECRET[7:], {"pw": SECRET}, [SECRET.encode()])
    assert out.getvalue().count(HIDDEN) == 3 and "token" not in out.getvalue()


def test_a_record_that_cannot_be_formatted_does_not_show_its_arguments() -> None:
    logger, out = logged(SECRET)
    logger.error("%d", SECRET)
    assert "could not be written (TypeError)" in out.getvalue() and "token" not in out.getvalue()


def test_tracebacks() -> None:
    logger, out = logged(SECRET)
    try:
        try:
            raise ValueError(SECRET)
        except ValueError as problem:
            raise KeyError(SECRET.encode()) from problem
    except KeyError:
        logger.exception("failed for %s", urllib.parse.quote(SECRET))
    assert out.getvalue().count(HIDDEN) >= 3 and "token/1" not in out.getvalue() and "KeyError" in out.getvalue()


@pytest.mark.parametrize("before", range(LINE_CHARACTERS - 60, LINE_CHARACTERS + 10))
@pytest.mark.parametrize("encoding", ["as it is", "percent", "JSON, every character"])
def test_a_cut_leaves_no_half_of_a_secret(before: int, encoding: str) -> None:
    secret = "0123456789-abcdefghij"
    told = Redactor([secret]).redact("." * before + ENCODINGS[encoding](secret) + "x" * 50_000)
    assert len(told) <= LINE_CHARACTERS + 20
    assert "0" not in told.replace("u00", "") and "\\" not in told and "%" not in told


def test_long_records_are_cut_in_lines_and_in_length() -> None:
    told = Redactor(["secret-of-tests"]).redact("\n".join(f"{number} " + "x" * 5000 for number in range(500)))
    lines = told.split("\n")
    assert len(lines) == LINES + 1 and max(map(len, lines)) < LINE_CHARACTERS + 20
    assert lines[0].startswith("0 ") and lines[-1].startswith("499 ") and "420 lines left out" in told


def patterns() -> dict[str, re.Pattern[str]]:
    """Return every pattern that a line of the log is searched for, by its name."""
    named = {f"{module.__name__}.{name}": value for module in (known, shapes) for name, value in vars(module).items()}
    named |= {
        "plain secrets": Redactor([SECRET, "short", "w0rd"])._known._plain,
        "secrets in base64": Redactor([SECRET])._known._base64,
    }
    return {name: value for name, value in named.items() if isinstance(value, re.Pattern)}


@pytest.mark.parametrize("pattern", patterns().values(), ids=patterns())
def test_no_pattern_repeats_without_a_bound(pattern: re.Pattern[str]) -> None:
    """Then a match at one place costs a bounded time, and a line costs a time linear in its length."""
    bare = re.sub(r"\\.", "_", pattern.pattern, flags=re.DOTALL)
    bare = re.sub(r"\[[^\]]*\]", "_", bare)
    assert not re.search(r"[*+]|\{\d*,\}", bare.replace("(?", "(")), bare


HOSTILE = ["e", "a@", "%2541", "\\\\u0041", "token='", "password=\"token='", "bearer ", "eyJ", "eyJ.", "://", "://a:",
           "token      ", "-----BEGIN ", "@a.", "a.b@c.", "&#x41;", "é", "s€crét-toke", "…", "\n"]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE, ids=repr)
def test_the_work_grows_with_the_length_of_the_line_only(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted: what is tried at single places, and the characters that are looked at from there."""

    def work(size: int) -> int:
        counted = 0

        class Counting:
            """A pattern that counts its tries."""

            def __init__(self, pattern: re.Pattern[str]) -> None:
                self._pattern = pattern

            def match(self, text: str, start: int) -> re.Match[str] | None:
                nonlocal counted
                found = self._pattern.match(text, start)
                counted += 1 + (found.end() - start if found is not None else 0)
                return found

        def run(text: str, start: int, characters: str) -> int:
            nonlocal counted
            end = real(text, start, characters)
            counted += 1 + end - start
            return end

        with monkeypatch.context() as patch:
            for name in ("_LOGIN", "_ASSIGNED", "_VALUE", "_DOMAIN"):
                patch.setattr(shapes, name, Counting(getattr(shapes, name)))
            for module in (known, shapes):
                patch.setattr(module, "end_of_run", run)
            text = (piece * size)[:size]
            list(shapes.find_shapes(text))
            Redactor([SECRET])._known.find(text)
        return counted

    real = spans.end_of_run
    small, large = work(2_000), work(32_000)
    assert large <= 16 * small + 16 * len(piece) + 9000
