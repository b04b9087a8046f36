"""Run ``pwserver healthcheck``, so that no container image needs curl. Status 0 when a worker and the poller live."""

from __future__ import annotations

import http.client
import json
import ssl
import sys

from pwserver.config import Config

LIMIT_SECONDS = 5.0
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


def main(config: Config) -> int:
    """Ask the running server of this configuration for /livez, and print its answer in one line."""
    address, port = config.settings.process.address
    connection: http.client.HTTPConnection
    if config.settings.process.tls:
        trusting = ssl.create_default_context()
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE  # it is this very machine, and the certificate may be self-signed
        connection = http.client.HTTPSConnection(
            ANY_ADDRESS.get(address, address), port, timeout=LIMIT_SECONDS, context=trusting
        )
    else:
        connection = http.client.HTTPConnection(ANY_ADDRESS.get(address, address), port, timeout=LIMIT_SECONDS)
    try:
        connection.request("GET", "/livez")
        answer = connection.getresponse()
        said = json.loads(answer.read()).get("status", "?")
    except (OSError, http.client.HTTPException, ValueError) as problem:
        print(f"pwserver healthcheck: {problem}", file=sys.stderr)
        return 1
    finally:
        connection.close()
    print(said)
    return 0 if answer.status == 200 else 1
