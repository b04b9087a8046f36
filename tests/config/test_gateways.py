"""Gateways: where they come from, what makes a good one, and which connection it gets."""

from __future__ import annotations

import contextlib
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.config import Config, ConfigError, ConnectionMode, GatewayDefinition, load
from pwserver.config.gateway_entries import MEMBERS, Fallbacks, Findings, read_entries


def entries(*items: Any) -> dict[str, str]:
    return {"PW_GATEWAYS": json.dumps(list(items))}


def one(config: Config) -> GatewayDefinition:
    (gateway,) = config.gateways
    return gateway


FULL = {"id": "a", "host": "192.168.91.1", "gw_pwd": "g", "password": "p"}


@pytest.mark.parametrize(
    ("members", "mode", "label", "address"),
    [
        ({"fleetapi": True}, ConnectionMode.FLEETAPI, "FleetAPI", ""),
        ({"fleetapi": True, "host": "h", "gw_pwd": "g"}, ConnectionMode.FLEETAPI, "FleetAPI", ""),
        ({"fleetapi": True, "email": "a@b.c", "cloud_mode": True}, ConnectionMode.FLEETAPI, "FleetAPI", ""),
        ({"email": "a@b.c"}, ConnectionMode.CLOUD, "Cloud", ""),
        ({"email": "a@b.c", "host": "h"}, ConnectionMode.CLOUD, "Cloud", ""),
        ({"email": "a@b.c", "host": "h", "gw_pwd": "g", "cloud_mode": True}, ConnectionMode.CLOUD, "Cloud", ""),
        ({"host": "h", "rsa_key_path": "/k", "gw_pwd": "g"}, ConnectionMode.V1R, "TEDAPI v1r", "h"),
        ({"host": "h", "rsa_key_path": "/k", "password": "p"}, ConnectionMode.V1R, "TEDAPI v1r", "h"),
        (
            {"host": "h", "rsa_key_path": "/k", "password": "p", "wifi_host": "w"},
            ConnectionMode.V1R,
            "TEDAPI v1r",
            "h",
        ),
        (
            {"host": "h", "rsa_key_path": "/k", "gw_pwd": "g", "wifi_host": "w"},
            ConnectionMode.V1R_WIFI,
            "TEDAPI v1r",
            "h",
        ),
        ({"host": "h:8443", "gw_pwd": "g"}, ConnectionMode.TEDAPI, "TEDAPI", "h:8443"),
        ({"host": "h", "port": 8443, "gw_pwd": "g"}, ConnectionMode.TEDAPI, "TEDAPI", "h:8443"),
        ({"host": "h:8443", "port": 8443, "gw_pwd": "g"}, ConnectionMode.TEDAPI, "TEDAPI", "h:8443"),
        ({"host": "192.168.91.1", "gw_pwd": "g", "password": "p"}, ConnectionMode.HYBRID, "TEDAPI", "192.168.91.1"),
        (
            {"host": "192.168.91.1", "port": 443, "gw_pwd": "g", "password": "p"},
            ConnectionMode.HYBRID,
            "TEDAPI",
            "192.168.91.1:443",
        ),
        (
            {"host": "192.168.91.1:8443", "gw_pwd": "g", "password": "p"},
            ConnectionMode.LOCAL_ONLY,
            "Local",
            "192.168.91.1:8443",
        ),
        ({"host": "h", "gw_pwd": "g", "password": "p"}, ConnectionMode.LOCAL_ONLY, "Local", "h"),
        ({"host": "h", "password": "p"}, ConnectionMode.LOCAL, "Local", "h"),
        ({"host": "h", "password": "p", "email": "a@b.c"}, ConnectionMode.LOCAL, "Local", "h"),
    ],
)
def test_connection_modes(members, mode, label, address) -> None:
    gateway = one(load({}, entries({"id": "a", **members})))
    assert (gateway.mode, gateway.mode.label, gateway.address) == (mode, label, address)
    identity = gateway.identity()
    assert identity.cloud_mode is mode.remote
    assert identity.tedapi_expected is (label.startswith("TEDAPI"))
    assert identity.rsa_key_configured is ("rsa_key_path" in members)


