"""Writes what the pages may read as TypeScript: ``python -m tests.pages.document_types types/documents.d.ts``.

The types are made of the published schemas, and ``make lint`` checks the pages against them. So no page can read a
member that the API description does not have.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from pwserver.documents.json_schema import Schema
from pwserver.web.openapi import operations

# The documents that pages load: name of the type, path of the document. The first path that fits an address wins.
DOCUMENTS = {
    "SiteHouse": "/api/site/{id}",
    "SiteOverview": "/api/site",
    "HouseRows": "/api/houses",
    "HouseChecks": "/api/checks/{id}",
    "AllChecks": "/api/checks",
    "Explanation": "/api/explain",
    "ControlStatus": "/control/status",
    "FullBackup": "/control/max_backup",
    "OperationSettings": "/api/operation",
    "ServerStatistics": "/stats",
    "MqttStatus": "/api/mqtt/status",
    "NoticeStatus": "/api/notices",
    "FirmwareVersion": "/version",
    "ServerHealth": "/health",
    "HistoryStatus": "/api/timeseries/status",
    "PowerTrend": "/api/timeseries/trend",
    "DailyEnergy": "/api/timeseries/daily",
    "EnergyToday": "/api/timeseries/today",
    "WindowTotals": "/api/history/totals",
    "CalendarTotals": "/api/history/calendar",
    "OutageList": "/api/outages",
    "EnergyValue": "/api/value",
    "BatteryHealth": "/api/battery/health",
    "SolarStrings": "/api/solar/strings",
    "SignalCatalogue": "/api/timeseries/signals",
    "SignalTrend": "/api/timeseries/signal_trend",
}
# They exist once more for every gateway, below /api/gateways/{id}.
OF_EVERY_GATEWAY = ("ControlStatus", "FullBackup")
HEAD = """\
// What the server answers, as the pages may read it.
// Written by `python -m tests.pages.document_types types/documents.d.ts` from the API description; do not edit.
"""
PLAIN = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean", "null": "null"}
NAME = re.compile(r"[A-Za-z_]\w*")
# Patterns that describe members by the end of their name, alone or as a whole: "volts$", "^watts$".
ENDING = re.compile(r"(\^?)(\w+)\$")


def declarations() -> str:
    """Return the whole file of declarations."""
    schemas = {operation.path: operation.schema for operation in operations() if operation.method == "get"}
    lines = [HEAD]
    for name, path in DOCUMENTS.items():
        lines += [f"type {name} = {type_of(schemas[path])};", ""]
    lines += [
        "/** The type of what is answered below this page's folder; an address that no document has is `never`. */"
    ]
    lines += ["type DocumentAt<Address extends string> = " + "\n  : ".join(_choices()) + "\n  : never;", ""]
    return "\n".join(lines)


def _choices() -> Iterator[str]:
    for name, path in DOCUMENTS.items():
        address = re.sub(r"\{\w+\}", "${string}", path.removeprefix("/"))
        if name in OF_EVERY_GATEWAY:
            address = "${string}" + address
        yield f"Address extends `{address}` | `{address}?${{string}}`\n  ? {name}"


def type_of(schema: Schema, depth: int = 0) -> str:
    """Return the TypeScript type of what this schema allows."""
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return _union(type_of(one, depth) for one in schema["anyOf"])
    kinds = schema.get("type")
    if kinds is None:
        return "unknown"
    return _union(_of_kind(kind, schema, depth) for kind in (kinds if isinstance(kinds, list) else [kinds]))


def _of_kind(kind: str, schema: Schema, depth: int) -> str:
    if kind == "array":
        return f"Array<{type_of(schema.get('items', {}), depth)}>"
    return _object(schema, depth) if kind == "object" else PLAIN[kind]


def _union(types: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(types))


def _object(schema: Schema, depth: int) -> str:
    required = schema.get("required", ())
    members = [
        (f"{name if NAME.fullmatch(name) else json.dumps(name)}{'' if name in required else '?'}", one)
        for name, one in schema.get("properties", {}).items()
    ]
    for pattern, one in schema.get("patternProperties", {}).items():
        for start, ending in ENDING.findall(pattern):
            members.append((f"{ending}?" if start else f"[name: `${{string}}{ending}`]", one))
    if isinstance(schema.get("additionalProperties"), dict):
        members.append(("[name: string]", schema["additionalProperties"]))
    if not members:
        return "Record<string, unknown>"
    indent = "  " * (depth + 1)
    inner = "".join(f"{indent}{name}: {type_of(one, depth + 1)};\n" for name, one in members)
    return f"{{\n{inner}{'  ' * depth}}}"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(declarations(), "utf-8")
