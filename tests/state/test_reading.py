"""A reading tells or admits each member: a collector cannot forget one."""

from __future__ import annotations

from dataclasses import fields

import pytest

from pwserver.reading import Reading


def test_a_forgotten_member_is_an_error() -> None:
    with pytest.raises(TypeError, match="vitals"):
        Reading("home", 1.0, {})  # type: ignore[call-arg]


def test_a_partial_reading_knows_nothing_else() -> None:
    reading = Reading.partial("home", 1.0, {}, soe_raw=50.0)
    assert reading.soe_raw == 50.0
    told = ("gateway_id", "timestamp", "aggregates", "soe_raw", "vitals_carried")
    assert not any(getattr(reading, one.name) for one in fields(Reading) if one.name not in told)


def test_a_member_that_no_reading_has_is_an_error() -> None:
    with pytest.raises(TypeError, match="nothing_of_ours"):
        Reading.partial("home", 1.0, {}, nothing_of_ours=1)
