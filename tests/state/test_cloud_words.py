"""Tesla's two words about the grid, in any case and with blanks around them."""

from __future__ import annotations

import pytest

from pwserver.state.grid import CONNECTED_WORD, ISLANDED_WORD, cloud_word, contactor_known


@pytest.mark.parametrize("change", [str, str.upper, str.title, " {} ".format])
@pytest.mark.parametrize(
    ("island", "grid", "word"),
    [
        ("off_grid_intentional", "Active", ISLANDED_WORD),
        ("off_grid", "Unknown", ISLANDED_WORD),
        ("island_status_unknown", "Inactive", ISLANDED_WORD),
        ("on_grid", "Unknown", CONNECTED_WORD),
        ("", "Active", CONNECTED_WORD),
        ("on_grid", "Inactive", ISLANDED_WORD),
        ("island_status_unknown", "Unknown", None),
        ("off", "on", None),
    ],
)
def test_a_word_is_understood_however_it_is_written(change, island: str, grid: str, word: str | None) -> None:
    assert cloud_word(change(island), change(grid)) == word


@pytest.mark.parametrize("odd", [None, 1, True, [], {}])
def test_what_is_no_text_says_nothing(odd: object) -> None:
    assert cloud_word(odd, odd) is None


def test_a_contactor_of_which_nothing_is_known_is_not_open() -> None:
    assert contactor_known("ISLAND_GridConnected_Connected") and contactor_known("ISLAND_GridConnected_Disconnected")
    assert not any(map(contactor_known, ("ISLAND_GridConnected_SNA", "ISLAND_GridConnected_Unknown", "x", "", None, 7)))
