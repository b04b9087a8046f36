"""The API's pages, drawn by Swagger UI and Redoc: accessible, they ask the server, and they lead back."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.pages.conftest import Look
from tests.pages.support import SECRET, House, thin_description, until, until_is, violations

# Redoc titles the parameters of an operation with h5 right below its h2, and Swagger UI's dialog begins with h3: inside
# their scripts, and the outline still leads to every operation.
NOT_OURS = ("heading-order",)


def _open_thin(look: Look, house: House, name: str) -> Page:
    """Open the page with some of the paths; tests/web draws all of them."""
    watched = look(house)
    thin_description(watched.page)
    return watched.open(name)


def test_swagger_ui(house: House, look: Look) -> None:
    page = _open_thin(look, house, "docs")
    until(page, "document.querySelectorAll('.opblock-tag').length > 3")
    assert violations(page) == []
    page.locator(".opblock-tag button").first.click()
    page.locator("#operations-core-get_soe .opblock-summary-control").click()
    page.locator(".try-out button").click()
    page.locator(".execute-wrapper button").click()
    until(page, "document.querySelector('.live-responses-table .microlight')")
    assert "percentage" in page.inner_text(".live-responses-table tbody .microlight >> nth=0")
    assert violations(page) == []
    assert page.url.endswith("get_soe"), "an opened operation has no address"
    page.emulate_media(color_scheme="dark")
    until_is(page, "getComputedStyle(document.documentElement).colorScheme", "dark")
    assert violations(page) == []
    page.emulate_media(color_scheme="light")
    # It asks for the token of commands.
    page.locator(".btn.authorize").click()
    page.locator(".auth-container input").first.fill(SECRET)
    assert violations(page, without=NOT_OURS) == []


def test_redoc(house: House, look: Look) -> None:
    page = _open_thin(look, house, "redoc")
    for scheme in ("light", "dark"):
        if scheme == "dark":  # it begins anew with other colours; until then it is the old page that has all headings
            page.evaluate("globalThis.isOld = true")
            page.emulate_media(color_scheme=scheme)
        drawn = f"document.documentElement.dataset.theme === '{scheme}' && document.querySelectorAll('h2').length > 10"
        until(page, f"!globalThis.isOld && {drawn}")
        assert violations(page, without=NOT_OURS) == []


def test_api_pages_lead_back(house: House, look: Look) -> None:
    watched = look(house)
    # The links are above what Swagger UI draws.
    watched.page.route("**/swagger-ui-bundle.js", lambda route: route.fulfill(body="SwaggerUIBundle = () => 0"))
    for name, end in (("Console", "/console"), ("History", "/history")):
        page = watched.open("docs")
        page.get_by_role("link", name=name, exact=True).click()
        page.wait_for_url(f"**{end}")
