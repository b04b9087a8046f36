"""What the pages say of several houses, some of them in trouble, and of a single one that is: S1 to S7."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from pwserver.simulator import SimulatedGateway
from tests.compat.situations import NOBODY
from tests.pages.conftest import Look
from tests.pages.support import MOVING, House, server_at_a_known_port, until, until_is, violations
from tests.support.server import Server
from tests.support.waiting import wait_until

NOTICE = "document.querySelector('#notice').textContent"
MORE = "document.querySelector('#more').textContent"
WELL = f"{NOTICE}.startsWith('All well')"
STATE = "document.querySelector('#state').textContent"
FLOW = "document.querySelector('.flow').classList"
# A page of houses has its boxes before any gateway was read, and figures that there never were do not grow old.
FRESH = f"!{FLOW}.contains('faded') && /\\d/.test(document.querySelector('.node.home .value').textContent)"
BOXES = """[...document.querySelectorAll('.gateway-box')].map((box) => box.innerText.replace(/\\s+/g, ' '))"""
# For how long a house has been silent, however much of that a slow machine needs to come so far.
FOR = "(a few seconds|[1-9]0.s|[1-9][0-9]?.min)"
# Notes which ages the notice tells, and each one that another place of the page does not tell at the same moment: after
# each change of a text, and every half a second.
AGES = """(place) => {
  globalThis.ages = new Set();
  globalThis.differing = [];
  const compare = () => {
    const notice = document.querySelector('#notice').textContent;
    const age = notice.match(/figures are (.*) old/)?.[1];
    if (!age) return;  // a page that is kept from hearing its server says that instead
    const there = document.querySelector(place).innerText;
    globalThis.ages.add(age);
    if (!there.includes(`${age} ago`)) globalThis.differing.push([age, there]);
  };
  new MutationObserver(() => setTimeout(compare)).observe(
    document.body, { characterData: true, childList: true, subtree: true });
  setInterval(compare, 500);
}"""
# Another age that the notice tells, and what another place of the page says at the same moment.
OTHER_AGE_TOLD = """((place, before) => {
  const age = document.querySelector('#notice').textContent.match(/figures are (.*) old/)?.[1];
  return age && age !== before && [age, document.querySelector(place).innerText];
})"""
FAST = {"PW_CACHE_EXPIRE": "1", "PW_TIMEOUT": "3", "PW_BACKOFF_MAX": "5", "PW_CACHE_TTL": "8"}
ALIVE = ("home", "cabin", "barn")
# The console with its drawing and its boxes of gateways.
ONLY_HOUSES = "console?hide=energy,trend,daily-energy,powerwall,checks,strings,alerts,control"


def entry(name: str, gateway: SimulatedGateway, **other: str) -> dict[str, str]:
    return {"id": name, "name": name.capitalize(), "host": gateway.address, "gw_pwd": gateway.password, **other}


@pytest.fixture(scope="module")
def street() -> Iterator[House]:
    """Three houses that answer; the mill, which nobody hears; the shed, whose password is wrong."""
    with ExitStack() as stack:
        gateways = {name: stack.enter_context(SimulatedGateway("powerwall2", hour=12.5)) for name in ALIVE}
        for number, gateway in enumerate(gateways.values()):
            gateway.set_house(fixed_solar=5000.0 + 1000 * number, fixed_load=500.0, soe_percent=100.0)
        entries = [entry("mill", gateways["home"], host=NOBODY), *(entry(*one) for one in gateways.items())]
        entries.append(entry("shed", gateways["barn"], gw_pwd="WRONGWRONG"))
        settings = FAST | {"PW_CACHE_EXPIRE": "2"}  # most tests look at what does not change
        server = stack.enter_context(server_at_a_known_port({"PW_GATEWAYS": json.dumps(entries), **settings}))
        wait_until(lambda: states(server) == ["away", "fresh", "fresh", "fresh", "away"], 30, server.output())
        yield House(gateways, server)


def states(server: Server) -> list[str]:
    return [one["state"] for one in server.json("/api/site")["gateways"]]


def number(page: Page, node: str) -> float:
    shown = page.evaluate(f"document.querySelector('.node.{node} .figure').textContent")
    value, unit = re.fullmatch(r"([\d.,-]+)(k?)W", shown).groups()  # type: ignore[union-attr]
    return float(value.replace(",", "")) * (1000 if unit else 1)


def test_every_configured_house_is_listed_and_those_in_trouble_are_named_first(street: House, look: Look) -> None:
    page = look(street).open("console?hide=trend,daily-energy")
    # A house that is late for a moment, on a machine at its limits, is in trouble as well and stands before the others.
    until_is(page, f"{BOXES}.map((box) => box.split(' ')[0])", ["Mill", "Shed", "Home", "Cabin", "Barn"])

    def told_of_those_in_trouble() -> bool:
        told = street.server.json("/api/site")["gateways"]
        notice = f"3 of 5 well · Mill: {told[0]['sentence']} · Shed: {told[4]['sentence']}"
        return page.evaluate(NOTICE) == notice and all(
            all(words in box for words in ("No data", "In this state", "never", house["sentence"][1:], house["advice"]))
            and re.search(r"since .*next attempt (in|now)", box)
            for box, house in zip(page.evaluate(BOXES)[:2], (told[0], told[4]), strict=True)
        )

    wait_until(told_of_those_in_trouble, 20, "the page does not say what is wrong")
    until(page, f"{BOXES}.slice(2).every((box) => box.includes('Live') && !box.includes('next attempt'))")
    until(page, "document.querySelector('[data-card=gateways] h2').innerText.includes('5, 2 in trouble')")
    until_is(page, STATE, "3 of 5 live")
    until(page, f"{MORE}.startsWith('Without Mill and Shed, which have no data · shortest backup: ')")
    offered = "[...document.querySelectorAll('#switcher option')].map((one) => one.textContent)"
    until_is(page, offered, ["All houses", "Mill – No data", "Home", "Cabin", "Barn", "Shed – No data"])
    until(page, "document.querySelectorAll('.unit-box').length === 6")


def test_the_page_draws_the_totals_of_the_message(street: House, look: Look) -> None:
    page = look(street).open("")
    until(page, f"{MORE}.startsWith('Without Mill and Shed, which have no data')")

    def agree() -> bool:
        totals = street.server.json("/api/site")["site"]
        return all(abs(number(page, node) - abs(totals[f"{node}_watts"])) <= 60 for node in ("solar", "home", "grid"))

    wait_until(agree, 15, "the page shows other totals than the message")
    wait_until(lambda: number(page, "solar") == pytest.approx(18_000, abs=60), 15, "the sun of three houses")
    until_is(page, "document.querySelector('#houses').textContent", "3 of 5 live")


def test_one_house_off_grid_is_named_and_the_grid_flows_on(street: House, look: Look) -> None:
    page = look(street, **MOVING).open("")
    street.gateways["cabin"].set_house(grid_outage=True)
    try:
        until(page, f"/^2 of 5 well · Mill: .* · Shed: .* · 1 of 3 off grid: Cabin$/.test({NOTICE})")
        assert not page.evaluate(f"{FLOW}.contains('off-grid')"), "the line to the grid is not cut"
        until_is(page, "document.querySelector('.node.grid .note').textContent", "Exporting")
        until(page, "document.querySelectorAll('.dots')[1].classList.contains('running')")
        assert not page.evaluate("document.querySelector('.notice').classList.contains('bad')")
        cabin = look(street).open("?gateway=cabin")
        until(cabin, f"{FLOW}.contains('off-grid') && /on its own/.test({NOTICE})")
        for name in ("home", "barn"):
            street.gateways[name].set_house(grid_outage=True)
        until(page, f"{FLOW}.contains('off-grid') && /3 of 3 off grid: Home, Cabin, Barn/.test({NOTICE})")
    finally:
        for gateway in street.gateways.values():
            gateway.set_house(grid_outage=False)
    until(page, f"!{FLOW}.contains('off-grid') && /^3 of 5 well · Mill: .* · Shed: [^·]*$/.test({NOTICE})", 30)


def test_a_house_that_dies_is_named_and_keeps_its_place_with_its_last_figures(look: Look) -> None:
    with ExitStack() as stack:
        gateways = {name: stack.enter_context(SimulatedGateway("powerwall2", hour=12.5)) for name in ("home", "cabin")}
        for gateway in gateways.values():
            gateway.set_house(fixed_solar=4000.0, fixed_load=500.0)
        environment = {"PW_GATEWAYS": json.dumps([entry(*one) for one in gateways.items()]), **FAST}
        server = stack.enter_context(server_at_a_known_port(environment))
        wait_until(lambda: states(server) == ["fresh", "fresh"], 30, server.output())
        base = f"http://127.0.0.1:{server.port}"
        hidden = "hide=energy,trend,daily-energy,powerwall,checks,control,alerts,strings"
        page, cabin = (look(base, check=False).open(f"console?{query}{hidden}") for query in ("", "gateway=cabin&"))
        for one, watts in ((page, "8.00"), (cabin, "4.00")):
            until(one, f"document.querySelector('.node.solar .value').textContent === '{watts}'")
        gateways["cabin"].fault("unplugged")
        for state in ("stale", "away"):
            # It is stale for a few seconds only.
            wait_until(lambda state=state: states(server)[1] in (state, "away"), 30, server.output())  # type: ignore[misc]
            until(page, f"/^Without Cabin, which has not answered for {FOR}( ·|$)/.test({MORE})")
            until(page, f"{NOTICE}.startsWith('1 of 2 well · Cabin: ')")
            until(page, "document.querySelector('.node.solar .value').textContent === '4.00'")
            until(page, f"!{FLOW}.contains('faded')")  # the sum of those that answer is not old
            until(cabin, f"/^Cabin: no new data, these figures are {FOR} old/.test({NOTICE})")
            until(cabin, f"{FLOW}.contains('faded')")
            until_is(cabin, "document.querySelector('.node.solar .value').textContent", "4.00")
        until(page, f"/^Cabin No data .*Last known [^:]+:[0-9]+.*Solar 4.00/.test({BOXES}[0])", 30)
        until_is(page, "document.querySelectorAll('#switcher option').length", 3)
        until(page, f"{STATE} === '1 of 2 live'")
        until(cabin, f"{STATE} === 'No data'")
        late = look(base, check=False).open("?gateway=cabin")
        until(late, "document.querySelector('.node.solar .value').textContent === '4.00'")
        until_is(late, "document.querySelectorAll('.unit').length", 2)  # no unit is lost with the connection
        until_is(late, "document.querySelector('.node.battery .label').textContent", "2 Powerwalls")
        gateways["cabin"].fault("none")
        for one in (page, cabin):
            until(one, f"{STATE} === 'Live' && /^(All|2 of 2) well/.test({NOTICE})", 40)


@pytest.mark.parametrize("path", ["?gateway={}", f"{ONLY_HOUSES}&gateway={{}}"])
def test_an_unknown_house_is_not_the_sum_of_the_others(street: House, look: Look, path: str) -> None:
    watched = look(street)
    watched.expected = ("404", "WebSocket", "EventSource")
    page = watched.page
    for name in ("bran", "Home", "b/ar n", "aggregate"):
        page.goto(f"{street.base}/{path.format(name)}")
        until(page, f"{NOTICE}.startsWith('There is no gateway “{name}”. There are: Mill (mill), Home (home)')")
        page.wait_for_timeout(500)
        for node in ("solar", "home", "grid", "battery"):
            assert page.evaluate(f"document.querySelector('.node.{node} .value').textContent") == "–", name


def test_an_unknown_house_remembered_by_the_console_can_be_left(street: House, look: Look) -> None:
    page = look(street).page
    page.goto(f"{street.base}/favicon.ico")
    page.evaluate("localStorage.setItem('pwserver.settings', JSON.stringify({ gateway: 'sold' }))")
    page.goto(f"{street.base}/{ONLY_HOUSES}")
    until(page, f"{NOTICE}.startsWith('There is no gateway “sold”') && {STATE} === 'No such gateway'")
    page.select_option("#switcher select", "")
    until(page, f"{STATE} === '3 of 5 live'")


def test_a_house_in_trouble_by_its_address_tells_its_name_and_the_remedy(street: House, look: Look) -> None:
    watched = look(street)
    for name in ("mill", "shed"):
        told = street.server.json(f"/api/site/{name}")
        page = watched.open(f"?gateway={name}")
        until(page, f"{NOTICE}.startsWith('{name.capitalize()}: no data.')")
        for words in (told["advice"], told["sentence"][1:]):
            until(page, f"{NOTICE}.includes({json.dumps(words)})")
        until_is(page, "document.querySelector('#site').textContent", name.capitalize())
        assert page.evaluate("document.querySelector('.node.home .value').textContent") == "–"


def alone(**environment: str) -> Server:
    return server_at_a_known_port({**FAST, **environment})


def test_a_single_house_says_what_is_wrong_and_what_helps(look: Look) -> None:
    """Wrong password; an address that does not answer; a name that does not resolve."""
    with SimulatedGateway("powerwall2", hour=12.5) as gateway:
        cases: dict[str, dict[str, Any]] = {
            "auth": {"PW_HOST": gateway.address, "PW_GW_PWD": "WRONGWRONG"},
            "unreachable": {"PW_HOST": NOBODY, "PW_GW_PWD": "ABCDEFGHIJ"},
            "no such name": {"PW_HOST": "no-such-host.invalid", "PW_GW_PWD": "ABCDEFGHIJ"},
        }
        advice = set()
        for name, environment in cases.items():
            with alone(**environment) as server:
                wait_until(lambda server=server: states(server) == ["away"], 30, name)  # type: ignore[misc]
                told = server.json("/api/site")["gateways"][0]
                advice.add(told["advice"])
                watched = look(f"http://127.0.0.1:{server.port}", check=False)
                for path in ("", ONLY_HOUSES):
                    page = watched.open(path)
                    until(page, f"{NOTICE}.includes({json.dumps(told['advice'])})")
                    until(page, f"{NOTICE}.includes({json.dumps(told['sentence'][1:])})")
                box = "document.querySelector('.gateway-box')?.textContent ?? ''"
                until(page, f"({box}).includes({json.dumps(told['advice'])})")
                assert not page.is_visible("[data-card=gateways] .none"), "one is configured"
                watched.leave()
        assert len(advice) == 3


def test_a_house_without_a_tesla_login_says_so(look: Look, tmp_path: Path) -> None:
    with alone(PW_EMAIL="somebody@example.com", PW_AUTH_PATH=str(tmp_path)) as server:
        wait_until(lambda: states(server) == ["away"], 30, server.output())
        told = server.json("/api/site")["gateways"][0]
        assert told["cause"] == "login-missing"
        page = look(f"http://127.0.0.1:{server.port}", check=False).open("")
        until(page, f"{NOTICE}.endsWith({json.dumps(told['sentence'][1:])} + '.')")
        assert page.evaluate(NOTICE).lower().count(told["advice"].lower()) == 1, "the remedy is said once"


def test_only_a_fresh_installation_says_that_no_gateway_is_configured(look: Look) -> None:
    with alone() as server:
        watched = look(f"http://127.0.0.1:{server.port}")
        page = watched.open("")
        until(page, f"{NOTICE}.startsWith('No gateway is configured')")
        page = watched.open("console")
        until(page, f"{NOTICE}.startsWith('No gateway is configured') && {STATE} === 'No gateway'")
        page.wait_for_selector("[data-card=gateways] .none")
        until_is(page, "document.querySelector('[data-card=checks] .none').textContent", "No gateway is configured")
        assert not page.is_visible("#switcher")
        page = watched.open("history")
        until(page, f"{NOTICE}.startsWith('No gateway is configured') && {STATE} === ''")
        assert not page.is_visible(".card"), "there is nothing to show"
        watched.check()


def test_night_is_dark_and_in_no_trouble(look: Look) -> None:
    gateway = SimulatedGateway("powerwall3", hour=1.5)
    with gateway, alone(PW_HOST=gateway.address, **login(gateway)) as server:
        wait_until(lambda: states(server) == ["fresh"], 30, server.output())
        page = look(f"http://127.0.0.1:{server.port}", check=False).open("")
        until(page, f"{FLOW}.contains('night') && !{FLOW}.contains('faded')")
        until_is(page, "document.querySelector('.node.solar .figure').textContent", "0W")
        until(page, WELL)


def test_of_several_missing_houses_each_tells_for_how_long(look: Look) -> None:
    with ExitStack() as stack:
        gateways = {name: stack.enter_context(SimulatedGateway("powerwall2", hour=12.5)) for name in ALIVE}
        entries = [entry(*one) for one in gateways.items()]
        environment = {"PW_GATEWAYS": json.dumps(entries), **FAST}
        server = stack.enter_context(server_at_a_known_port(environment))
        wait_until(lambda: states(server) == ["fresh"] * 3, 30, server.output())
        base = f"http://127.0.0.1:{server.port}"
        page = look(base, check=False).open("")
        gateways["cabin"].fault("unplugged")
        until(page, f"/^Without Cabin, which has not answered for {FOR} ·/.test({MORE})", 30)
        gateways["barn"].fault("unplugged")
        both = f"/^Without Cabin [(]no answer for {FOR}[)] and Barn [(]no answer for {FOR}[)] ·/"
        until(page, f"{both}.test({MORE})", 30)
        gateways["home"].fault("unplugged")
        until(page, f"/^No data from any of 3 gateways for {FOR} · /.test({NOTICE})", 40)


def test_houses_that_are_missing_for_one_reason_share_their_sentence(street: House, look: Look) -> None:
    page = look(street).page
    long_ago = {"reason": "stale", "sentence": "does not answer", "since": None, "age_seconds": 200}

    def with_silent_houses(route: Route) -> None:
        message = route.fetch().json()
        for house in message["gateways"]:
            house["read_at"] = message["time"] - 200 if house["id"] != "home" else message["time"]
        message["site"]["left_out"] = [{"id": name, **long_ago} for name in ("mill", "cabin", "barn", "shed")]
        route.fulfill(json=message)

    page.route("**/api/site", with_silent_houses)
    page.goto(f"{street.base}/?live=poll")
    until(page, f"{MORE}.startsWith('Without Mill, Cabin, Barn and Shed, which have not answered for 3\u202fmin')")


def test_all_places_of_a_page_tell_the_same_age(look: Look) -> None:
    """Whenever a text changes while the figures grow old, what the notice says is what stands elsewhere.

    Then also in a slow browser, whose clock runs seven seconds between two looks at it.
    """
    with SimulatedGateway("powerwall2", hour=12.5) as gateway:
        settings = {"PW_HOST": gateway.address, **login(gateway), "PW_CACHE_TTL": "600"}
        with alone(**settings) as server:
            base = f"http://127.0.0.1:{server.port}"
            places = {"": "#age", ONLY_HOUSES: ".gateway-box"}
            opened = [(look(base, check=False).open(path), place) for path, place in places.items()]
            for page, _ in opened:
                until(page, FRESH)
            gateway.fault("unplugged")
            for page, place in opened:
                until(page, f"/figures are .* old/.test({NOTICE})", 30)
                page.evaluate(AGES, place)
            for page, _ in opened:
                until(page, "globalThis.ages.size >= 4", 60)
                assert page.evaluate("globalThis.differing") == []
            for page, place in opened:
                page.evaluate("(() => { let now = performance.now(); performance.now = () => (now += 7000); })()")
                before = ""
                for _ in range(3):
                    before, there = until(page, f"{OTHER_AGE_TOLD}('{place}', {json.dumps(before)})", 10)
                    assert f"{before} ago" in there


def login(gateway: SimulatedGateway) -> dict[str, str]:
    return {"PW_GW_PWD": gateway.password}


def test_further_meters_are_drawn_while_they_are_not_at_rest(street: House, look: Look) -> None:
    page = look(street).page
    generator = {"watts": 0}

    def with_generator(route: Route) -> None:
        message = route.fetch().json()
        message["meters"] |= {"generator": generator, "backup_generator": {"watts": None}}
        route.fulfill(json=message)

    page.route("**/api/site/home", with_generator)
    page.goto(f"{street.base}/?gateway=home&live=poll")
    until(page, "document.querySelector('.node.home .value').textContent !== '–'")
    further = "document.querySelector('.further').textContent"
    assert page.evaluate(further) == ""
    generator["watts"] = 3200
    until(page, f"{further} === 'Generator3.20\u202fkW'")
    assert "Generator 3.20\u202fkW." in (page.text_content(".flow .unseen") or "")


def test_a_restarted_server_knows_nothing_yet_and_the_page_invents_nothing(look: Look) -> None:
    """A gateway that was there before the restart and is away after it: dashes, not zeros, and its cause."""
    with SimulatedGateway("powerwall2", hour=12.5) as gateway:
        with alone(PW_HOST=gateway.address, **login(gateway)) as server:
            port = server.port
            page = look(f"http://127.0.0.1:{port}", check=False).open("")
            until(page, "document.querySelector('.node.home .value').textContent !== '–'")
        gateway.fault("unplugged")
        with Server(port=port, environment={**FAST, "PW_HOST": gateway.address, **login(gateway)}) as server:
            until(page, f"{NOTICE}.includes(': no data.')", 40)
            for node in ("solar", "home", "grid", "battery"):
                assert page.evaluate(f"document.querySelector('.node.{node} .value').textContent") == "–"
            gateway.fault("none")
            until(page, f"{WELL} && !{FLOW}.contains('faded')", 40)


def test_the_history_of_an_unknown_house_is_not_that_of_the_others(street: House, look: Look) -> None:
    """And it lists the houses of which nothing is recorded."""
    page = look(street).open("history?gateway=sold")
    state = "document.querySelector('#state').textContent"
    until(page, f"{state}.startsWith('There is no gateway “sold”. There are: Mill (mill), Home (home)')")
    assert not page.evaluate("document.querySelector('#power canvas')")
    page.select_option("#switcher select", "")
    until(page, f"{state} === '' && document.querySelector('#power canvas')")
    page.select_option("#switcher select", "mill")
    until(page, "/Nothing recorded/.test(document.querySelector('#power').textContent)")


def test_the_history_offers_the_houses_as_the_other_pages_do(street: House, look: Look) -> None:
    """In the order of the configuration, and with what is wrong, whether one house is shown or all."""
    page = look(street).page
    for path in ("history", "history?gateway=barn", "console?hide=trend,daily-energy"):
        page.goto(f"{street.base}/{path}")
        names = "[...document.querySelectorAll('#switcher option')].map((one) => one.textContent)"
        until_is(page, names, ["All houses", "Mill – No data", "Home", "Cabin", "Barn", "Shed – No data"])


def test_the_choice_of_a_house_goes_along_from_page_to_page(street: House, look: Look) -> None:
    page = look(street).open("")
    page.select_option("#switcher select", "barn")
    until(page, f"{NOTICE}.startsWith('All well')")
    assert page.url.endswith("/?gateway=barn")
    page.click("nav a:has-text('Console')")
    until(page, f"{STATE} === 'Live' && {BOXES}.length === 1 && {BOXES}[0].startsWith('Barn')")
    page.click("nav a:has-text('History')")
    until_is(page, "document.querySelector('#switcher select')?.value", "barn")
    page.click("nav a:has-text('Server')")
    until(page, f"{BOXES}.length === 1 && {BOXES}[0].startsWith('Barn')")
    page.select_option("#switcher select", "")
    until(page, f"{BOXES}.length === 5")
    page.click("nav a:has-text('Power flow')")
    until_is(page, "document.querySelector('#switcher select')?.value", "")


def test_of_a_hundred_houses_one_is_found_by_a_part_of_its_name(street: House, look: Look) -> None:
    def hundred(route: Route) -> None:
        message = route.fetch().json()
        first, *others = message["gateways"]
        more = [first | {"id": f"n{number}", "name": f"Number {number}"} for number in range(95)]
        route.fulfill(json=message | {"gateways": [first, *others, *more]})

    page = look(street).page
    page.route("**/api/site", hundred)
    page.goto(f"{street.base}/?live=poll")
    until(page, "document.querySelectorAll('#switcher datalist option').length === 101")
    field = page.locator("#switcher input")
    assert field.input_value() == "All houses"
    field.fill("number")
    field.press("Enter")
    assert page.evaluate("document.querySelector('#switcher input').validationMessage").startswith("95 houses")
    field.fill("chateau")
    field.press("Enter")
    assert "No house is called" in page.evaluate("document.querySelector('#switcher input').validationMessage")
    field.fill("cab")
    field.press("Enter")
    until(page, f"{NOTICE}.startsWith('All well')")
    assert page.url.endswith("gateway=cabin")
    assert field.input_value() == "Cabin"
    assert violations(page) == []
