"""Check other words: each rule takes a text and returns it normalised, or raises BadValue."""

from __future__ import annotations

import re

from pwserver.config.raw_text import FALSE_WORDS, TRUE_WORDS, BadValue

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+\Z")


def email_address(text: str) -> str:
    if not _EMAIL.match(text):
        raise BadValue("an e-mail address")
    return text


def valid_topic_prefix(text: str) -> str:
    """Return MQTT topic levels without wildcards; a trailing slash is dropped."""
    topic = text.rstrip("/")
    if not topic or any(not level for level in topic.split("/")) or "+" in topic or "#" in topic:
        raise BadValue("a topic without +, # and empty levels, such as home/powerwall")
    return topic


def name_prefix(text: str) -> str:
    """Return the pattern that ``yes``, ``no`` or a pattern with ``{id}`` or ``{name}`` means; empty for none."""
    word = text.lower()
    if word in TRUE_WORDS:
        return "{id}_"
    if word in FALSE_WORDS:
        return ""
    rest = text.replace("{id}", "").replace("{name}", "")
    if rest == text or "{" in rest or "}" in rest or len(text) > 40:
        raise BadValue("yes, no, or a pattern with {id} or {name} such as {id}:")
    return text