@pytest.mark.parametrize(
    ("members", "part"),
    [
        ({"host": "h"}, "nothing to connect with"),
        ({"host": "h", "rsa_key_path": "/k"}, "gw_pwd or password"),
        ({"gw_pwd": "g", "password": "p"}, "nothing to connect with"),
        ({"cloud_mode": True, "host": "h", "gw_pwd": "g"}, "cloud_mode needs email"),
        ({}, "nothing to connect with"),
        ({**FULL, "id": None}, "id: is missing"),
        ({**FULL, "id": 5}, "quotation marks"),
        ({**FULL, "id": "a/b"}, '"a/b"'),
        ({**FULL, "id": ".."}, '".."'),
        ({**FULL, "id": "x" * 65}, "1 to 64"),
        ({**FULL, "id": "aggregate"}, "sum of all"),
        ({**FULL, "host": "no host"}, '"no host"'),
        ({**FULL, "host": ["h"]}, "host"),
        ({**FULL, "host": "h:1", "port": 2}, "contradicts"),
        ({**FULL, "port": 0}, "1 to 65535"),
        ({**FULL, "port": True}, "1 to 65535"),
        ({"email": "a@b.c", "port": 1}, "without host"),
        ({**FULL, "gw_pwd": 123}, "gw_pwd: (hidden)"),
        ({**FULL, "email": "me"}, "e-mail address"),
        ({**FULL, "type": "car"}, "powerwall or inverter"),
        ({**FULL, "fleetapi": "perhaps"}, "yes or no"),
        ({**FULL, "siteid": 1.5}, "siteid"),
        ({**FULL, "name": "a\nb"}, "printable"),
        ({**FULL, "wifi_host": "::g"}, "wifi_host"),
    ],
)
def test_bad_entries_are_problems(problems_of, members, part) -> None:
    (problem,) = problems_of(entries({"id": "a", **members}))
    assert part in problem
    assert "PW_GATEWAYS[0]" in problem


def test_ids_must_differ_even_among_bad_entries(problems_of) -> None:
    problems = problems_of(entries({"id": "a", "host": "h"}, {**FULL}, {**FULL, "id": "b"}))
    assert len(problems) == 2
    assert any("used twice" in problem and "[1]" in problem for problem in problems)


@pytest.mark.parametrize(("text", "part"), [("[", "JSON"), ("{}", "list"), ("5", "list"), ("[" * 100_000, "JSON")])
def test_gateways_that_are_no_list(problems_of, text, part) -> None:
    (problem,) = problems_of({"PW_GATEWAYS": text, "PW_HOST": "h", "PW_GW_PWD": "p"})
    assert part in problem


def test_too_many_gateways(problems_of) -> None:
    assert "256" in problems_of(entries(*({**FULL, "id": f"g{n}"} for n in range(257))))[0]


def test_what_an_entry_leaves_out_comes_from_the_settings_but_not_the_password() -> None:
    environ = {
        "PW_TIMEZONE": "Europe/Berlin",
        "PW_AUTH_PATH": "/auth",
        "PW_SITEID": "12",
        "PW_PASSWORD": "p",
        "PW_GW_PWD": "g",
    }
    own = {"timezone": "UTC", "authpath": "/own", "siteid": 34, "name": "Beta", "type": "inverter"}
    config = load({}, environ | entries({"id": "a", "host": "h", "gw_pwd": "x"}, {"id": "b", "email": "a@b.c", **own}))
    a, b = config.gateways
    assert (a.name, a.timezone, a.authpath, a.siteid, a.password) == ("a", "Europe/Berlin", "/auth", "12", None)
    assert (b.name, b.timezone, b.authpath, b.siteid, b.type) == ("Beta", "UTC", "/own", "34", "inverter")


@pytest.mark.parametrize(
    ("members", "part"),
    [
        ({"host": "h", "gw_pwd": "g", "rsa_key_path": "/absent"}, "wifi_host"),
        ({"host": "h", "gw_pwd": "g", "wifi_host": "w", "rsa_key_path": "/absent"}, "cannot be read"),
        ({"host": "h", "fleetapi": True}, "not used"),
        ({"host": "h", "email": "a@b.c", "cloud_mode": True}, "not used"),
        ({"host": "h", "gw_pwd": "g", "password": "p"}, "leave password out"),
        ({"host": "h", "gw_pwd": "g", "gw_pwdd": "p"}, "did you mean gw_pwd?"),
    ],
)
def test_surprising_entries_are_warned_of(members, part) -> None:
    assert any(part in warning for warning in load({}, entries({"id": "a", **members})).warnings)


