"""What Telegraf's JSON parser makes of the eight URLs of the dashboards: the same fields as from the predecessors.

The parser joins nested names with "_", counts array elements, keeps numbers only and drops null, text and booleans.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.documents.factory import PROXY, SERVER, recorded, recorded_site
from tests.documents.serve import Server

URLS = ("/aggregates", "/soe", "/strings", "/temps/pw", "/freq", "/pod", "/fans/pw", "/alerts/pw")

# Numbers that one predecessor does not give; all are additions, nothing is lost.
ADDED = {
    PROXY: {"/soe": {"raw_percentage"}},
    f"local-mode/{PROXY}": {"/soe": {"raw_percentage"}},
}


def fields(body: Any, name: str = "") -> dict[str, float]:
    if isinstance(body, bool) or body is None or isinstance(body, str):
        return {}
    if isinstance(body, (int, float)):
        return {name: float(body)}
    items = body.items() if isinstance(body, dict) else enumerate(body)
    found: dict[str, float] = {}
    for key, value in items:
        found.update(fields(value, f"{name}_{key}" if name else str(key)))
    return found


def without_untold(url: str, theirs: dict[str, float], ours: dict[str, float]) -> dict[str, float]:
    """Their fields without the flags that nobody tells: they write 0 for them, we leave them out."""
    return {name: value for name, value in theirs.items() if name in ours or url != "/pod" or value != 0.0}


@pytest.mark.parametrize(
    "recording", [SERVER, PROXY, f"local-mode/{SERVER}", f"local-mode/{PROXY}", f"multi-gateway/{SERVER}"]
)
def test_same_fields_as_from_the_predecessors(recording: str) -> None:
    server = Server(recorded_site(recording.replace(PROXY, SERVER)))
    for url in URLS:
        theirs = fields(recorded(recording)[url]["body"])
        reply = server.get(url)
        assert reply is not None
        ours = fields(reply.body)
        added = ADDED.get(recording, {}).get(url, set())
        if recording == f"local-mode/{SERVER}" and url in ("/freq", "/pod"):
            # It merges two units into one, or shows none; compared with the proxy instead.
            assert theirs.keys() <= ours.keys()
            continue
        theirs = without_untold(url, theirs, ours)
        assert ours.keys() - added == theirs.keys(), url
        for name, value in theirs.items():
            assert ours[name] == pytest.approx(value, rel=1e-6), (url, name)


def test_flattening_rules() -> None:
    assert fields({"a": {"b": [1, {"c": 2.5}], "d": None}, "e": True, "f": "x"}) == {"a_b_0": 1.0, "a_b_1_c": 2.5}
