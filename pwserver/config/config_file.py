"""Read the configuration file, YAML or JSON, as a mapping. PyYAML is imported only when a file needs it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pwserver.config.gateway_entries import Findings
from pwserver.config.raw_text import decides_who_may_reach_us, nearest, quoted, text_of
from pwserver.config.settings import BY_FILE_KEY
from pwserver.json_types import JsonMapping
from pwserver.regular_file import read_regular

TOP_LEVEL = ("server", "gateways", "tariff")
# In the block of the server, where nothing else has one.
_ADDRESS_OF_A_SERVER = frozenset({"address", "addr", "ip", "ip_address", "interface"})
_WHERE_TO_LISTEN = "give the address to listen on as bind_address in the block `server`"
MAX_BYTES = 1_000_000  # 256 gateways take about 100 kB; a wrong path may lead to a file of gigabytes


def read_file(
    path: str, findings: Findings, what: str = "configuration", members: str = "`gateways` and, if need be, `server`"
) -> JsonMapping | None:
    """Return the top-level mapping of the file, or None and a problem.

    Messages never quote the file, because it holds passwords.
    """
    try:
        text = read_regular(path, MAX_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not UTF-8 text"
        findings.problems.append(f"{path}: the {what} file cannot be read: {reason}")
        return None
    content = _parse_json(path, text, findings) if path.endswith(".json") else _parse_yaml(path, text, findings)
    if content is _FAILED:
        return None
    if not isinstance(content, Mapping):
        findings.problems.append(f"{path}: must be a mapping with {members}")
        return None
    return content


_FAILED = object()


def _parse_json(path: str, text: str, findings: Findings) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        findings.problems.append(f"{path}: is not JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    except (ValueError, RecursionError):
        findings.problems.append(f"{path}: is not usable JSON (nested too deeply, or a number too long)")
    return _FAILED


def _parse_yaml(path: str, text: str, findings: Findings) -> object:
    try:
        import yaml
    except ImportError:
        findings.problems.append(f"{path}: reading YAML needs the package PyYAML; install it or use a .json file")
        return _FAILED
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        # The error's own text quotes the line, and even its short form may name an alias or tag made of a password.
        mark = error.problem_mark or error.context_mark
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        findings.problems.append(
            f"{path}: is not YAML{place}; indent with blanks, and put texts with special characters in quotation marks"
        )
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        # Beside its own errors PyYAML lets those of Python's converters through, for a date such as 2026-02-31.
        findings.problems.append(f"{path}: is not usable YAML; put texts with special characters in quotation marks")
    return _FAILED


def _report_strangers(path: str, content: JsonMapping, findings: Findings) -> None:
    """Report what stands beside ``server:``, ``gateways:`` and ``tariff:``, where nothing reads it."""
    for key in content:
        if key in TOP_LEVEL or not isinstance(key, str) or key.startswith("x-"):
            continue
        near = nearest(key.lower(), TOP_LEVEL)
        if decides_who_may_reach_us(key):
            findings.problems.append(f"{path}: {quoted(key)} is not known here; {_WHERE_TO_LISTEN}")
            continue
        if (word := _where_to_listen(content[key], is_server=near == "server")) is not None:
            findings.problems.append(
                f"{path}: {quoted(key)}, which holds {quoted(word)}, is not known; {_WHERE_TO_LISTEN}"
            )
            continue
        meant = f"did you mean {near}?" if near else "settings belong into the block `server`"
        findings.warnings.append(f"{path}: {quoted(key)} is not known and ignored; {meant}")


def _where_to_listen(ignored: object, is_server: bool = False) -> str | None:
    """Return the name in a block that nothing reads which says where to listen; None without one.

    ``is_server``: its members are meant as those of ``server:``, where ``host`` is such a name.
    """
    if is_server and isinstance(ignored, Mapping):
        for key in ignored:
            setting = BY_FILE_KEY.get(str(key).lower().replace("-", "_"))
            if setting is not None and setting.name == "PW_BIND_ADDRESS":
                return str(key)
    blocks, seen = [ignored], set[int]()  # a block of YAML may hold itself
    while blocks:
        block = blocks.pop()
        if id(block) in seen:
            continue
        seen.add(id(block))
        if isinstance(block, Mapping):
            for key in block:
                if decides_who_may_reach_us(str(key)):
                    return str(key)
            blocks.extend(block.values())
        elif isinstance(block, list):
            blocks.extend(block)
    return None


def server_texts(path: str, content: JsonMapping, findings: Findings) -> dict[str, str]:
    """Return the ``server:`` block as setting name -> text. Null members count as not set."""
    _report_strangers(path, content, findings)
    block = content.get("server")
    if block is None:
        return {}
    if not isinstance(block, Mapping):
        findings.problems.append(f"{path}: server: must be a mapping")
        return {}
    texts: dict[str, str] = {}
    keys: dict[str, str] = {}
    for key, value in block.items():
        setting = BY_FILE_KEY.get(key.lower().replace("-", "_")) if isinstance(key, str) else None
        if setting is None and (decides_who_may_reach_us(str(key)) or str(key).lower() in _ADDRESS_OF_A_SERVER):
            findings.problems.append(f"{path}: server: {quoted(str(key))} is not a setting; {_WHERE_TO_LISTEN}")
            continue
        if setting is None and (word := _where_to_listen(value)) is not None:
            findings.problems.append(
                f"{path}: server: {quoted(str(key))}, which holds {quoted(word)}, is not a setting; {_WHERE_TO_LISTEN}"
            )
            continue
        if setting is None:
            near = nearest(str(key), BY_FILE_KEY)
            hint = f"; did you mean {near}?" if near else ""
            findings.warnings.append(f"{path}: server: {quoted(str(key))} is not a setting and ignored{hint}")
            continue
        if value is None:
            continue
        text = text_of(value)
        if setting.secret and not isinstance(value, str):
            text = None  # an unquoted number would lose its leading zeros
        if text is None:
            shown = "(hidden)" if setting.secret else quoted(value)
            expected = "a text in quotation marks" if setting.secret else setting.kind.expected
            findings.problems.append(f"{path}: server: {key}: {shown} is not allowed; give {expected}")
            continue
        if texts.get(setting.name, text) != text:
            findings.problems.append(
                f"{path}: server: {keys[setting.name]} and {key} are both given, mean the same and differ; "
                "leave one of them out"
            )
            continue
        texts[setting.name], keys[setting.name] = text, str(key)
    return texts
