"""The address in what a person reads, as it can be pasted into a browser."""

from __future__ import annotations

import pytest

from pwserver.config import load
from pwserver.server import in_url, listen, serve


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1:8675"), ("pi.local", "pi.local:8675"), ("::1", "[::1]:8675")],
)
def test_ipv6_is_in_brackets(host: str, shown: str) -> None:
    assert in_url(host, 8675) == shown


def test_a_taken_port_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        status = serve(load({"PW_BIND_ADDRESS": "127.0.0.1", "PW_PORT": str(port)}, {}))
    assert status == 1
    assert capsys.readouterr().err == f"pwserver: cannot listen on 127.0.0.1:{port}: Address already in use\n"
