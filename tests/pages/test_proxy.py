"""Below a prefix behind nginx with HTTPS, as owners run it: everything relative, the WebSocket too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pwserver.certificate import self_signed
from tests.pages.conftest import Look
from tests.pages.support import HOME_SHOWN, House, follow_pages, until, wait_for_frame
from tests.support.nginx import PASSED_ON, nginx


@pytest.fixture(scope="module")
def proxied(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an nginx with TLS that passes /power/ on, whole."""
    folder: Path = tmp_path_factory.mktemp("nginx")
    (folder / "both.pem").write_bytes(b"".join(self_signed("localhost", ["localhost"], ["127.0.0.1"], days=1)))
    with nginx(
        folder,
        f"""ssl_certificate {folder}/both.pem; ssl_certificate_key {folder}/both.pem;
    location /power {{
      proxy_pass http://127.0.0.1:{house.server.port}; {PASSED_ON} proxy_set_header X-Forwarded-Proto https;
    }}""",
        listen="ssl",
    ) as port:
        yield f"https://localhost:{port}"


def test_pages_below_a_prefix_with_https(proxied: str, look: Look) -> None:
    watched = look(f"{proxied}/power", ignore_https_errors=True)
    follow_pages(watched)
    watched.page.goto(f"{proxied}/power/example.html")
    wait_for_frame(watched.page)


def test_bare_prefix_leads_to_the_page(proxied: str, look: Look) -> None:
    page = look(proxied, ignore_https_errors=True).page
    page.goto(f"{proxied}/power?style=black")
    assert page.url == f"{proxied}/power/?style=black"
    until(page, HOME_SHOWN)
