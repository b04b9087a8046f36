"""pypowerwall is imported late, in one place, and is still the one we know how to tame."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pwserver.config.gateways import GatewayDefinition, GatewayOptions
from pwserver.gateways import library
from pwserver.gateways.failure import GatewayFailure
from pwserver.gateways.sessions import LocalSession, retry_after_seconds
from pwserver.gateways.wire import Wire

ROOT = Path(__file__).parents[2]


def test_the_room_can_be_entered_without_the_library() -> None:
    program = (
        "import sys; import pwserver.gateways.connection;"
        "print([name for name in ('pypowerwall', 'requests', 'httpx', 'google.protobuf') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_only_one_module_imports_the_library() -> None:
    found = []
    for path in (ROOT / "pwserver" / "gateways").glob("*.py"):
        lines = [line.strip() for line in path.read_text().splitlines()]
        if any(line.startswith(("import pypowerwall", "from pypowerwall")) for line in lines):
            found.append(path.name)
    assert found == ["library.py"]


def test_an_unknown_library_is_refused_loudly() -> None:
    with pytest.raises(RuntimeError, match="unsupported version"):
        library._exchange(library.load(), no_such_name=1)


@pytest.mark.parametrize(
    ("definition", "named"),
    [
        (GatewayDefinition("home", "Home", host="127.0.0.1:9", gw_pwd="x" * 10), "PW_CACHE_FILE"),
        (GatewayDefinition("far", "Far", email="me@example.com"), "PW_AUTH_PATH"),
    ],
)
def test_a_folder_that_cannot_be_written_is_named_by_its_setting(
    tmp_path: Path, definition: GatewayDefinition, named: str
) -> None:
    (tmp_path / "file").write_text("")
    folder = str(tmp_path / "file" / "below")
    options = GatewayOptions(authpath=folder, cachefile=f"{folder}/.powerwall")
    wire = Wire(60)
    with wire.session(5.0), pytest.raises(GatewayFailure, match=f"{named}.*cannot be written") as caught:
        library.open_connection(definition, options, wire)
    assert str(tmp_path) not in caught.value.message


def test_local_sessions_trust_nothing_and_keep_their_adapter() -> None:
    with LocalSession() as session:
        adapter = session.get_adapter("https://192.168.91.1/")
        session.mount("https://", object())
        assert session.get_adapter("https://192.168.91.1/") is adapter
        assert session.trust_env is False and session.verify is False and adapter.max_retries.total == 0


WAITS = [(None, None), ("", None), ("30", 30.0), ("-5", 0.0), ("soon", None), ("nan", None), ("1e9", 86400.0)]


@pytest.mark.parametrize(("text", "seconds"), WAITS)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(text) == seconds


def test_retry_after_as_a_date() -> None:
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert retry_after_seconds("Fri, 31 Dec 2100 23:59:59 GMT") == 86400.0
