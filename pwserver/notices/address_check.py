"""Ask Apprise whether it understands the configured addresses, in a process that ends afterwards."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Final

from pwserver.config import ConfigError
from pwserver.config.notice_settings import NoticeSettings
from pwserver.notices.courier import PROGRAM
from pwserver.notices.delivery import target_of

CHECK_SECONDS: Final = 60.0  # to import Apprise and look at addresses, on a slow machine


def check_addresses(notices: NoticeSettings) -> None:
    """Raise ConfigError when Apprise does not understand an address; which one is told by its number only."""
    addresses = {target_of(address): address for address in notices.addresses or ()}
    if not addresses:
        return
    refused = _refused(addresses)
    if refused is None:
        problem = "Apprise cannot be run; install it anew with `pip install 'pwserver[notices]'`"
        raise ConfigError([f"PW_NOTICE_URLS: {problem}"])
    if refused:
        places = " and ".join(str(place) for place, target in enumerate(addresses, 1) if target in refused)
        allowed = "give addresses that Apprise understands, such as ntfy://host/topic or mailto://user:password@host"
        raise ConfigError(
            [f"PW_NOTICE_URLS: address {places} of {len(addresses)} (**********) is not allowed; {allowed}"]
        )


def _refused(addresses: Mapping[str, str]) -> list[str] | None:
    """Return the targets whose address Apprise does not understand; None where Apprise could not be asked."""
    start = json.dumps({"addresses": dict(addresses), "check": True, "seconds": 0.0}).encode() + b"\n"
    try:
        answer = subprocess.run(
            PROGRAM, input=start, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=CHECK_SECONDS, check=False
        )
        refused: list[str] = json.loads(answer.stdout)["refused"]
    except (OSError, ValueError, KeyError, subprocess.TimeoutExpired):
        return None
    return refused
