"""Define where replica messages go: the broker, the topics, the key and the limits.

Topics below ``{prefix}/replica/1/{publisher}/``: ``state`` is ``online`` or ``offline`` (the will), ``gateway/{id}``
holds the newest envelope of a gateway (see ``replica_messages``). All are retained, so that a replica that starts has
everything at once.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from pwserver.mqtt.broker_settings import MqttSettings
from pwserver.mqtt.replica_messages import VERSION
from pwserver.mqtt.state_topics import safe_in_topic
from pwserver.records import record

SHORTEST_SILENCE_SECONDS = 20.0  # before a publisher counts as silent, even when it polls every second


@record(frozen=True, slots=True)
class ReplicaSettings:
    """Holds a broker, the name of this publisher (different for each, e.g. the host's), and the shared key, if any."""

    broker: MqttSettings
    name: str = "pwserver"
    prefix: str = "pwserver"
    key: bytes | None = field(default=None, repr=False)
    max_gateways: int = 64  # a reader takes on no more
    max_message_bytes: int = 4 << 20  # longer messages are refused, and not sent either

    @property
    def where(self) -> str:
        """Return broker and prefix for people, without any secret."""
        return f"{self.broker.host}:{self.broker.port}/{self.prefix}"

    @property
    def base(self) -> str:
        """Return the root of all replica topics of this version."""
        return f"{self.prefix}/replica/{VERSION}"


def settings_from_url(url: str, name: str, key: bytes | None = None, **broker: Any) -> ReplicaSettings:
    """Read ``mqtt://[user[:password]@]host[:port][/prefix]`` or ``mqtts://…``. Raises ValueError.

    ``broker`` adds members of MqttSettings, e.g. ``tls_ca_cert``. The error never repeats the address: it may hold a
    password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("the replica's address cannot be read") from None
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("the replica's address has to look like mqtt://host[:port][/prefix] or mqtts://…")
    prefix = parts.path.strip("/") or "pwserver"
    if not safe_in_topic(name) or any(not safe_in_topic(level) for level in prefix.split("/")):
        raise ValueError("the replica's name and prefix must not be empty or contain '+', '#' or '/'")
    tls = parts.scheme == "mqtts"
    settings = MqttSettings(
        host=parts.hostname,
        port=port or (8883 if tls else 1883),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls=tls,
        client_id="",
    )
    return ReplicaSettings(replace(settings, **broker), name, prefix, key)
