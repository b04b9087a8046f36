"""The page about events has every kind and member of the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from pwserver.generated_page import with_generated
from tests.docs import events_page

PAGE = Path(__file__).parents[2] / "docs" / "events.md"


@pytest.mark.parametrize("marker", events_page.TABLES)
def test_the_tables_are_those_of_the_code(marker: str) -> None:
    page = PAGE.read_text()
    again = "run: python -m tests.docs.events_page docs/events.md"
    assert page == with_generated(page, marker, events_page.TABLES[marker]), again
