"""The publisher: when the sum of all gateways is made, and when its documents are."""

from __future__ import annotations

from pwserver.documents.catalogue import GATEWAY_DOCUMENTS, SITE_DOCUMENTS
from pwserver.documents.virtual_gateway import MergeOptions
from pwserver.poller.snapshot_publisher import SnapshotPublisher
from pwserver.shared import AGGREGATE, SITE, Shared
from pwserver.state.view import View
from tests.documents.factory import powerwall3_view


def solar_watts(view: View) -> object:
    assert view.reading is not None
    return view.reading.aggregates["solar"]["instant_power"]


def test_a_sum_that_nobody_reads_is_still_made_for_the_history_but_not_its_documents() -> None:
    home, barn = powerwall3_view("home"), powerwall3_view("barn")
    documents = len(GATEWAY_DOCUMENTS), len(SITE_DOCUMENTS)
    shared = Shared(["home", "barn"], *documents, 1 << 20, 1 << 19, workers=1)
    publisher = SnapshotPublisher(shared, home.server, [home.gateway, barn.gateway], MergeOptions())
    publisher.everything()
    summed: list[object] = []
    publisher.after_site = lambda view, _: summed.append(solar_watts(view))
    publisher.gateway(home.gateway, home.status, home.reading, 0.0)

    def generations() -> list[int]:
        return [shared.slots[slot].generation() for slot in (AGGREGATE, SITE)]

    before = generations()
    publisher.site(())
    assert (generations(), summed) == (before, [solar_watts(home)])
    publisher.site()
    assert (generations(), summed) == ([one + 1 for one in before], [solar_watts(home)] * 2)


def test_what_is_about_many_gateways_may_be_longer() -> None:
    longest = {}
    for count in (1, 2, 8, 100, 400, 4000):
        shared = Shared([f"house{number}" for number in range(count)], 1, 1, 1 << 13, 1 << 12, workers=1)
        longest[count] = shared.slots[SITE].max_document >> 12
        assert shared.slots[SITE].capacity == longest[count] << 13
    assert longest == {1: 1, 2: 2, 8: 8, 100: 8, 400: 25, 4000: 128}
