"""The command line, as a real process where that matters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pwserver import __version__, cli
from pwserver.config import SETTINGS
from pwserver.config.setting import SECTIONS
from tests.support.programs import clean_environment

ROOT = Path(__file__).parents[2]


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pwserver", *arguments],
        env=clean_environment(**environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_check_config_shows_values_origins_and_gateways() -> None:
    gateways = json.dumps([{"id": "home", "host": "10.0.0.1", "gw_pwd": "canary"}, {"id": "far", "email": "a@b.c"}])
    done = run("--port", "81", "check-config", "--no-failover", PW_GATEWAYS=gateways, PW_STYLE="solar", PW_TIMOUT="1")
    assert done.returncode == 0
    assert done.stderr == ""
    for part in (
        f"pwserver {__version__}",
        "PW_PORT = 81  (flag --port)",
        "PW_FAILOVER = no  (flag --failover)",
        "PW_STYLE = solar  (environment PW_STYLE)",
        "PW_CACHE_EXPIRE = 5 s  (default)",
        "PW_GATEWAYS = **********",
        "home (home); TEDAPI [tedapi]; 10.0.0.1",
        "far (far); Cloud [cloud]; Tesla's servers",
        "PW_TIMEOUT?",
        "Warnings",
    ):
        assert part in done.stdout
    for setting in SETTINGS:
        assert f"  {setting.name} = " in done.stdout
    assert "canary" not in done.stdout


def test_bad_configuration_is_status_2_and_one_message() -> None:
    for command in ([], ["check-config"], ["healthcheck"]):
        done = run(*command, PW_WORKERS="x", PW_HOST_CHECK="perhaps")
        assert done.returncode == 2
        assert done.stdout == ""
        assert "PW_WORKERS" in done.stderr
        assert "PW_HOST_CHECK" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["PW_CONTROL_SECRET", "PW_GW_PWD", "MQTT_CLIENT_ID", "PW_GATEWAYS", "PW_EMAIL"])
def test_bytes_that_are_no_utf_8_are_refused_and_not_shown(name: str) -> None:
    done = run("check-config", PW_HOST="10.0.0.1", **{"PW_GW_PWD": "x" * 10, name: os.fsdecode(b"se\xffcret")})
    assert done.returncode == 2
    assert f"{name} (environment {name})" in done.stderr
    assert "give a text in UTF-8" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_misspelt_setting_that_is_missed_is_named() -> None:
    done = run("check-config", PW_HOST="10.0.0.1", PW_GWPWD="x" * 10)
    assert done.returncode == 2
    assert "PW_HOST" in done.stderr
    assert "did you mean PW_GW_PWD?" in done.stderr


def test_importing_the_configuration_is_cheap() -> None:
    script = "import sys; old = set(sys.modules); import pwserver.config; print(' '.join(set(sys.modules) - old))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint({"yaml", "sanic", "pypowerwall", "requests", "google", "zoneinfo", "asyncio"})


def test_help_names_every_setting_flag_and_section(capsys) -> None:
    text = cli.build_parser("pwserver").format_help()
    for setting in SETTINGS:
        assert setting.name in text
        for flag in (*setting.flags, *setting.off_flags):
            assert flag in text
    for section in (*SECTIONS, *cli.COMMANDS):
        assert section in text
    assert run("--help").returncode == 0


@pytest.mark.parametrize(
    "flag",
    ["--version", "--setup", "--host", "--gw-pwd", "--email", "--password", "--authpath", "--style", "--siteid",
     "--cache-expire", "--timeout", "--port", "--bind-address", "--debug", "--config", "--rate-limit",
     "--rate-limit-max-requests", "--rate-limit-window", "--reload", "--replica", "--demo", "--workers"],
)  # fmt: skip
def test_the_predecessors_flags_are_there(flag: str) -> None:
    assert flag in cli.build_parser("pwserver").format_help().replace(",", " ").split()


@pytest.mark.parametrize(
    ("arguments", "flags", "command", "own"),
    [
        ([], {}, "serve", []),
        (["serve"], {}, "serve", []),
        (["--demo"], {"PW_DEMO": "default"}, "serve", []),
        (["--demo", "powerwall3"], {"PW_DEMO": "powerwall3"}, "serve", []),
        (["--demo", "check-config"], {"PW_DEMO": "default"}, "check-config", []),
        (["--demo", "--port", "1"], {"PW_DEMO": "default", "PW_PORT": "1"}, "serve", []),
        (["--port", "1", "check-config", "--debug"], {"PW_PORT": "1", "PW_DEBUG": "yes"}, "check-config", []),
        (["--no-debug"], {"PW_DEBUG": "no"}, "serve", []),
        (["--gw-pwd", "simulate"], {"PW_GW_PWD": "simulate"}, "serve", []),
        (["--gw-pwd=-x"], {"PW_GW_PWD": "-x"}, "serve", []),
        (["--timeseries-retention", "-1"], {"PW_TIMESERIES_RETENTION": "-1"}, "serve", []),
        (
            ["--rate-limit", "--rate-limit-window", "5"],
            {"PW_RATE_LIMIT_ENABLED": "yes", "PW_RATE_LIMIT_WINDOW_SECONDS": "5"},
            "serve",
            [],
        ),
        (["--authpath", "/a"], {"PW_AUTH_PATH": "/a"}, "serve", []),
        (
            ["--history-path", "/h", "history", "export", "--days", "3"],
            {"PW_HISTORY_PATH": "/h"},
            "history",
            ["export", "--days", "3"],
        ),
        (["simulate", "--port", "0", "--scenario", "x"], {}, "simulate", ["--port", "0", "--scenario", "x"]),
    ],
)
def test_arguments(arguments, flags, command, own) -> None:
    words, found, rest = cli.split_arguments(arguments)
    options = cli.parse("pwserver", words)
    assert {name: text for name, text in vars(options).items() if name.startswith("PW_")} == flags
    assert (found, rest) == (command, own)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--gw-pw", "canary"], "--gw-pwd?"),
        (["--gw-pw=canary"], "--gw-pwd?"),
        (["--gw-pwd", "x", "canary"], "commands are"),
        (["--debug=canary"], "takes no value"),
        (["chek-config"], "check-config?"),
        (["--port"], "expected one argument"),
    ],
)
def test_usage_errors_are_status_2_and_repeat_no_value(capsys, arguments, hint) -> None:
    words, _, _ = cli.split_arguments(arguments)
    with pytest.raises(SystemExit) as caught:
        cli.parse("pwserver", words)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert hint in error
    assert "canary" not in error


def test_a_secret_on_the_command_line_gets_a_hint() -> None:
    done = run("--host", "h", "--gw-pwd", "canary", "check-config")
    assert "--gw-pwd: a secret on the command line" in done.stdout
    assert "canary" not in done.stdout


def test_version_under_both_names(tmp_path) -> None:
    for name in ("pwserver", "pypowerwall-server"):
        script = tmp_path / name
        script.write_text("import sys\nfrom pwserver.cli import main\nsys.exit(main())\n")
        done = subprocess.run(
            [sys.executable, str(script), "--version"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == f"{name} {__version__}\n"


def test_setup_runs_pypowerwalls_own_and_gives_its_status(tmp_path) -> None:
    """A stand-in for the library, first on the path, tells how it was called: the real one wants a browser."""
    package = tmp_path / "pypowerwall"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("import json, sys\nprint(json.dumps(sys.argv[1:]))\nsys.exit(7)\n")
    environ = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PW_AUTHPATH": "/auth", "PW_PORT": "bad, but not looked at"}
    done = run("--setup", "--email", "a@b.c", **environ)
    assert done.returncode == 7
    assert json.loads(done.stdout) == ["setup", "-authpath", "/auth", "-email", "a@b.c"]


def test_the_real_librarys_setup_knows_these_arguments() -> None:
    command = [sys.executable, "-m", "pypowerwall", "setup", "-authpath", "/x", "-email", "a@b.c", "-h"]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
