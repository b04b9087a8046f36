"""Serve the routes that only clients of the predecessors and of a gateway call: /help, logging in and logging out."""

from __future__ import annotations

from datetime import datetime

from sanic import Blueprint, HTTPResponse, Request

from pwserver.documents.encode import to_json
from pwserver.json_types import JsonObject
from pwserver.web.errors import JsonBlueprint

# Old embeds look for these cookies before they draw. The value is a constant; it gives access to nothing.
COOKIES = {"AuthCookie": "1234567890", "UserRecord": "1234567890"}
COOKIE_SECONDS = 315360000  # ten years

# The power flow of old embeds logs in before it draws, and so do libraries made for a gateway, which also read the time
# of the login. This constant of the predecessors gives access to nothing.
LOGIN = {
    "email": "",
    "firstname": "Tesla",
    "lastname": "Energy",
    "roles": ["Home_Owner"],
    "token": "1234567890",
    "provider": "Basic",
    "loginType": "Basic",
}


def blueprint(cross_site: bool) -> Blueprint:
    """Make the routes. ``cross_site``: cookies must be good for frames in pages of other sites."""
    routes = JsonBlueprint("misc")

    @routes.route("/help", methods=["GET", "HEAD"])
    async def help_page(request: Request) -> HTTPResponse:
        return redirect("../docs" if request.path.endswith("/") else "docs")

    @routes.route("/api/login/Basic", methods=["POST"])
    async def login(request: Request) -> HTTPResponse:
        return set_cookies(
            _answer({**LOGIN, "loginTime": datetime.now().astimezone().isoformat()}), cross_site, "; Path=/"
        )

    # Libraries made for a gateway log out with a GET; nothing but the caller's own cookies changes.
    @routes.route("/api/logout", methods=["GET", "HEAD", "POST"])
    async def logout(request: Request) -> HTTPResponse:
        return set_cookies(_answer({}), cross_site, "; Path=/", seconds=0)

    return routes


def _answer(body: JsonObject) -> HTTPResponse:
    return HTTPResponse(to_json(body), headers={"cache-control": "no-store"}, content_type="application/json")


def set_cookies(
    response: HTTPResponse, cross_site: bool, path: str = "", seconds: int = COOKIE_SECONDS
) -> HTTPResponse:
    """Add the two cookies of the predecessors, or remove them with 0 seconds.

    ``cross_site``: for frames below another site's HTTPS (PW_HTTPS=http). Without a path the browser takes the folder
    of the page: ``/``, or the prefix that a proxy takes off, of which the server knows nothing. Other programs behind
    the same proxy are then not sent our cookies.
    """
    flags = "; Secure; SameSite=None" if cross_site else "; SameSite=Lax"
    for name, value in COOKIES.items():
        response.headers.add("set-cookie", f"{name}={value}; Max-Age={seconds}{path}{flags}")
    return response


def redirect(location: str) -> HTTPResponse:
    """Redirect to a place relative to this one, so that it is right below any prefix."""
    return HTTPResponse(None, status=307, headers={"location": location, "cache-control": "no-cache"})
