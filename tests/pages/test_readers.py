"""Readers with settings of their own: large text, high contrast, paper, another language."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Route

from tests.pages.conftest import Look
from tests.pages.support import MOVING, House, until

READY = {
    "": "/[0-9]/.test(document.querySelector('.node.home .value')?.textContent)",
    "console": "document.querySelectorAll('[data-card=control] select').length"
    " && document.querySelector('[data-card=trend] canvas')",
    "history": "document.documentElement.dataset.shown && document.querySelector('#power canvas')",
}


TOOLS = (".bar nav", ".tools", "[data-card=control]", "#settings")


@pytest.mark.parametrize("path", READY)
def test_paper_high_contrast_and_text_twice_as_large(house: House, look: Look, path: str) -> None:
    """Figures on white and no tools; colours that mean something stay; all fits a phone."""
    page = look(house, **MOVING, viewport={"width": 390, "height": 844}, color_scheme="dark").open(path)
    until(page, READY[path])
    seen = {tool for tool in TOOLS if page.is_visible(tool)}
    assert seen >= {".bar nav", *{"console": ["[data-card=control]", "#settings"], "history": [".tools"]}.get(path, [])}
    page.emulate_media(media="print")
    until(page, "document.documentElement?.dataset.theme === 'light'")
    assert not any(page.is_visible(tool) for tool in TOOLS)
    page.emulate_media(media="screen")
    until(page, "document.documentElement?.dataset.theme === 'dark'")

    page.emulate_media(forced_colors="active")
    until(page, "matchMedia('(forced-colors: active)').matches")
    here = "getComputedStyle(document.querySelector('[aria-current=page]')).backgroundColor"
    other = "getComputedStyle(document.querySelector('nav a:not([aria-current])')).backgroundColor"
    assert page.evaluate(here) != page.evaluate(other), "nothing shows which page this is"
    what = ".dots.running i" if path == "" else ".swatch"
    colour = f"getComputedStyle(document.querySelector('{what}')).backgroundColor"
    until(page, f"{colour} !== getComputedStyle(document.body).backgroundColor")  # else it is drawn on itself
    page.emulate_media(forced_colors="none")

    page.add_style_tag(content="html { font-size: 200% !important; }")
    until(page, "document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    cut = "[...document.querySelectorAll('nav a')].some((one) => one.getBoundingClientRect().right > innerWidth)"
    assert not page.evaluate(cut)


def test_figures_keep_their_sign_and_the_readers_language(house: House, look: Look) -> None:
    """An inverter that takes power at night, and a home meter connected the wrong way round: no word says so."""
    page = look(house, locale="de-DE").page

    def other(route: Route) -> None:
        message = route.fetch().json()
        (house,) = message["gateways"]
        house.update(solar_watts=-42.0, home_watts=-3456.0, grid_watts=-12345.0)
        route.fulfill(body=json.dumps(message), content_type="application/json")

    page.route("**/api/site", other)
    page.goto(f"{house.base}/?live=poll")
    value = "document.querySelector('.node.{} .value').textContent"
    until(page, f"/[0-9]/.test({value.format('solar')})")
    shown = {name: page.evaluate(value.format(name)) for name in ("solar", "home", "grid")}
    assert shown == {"solar": "-42", "home": "-3,46", "grid": "12,3"}
    assert page.evaluate("document.querySelector('.node.grid .note').textContent") == "Einspeisung"
