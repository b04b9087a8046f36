"""The API's pages, drawn by Swagger UI and Redoc: they ask this server and nobody else, are accessible, and lead back.

The whole description is drawn once by each, a part of it below a prefix and by all other tests.
"""

from __future__ import annotations

from playwright.sync_api import Page

from tests.pages.conftest import Look
from tests.pages.support import SECRET, House, Watched, thin_description, until, until_is, violations

# Redoc titles the parameters of an operation with h5 right below its h2, and Swagger UI's dialog begins with h3: inside
# their scripts, and the outline still leads to every operation.
NOT_OURS = ("heading-order",)
TAGS = "document.querySelectorAll('.opblock-tag-section').length"
ANSWERED = "#operations-core-get_soe .live-responses-table"


class Visit:
    """A page, and everything that it asked for."""

    def __init__(self, look: Look, house: House, path: str, *, thin: bool = False) -> None:
        self.watched: Watched = look(house, each_request=True)
        self.page: Page = self.watched.page
        self._failed: list[str] = []
        self.page.on("requestfailed", lambda request: self._failed.append(request.url))
        if thin:
            thin_description(self.page)
        self.page.goto(f"{house.base}{path}")

    def check(self, below: str) -> None:
        """Nothing was asked of anybody else, nor outside of ``below``; nothing went wrong."""
        assert self._failed == []
        network = [url for url in self.watched.requests if not url.startswith(("data:", "blob:"))]
        assert [url for url in network if not url.startswith(f"{self.watched.base}{below}/")] == []
        assert any(url.endswith("/openapi.json") for url in network)
        self.watched.check()


def try_out(page: Page, address: str) -> None:
    """Open an operation, send it, and see the answer and where it came from."""
    page.click("#operations-tag-core button", timeout=90_000)
    page.click("#operations-core-get_soe .opblock-summary-control", timeout=60_000)
    page.wait_for_selector("#operations-core-get_soe .responses-table", timeout=60_000)
    page.click("#operations-core-get_soe .try-out__btn")
    page.click("#operations-core-get_soe .execute")
    page.wait_for_selector(f"{ANSWERED} .microlight", timeout=60_000)
    assert "percentage" in page.inner_text(f"{ANSWERED} tbody .microlight >> nth=0")
    assert page.inner_text("#operations-core-get_soe .request-url pre").strip() == address


def test_swagger_ui_draws_the_whole_description(house: House, look: Look) -> None:
    visit = Visit(look, house, "/docs")
    try_out(visit.page, f"{house.base}/soe")
    assert visit.page.evaluate(TAGS) >= 8
    visit.check("")


def test_swagger_ui_below_a_prefix(house: House, look: Look) -> None:
    visit = Visit(look, house, "/power/docs", thin=True)
    page = visit.page
    until(page, f"{TAGS} > 3")
    assert violations(page) == []
    try_out(page, f"{house.base}/power/soe")
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
    visit.check("/power")


def test_redoc_draws_the_whole_description(house: House, look: Look) -> None:
    visit = Visit(look, house, "/redoc")
    visit.page.wait_for_selector("h2:has-text('State of energy, raw scale')", timeout=90_000)
    assert visit.page.locator("[data-section-id]").count() > 150
    visit.check("")


def test_redoc_below_a_prefix(house: House, look: Look) -> None:
    visit = Visit(look, house, "/power/redoc", thin=True)
    page = visit.page
    page.wait_for_selector("h2:has-text('State of energy, raw scale')", timeout=90_000)
    assert page.locator("[data-section-id]").count() > 6
    visit.check("/power")
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
        watched.page.route(f"**{end}", lambda route: route.fulfill(content_type="text/html", body="there"))
        page = watched.open("docs")
        page.get_by_role("link", name=name, exact=True).click()
        page.wait_for_url(f"**{end}")
