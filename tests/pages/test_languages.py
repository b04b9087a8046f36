"""English and German: the texts of both, and every page as a German reader has it."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from pwserver import causes, commands
from pwserver.config import history_place, login_files
from pwserver.documents.explanations import leaves
from pwserver.documents.site_documents import LEFT_OUT
from pwserver.documents.titles import title_of
from pwserver.gateways import command_execution, command_routes, failure, library
from pwserver.history import value_sum
from pwserver.history.signal_series import GROUPS, METRICS
from pwserver.modes import Reach
from pwserver.mqtt import broker_connection, publisher
from pwserver.notices import delivery
from pwserver.poller import command_service
from pwserver.state import (
    battery_health,
    counter_guard,
    energies,
    meter_powers,
    plausible,
    string_weakness,
    week_checks,
)
from pwserver.state.abilities import refusal
from pwserver.state.alert_meanings import MEANINGS
from pwserver.state.controls import CONTROLS
from pwserver.state.fact import RULES
from pwserver.state.gateway import FIRST_ANSWER
from pwserver.web import auth, control_answers, error_page
from pwserver_ext.aggregate import is_number
from tests.pages.conftest import Look
from tests.pages.support import House, until, violations

STATIC = Path(__file__).parents[2] / "static"
GERMAN = {"locale": "de-DE", "viewport": {"width": 320, "height": 800}}
NOTICE = "document.querySelector('#notice').textContent"
# Each page, when it has all its words, and its title.
PAGES = {
    "": ("/[0-9]/.test(document.querySelector('.node.home .value')?.textContent)", "Energiefluss"),
    "console": (
        """document.querySelectorAll('[data-card=control] select').length && document.querySelector('.unit-box')
        && document.querySelector('[data-card=trend] canvas')
        && document.querySelectorAll('[data-card=checks] li').length === 6""",
        "Powerwall-Konsole",
    ),
    "history": (
        "document.documentElement.dataset.shown && document.querySelectorAll('#signals section').length > 1",
        "Letzte 24 Stunden · Powerwall-Verlauf",
    ),
    "houses": ("document.documentElement.dataset.shown && document.querySelector('tbody tr')", "Powerwall-Häuser"),
    "server": ("/\\d/.test(document.querySelector('[data-card=health] tbody')?.textContent)", "Powerwall-Server"),
}
# Everything that is read or heard, less what is marked as English.
WORDS = """
(() => {
  const seen = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!parent.closest("script, noscript") && parent.closest("[lang]").lang === "de") seen.push(node.data);
  }
  const told = [...document.querySelectorAll("[aria-label], [title], [placeholder]")];
  return [...seen, ...told.flatMap((one) => [one.ariaLabel, one.getAttribute("title"), one.placeholder])]
    .filter(Boolean);
})()
"""
ENGLISH = re.compile(
    r"\b(the|of|and|is|are|not|with|from|at|today|yesterday|week|month|year|all|now|house|houses|home|sun|grid|battery|"
    r"settings|charge|charging|backup|sold|bought|power|energy|alerts|control|history|health|since|ago|left|state|live|"
    r"producing|idle|mode|voltage|current|temperature|fans|serial|speed|requests|memory|uptime|sort|name of)\b",
    re.IGNORECASE,
)
NAMES = re.compile("Home Assistant|Simulated House")
BARE_KEYS = re.compile('data-(?:text|label)="([^"]+)"')
# What German owes to English, or has from the same source.
SAME = {
    "page.server", "page.api", "page.kiosk", "houses.filter", "houses.name", "flow.solar", "flow.powerwalls",
    "flow.reserve", "card.powerwall", "card.gateways", "card.health", "card.mqtt", "chart.solar", "units.firmware",
    "strings.string", "gateways.firmware", "gateways.solar", "server.version", "server.streams", "mqtt.broker",
    "mqtt.homeAssistant", "history.zoom", "history.energies.solar", "history.string", "history.ranges.1h",
    "history.ranges.6h", "history.ranges.1d", "settings.moved", "alerts.warning",
}  # fmt: skip


def texts(page: Page) -> dict[str, Any]:
    """Both files, as the browser of this page has them."""
    read: dict[str, Any] = page.evaluate("""
        async () => {
          const folder = document.querySelector("script[src*=before_first_paint]").src.replace(/[^/]*$/, "texts/");
          const texts = async (name) => (await import(`${folder}${name}.js`)).TEXTS;
          const names = ["en", "en_history", "de", "de_history"];
          const [en, enHistory, de, deHistory] = await Promise.all(names.map(texts));
          return { en: { ...en, ...enHistory }, de: { ...de, ...deHistory } };
        }
    """)
    return read


@pytest.fixture(scope="module")
def german(house: House, browser: Any) -> Iterator[Page]:
    page = browser.new_page(service_workers="block", locale="de-DE")
    page.goto(f"{house.base}/server")
    yield page
    page.context.close()


@pytest.fixture(scope="module")
def both(german: Page) -> dict[str, Any]:
    return texts(german)


def in_german(page: Page, sentences: list[str]) -> list[str]:
    """What a page makes of sentences of the server; what it has no words for is between brackets."""
    made: list[str] = page.evaluate(
        """
        async (sentences) => {
          const { src } = document.querySelector("script[src*=before_first_paint]");
          const { learn, translated } = await import(src.replace(/[^/]*$/, "core/texts.js"));
          await learn("explain");
          return sentences.map((one) => translated(one).replaceAll("\\uE000", "⟦").replaceAll("\\uE001", "⟧"));
        }
        """,
        sentences,
    )
    return made


def named(text: str | dict[str, str]) -> list[set[str]]:
    """The names to be filled in, of each form of a text."""
    return [set(re.findall(r"\{(\w+)\}", form)) for form in (text.values() if isinstance(text, dict) else [text])]


def test_both_languages_have_the_same_texts(both: dict[str, Any]) -> None:
    english, german = both["en"], both["de"]
    assert list(english) == list(german)
    assert {key for key in english if english[key] == german[key]} <= SAME
    assert {key: named(english[key]) for key in english} == {key: named(german[key]) for key in german}


def said_by_the_server() -> Iterator[str]:
    """Every sentence of the tables that pages show; those with a value in them with each value."""
    for cause in causes.CAUSE_BY_ID.values():
        yield from (cause.sentence, cause.advice)
    for likely in causes.LIKELY_CAUSE_BY_ID.values():
        yield from (likely.sentence, likely.advice)
    for limit in causes.LIMIT_BY_ID.values():
        yield limit.advice
    for verdict, control, reach in product((causes.NEEDS_V1R, causes.LINK_DOWN), CONTROLS.values(), Reach):
        if verdict != causes.NEEDS_V1R or control.needs in ("signed", "tariff"):
            yield refusal(control.operation, verdict, reach)
    yield from (value for name, value in vars(week_checks).items() if name in WHY_UNKNOWN)
    yield from (
        string_weakness.RULE,
        string_weakness.TOO_FEW_DAYS,
        string_weakness.NO_SUN,
        string_weakness.NO_NEIGHBOUR,
    )
    yield from (string_weakness.YEAR_BEFORE, string_weakness.EARLIER_DAYS)
    yield from (battery_health.MEANING, battery_health.NO_NAMEPLATE, battery_health.NO_DAYS, battery_health.SHORT)
    yield from (battery_health.NOT_COUNTED, value_sum.NO_TARIFF, value_sum.REMEDY, value_sum.SUM_REMEDY)
    for told in (value_sum.NO_TARIFF_OF, value_sum.NO_CURRENCY_OF, value_sum.CURRENCIES, value_sum.TOTALS_ONLY,
                 value_sum.DAYS_LEFT_OUT, value_sum.QUARTERS_LEFT_OUT, value_sum.NEVER_RECORDED):  # fmt: skip
        yield told.format(names="7", count=7)
    yield from LEFT_OUT.values()
    yield from (str(group["label"]) for group in GROUPS.values())
    yield from (metric.label for metric in METRICS.values())
    yield from RULES.values()
    yield from (meaning.sentence for meaning in MEANINGS.values() if meaning.sentence is not None)
    yield from (words for cause in delivery.CAUSES.values() for words in (cause.sentence, cause.remedy))
    yield from (broker_connection.NOT_INSTALLED, broker_connection.NOT_TRIED, FIRST_ANSWER)
    for function in WRITTEN_IN:
        yield from written_in(function)


# What words a sentence with numbers or names in it, a refusal of a command for instance.
WRITTEN_IN: tuple[Any, ...] = (
    commands, command_service, command_execution, command_routes, control_answers.failure, library, login_files, auth,
    broker_connection, publisher, plausible, counter_guard, energies, meter_powers, failure.describe, history_place,
)  # fmt: skip
# How it tells them.
TELLERS = {
    "CommandNotSent", "CommandRefused", "OutcomeUnknown", "Outcome", "GatewayFailure", "LoginFileProblem", "Refusal",
    "ConnectionLost", "HistoryPlaces", "Count", "too_many",
}  # fmt: skip


# What of that no page shows, what a page says in words of its own, and parts of sentences, whose whole is known.
NOT_SAID = {
    "dry run", "not sent", "cooling down", "no gateway", "Invalid control token", "Authorization header required",
    "the gateway", "7 refused: 7", "7 did not acknowledge", "Control operation failed for 7",
    "7; energy from gateway local API", "began again: 7 before, 7 at 7",
    "MQTT broker %s: %s%s; next attempt in %g s", " (7 more times before)", " (and 7 more like this)",
    "Operation timed out",
}  # fmt: skip
# Who may read a file: details, which stay English.
DETAILS = {
    "user 7 (uid 7)", "uid 7", "belongs to 7 with mode 7", "it 7; 7", "its folder 7 lets no other user in; 7",
    "cannot be looked at",
}  # fmt: skip


def written_in(source: Any) -> Iterator[str]:
    """The sentences that are returned or told there; 7 stands for each value in them."""
    constants = vars(inspect.getmodule(source))
    for node in ast.walk(ast.parse(inspect.getsource(source))):
        if isinstance(node, ast.Return | ast.Assign) and node.value is not None:
            yield from literals(node.value, constants)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in TELLERS:
            for told in (*node.args, *(one.value for one in node.keywords)):
                yield from literals(told, constants)


def literals(node: ast.expr, constants: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(node, ast.IfExp | ast.BoolOp):
        for choice in (node.body, node.orelse) if isinstance(node, ast.IfExp) else node.values:
            yield from literals(choice, constants)
    elif isinstance(node, ast.Constant | ast.JoinedStr):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        words = "".join(part(one, constants) for one in parts)
        if re.search("[a-z] [a-z7]|7 [a-z]", words) and words not in NOT_SAID | DETAILS:
            yield words


def part(node: ast.expr, constants: Mapping[str, Any]) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    value = node.value if isinstance(node, ast.FormattedValue) else node
    known = constants.get(value.id) if isinstance(value, ast.Name) else None
    return known if isinstance(known, str) else "7"


WHY_UNKNOWN = (
    "NOTHING_KNOWN", "TOO_SHORT", "HISTORY_OFF", "NO_ALERTS_TOLD", "NO_GRID_TOLD", "NO_STRINGS", "NO_CLOCK_TOLD",
)  # fmt: skip


def test_what_the_server_says_is_known_in_german(german: Page) -> None:
    """By the English sentence: one that is worded anew is translated anew."""
    sentences = list(said_by_the_server())
    made = in_german(german, sentences)
    told = zip(sentences, made, strict=True)
    assert [sentence for sentence, words in told if "⟦" in words.replace("⟦7⟧", "7")] == []


def test_every_number_has_a_title_in_german(german: Page) -> None:
    """Those of one house and of all."""
    site, one = german.evaluate("""
        async () => {
          const site = await (await fetch("api/site")).json();
          return [site, await (await fetch(`api/site/${site.default}`)).json()];
        }
    """)
    values = {**leaves(one), **leaves({"site": {**one, **site["site"]}})}
    words = {"mode", "grid_export", "grid_charging", "grid_state", "strings.A.weak"}
    names = [name for name, value in values.items() if name in words or (is_number(value) and "version" not in name)]
    titles = sorted({title_of(name) for name in names})
    assert len(titles) > 80
    made = in_german(german, titles)
    assert [title for title, told in zip(titles, made, strict=True) if "⟦" in told] == []


def test_the_words_of_the_html_are_those_of_the_texts(both: dict[str, Any]) -> None:
    for page in PAGES:
        html = (STATIC / f"{page or 'index'}.html").read_text()
        words = re.findall(r'data-text="([^"]+)">([^<]*)<', html)
        labels = [(key, label) for label, key in re.findall(r'aria-label="([^"]*)" data-label="([^"]+)"', html)]
        assert len(words) > 5 and len(words) + len(labels) == html.count("data-text=") + html.count("data-label=")
        assert len(labels) == html.count("aria-label=")
        assert {key: both["en"][key] for key, _ in words + labels} == dict(words + labels)


@pytest.mark.parametrize("path", PAGES)
def test_a_german_reader_reads_german(house: House, look: Look, path: str) -> None:
    """The whole page, on the narrowest screen; and only that file of texts is loaded."""
    ready, title = PAGES[path]
    watched = look(house, each_request=True, **GERMAN)
    page = watched.open(path)
    until(page, ready)
    until(page, f"/Netz|Speicher|Reserve|Ordnung/.test({NOTICE} + document.querySelector('#more').textContent)")
    assert page.evaluate("document.documentElement.lang") == "de"
    assert page.title() == title
    assert page.evaluate("[...document.querySelectorAll('nav a:not(.several)')].map((one) => one.textContent)")[:1] == [
        "Energiefluss"
    ]
    found = [words for words in page.evaluate(WORDS) if ENGLISH.search(NAMES.sub("", words))]
    assert found == []
    until(page, "document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []
    files = {url.rpartition("/")[2] for url in watched.requests if "/js/texts/" in url}
    assert files == {"de.js", "de_server.js", *(["de_history.js"] if path == "history" else [])}


def test_the_page_of_an_error_and_the_example_are_german(house: House, look: Look) -> None:
    """Every word of their HTML, by one small file; every kind of error has its words in it."""
    watched = look(house, **GERMAN)
    watched.expected = ("404",)
    page = watched.open("example")
    until(page, "document.title === 'Powerwall, eingebettet'")
    assert page.evaluate("[...document.querySelectorAll('body [data-text]')].map((one) => one.textContent)") == [
        "Der Energiefluss in einer eigenen Seite", "Firmware", "Stil",
    ]  # fmt: skip
    page.goto(f"{house.base}/nothing/here")
    until(page, "document.querySelector('h2')?.textContent === 'Unter dieser Adresse gibt es nichts'")
    assert page.title() == "Unter dieser Adresse gibt es nichts"
    found = [words for words in page.evaluate(WORDS) if ENGLISH.search(words)]
    assert found == []
    assert violations(page) == []
    until(page, "document.documentElement.scrollWidth <= innerWidth")
    known = page.evaluate("""
        async () => {
          const { src } = document.querySelector("script[src*=before_first_paint]");
          return (await import(src.replace(/[^/]*$/, "texts/de_bare.js"))).TEXTS;
        }
    """)
    kinds = {words.kind for status in range(400, 600) if (words := error_page.words_for(status))}
    assert {f"{kind}.{part}" for kind in kinds for part in ("title", "advice")} <= set(known)
    named = {key for name in ("error", "example") for key in BARE_KEYS.findall((STATIC / f"{name}.html").read_text())}
    assert {key for key in named if "{" not in key} <= set(known)


def test_the_language_is_chosen_in_the_address_and_in_the_settings(house: House, look: Look) -> None:
    watched = look(house, locale="de-DE", viewport={"width": 390, "height": 844})
    page = watched.open("console?language=en")
    until(page, "document.querySelector('h2')?.firstChild?.data === 'Power flow'")
    page.goto(f"{house.base}/console")
    until(page, "document.querySelector('h2')?.firstChild?.data === 'Energiefluss'")
    tops = "new Set([...document.querySelectorAll('nav a')].map((one) => one.getBoundingClientRect().top)).size"
    assert page.evaluate(tops) <= 2, "one row on a phone; those that are not shown are at 0"
    page.click("#settings")
    page.click("button:has-text('English')")
    until(
        page,
        "document.documentElement?.lang === 'en' && document.querySelector('h2')?.firstChild?.data === 'Power flow'",
    )
    page.goto(f"{house.base}/?language=de")
    until(page, "document.querySelector('nav a').textContent === 'Energiefluss'")


def test_what_is_not_translated_says_that_it_is_english(house: House, look: Look) -> None:
    """A sentence that no table has."""

    def in_trouble(route: Route) -> None:
        message = route.fetch().json()
        message["gateways"][0] |= {"condition": "implausible", "implausible": "the sun is too hot"}
        route.fulfill(json=message)

    page = look(house, locale="de-AT").page
    page.route("**/api/site", in_trouble)
    page.goto(f"{house.base}/?live=poll")
    until(page, f"{NOTICE} === 'Diese Werte können nicht stimmen: the sun is too hot'")
    assert page.inner_text("#notice [lang=en]") == "the sun is too hot"
    page.unroute("**/api/site")


def test_numbers_and_names_in_a_sentence_are_written_in_german(german: Page) -> None:
    told = {
        "no connection to the gateway (HTTP 403 at /soe)": "keine Verbindung zum Gateway (HTTP 403 bei /soe)",
        "battery power -2500000.5 W is beyond 1000000.0 W": "Leistung Speicher: -2.500.000,5 W, möglich sind höchstens"
        " 1.000.000 W",
        "Control operation failed for operation: Tesla refused: too early": "Tesla hat abgelehnt: ⟦too early⟧",
        "Powerwall 1: Energy left": "Powerwall 1: Verbleibende Energie",
        "BatteryFault: active since": "BatteryFault: aktiv seit",
    }
    assert in_german(german, list(told)) == list(told.values())


def test_another_language_gets_english_and_its_own_numbers(house: House, look: Look) -> None:
    watched = look(house, locale="fr-FR")
    watched.page.add_init_script(
        "Object.defineProperty(navigator, 'languages', { value: ['fr-FR', 'en-US@posix', null] })"
    )
    page = watched.open("console?hide=power-flow")
    until(page, "/\\d,\\d/.test(document.querySelector('[data-card=powerwall]')?.textContent)")
    assert page.evaluate("document.querySelector('nav a').textContent") == "Power flow"
    assert page.evaluate("document.documentElement.lang") == "en"
