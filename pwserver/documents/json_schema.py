"""Construct JSON Schemas (2020-12) from short calls, so that a document's schema reads as easily as its example."""

from __future__ import annotations

from collections.abc import Iterable

from pwserver.json_types import JsonObject

Schema = JsonObject

ANY: Schema = {}
BOOLEAN: Schema = {"type": "boolean"}
INTEGER: Schema = {"type": "integer"}
STRING: Schema = {"type": "string"}
FLAG: Schema = {"type": "integer", "enum": [0, 1]}


def number(unit: str | None = None, text: str | None = None) -> Schema:
    """Return the schema of a number, with its unit in the description for people and in ``x-unit`` for generators."""
    schema: Schema = {"type": "number"}
    if unit:
        schema["x-unit"] = unit
    described = ", ".join(part for part in (text, unit) if part)
    if described:
        schema["description"] = described
    return schema


def integer(text: str | None = None) -> Schema:
    """Return the schema of an integer."""
    return {"type": "integer", "description": text} if text else dict(INTEGER)


def string(text: str | None = None, *, values: Iterable[str] = ()) -> Schema:
    """Return the schema of a string, which is one of ``values`` if there are any."""
    schema: Schema = dict(STRING)
    allowed = list(values)
    if allowed:
        schema["enum"] = allowed
    if text:
        schema["description"] = text
    return schema


def nullable(schema: Schema) -> Schema:
    """Return the schema of the same value or null, which means unknown. An empty schema allows null already."""
    if not schema:
        return schema
    if "$ref" in schema or "anyOf" in schema or "oneOf" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    kind = schema["type"]
    result = {**schema, "type": [*(kind if isinstance(kind, list) else [kind]), "null"]}
    if "enum" in schema:
        result["enum"] = [*schema["enum"], None]
    return result


def array(items: Schema) -> Schema:
    """Return the schema of an array whose items have one schema."""
    return {"type": "array", "items": items}


def obj(
    required: dict[str, Schema] | None = None,
    optional: dict[str, Schema] | None = None,
    *,
    more: Schema | bool = True,
    text: str | None = None,
) -> Schema:
    """Return the schema of an object; ``more``: further members may be anything (True), absent (False) or a schema."""
    schema: Schema = {"type": "object"}
    properties = {**(required or {}), **(optional or {})}
    if properties:
        schema["properties"] = properties
    if required:
        schema["required"] = list(required)
    if more is not True:
        schema["additionalProperties"] = more
    if text:
        schema["description"] = text
    return schema


def map_of(values: Schema, text: str | None = None) -> Schema:
    """Return the schema of an object with any member names and values of one shape."""
    return obj(more=values if values else True, text=text)


def patterns(members: dict[str, Schema], required: dict[str, Schema] | None = None, *, more: bool = True) -> Schema:
    """Return the schema of an object whose members' shapes follow from the patterns of their names."""
    schema = obj(required, more=more)
    schema["patternProperties"] = members
    return schema


def one_of(*schemas: Schema) -> Schema:
    """Return the schema of a value that matches any of these."""
    return {"anyOf": list(schemas)}


WATTS = number("W")
WATTHOURS = number("Wh")
PERCENT = number("%")
CELSIUS = number("°C")
HOURS = number("h")
EPOCH = number("s", "seconds since 1970")
SECONDS = number("s")

ERROR = obj({"error": STRING}, text="why there is nothing to show")
DETAIL = obj({"detail": STRING}, text="why the request could not be answered")
