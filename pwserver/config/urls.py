"""Check URLs and their parts: each rule takes a text and returns it normalised, or raises BadValue."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from pwserver.config.host_names import host_name, split_host
from pwserver.config.raw_text import BadValue
from pwserver.config.word_rules import valid_topic_prefix
from pwserver.web_origins import canonical_origin

_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@,\"'\\]+\Z")
_BASE_PATH = re.compile(r"(?:/[A-Za-z0-9_.~!$&'()*+,;=:@-]+)*\Z")


def origin(text: str) -> str:
    """Return ``*`` or ``scheme://host[:port]`` as browsers write it, without a trailing slash, which never matches."""
    text = text.rstrip("/")
    if text == "*" or _ORIGIN.match(text):
        return canonical_origin(text) or text
    raise BadValue("origins such as http://localhost:3000, or *")


def base_path(text: str) -> str:
    """Return a sub-path without trailing slash; empty for none. A missing leading slash is added."""
    path = "/" + text.strip("/") if text.strip("/") else ""
    if not _BASE_PATH.match(path) or any(part in (".", "..") for part in path.split("/")):
        raise BadValue("a path such as /pypowerwall, without ?, #, % or blanks")
    return path


def broker_url(text: str) -> str:
    """Return ``mqtt://[user:password@]host[:port][/topic/prefix]``, or ``mqtts://`` for TLS."""
    expected = "a broker such as mqtt://user:password@broker:1883/pwserver, or mqtts:// for TLS"
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("mqtt", "mqtts") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.query or "#" in text:
        raise BadValue(expected)
    if parts.path.strip("/"):
        try:
            valid_topic_prefix(parts.path.strip("/"))
        except BadValue:
            raise BadValue(expected) from None
    return text


def broker_host(text: str) -> str:
    """Return the host of a broker alone; ``mqtt://`` before it says nothing more and is left out."""
    expected = (
        "a host name or an address alone, such as homeassistant.local; the port goes into MQTT_PORT, the login into "
        "MQTT_USERNAME and MQTT_PASSWORD, and TLS is MQTT_TLS=yes"
    )
    scheme, mark, rest = text.partition("://")
    host = rest.rstrip("/") if mark and scheme.lower() in ("mqtt", "tcp") else text
    name, port = split_host(host)
    try:
        host_name(name if name.isascii() else name.encode("idna").decode())
    except ValueError:  # BadValue and UnicodeError are
        raise BadValue(expected) from None
    if port is not None:
        raise BadValue(expected)
    return name[1:-1] if name.startswith("[") else name


def json_url(text: str) -> str:
    """Return the address of a JSON as it may be asked. Raises BadValue."""
    expected = "an http:// or https:// URL with a host, without user, password and #"
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and parts.username is None and "#" not in text and parts.port != 0
        host_name(parts.netloc if parts.hostname else "")
    except ValueError:  # BadValue is one
        raise BadValue(expected) from None
    if not fits or not text.isascii() or not text.isprintable() or " " in text:
        raise BadValue(expected)
    return text


def url_secrets(text: str) -> set[str]:
    """Return the password in a broker's URL, as it stands there and as it is meant."""
    try:
        password = urlsplit(text).password
    except ValueError:
        return set()
    return {password, unquote(password)} if password else set()
