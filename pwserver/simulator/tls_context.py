"""Make a self-signed certificate at the start, like a gateway's, so that no key has to be shipped."""

from __future__ import annotations

import functools
import os
import ssl
import tempfile

from pwserver.certificate import self_signed


def make_certificate(names: tuple[str, ...] = ("localhost", "powerwall", "teg")) -> tuple[bytes, bytes]:
    """Return (certificate PEM, key PEM) for ``names`` and the loopback addresses, valid for a year."""
    return self_signed("simulated gateway", names, ("127.0.0.1", "::1"), days=365)


@functools.cache
def server_context() -> ssl.SSLContext:
    """Return the TLS context that all gateways of this process share, as making a key for each would be slow."""
    certificate, key = make_certificate()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # ``ssl`` only loads keys from files, so a private file exists for a moment.
    handle, path = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(certificate + key)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)
    return context
