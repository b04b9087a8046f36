"""/docs and /redoc as they are sent: a strict policy, and nothing from elsewhere. tests/pages looks at them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pwserver.web.assets import Assets
from tests.support.server import Server

VENDOR = Path(__file__).parents[2] / "static" / "vendor"


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_pages_run_under_a_strict_policy(server: Server, path: str) -> None:
    answer = server.get(path)
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    text = answer.body.decode()
    assert "http://" not in text
    assert "https://" not in text
    assert 'src="/' not in text
    assert 'href="/' not in text
    assert "<script>" not in text


def test_vendored_files_come_with_their_licences_and_load_nothing_from_elsewhere() -> None:
    for name in ("swagger-ui", "redoc"):
        assert "Permission" in (VENDOR / name / "LICENSE").read_text() or name == "swagger-ui"
    for name, asset in Assets().files.items():
        if name.startswith("vendor/") and name.endswith((".css", ".js")):
            for host in (b"fonts.googleapis.com", b"cdn.redoc.ly", b"@import url(http"):
                assert host not in asset.body, name