def test_the_same_gateway_twice_is_warned_of() -> None:
    local = {"host": "h", "gw_pwd": "g"}
    (warning,) = load({}, entries({"id": "a", **local}, {"id": "b", **local})).warnings
    assert "counted twice" in warning
    cloud = {"email": "a@b.c"}
    assert load({}, entries({"id": "a", "siteid": "1", **cloud}, {"id": "b", "siteid": "2", **cloud})).warnings == ()


def test_two_houses_of_one_name_are_warned_of() -> None:
    """A sentence such as "without Home" would leave open which of them is meant."""
    houses = [{"id": name, "name": "Home", "host": name, "gw_pwd": "g"} for name in ("a", "b")]
    (warning,) = load({}, entries(*houses)).warnings
    assert "gateways a and b have the same name" in warning


@pytest.mark.parametrize("first", range(6))
def test_gateways_come_from_the_first_source_only(write_file, first) -> None:
    """Each source, with all later ones present as well, is the one that is used."""
    order = ["--config", "--gateways", "--host", "PW_CONFIG", "PW_GATEWAYS", "PW_HOST"]
    flags, environ = {}, {}
    for source in order[first:]:
        host = source.strip("-").lower().replace("_", "-")
        if source.upper().endswith("CONFIG"):
            text = write_file(f"gateways: [{{id: x, host: {host}, gw_pwd: g}}]", f"{host}.yaml")
        elif source.upper().endswith("GATEWAYS"):
            text = json.dumps([{"id": "x", "host": host, "gw_pwd": "g"}])
        else:
            text = host
        name = "PW_" + source.strip("-").upper().removeprefix("PW_")
        (flags if source.startswith("--") else environ)[name] = text
    environ["PW_GW_PWD"] = "g"
    config = load(flags, environ)
    assert one(config).host == order[first].strip("-").lower().replace("_", "-")
    assert bool([w for w in config.warnings if "ignored" in w]) is (first < 5)


def test_an_empty_list_starts_without_gateways() -> None:
    assert load({}, {"PW_GATEWAYS": "[]", "PW_HOST": "h", "PW_GW_PWD": "g"}).gateways == ()


def test_demo_and_replica_ignore_the_gateways() -> None:
    for extra in ({"PW_DEMO": "default"}, {"PW_REPLICA": "mqtt://broker"}):
        config = load({}, {"PW_HOST": "h", **extra})
        assert config.gateways == ()
        replaced = config.replace_gateways([GatewayDefinition("a", "A", host="h", gw_pwd="g")], "test")
        assert replaced.default_gateway == "a"


def test_default_gateway(problems_of) -> None:
    two = entries({**FULL, "id": "a"}, {**FULL, "id": "default", "host": "h2"})
    assert load({}, two).default_gateway == "default"
    assert load({}, entries({**FULL, "id": "b"}, {**FULL, "host": "h"})).default_gateway == "b"
    assert load({}, {**two, "PW_DEFAULT_GATEWAY": "aggregate"}).default_gateway == "aggregate"
    assert load({}, {**two, "PW_DEFAULT_GATEWAY": "a"}).default_gateway == "a"
    (problem,) = problems_of({**two, "PW_DEFAULT_GATEWAY": "x"})
    assert "a, default, aggregate" in problem


# --- the single gateway of the environment


def test_single_gateway() -> None:
    environ = {
        "PW_HOST": "h:1",
        "PW_GW_PWD": "g",
        "PW_RSA_KEY_PATH": "/k",
        "PW_WIFI_HOST": "w",
        "PW_EMAIL": "a@b.c",
        "PW_AUTH_PATH": "/a",
        "PW_TIMEZONE": "UTC",
        "PW_SITEID": "7",
    }
    assert one(load({}, environ)) == GatewayDefinition(
        id="default",
        name="Default Gateway",
        host="h:1",
        gw_pwd="g",
        rsa_key_path="/k",
        wifi_host="w",
        email="a@b.c",
        authpath="/a",
        timezone="UTC",
        siteid="7",
    )


