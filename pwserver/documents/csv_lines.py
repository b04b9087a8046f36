"""Render /csv and /csv/v2, with and without the header line."""

from __future__ import annotations

from pwserver.documents.meters import charge, power_watts, up_or_down
from pwserver.state.known_settings import settings
from pwserver.state.view import View
from pwserver_ext import csv as lines


def csv_v1(view: View) -> str:
    """Write /csv: grid, home, solar and battery in W, and the raw level in percent."""
    return lines.line_v1(
        power_watts(view, "site"),
        power_watts(view, "load"),
        power_watts(view, "solar"),
        power_watts(view, "battery"),
        charge(view).raw_percent.value,
        view.server.missing_as_zero,
    )


def csv_v2(view: View) -> str:
    """Write /csv/v2: the fields of /csv, the grid status (1 up, 0 down, empty unknown), the reserve in app percent."""
    return lines.line_v2(
        power_watts(view, "site"),
        power_watts(view, "load"),
        power_watts(view, "solar"),
        power_watts(view, "battery"),
        charge(view).raw_percent.value,
        up_or_down(view),
        settings(view).reserve_percent.value,
        view.server.missing_as_zero,
    )


def csv_v1_headers(view: View) -> str:
    """Write /csv?headers: /csv with a header line."""
    return lines.HEADER_V1 + csv_v1(view)


def csv_v2_headers(view: View) -> str:
    """Write /csv/v2?headers: /csv/v2 with a header line."""
    return lines.HEADER_V2 + csv_v2(view)
