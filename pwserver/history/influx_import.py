"""Import an export of Powerwall-Dashboard's InfluxDB, by command."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from io import BufferedReader
from pathlib import Path

from pwserver.history.import_report import ImportReport
from pwserver.history.influx_export import read_points
from pwserver.history.influx_history import InfluxHistory, InfluxSummary
from pwserver.history.layout import GatewayLayout
from pwserver.history.store import HistoryStore
from pwserver.history.transfer import merge_gateway


def import_export(
    source: BufferedReader, path: Path, layouts: Sequence[GatewayLayout], gateway: str, now: float
) -> tuple[InfluxSummary, ImportReport]:
    """Import an export into the files of one gateway below ``path``, which no server may have open.

    Returns what the export holds and what came of it. HistoryLocked when a server has the files; ValueError names the
    line of the export that cannot be read, and then nothing has been changed.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    layout = next(one for one in layouts if one.gateway.id == gateway)
    with closing(HistoryStore.open(path, layouts)) as store, closing(InfluxHistory(path, layout, now)) as history:
        history.collect(read_points(source, history.summary.left_out))
        archive = store.archives[gateway]
        report = merge_gateway(archive, history.incoming(), {}, lambda: store.flush(force=True), now)
    return history.summary, report