@pytest.mark.parametrize(
    ("files", "environ", "mode", "email"),
    [
        ({}, {}, None, None),
        ({}, {"PW_EMAIL": "a@b.c"}, ConnectionMode.CLOUD, "a@b.c"),
        ({".pypowerwall.auth": '{"x@y.z": {}, "q@r.s": {}}'}, {}, ConnectionMode.CLOUD, "x@y.z"),
        ({".pypowerwall.auth": '{"x@y.z": {}}'}, {"PW_EMAIL": "a@b.c"}, ConnectionMode.CLOUD, "a@b.c"),
        ({".pypowerwall.fleetapi": "{}"}, {"PW_EMAIL": "a@b.c"}, ConnectionMode.FLEETAPI, "a@b.c"),
        ({".pypowerwall.fleetapi": "{}", ".pypowerwall.auth": '{"x@y.z": 1}'}, {}, ConnectionMode.FLEETAPI, None),
        # A login that cannot be used stays a configured gateway, which says what is wrong with it.
        ({".pypowerwall.auth": ""}, {}, ConnectionMode.CLOUD, None),
        ({".pypowerwall.auth": "{}"}, {}, ConnectionMode.CLOUD, None),
        ({".pypowerwall.auth": "[1]"}, {}, ConnectionMode.CLOUD, None),
        ({".pypowerwall.auth": "broken"}, {}, ConnectionMode.CLOUD, None),
        ({".pypowerwall.auth": '{"no address": 1}'}, {}, ConnectionMode.CLOUD, None),
        ({".pypowerwall.fleetapi": "{}"}, {"PW_HOST": "h", "PW_PASSWORD": "p"}, ConnectionMode.LOCAL, None),
    ],
)
@pytest.mark.parametrize("place", ["working folder", "PW_AUTH_PATH"])
def test_without_a_host_the_login_files_decide(tmp_path, files, environ, mode, email, place) -> None:
    folder = tmp_path / "cwd" if place == "working folder" else tmp_path / "auth"
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content)
    config = load({}, environ if place == "working folder" else {**environ, "PW_AUTH_PATH": str(folder)})
    if mode is None:
        assert config.gateways == ()
    else:
        assert (one(config).mode, one(config).email) == (mode, email)


def test_tilde_in_the_auth_path(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".pypowerwall.fleetapi").write_text("{}")
    assert one(load({}, {"PW_AUTH_PATH": "~"})).mode is ConnectionMode.FLEETAPI


def test_a_host_alone_is_not_enough(problems_of) -> None:
    (problem,) = problems_of({"PW_HOST": "10.0.0.1"})
    for part in ("PW_HOST", "10.0.0.1", "PW_GW_PWD", "PW_PASSWORD"):
        assert part in problem


def test_passwords_without_a_host_are_warned_of() -> None:
    (warning,) = load({}, {"PW_GW_PWD": "g"}).warnings
    assert "PW_HOST" in warning


# --- the plain values handed to a connection


@pytest.mark.parametrize(
    ("member", "given", "meant"),
    [
        ("tedapi_auth_mode", "Bearer", "bearer"),
        ("tedapi_auth_mode", " basic ", "basic"),
        ("tedapi_auth_mode", None, None),
        ("tedapi_api_version", "v2026_06", "V2026_06"),
        ("tedapi_api_version", "", None),
        ("tedapi_auth_mode", "bearr", None),
        ("tedapi_api_version", "V2030", None),
    ],
)
def test_how_tedapi_of_a_gateway_is_asked(member: str, given: str | None, meant: str | None) -> None:
    """A wrong word does not keep the server from starting, as it did not with the predecessors."""
    config = load({}, entries({"id": "a", "host": "h", "gw_pwd": "ABCDEFGHIJ", member: given}))
    (gateway,) = config.gateways
    assert getattr(gateway, member) == meant
    wrong = bool(given) and meant is None
    assert [member in warning and "give one of" in warning for warning in config.warnings] == [True] * wrong


