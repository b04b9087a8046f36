"""Read the command line: every setting is a flag, and there are a few commands beside serving."""

from __future__ import annotations

import argparse
import dataclasses
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pwserver import __version__, process_signals, standard_streams
from pwserver.config import SETTINGS, Config, ConfigError, Setting, load
from pwserver.config.load import login_given
from pwserver.config.raw_text import nearest
from pwserver.config.setting import SECTIONS
from pwserver.config.settings import BY_NAME

COMMANDS = {
    "serve": "poll the gateways and serve their data (also without any command)",
    "check-config": "print the configuration in force and where each value comes from",
    "healthcheck": "exit 0 when the server of this configuration answers, for containers",
    "history": "export, import or fill the history; see `history --help`",
    "notices": "try the addresses of PW_NOTICE_URLS: `notices test` sends a message to each",
    "simulate": "run a simulated gateway; see `simulate --help`",
}
_OWN_ARGUMENTS = frozenset({"history", "notices", "simulate"})  # what follows these commands is for their own parsers
_DROP_IN = "pypowerwall-server"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (2: bad usage or configuration)."""
    standard_streams.open_missing()  # before anything is opened that could get their numbers
    program = program_name(sys.argv[0])
    flag_arguments, command, own = split_arguments(sys.argv[1:] if arguments is None else arguments)
    if command == "simulate":
        from pwserver.simulator.run import main as simulate

        return simulate(own)
    options = parse(program, flag_arguments)
    flags = {name: text for name, text in vars(options).items() if name in BY_NAME}
    if options.setup:
        return run_setup(*login_given(flags, os.environ))
    # Before the configuration is read: a SIGHUP or SIGUSR1 that comes meanwhile must not end the program.
    if command == "serve":
        process_signals.prepare()
    try:
        config = load_all(flags)
    except ConfigError as error:
        print(f"{program}: {error.message}", file=sys.stderr)
        return 2
    if options.reload:
        print(f"{program}: --reload is accepted, but has no effect", file=sys.stderr)
    return run_command(command, config, flags, own)


def run_command(command: str, config: Config, flags: Mapping[str, str], own: Sequence[str]) -> int:
    """Run one command; its package is imported only now, so that the other commands start fast."""
    if command == "check-config":
        from pwserver.config.check_report import report
        from pwserver.notices.address_check import check_addresses

        try:
            check_addresses(config.settings.notices)
        except ConfigError as error:
            print(f"pwserver: {error.message}", file=sys.stderr)
            return 2
        print(f"pwserver {__version__}\n{report(config)}", end="")
        return 0
    if command == "healthcheck":
        from pwserver.healthcheck import main as healthcheck

        return int(healthcheck(config))
    if command == "history":
        from pwserver.assemble import history_settings
        from pwserver.config.history_place import history_places, old_store
        from pwserver.history.open_history import history_gateways
        from pwserver.history.tool import run

        identities = [gateway.identity() for gateway in config.gateways]
        gateways = history_gateways(identities, config.default_gateway)
        named = history_places(config).required or config.settings.history.timeseries_path is not None
        sources = {}
        if "fill" in own[:1]:
            from pwserver.poller.cloud_source import sources_of

            sources = sources_of(config)
        return run(own, history_settings(config), gateways, old_store(config), folder_named=named, sources=sources)
    if command == "notices":
        from pwserver.notices.tool import run as run_notices

        return run_notices(own, config.settings.notices)
    # Until the first child is forked: it would visit all that is being made a hundred times, and nothing is garbage.
    gc.disable()
    from pwserver.server import serve

    return int(serve(config, lambda: load_all(flags)))


def load_all(flags: Mapping[str, str]) -> Config:
    """Read the configuration of a program that keeps its history in the state folder, unless told otherwise."""
    config = load(flags, os.environ)
    return dataclasses.replace(config, history_home=config.state_path)


def program_name(path: str) -> str:
    """Return the name the program was called by: the predecessor's, or its own."""
    return _DROP_IN if os.path.basename(path).startswith(_DROP_IN) else "pwserver"


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], str, list[str]]:
    """Split into flags, the command, and the command's own arguments.

    Flags may stand before and after most commands.
    """
    takes_value = {flag: setting for setting in SETTINGS if not setting.is_switch for flag in setting.flags}
    flags: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word in COMMANDS:
            return (flags, word, rest) if word in _OWN_ARGUMENTS else (flags + rest, word, [])
        flags.append(word)
        setting = takes_value.get(word)
        if setting is None or not rest:
            continue
        if setting.flag_constant and rest[0] in COMMANDS:  # `--demo check-config`: a command, not a scenario
            flags[-1] = f"{word}={setting.flag_constant}"
        elif not (setting.flag_constant and rest[0].startswith("-")):
            flags.append(rest.pop(0))
    return flags, "serve", []


