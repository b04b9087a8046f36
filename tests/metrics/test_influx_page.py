"""Line protocol, read back by a strict parser of our own that follows InfluxDB's published grammar."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pwserver.documents.influx import BOOLEAN, FLOAT, SCHEMA, STRING, field_text, line, render, tag_text
from pwserver.reading import GatewayIdentity, GatewayStatus, Reading, ServerFacts
from pwserver.state.view import SiteView, View


class Bad(AssertionError):
    pass


def split_plain(text, separator):
    """Split at separators that no backslash directly before them escapes."""
    parts, current = [], ""
    for index, character in enumerate(text):
        if character == separator and text[index - 1 : index] != "\\":
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current]


def unescape(text, characters):
    return re.sub(r"\\([" + re.escape(characters) + "])", r"\1", text)


def parse_line(text):
    """(measurement, tags, fields, nanoseconds); raises Bad for anything InfluxDB would refuse or read otherwise."""
    if re.search(r"[\x00-\x1f]", text) or text.startswith("#"):
        raise Bad("control character or comment")
    head, *rest = split_plain(text, " ")
    tail = text[len(head) + 1 :]
    fields_text, _, stamp = tail.rpartition(" ")
    if not re.fullmatch(r"-?\d{1,19}", stamp):
        raise Bad(f"timestamp {stamp!r}")
    measurement, *tag_texts = split_plain(head, ",")
    tags = {}
    for item in tag_texts:
        key, *value = split_plain(item, "=")
        if len(value) != 1 or not key or not value[0] or value[0].endswith("\\"):
            raise Bad(f"tag {item!r}")
        tags[unescape(key, ",= ")] = unescape(value[0], ",= ")
    if list(tags) != sorted(tags) or not measurement:
        raise Bad("tags are not sorted")
    fields, position = {}, 0
    while position < len(fields_text):
        match = re.compile(r"((?:[^,= \\]|\\.)+)=").match(fields_text, position)
        if not match:
            raise Bad(f"field at {fields_text[position:]!r}")
        value = re.compile(r'"((?:[^"\\]|\\\\|\\")*)"|(true|false)|(-?\d+(?:\.\d+)?(?:e-?\d+)?)|(-?\d+i)').match(
            fields_text, match.end()
        )
        if not value:
            raise Bad(f"value at {fields_text[match.end() :]!r}")
        position = value.end()
        if position < len(fields_text):
            if fields_text[position] != ",":
                raise Bad(f"junk at {fields_text[position:]!r}")
            position += 1
        read: str | bool | float
        if value[1] is not None:
            read = re.sub(r'\\(["\\])', r"\1", value[1])
        elif value[2]:
            read = value[2] == "true"
        else:
            if value[4]:
                raise Bad("integer")
            read = float(value[3])
        fields[unescape(match[1], ",= ")] = read
    if not fields or rest == []:
        raise Bad("no fields")
    return unescape(measurement, ", "), tags, fields, int(stamp)


KINDS = {FLOAT: float, BOOLEAN: bool, STRING: str}


def parse(page):
    assert page == "" or page.endswith("\n")
    points = [parse_line(text) for text in page.splitlines()]
    for measurement, _, fields, _ in points:
        for name, value in fields.items():
            assert type(value) is KINDS[SCHEMA[measurement][name]], (measurement, name)
    keys = [(m, tuple(t.items()), s) for m, t, _, s in points]
    assert len(keys) == len(set(keys)), "two lines would overwrite each other"
    return points


def test_the_parser_is_strict():
    for text in ("m f=1", "m,a= f=1 1", "m,b=1,a=1 f=1 1", "m f=1i 1", "m f=tru 1", "m f= 1", 'm f="a 1', "m 1",
                 "m,a=x\\ f=1 1", "m f=nan 1", "m f=1,,g=2 1", "m f=1 1.5"):  # fmt: skip
        with pytest.raises(Bad):
            parse_line(text)
    assert parse_line('m,a=b\\ c,d=e\\=\\, f="x\\"y\\\\ z, 1",g=true,h=-1.5e-3 12') == (
        "m",
        {"a": "b c", "d": "e=,"},
        {"f": 'x"y\\ z, 1', "g": True, "h": -0.0015},
        12,
    )


def test_frozen_site(frozen_site):
    points = parse(render(frozen_site))
    by_name = {}
    for measurement, tags, fields, stamp in points:
        by_name.setdefault(measurement, []).append((tags, fields, stamp))
    assert set(by_name) == set(SCHEMA)
    tags, fields, stamp = next(row for row in by_name["powerwall"] if row[0]["gateway"] == "home")
    assert stamp == 1_700_000_000_000_000_000  # the sample's time, not the page's
    assert fields["grid_power_watts"] == -2100.25 and fields["mode"] == "self_consumption"
    assert fields["grid_connected"] is True
    assert all(row[0]["gateway"] != "aggregate" for rows in by_name.values() for row in rows)
    polls = {row[0]["gateway"]: (row[1], row[2]) for row in by_name["powerwall_poll"]}
    assert polls["barn"][0]["online"] is False and polls["barn"][1] == 1_700_000_002_500_000_000
    del by_name["powerwall_poll"]
    assert not [row for rows in by_name.values() for row in rows if row[0]["gateway"] == "barn"]


def test_what_energy_was_worth_is_told_with_a_tariff_only(frozen_site):
    points = {
        (name, tags["gateway"]): (tags, fields, stamp) for name, tags, fields, stamp in parse(render(frozen_site))
    }
    tags, fields, stamp = points["powerwall_value", "home"]
    told = next(view for view in frozen_site.views if view.gateway.id == "home").value.spans["today"]
    assert stamp == points["powerwall", "home"][2] and "currency" in tags
    assert fields["cost_today"] == told["cost"] and fields["bill_total"] == told["bill"]
    assert [gateway for name, gateway in points if name == "powerwall_value"] == ["home"]
    unnamed = [replace(view, value=view.value and replace(view.value, currency=None)) for view in frozen_site.views]
    page = render(SiteView(tuple(unnamed), frozen_site.server, frozen_site.now))
    assert "currency" not in page and "powerwall_value,gateway=home buy_price=" in page


def test_every_declared_field_is_written_by_the_frozen_site_or_known_to_be_missing(frozen_site, view_of, site_of):
    more = Reading.partial(
        "z",
        1.0,
        {},
        vitals={
            "TESYNC--a--b": {
                "ISLAND_FreqL1_Main": 60.0,
                "ISLAND_VL1N_Main": 120.0,
                "METER_X_CTA_InstRealPower": 1.0,
                "METER_X_CTA_I": 1.0,
                "METER_X_VL1N": 120.0,
            },
            "PVAC--a--P": {"PVAC_Fan_Speed_Target_RPM": 1.0, "PVAC_Fout": 60.0, "PVAC_Vout": 240.0},
        },
        alerts=["x"],
    )
    written = {}
    site = site_of(*frozen_site.views, view_of(more, "z"))
    for measurement, _, fields, _ in parse(render(site)):
        written.setdefault(measurement, set()).update(fields)
    assert written == {name: set(fields) for name, fields in SCHEMA.items()}


def test_every_field_is_in_the_documentation(root):
    rows = re.findall(r"^\| `(powerwall\w*)` \| [^|]* \| ([^|]*) \|$", (root / "docs/metrics.md").read_text(), re.M)
    documented = {
        name: {field: kind or FLOAT for field, kind in re.findall(r"`(\w+)`(?: \((\w+)\))?", fields)}
        for name, fields in rows
        if "gauge" not in fields
    }
    assert documented == {name: dict(fields) for name, fields in SCHEMA.items()}


def test_rendering_twice_writes_the_same_points(frozen_site):
    moved = tuple(replace(view, now=view.now + 3) for view in frozen_site.views)
    later = SiteView(moved, frozen_site.server, frozen_site.now + 3)

    def data(site):
        return {text for text in render(site).splitlines() if not text.startswith("powerwall_poll")}

    assert data(frozen_site) == data(later) != set()


def test_types_never_flip(view_of, site_of, powerwall3):
    """Whole and broken numbers, truth where a number was, texts where a number was: one type or nothing."""
    for odd in (1, 1.5, 0, -0.0, True, "1500", None, float("nan"), 10**30, [1], {}):
        meters = {**powerwall3.aggregates, "site": {"instant_power": odd}}
        reading = replace(powerwall3, aggregates=meters, mode=odd, version=odd, soe_raw=odd, grid_charging=odd)
        parse(render(site_of(view_of(reading))))


@given(st.text(min_size=1, max_size=20))
@example("a \\ \\")
def test_any_tag_survives_or_is_left_out(text):
    written = line("powerwall", {"gateway": text, "a": "b"}, {"alerts": 1}, 1.0)
    _, tags, fields, _ = parse_line(written)
    tame = re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]", " ", text).strip()
    tame = re.sub(r"[\\\s]+\Z", "", tame)
    assert tags == ({"a": "b", "gateway": tame} if tame else {"a": "b"}) and fields == {"alerts": 1.0}
    assert (tag_text(text) == "") == (tame == "")


@given(st.text(max_size=30))
def test_any_text_field_survives(text):
    written = line("powerwall", {"gateway": "g"}, {"mode": text, "alerts": 1}, 1.0)
    _, _, fields, _ = parse_line(written)
    tame = re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]", " ", text).strip()
    assert fields == ({"mode": tame, "alerts": 1.0} if tame else {"alerts": 1.0})


@given(st.floats() | st.integers(-(10**300), 10**300) | st.booleans() | st.none() | st.text())
def test_any_number_field(value):
    written = field_text(value, FLOAT)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf"):
        assert written is not None and float(written) == float(value)
        assert float(written) != 0 or not written.startswith("-")
    else:
        assert written is None


json_like = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8)
names = st.text(min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        names, st.dictionaries(st.sampled_from(["Power", "Voltage", "State", "Connected"]), json_like), max_size=4
    ),
    st.dictionaries(
        st.builds("{}--1--{}".format, st.sampled_from(["PVAC", "TEPOD", "TRM", "NEURIO"]), names),
        st.dictionaries(
            st.sampled_from(
                ["PVAC_Vout", "HVP_PackTempMax", "TRM_CT1_InstRealPower", "serialNumber", "NEURIO_CT0_InstRealPower"]
            ),
            json_like,
        ),
        max_size=4,
    ),
    json_like,
)
def test_whatever_a_gateway_sends(strings, vitals, odd):
    meters = {"site": {"instant_power": odd}}
    reading = Reading.partial("g", 1.7e9, meters, strings=strings, vitals=vitals, mode=odd, version=odd)
    server = ServerFacts("1", "1", 0.0, None, 5.0, {})
    view = View(GatewayIdentity("g", "G"), GatewayStatus(online=True), reading, server, 1.7e9)
    for text in render(SiteView((view,), server, 1.7e9)).splitlines():
        parse_line(text)