def test_options_of_a_gateway() -> None:
    environ = {
        "PW_CACHE_FILE": "/c/login",
        "PW_CACHE_EXPIRE": "2",
        "PW_TIMEOUT": "7",
        "PW_FAILOVER": "no",
        "PW_NEG_SOLAR": "no",
        "PW_SITE_ZERO_THRESHOLD": "50",
        "PW_AUTH_MODE": "token",
        "PW_SLOW_INTERVAL": "2m",
    }
    config = load({}, environ | entries({**FULL, "id": "default"}, {**FULL, "host": "h", "siteid": "0123"}))
    first, second = (config.gateway_options(gateway) for gateway in config.gateways)
    assert (first.cachefile, second.cachefile) == ("/c/login", "/c/login.a")
    assert (first.site_id, second.site_id) == (None, 123)
    assert (first.poll_interval_seconds, first.slow_interval_seconds) == (2.0, 120.0)
    assert (first.timeout_seconds, first.failover, first.neg_solar, first.site_zero_threshold_watts) == (
        7,
        False,
        False,
        50,
    )
    assert first.auth_mode == "token"


def test_cache_file_default(tmp_path) -> None:
    gateway = GatewayDefinition("default", "x", host="h", gw_pwd="g")
    assert load({}, {"PW_AUTH_PATH": "/auth"}).gateway_options(gateway).cachefile == "/auth/.powerwall"
    assert load({}, {}).gateway_options(gateway).cachefile.endswith("/.powerwall")


@pytest.mark.parametrize(
    ("email", "cloud_mode", "secret", "hybrid", "expected"),
    [
        (email, cloud, secret, hybrid, email and not cloud and (secret or hybrid))
        for email, cloud, secret, hybrid in itertools.product([True, False], repeat=4)
        if email or not cloud
    ],
)
def test_hybrid_cloud_link(email, cloud_mode, secret, hybrid, expected) -> None:
    members = {**FULL, "cloud_mode": cloud_mode, **({"email": "a@b.c"} if email else {})}
    environ = {"PW_CLOUD_HYBRID": "yes" if hybrid else "no", **({"PW_CONTROL_SECRET": "s" * 16} if secret else {})}
    config = load({}, environ | entries(members))
    assert config.gateway_options(one(config)).hybrid_cloud_link is expected


# --- anything at all


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
entry = st.dictionaries(st.sampled_from(MEMBERS) | st.text(max_size=8), json_values, max_size=8) | json_values


@given(st.lists(entry, max_size=4) | json_values)
def test_any_json_gives_good_gateways_or_problems(content: object) -> None:
    findings = Findings()
    gateways = read_entries(content, "test", Fallbacks(), findings)
    if isinstance(content, list):
        assert len(gateways) + len(findings.problems) >= len(content)
    assert len({gateway.id for gateway in gateways}) == len(gateways)
    for gateway in gateways:
        assert gateway.mode in ConnectionMode
        assert gateway.address or gateway.mode.remote


@given(st.text(max_size=200))
def test_any_text_as_gateways(text: str) -> None:
    with contextlib.suppress(ConfigError):  # and nothing but it
        load({}, {"PW_GATEWAYS": text})


ADDRESSES = [
    ("pw_simulator", "pw_simulator"),
    ("pw_simulator:8443", "pw_simulator:8443"),
    ("my_host.lan", "my_host.lan"),
    ("[::1]", "[::1]"),
    ("[::1]:8443", "[::1]:8443"),
    ("::1", "[::1]"),
    ("fe80::1%eth0", "[fe80::1%eth0]"),
    ("[fe80::1%eth0]:443", "[fe80::1%eth0]:443"),
    ("2001:db8::5", "[2001:db8::5]"),
    ("::ffff:192.0.2.1", "[::ffff:192.0.2.1]"),
]


@pytest.mark.parametrize(("written", "address"), ADDRESSES)
def test_addresses_as_the_world_writes_them(written: str, address: str) -> None:
    (gateway,) = load({}, {"PW_HOST": written, "PW_GW_PWD": "p"}).gateways
    assert gateway.address == address
    if not address.endswith("443"):
        entries = json.dumps([{"id": "a", "host": written, "port": 8443, "gw_pwd": "p"}])
        (gateway,) = load({}, {"PW_GATEWAYS": entries}).gateways
        assert gateway.address == f"{address}:8443"


