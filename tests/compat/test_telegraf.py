"""End to end: what Telegraf would store from the real server is what it stored from the predecessors."""

from __future__ import annotations

import pytest

from pwserver.state.provenance import ANSWERS, TEDAPI, constant
from tests.compat.situations import recording, situation
from tests.documents.factory import PROXY, SERVER
from tests.documents.test_telegraf import ADDED, URLS, fields, without_untold


def is_template(field: str) -> bool:
    """Is it a member that the library fills from a template in this mode (see state/provenance.py)?"""
    return constant(TEDAPI, ANSWERS["aggregates"], field.replace("_", ".", 1)) is not None


@pytest.mark.parametrize("name", [SERVER, f"local-mode/{PROXY}", f"multi-gateway/{SERVER}"])
def test_same_fields_and_numbers(name: str) -> None:
    predecessors = [name, PROXY] if name == SERVER else [name]
    with situation(name) as made:
        for url in URLS:
            answer = made.get(url)
            assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
            ours = fields(answer.json())
            for predecessor in predecessors:
                theirs = without_untold(url, fields(recording(predecessor)[url]["body"]), ours)
                lost = {field for field in theirs.keys() - ours.keys() if is_template(field)}
                added = ADDED.get(predecessor, {}).get(url, set())
                assert ours.keys() - added == theirs.keys() - lost, (predecessor, url)
                for field, value in theirs.items():
                    if field in lost or (is_template(field) and value in (0, 1)):
                        continue
                    assert ours[field] == pytest.approx(value, rel=1e-6), (predecessor, url, field)


def test_types_do_not_change_when_data_go_missing() -> None:
    """InfluxDB refuses a field whose type changes: whatever is left in an outage has the type it had before."""
    with situation(f"outage/{SERVER}-expired") as made:
        for url in URLS:
            answer = made.get(url)
            assert answer.status == 200, url
            assert fields(answer.json()) == {}, url