class _Parser(argparse.ArgumentParser):
    """Parses flags without ever repeating what was typed: it may be a password after a mistyped flag."""

    def error(self, message: str) -> NoReturn:
        if "ignored explicit argument" in message:
            message = message.partition("ignored explicit argument")[0] + "takes no value"
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


class _Switch(argparse.Action):
    """Stores ``yes`` for ``--debug`` and ``no`` for ``--no-debug``."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **options)

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        setattr(namespace, self.dest, "no" if (option or "").startswith("--no-") else "yes")


def build_parser(program: str) -> argparse.ArgumentParser:
    """Make a parser with one flag per setting, grouped as in the documentation."""
    width = max(len(name) for name in COMMANDS) + 2
    commands = "\n".join(f"  {name:{width}}{text}" for name, text in COMMANDS.items())
    parser = _Parser(
        prog=program,
        usage=f"{program} [flags] [command]",
        description="Polls Tesla Powerwall gateways and hands what it learned to many readers.",
        epilog=f"commands:\n{commands}\n\nEvery flag can also be given by the variable named behind it, "
        "and most in the file's `server:` block.\nFlags win over the file, the file over the environment.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,  # a new setting could make an abbreviation ambiguous, and a start script would fail
        add_help=False,
    )
    general = parser.add_argument_group("General")
    general.add_argument("-h", "--help", action="help", help="show this help and exit")
    general.add_argument(
        "--version", action="version", version=f"{program} {__version__}", help="show the version and exit"
    )
    general.add_argument(
        "--setup", action="store_true", default=False, help="log in to Tesla's cloud once, with pypowerwall"
    )
    general.add_argument("--reload", action="store_true", default=False, help="accepted, no effect")
    for section in SECTIONS:
        group = parser.add_argument_group(section)
        for setting in SETTINGS:
            if setting.section == section:
                _add_flag(group, setting)
    return parser


def _add_flag(group: Any, setting: Setting) -> None:
    names = ", ".join((setting.name, *setting.aliases))
    default = setting.default_text + (f" {setting.unit}" if setting.unit and setting.default is not None else "")
    allowed = f"{setting.kind.allowed}; " if setting.kind.allowed else ""
    text = f"{setting.help} [{names}; {allowed}default: {default}]".replace("%", "%%")
    if setting.is_switch:
        group.add_argument(*setting.flags, *setting.off_flags, dest=setting.name, action=_Switch, help=text)
        return
    metavar = setting.kind.word.upper().replace(" ", "-")
    options: dict[str, Any] = {"nargs": "?", "const": setting.flag_constant} if setting.flag_constant else {}
    group.add_argument(*setting.flags, dest=setting.name, metavar=metavar, help=text, **options)


def parse(program: str, arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the flags; a usage error exits with status 2 and shows no values."""
    parser = build_parser(program)
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        flags = [flag for setting in SETTINGS for flag in (*setting.flags, *setting.off_flags)]
        complaints = []
        for word in unknown:
            if word.startswith("--"):
                name = word.partition("=")[0]
                near = nearest(name, flags)
                complaints.append(f"{name} is not a flag" + (f"; did you mean {near}?" if near else ""))
        if not complaints:
            near = next((match for match in (nearest(word, COMMANDS) for word in unknown) if match), None)
            hint = f"; did you mean {near}?" if near else f"; commands are {', '.join(COMMANDS)}"
            complaints.append("there is an argument that is neither a flag nor a command" + hint)
        parser.error("; ".join(complaints))
    return options


def run_setup(folder: str | None, email: str | None) -> int:
    """Run pypowerwall's own cloud set-up in a process of its own; returns its exit status."""
    import subprocess

    command = [sys.executable, "-m", "pypowerwall", "setup"]
    if folder:
        command += ["-authpath", os.path.expanduser(folder)]
    if email:
        command += ["-email", email]
    try:
        return subprocess.call(command)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
