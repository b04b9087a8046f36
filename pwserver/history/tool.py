"""Carry out ``pwserver history export``, ``import``, ``import-influx`` and ``fill``."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import TextIO

from pwserver.history import fill_command
from pwserver.history.history_parameters import parse_moment
from pwserver.history.import_report import check_names, not_configured
from pwserver.history.layout import DAY_SECONDS, GatewayLayout, HistoryGateway, HistorySettings
from pwserver.history.ring_tables import (
    POWER_RINGS,
    SIGNAL_DAYS,
    SIGNALS,
    RingTable,
    read_csv,
    read_lines,
    write_csv,
    write_lines,
)
from pwserver.history.store import HistoryLocked
from pwserver.history.transfer import as_recorded, merge, read_gateway, recorded_gateways, with_noted_zone
from pwserver.regular_file import open_regular


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pwserver history", description="Carry history out of the files and back.")
    actions = parser.add_subparsers(dest="action", required=True)
    export = actions.add_parser("export", help="write rows to standard output; the server may run")
    export.add_argument("--format", choices=("csv", "lines"), default="csv", help="lines: InfluxDB line protocol")
    export.add_argument("--ring", choices=(*POWER_RINGS, SIGNALS, SIGNAL_DAYS, "all"), default="all")
    export.add_argument("--gateway", help="one gateway's rows only")
    export.add_argument("--from", dest="start", metavar="TIME", help="epoch seconds, RFC 3339 or now-30d")
    export.add_argument("--to", dest="end", metavar="TIME")
    load = actions.add_parser("import", help="add rows to the files; the server must not run")
    load.add_argument(
        "file",
        nargs="?",
        help="an export, or pypowerwall-server's timeseries.db (default: PW_TIMESERIES_PATH); - reads standard input",
    )
    load.add_argument("--format", choices=("csv", "lines", "sqlite"), help="else by the file's name")
    load.add_argument(
        "--as",
        dest="names",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="take the rows of the gateway that is OLD there for the one that is NEW here; may be repeated",
    )
    influx = actions.add_parser(
        "import-influx", help="add what Powerwall-Dashboard recorded in its InfluxDB; the server must not run"
    )
    influx.add_argument("file", help="CSV of influx or lines of influx_inspect, also .gz; - reads standard input")
    influx.add_argument("--gateway", help="the gateway whose house it is; needed where there are several")
    fill_command.add_parser(actions)
    return parser


def run(
    arguments: Sequence[str],
    settings: HistorySettings,
    gateways: Sequence[HistoryGateway],
    predecessor: str,
    out: TextIO | None = None,
    errors: TextIO | None = None,
    folder_named: bool = True,
    sources: Mapping[str, fill_command.Opener] | None = None,
) -> int:
    """Carry out one command; returns the exit status (0 done, 1 could not, 2 wrong usage).

    ``predecessor``: pypowerwall-server's file, for an import that names none. ``folder_named``: somebody has named the
    folder of the history; it is not only where it would be by default. ``sources``: how to reach Tesla's servers, by
    the id of each gateway that is polled over them.
    """
    out, errors = out or sys.stdout, errors or sys.stderr
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    if options.action == "import" and options.file is None:
        options.file, options.format = predecessor, options.format or "sqlite"
        errors.write(f"from {predecessor}\n")
    if settings.path is None:
        errors.write("PW_HISTORY_PATH is not set: history in memory can only be read over HTTP (/api/history)\n")
        return 2
    # Whoever types the command may not have the settings of the server: what its files say counts as well.
    path = settings.path
    if options.action != "export" and not folder_named:
        path = _server_folder(path, options.file)
        settings = replace(settings, path=path)
    ids = {gateway.id for gateway in gateways}
    recorded = [gateway for gateway in recorded_gateways(Path(path)) if gateway.id not in ids]
    gateways = [with_noted_zone(Path(path), gateway) for gateway in (*gateways, *recorded)]
    try:
        if options.action == "export":
            return _export(options, settings, gateways, out, errors)
        if options.action == "import-influx":
            return _import_influx(options, settings, gateways, errors)
        if options.action == "fill":
            layouts = {gateway.id: as_recorded(Path(path), settings, gateway) for gateway in gateways}
            moments = _moment(options.start, -math.inf), _moment(options.end, math.inf)
            return fill_command.run_fill(options, moments, Path(path), layouts, sources or {}, errors)
        return _import(options, settings, gateways, errors)
    except (OSError, ValueError, HistoryLocked) as problem:
        errors.write(f"{problem}\n")
        return 1


def _moment(raw: str | None, default: float) -> float:
    if raw is None:
        return default
    found = parse_moment(raw, time.time())
    if found is None:
        raise ValueError(f"{raw} is not a time")
    return found


def _export(
    options: argparse.Namespace,
    settings: HistorySettings,
    gateways: Sequence[HistoryGateway],
    out: TextIO,
    errors: TextIO,
) -> int:
    start, end = _moment(options.start, -math.inf), _moment(options.end, math.inf)
    write = write_csv if options.format == "csv" else write_lines
    wanted = [gateway for gateway in gateways if options.gateway in (None, gateway.id)]
    layouts = [as_recorded(Path(settings.path or ""), settings, gateway) for gateway in wanted]
    if not layouts:
        raise ValueError(f"gateway {options.gateway} is not configured")
    rows = 0
    for layout in layouts:
        for table in read_gateway(Path(settings.path or ""), layout):
            if options.ring in ("all", table.ring):
                rows += write(table, out, start, end)
    errors.write(f"{rows} rows\n")
    return 0


def _import(
    options: argparse.Namespace, settings: HistorySettings, gateways: Sequence[HistoryGateway], errors: TextIO
) -> int:
    path = Path(settings.path or "")
    layouts = {gateway.id: as_recorded(path, settings, gateway) for gateway in gateways}
    names = _names(options.names, layouts)
    for layout in layouts.values():
        errors.write(f"{_in_use(path, layout)}\n")
    kind = options.format
    if kind is None:
        ending = Path(options.file).suffix
        kind = "sqlite" if ending in (".db", ".sqlite") else "csv" if ending == ".csv" else "lines"
    latest = time.time() + 2 * DAY_SECONDS
    if kind == "sqlite":
        # Only here: nothing else of pwserver knows SQLite.
        from pwserver.history.sqlite_import import import_store

        reports, unknown = import_store(Path(options.file), path, list(layouts.values()), names, latest)
    else:
        tables = _read_text(options.file, read_csv if kind == "csv" else read_lines)
        check_names(names, {table.gateway for table in tables})
        for table in tables:
            table.gateway = names.get(table.gateway, table.gateway)
        unknown = {}
        for table in tables:
            if table.gateway not in layouts:
                unknown[table.gateway] = unknown.get(table.gateway, 0) + len(table.times)
        reports = merge(path, list(layouts.values()), [one for one in tables if one.gateway in layouts], latest)
    for gateway, report in reports.items():
        for line in report.lines():
            errors.write(f"{gateway}{line}\n")
    for gateway, rows in sorted(unknown.items()):
        errors.write(f"{not_configured(gateway, rows, list(layouts))}\n")
    if not any(report.changes for report in reports.values()):
        errors.write("nothing to add\n")
    return 1 if unknown and not reports else 0


def _import_influx(
    options: argparse.Namespace, settings: HistorySettings, gateways: Sequence[HistoryGateway], errors: TextIO
) -> int:
    # Only here: nothing else of pwserver reads such an export.
    from pwserver.history.influx_import import import_export

    path = Path(settings.path or "")
    layouts = {gateway.id: as_recorded(path, settings, gateway) for gateway in gateways}
    houses = [gateway.id for gateway in gateways if not gateway.virtual]
    chosen = options.gateway or (houses[0] if len(houses) == 1 else "")
    if chosen not in houses:
        known = ", ".join(houses) or "there is none"
        raise ValueError(f"--gateway {chosen}: it takes the gateway whose history this is ({known})")
    errors.write(f"{_in_use(path, layouts[chosen])}\n")
    with _opened(options.file) as source:
        summary, report = import_export(source, path, list(layouts.values()), chosen, time.time())
    for line in summary.lines(layouts[chosen].gateway.timezone):
        errors.write(f"{options.file}: {line}\n")
    for line in report.lines():
        errors.write(f"{chosen}{line}\n")
    if not report.changes:
        errors.write("nothing to add\n")
    return 0


def _opened(file: str) -> BufferedReader:
    return open(sys.stdin.fileno(), "rb", closefd=False) if file == "-" else open(open_regular(file), "rb")


def _server_folder(default: str, file: str) -> str:
    """Return the folder beside the imported file where a server keeps its history there, and none by default."""
    beside = Path(file).parent
    return str(beside) if recorded_gateways(beside) and not recorded_gateways(Path(default)) else default


def _names(asked: Sequence[str], layouts: Mapping[str, GatewayLayout]) -> dict[str, str]:
    """Return the ids under which other ids' rows are taken. ValueError says what is wrong with them."""
    names: dict[str, str] = {}
    for word in asked:
        old, given, new = word.partition("=")
        if not given or not old or new not in layouts:
            known = ", ".join(layouts) or "there is none"
            raise ValueError(f"--as {word}: it takes OLD=NEW, where NEW is a gateway of this server ({known})")
        if layouts[new].gateway.virtual and old != new:
            raise ValueError(f"--as {word}: {new} is the sum of all gateways; a gateway's rows are not those of all")
        if names.setdefault(old, new) != new:
            raise ValueError(f"--as {word}: {old} is to be taken for {names[old]} as well; give one of both")
    return names


def _in_use(path: Path, layout: GatewayLayout) -> str:
    """Say where rows go, and by what rules."""
    gateway = layout.gateway
    polls = next((ring for ring in layout.rings if ring.name == "polls"), None)
    kept = f"{polls.rows} polls are kept" if polls is not None else "there is no history"
    return f"{gateway.id}: history in {path}, days begin at midnight in {gateway.timezone}, {kept}"


def _read_text(file: str, read: Callable[[Iterable[str]], list[RingTable]]) -> list[RingTable]:
    if file == "-":
        return read(sys.stdin)
    # Without newline translation, as the csv module wants it.
    with open(open_regular(file), encoding="utf-8", newline="") as source:
        return read(source)
