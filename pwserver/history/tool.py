"""Carry out ``pwserver history export`` and ``pwserver history import``."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from pwserver.history.history_parameters import parse_moment
from pwserver.history.layout import HistoryGateway, HistorySettings, plan_all
from pwserver.history.ring_tables import (
    POWER_RINGS,
    SIGNAL_DAYS,
    SIGNALS,
    read_csv,
    read_lines,
    write_csv,
    write_lines,
)
from pwserver.history.store import HistoryLocked
from pwserver.history.transfer import merge, read_gateway, with_noted_zone
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
    return parser


def run(
    arguments: Sequence[str],
    settings: HistorySettings,
    gateways: Sequence[HistoryGateway],
    predecessor: str,
    out: TextIO | None = None,
    errors: TextIO | None = None,
) -> int:
    """Carry out one command; returns the exit status (0 done, 1 could not, 2 wrong usage).

    ``predecessor``: pypowerwall-server's file, for an import that names none.
    """
    out, errors = out or sys.stdout, errors or sys.stderr
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    if options.action == "import" and options.file is None:
        options.file, options.format = predecessor, options.format or "sqlite"
    if settings.path is None:
        errors.write("PW_HISTORY_PATH is not set: history in memory can only be read over HTTP (/api/history)\n")
        return 2
    gateways = [with_noted_zone(Path(settings.path), gateway) for gateway in gateways]
    try:
        if options.action == "export":
            return _export(options, settings, gateways, out, errors)
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
    layouts = [one for one in plan_all(settings, gateways) if options.gateway in (None, one.gateway.id)]
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
    layouts = plan_all(settings, gateways)
    kind = options.format
    if kind is None:
        ending = Path(options.file).suffix
        kind = "sqlite" if ending in (".db", ".sqlite") else "csv" if ending == ".csv" else "lines"
    if kind == "sqlite":
        # Only here: nothing else of pwserver knows SQLite.
        from pwserver.history.sqlite_store import read_sqlite

        tables = read_sqlite(Path(options.file), {layout.gateway.id: layout for layout in layouts})
    else:
        read = read_csv if kind == "csv" else read_lines
        if options.file == "-":
            tables = read(sys.stdin)
        else:
            # Without newline translation, as the csv module wants it.
            with open(open_regular(options.file), encoding="utf-8", newline="") as source:
                tables = read(source)
    added = merge(Path(settings.path or ""), layouts, tables, time.time())
    for name, count in sorted(added.items()):
        errors.write(f"{name}: {count} rows added\n")
    if not added:
        errors.write("nothing to add\n")
    return 0
