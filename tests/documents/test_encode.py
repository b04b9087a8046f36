"""Bodies as bytes: exact numbers, no NaN, the same gzip and tag for the same body."""

from __future__ import annotations

import gzip
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.documents.encode import GZIP_MINIMUM_BYTES, Encoded, etag, gzip_twin, to_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def expected(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in value)
    if isinstance(value, dict):
        return {expected(key): expected(item) for key, item in value.items()}
    if isinstance(value, list):
        return [expected(item) for item in value]
    return value


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        return type(one) is type(other) and one == other and math.copysign(1, one) == math.copysign(1, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return type(one) is type(other) and bool(one == other)


@settings(max_examples=400, deadline=None)
@given(values)
def test_every_value_survives_exactly(value: Any) -> None:
    assert same(json.loads(to_json(value)), expected(value))


@settings(max_examples=1000, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_round_trip(value: float) -> None:
    assert float(to_json(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2.5, None, True]}, '{"a":[1,2.5,null,true]}'),
        (24.074074074074073, "24.074074074074073"),
        (18446744073709551615, "18446744073709551615"),
        (-(10**30), "-1000000000000000000000000000000"),
        (5383.380000000001, "5383.380000000001"),
        ("Home ☀ a/b <&>", '"Home ☀ a/b <&>"'),
        (-0.0, "-0.0"),
        ((1, 2), "[1,2]"),
        ({"a": math.nan, "b": [math.inf, -math.inf]}, '{"a":null,"b":[null,null]}'),
        ({"big": 2**64 - 1, "bad": math.nan}, '{"big":18446744073709551615,"bad":null}'),
    ],
)
def test_form(value: Any, text: str) -> None:
    assert to_json(value).decode() == text


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object()])
def test_what_json_cannot_say_is_an_error(value: Any) -> None:
    with pytest.raises(TypeError):
        to_json(value)


def test_a_part_that_is_written_already_is_the_same_in_every_document() -> None:
    part = {"name": 'Süd/"1"', "watts": [1.5, None, -0.1]}
    assert to_json({"a": Encoded(part), "b": [Encoded(part)]}) == to_json({"a": part, "b": [part]})
    # What JSON cannot say, beside the part and inside it.
    assert json.loads(to_json([math.nan, Encoded({**part, "nan": math.nan})])) == [None, {**part, "nan": None}]


def test_endless_nesting_ends() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert to_json(endless).startswith(b"[[[")


def test_gzip_twin() -> None:
    body = b'{"text":"' + b"watt " * 1000 + b'"}'
    packed = gzip_twin(body)
    assert packed is not None
    assert gzip.decompress(packed) == body
    assert packed == gzip_twin(body)
    assert packed[4:8] == bytes(4)  # no modification time: the same body has the same bytes in every process
    assert gzip_twin(b"x" * (GZIP_MINIMUM_BYTES - 1)) is None


def test_etag_is_strong_and_follows_the_body() -> None:
    assert etag(b"a") == etag(b"a")
    assert etag(b"a") != etag(b"b")
    assert etag(b"a").startswith(b'"')
    assert etag(b"a").endswith(b'"')
