"""Prepare HTTPS: with the owner's certificate, or with one that is signed by its own key once and kept.

``python -m pwserver.tls FOLDER`` makes the pair; the server runs that in a process of its own, so that the memory of
the cryptography library never stays with main and the workers.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

from pwserver.certificate import self_signed
from pwserver.config import Config, ConfigError
from pwserver.regular_file import check_regular

CERTIFICATE, KEY = "tls.crt", "tls.key"
VALID_DAYS = 3650
MAKE_SECONDS = 60


def server_context(config: Config) -> ssl.SSLContext | None:
    """Return the TLS context for the workers; None for plain HTTP. ConfigError when a file is missing or unusable."""
    if not config.settings.process.tls:
        return None
    certificate, key = config.settings.process.tls_cert, config.settings.process.tls_key
    if bool(certificate) != bool(key):
        raise ConfigError(["PW_TLS_CERT and PW_TLS_KEY: give both or neither"])
    if not certificate or not key:
        certificate, key = own_certificate(Path(config.state_path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        for path in (certificate, key):
            check_regular(path)
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as problem:
        reason = getattr(problem, "strerror", None) or getattr(problem, "reason", None) or "not usable"
        raise ConfigError([f"PW_TLS_CERT, PW_TLS_KEY: cannot be loaded ({reason}); PEM files are wanted"]) from None
    return context


def own_certificate(folder: Path) -> tuple[str, str]:
    """Return the pair in ``folder``, made when it is not there. ConfigError when the folder cannot be written."""
    certificate, key = folder / CERTIFICATE, folder / KEY
    if not (certificate.exists() and key.exists()):
        made = subprocess.run(
            [sys.executable, "-m", "pwserver.tls", str(folder)], capture_output=True, text=True, timeout=MAKE_SECONDS
        )
        if made.returncode:
            reason = (made.stderr.strip().splitlines() or ["unknown"])[-1]
            raise ConfigError([f"PW_HTTPS: no certificate can be made in PW_STATE_PATH ({reason})"])
    return str(certificate), str(key)


def make(folder: Path) -> None:
    """Sign a certificate for this machine's names; the key is readable by its owner only."""
    folder.mkdir(parents=True, exist_ok=True)
    host = socket.gethostname() or "localhost"
    names = dict.fromkeys((host, f"{host}.local", "localhost"))
    certificate, key = self_signed(host[:64], names, ("127.0.0.1", "::1"), VALID_DAYS)
    _write(folder / KEY, key)
    _write(folder / CERTIFICATE, certificate)


def _write(path: Path, content: bytes) -> None:
    """Write the file whole or not at all, with mode 0600 from the first byte."""
    part = path.with_suffix(".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    os.replace(part, path)


if __name__ == "__main__":
    try:
        make(Path(sys.argv[1]))
    except OSError as problem:
        sys.exit(f"{problem.strerror}")
