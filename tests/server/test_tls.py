"""HTTPS: a certificate of our own, made once; bad files stop the start with one readable message."""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509

from pwserver.config import ConfigError, load
from pwserver.tls import CERTIFICATE, KEY, server_context


def test_plain_http_needs_no_context() -> None:
    assert server_context(load({}, {})) is None


def test_the_certificate_is_made_once_and_its_key_is_private(tmp_path: Path) -> None:
    config = load({}, {"PW_HTTPS": "yes", "PW_STATE_PATH": str(tmp_path / "state")})
    assert isinstance(server_context(config), ssl.SSLContext)
    key = tmp_path / "state" / KEY
    first = key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    server_context(config)
    assert key.read_bytes() == first


@pytest.mark.parametrize("wrong", ["-20000d", "-400d", "+1000d"])
def test_a_certificate_made_under_a_wrong_clock_is_valid_under_the_right_one(tmp_path: Path, wrong: str) -> None:
    library = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), "libfaketime is not installed")
    fake = {"LD_PRELOAD": str(library), "FAKETIME": wrong}
    subprocess.run([sys.executable, "-m", "pwserver.tls", str(tmp_path)], env={**os.environ, **fake}, check=True)
    made = x509.load_pem_x509_certificate((tmp_path / CERTIFICATE).read_bytes())
    now = datetime.datetime.now(datetime.UTC)
    assert made.not_valid_before_utc <= now < made.not_valid_after_utc


@pytest.mark.parametrize("name", ["127.0.0.1", "::1", "localhost", socket.gethostname()])
def test_who_trusts_the_certificate_is_content_with_it_under_every_local_name(tmp_path: Path, name: str) -> None:
    context = server_context(load({}, {"PW_HTTPS": "yes", "PW_STATE_PATH": str(tmp_path)}))
    assert context is not None
    trusting = ssl.create_default_context(cafile=str(tmp_path / CERTIFICATE))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=name)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for side in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
                done.add(side)
    assert client.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize("content", ["not a certificate", ""])
def test_a_file_that_is_no_certificate_is_named(tmp_path: Path, content: str) -> None:
    for name in (CERTIFICATE, KEY):
        (tmp_path / name).write_text(content)
    files = {"PW_TLS_CERT": str(tmp_path / CERTIFICATE), "PW_TLS_KEY": str(tmp_path / KEY)}
    with pytest.raises(ConfigError, match="PW_TLS_CERT"):
        server_context(load({}, {"PW_HTTPS": "yes", **files}))


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="PW_TLS_KEY"):
        server_context(load({}, {"PW_HTTPS": "yes", "PW_TLS_CERT": str(tmp_path / CERTIFICATE)}))


def test_a_state_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="PW_STATE_PATH"):
        server_context(load({}, {"PW_HTTPS": "yes", "PW_STATE_PATH": str(tmp_path / "file" / "below")}))
