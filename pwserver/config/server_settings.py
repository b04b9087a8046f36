"""Define the settings of the server itself: its processes, what it serves on the web, the control of gateways.

Every field is one row of the settings table: its variable, what it may be, its default, its section and its help.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from pwserver.config.host_names import allowed_host, bind_address, network
from pwserver.config.kinds import Bool, BoolOr, Choice, FilePath, Items, Text, Word
from pwserver.config.number_kinds import Duration, Int
from pwserver.config.setting import CONTROL, DAY_SECONDS, LIMITS, SERVER, setting
from pwserver.config.urls import base_path, origin

STYLES = ("clear", "black", "white", "grafana", "grafana-dark", "solar", "dakboard")


def default_workers() -> int:
    """Return two, so that one may die unnoticed; one where there is only one core to run on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 2 if cores > 1 else 1


# fmt: off
@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSettings:
    """Holds where the server listens, and how its processes are run."""

    bind_address: str = setting(
        "PW_BIND_ADDRESS", Word("address", bind_address), "0.0.0.0", SERVER,
        "The server listens on this address of the machine; 0.0.0.0 means all of them.", file_name="host")
    port: int = setting(
        "PW_PORT", Int(0, 65535), 8675, SERVER, "The server listens on this port. With 0 it takes a free one.",
        bad_value_is_default=True)
    workers: int | None = setting(
        "PW_WORKERS", Int(1, 64), None, SERVER, "So many processes answer requests.",
        default_note="2, or 1 on a single core")
    debug: bool = setting(
        "PW_DEBUG", Bool(), False, SERVER, "Write a detailed log, with a line for every request.",
        bad_value_is_default=True)
    https: str = setting(
        "PW_HTTPS", BoolOr("no/yes/http", "http"), "no", SERVER,
        "With yes, the server speaks TLS, with a certificate of its own unless PW_TLS_CERT is set. Use http behind a "
        "proxy that speaks TLS: cookies are made for that.", bad_value_is_default=True)
    tls_cert: str | None = setting(
        "PW_TLS_CERT", FilePath(), None, SERVER, "The file with the certificate chain (PEM) for TLS.", private=True)
    tls_key: str | None = setting(
        "PW_TLS_KEY", FilePath(), None, SERVER, "The file with the private key (PEM) of the certificate.",
        private=True)
    state_path: str | None = setting(
        "PW_STATE_PATH", FilePath("folder"), None, SERVER,
        "The folder for what must survive a restart, such as the server's own certificate.", private=True,
        default_note="/data if it exists, else pwserver in the user's state folder")
    heartbeat_timeout_seconds: float = setting(
        "PW_HEARTBEAT_TIMEOUT", Duration(2, 600), 10.0, SERVER,
        "A process of the server that gives no sign of life for this time is replaced.")
    stop_timeout_seconds: float = setting(
        "PW_STOP_TIMEOUT", Duration(0.1, 60), 2.0, SERVER,
        "A server that is stopped gives running requests this time to finish.")

    @property
    def address(self) -> tuple[str, int]:
        """Return where the server listens: address and port."""
        return self.bind_address, self.port

    @property
    def worker_count(self) -> int:
        """Return the number of workers that was asked for, or the default of this machine."""
        return default_workers() if self.workers is None else self.workers

    @property
    def tls(self) -> bool:
        """Tell whether the server itself speaks TLS."""
        return self.https == "yes"

    @property
    def tls_elsewhere(self) -> bool:
        """Tell whether a proxy in front of the server speaks TLS."""
        return self.https == "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """Holds what the workers serve, to whom, and within which bounds."""

    style: str = setting(
        "PW_STYLE", Choice(STYLES), "clear", SERVER, "The style of the power flow page.", bad_value_is_default=True)
    base_path: str = setting(
        "PROXY_BASE_URL", Word("path", base_path, empty="/"), "", SERVER,
        "The path below which a reverse proxy serves this server.")
    cors_origins: tuple[str, ...] = setting(
        "CORS_ORIGINS", Items(origin, what="origins such as http://localhost:3000, or *"), ("*",), SERVER,
        "Pages of these web origins may read the API.", bad_value_is_default=True)
    browser_cache_seconds: int = setting(
        "PW_BROWSER_CACHE", Int(0, 31_536_000), 0, SERVER,
        "Browsers may keep styles, scripts and images for this time; 0 means not at all.", unit="s",
        bad_value_is_default=True, above_is_maximum=True)
    host_check: str = setting(
        "PW_HOST_CHECK", BoolOr("auto/yes/no", "auto"), "auto", SERVER,
        "Refuse requests for host names that are not this server's, against DNS rebinding: yes refuses all of them; "
        "auto refuses changes from browsers, and everything where CORS_ORIGINS lists origins; no refuses none.")
    allowed_hosts: tuple[str, ...] = setting(
        "PW_ALLOWED_HOSTS", Items(allowed_host, what="host names"), (), SERVER,
        "Further host names of this server, beside IP addresses, localhost, names without a dot, *.local and the "
        "machine's own name.")
    trusted_proxies: tuple[str, ...] = setting(
        "PW_TRUSTED_PROXIES", Items(network, what="addresses or networks"), (), SERVER,
        "These proxies are believed when X-Forwarded-For names the client, and X-Forwarded-Host the name it asked for.")
    head_timeout_seconds: float = setting(
        "PW_HEAD_TIMEOUT", Duration(0.1, 600), 10.0, LIMITS, "A client must send its whole request within this time.")
    idle_timeout_seconds: float = setting(
        "PW_IDLE_TIMEOUT", Duration(0.1, 3600), 75.0, LIMITS,
        "A connection without requests is closed after this time.")
    write_timeout_seconds: float = setting(
        "PW_WRITE_TIMEOUT", Duration(0.1, 600), 30.0, LIMITS,
        "A client that does not read its answer is disconnected after this time.")
    max_write_buffer_bytes: int = setting(
        "PW_MAX_WRITE_BUFFER", Int(16_384, 2**30), 65_536, LIMITS,
        "A connection with more unread answers than this has to wait.", unit="bytes")
    max_request_line_bytes: int = setting(
        "PW_MAX_REQUEST_LINE", Int(256, 65_536), 8192, LIMITS,
        "The first line of a request, with its URL, may have at most this length.", unit="bytes")
    max_head_bytes: int = setting(
        "PW_MAX_HEAD", Int(1024, 262_144), 16_384, LIMITS,
        "The head of a request, with all header fields, may have at most this length.", unit="bytes")
    max_head_fields: int = setting(
        "PW_MAX_FIELDS", Int(10, 1000), 100, LIMITS, "A request may have at most so many header fields.")
    max_connections: int = setting(
        "PW_MAX_CONNECTIONS", Int(10, 1_000_000), 10_000, LIMITS, "At most so many connections are open at a time.")
    max_connections_per_address: int = setting(
        "PW_MAX_CONNECTIONS_PER_ADDRESS", Int(1, 1_000_000), 2000, LIMITS,
        "At most so many connections are open to one address.")
    max_streams: int = setting(
        "PW_MAX_STREAMS", Int(0, 100_000), 2000, LIMITS,
        "At most so many WebSockets and event streams are open at a time.")
    max_streams_per_address: int = setting(
        "PW_MAX_STREAMS_PER_ADDRESS", Int(0, 100_000), 1000, LIMITS,
        "At most so many WebSockets and event streams are open to one address.")
    websocket_max_frame_bytes: int = setting(
        "PW_WEBSOCKET_MAX_FRAME", Int(125, 1_048_576), 4096, LIMITS,
        "A WebSocket message from a client may have at most this length.", unit="bytes")
    websocket_deflate: bool = setting(
        "PW_WEBSOCKET_DEFLATE", Bool(), False, LIMITS,
        "Compress WebSocket messages. This takes memory and time for every client.")
    rate_limit_enabled: bool = setting(
        "PW_RATE_LIMIT_ENABLED", Bool(), False, LIMITS, "Limit how many requests one address may make.",
        flag_names=("--rate-limit",), bad_value_is_default=True)
    rate_limit_requests: int = setting(
        "PW_RATE_LIMIT_MAX_REQUESTS", Int(1), 1000, LIMITS,
        "With the rate limit on, one address may make so many requests in PW_RATE_LIMIT_WINDOW_SECONDS.",
        bad_value_is_default=True, above_is_maximum=True)
    rate_limit_window_seconds: int = setting(
        "PW_RATE_LIMIT_WINDOW_SECONDS", Int(1, 86400), 60, LIMITS,
        "The time in which the rate limit counts the requests of an address.", unit="s",
        flag_names=("--rate-limit-window",), bad_value_is_default=True, above_is_maximum=True)
    rate_limit_addresses: int = setting(
        "PW_RATE_LIMIT_MAX_BUCKETS", Int(1, 1_000_000), 10_000, LIMITS,
        "The rate limit remembers so many addresses.", bad_value_is_default=True, above_is_maximum=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSettings:
    """Holds whether and how gateways can be commanded over HTTP."""

    secret: str | None = setting(
        "PW_CONTROL_SECRET", Text(), None, CONTROL,
        "The token that commands must carry. Without a token the server only reads.", aliases=("CONTROL_TOKEN",),
        secret=True)
    enabled: bool | None = setting(
        "CONTROL_ENABLED", Bool(), None, CONTROL, "With no, control stays off even when there is a token.",
        default_note="yes exactly when a secret is set")
    islanding_cooldown_seconds: int = setting(
        "PW_ISLANDING_COOLDOWN", Int(0, 86400), 30, CONTROL,
        "Between two commands that take the house off the grid or back on, at least this time must pass; 0 means that "
        "there is no such rule.", unit="s", bad_value_is_default=True, above_is_maximum=True)
    attempts: int = setting(
        "PW_CONTROL_ATTEMPTS", Int(1, 1000), 5, CONTROL,
        "An address that has sent so many wrong tokens has to wait.")
    lockout_seconds: float = setting(
        "PW_CONTROL_LOCKOUT", Duration(1, DAY_SECONDS), 300.0, CONTROL,
        "An address that sends wrong tokens has to wait longer each time, and at most for this time.")
    max_body_bytes: int = setting(
        "PW_MAX_CONTROL_BODY", Int(256, 1_048_576), 4096, LIMITS,
        "The body of a command may have at most this length.", unit="bytes")

    @property
    def token(self) -> str | None:
        """Return the control token, or None when control is off."""
        return None if self.enabled is False else self.secret
# fmt: on