@pytest.mark.parametrize(
    "written",
    ["[::1", "::1]", "[::1]8443", "[::1]:", "[::1]:0", "[::1]:65536", "[::1]:x", "[]", "[1.2.3.4]", "[host]", "::1::2",
     ":::", "[::1%]", "[::1%a/b]", "fe80::1%", "12345::", "a:b:c", "-a", "a-", "a..b", "host:", "user@host", "[[::1]]"],
)  # fmt: skip
def test_addresses_nobody_can_mean(written: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load({}, {"PW_HOST": written, "PW_GW_PWD": "p"})
    assert "PW_HOST" in str(raised.value) and "[fd00::5]:8443" in str(raised.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("America/Los Angeles", "America/Los_Angeles"),
        ("Chicago", "America/Chicago"),
        ("america/chicago", "America/Chicago"),
        ("Los Angeles", "America/Los_Angeles"),
        ("Europe/Berlln", "Europe/Berlin"),
        ("'America/Chicago'", "America/Chicago"),
        ("S\u00e3o Paulo", "America/Sao_Paulo"),
        ("Los Angeles, CA", "America/Los_Angeles"),
        ("PST", "America/Los_Angeles"),
        ("CEST", "Europe/Berlin"),  # and not EST, which is one letter away
        ("UTC+2", "Etc/GMT-2"),  # whose sign is the other way round
        ("-08:00", "Etc/GMT+8"),
        ("right/Europe/Berlin", "Europe/Berlin"),
        ("localtime", None),
        ("posixrules", None),
        ("Factory", None),
        ("berlin", "Europe/Berlin"),
        ("America/ Chicago", None),
        ("nowhere at all", None),
        ("../../etc/passwd", None),
        ("x" * 9000, None),
        ("/usr/share/zoneinfo/UTC", None),
    ],
)
def test_a_wrong_time_zone_is_told_and_does_not_stop_the_start(written: str, meant: str | None) -> None:
    for environment in (
        {"PW_HOST": "h", "PW_GW_PWD": "p", "PW_TIMEZONE": written},
        {"PW_GATEWAYS": json.dumps([{"id": "a", "host": "h", "gw_pwd": "p", "timezone": written}])},
    ):
        config = load({}, environment)
        assert config.gateways[0].timezone is None and not config.gateways[0].identity().timezone_set
        (warning,) = config.warnings
        assert "timezone" in warning.lower() and "using the gateway's own, else this machine's" in warning
        assert meant is None or f"did you mean {meant}" in warning


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"gw_pwd": "WXYZ7"}, "gw_pwd has five characters"),
        ({"gw_pwd": "wxyz7", "rsa_key_path": __file__, "wifi_host": "192.168.91.1"}, "gw_pwd has five characters"),
        ({"password": "ABCDEVWXYZ"}, "password has ten characters"),
        ({"gw_pwd": "ABCDEVWXYZ"}, None),
        ({"gw_pwd": "a b#c"}, None),
        ({"password": "VWXYZ"}, None),
        ({"password": "my-own-pw1"}, None),
    ],
)
def test_a_password_of_the_wrong_length_gets_a_hint_that_does_not_show_it(given, part) -> None:
    entry = {"id": "home", "host": "10.0.0.1", **given}
    warnings = "\n".join(load({}, {"PW_GATEWAYS": json.dumps([entry])}).warnings)
    assert (part in warnings) if part else ("characters" not in warnings)
    for secret in (given.get("gw_pwd"), given.get("password")):
        assert secret is None or secret not in warnings
    names = {"gw_pwd": "PW_GW_PWD", "password": "PW_PASSWORD", "rsa_key_path": "PW_RSA_KEY_PATH"}
    single = {names[member]: value for member, value in given.items() if member in names}
    warnings = "\n".join(load({}, {"PW_HOST": "10.0.0.1", **single}).warnings)
    if part:
        assert names[part.split(" ")[0]] + " has" in warnings
