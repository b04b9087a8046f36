"""The types against which ``make lint`` checks the pages: they are those of the API description, and true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pwserver.documents.site_schemas import SITE_HOUSE
from tests.pages.document_types import declarations
from tests.pages.support import House

DECLARED = Path(__file__).parents[2] / "types" / "documents.d.ts"


def test_the_types_are_those_of_the_api_description() -> None:
    assert DECLARED.read_text("utf-8") == declarations(), (
        "run: python -m tests.pages.document_types types/documents.d.ts"
    )


@pytest.mark.parametrize("group", ["meters", "units", "strings"])
def test_every_member_of_a_real_house_is_described(house: House, group: str) -> None:
    """What the description leaves out, no page could use."""
    described: dict[str, Any] = SITE_HOUSE["properties"][group]["additionalProperties"]["properties"]
    members = {name for part in house.server.json("/api/site/default")[group].values() for name in part}
    assert members and members <= described.keys()
