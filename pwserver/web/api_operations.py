"""Describe operations of the API: ``api_operations_*`` list those that are not documents of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from pwserver.documents.document import JSON
from pwserver.documents.json_schema import STRING, Schema, array, obj
from pwserver.json_types import Json
from pwserver.records import record

HTML = "text/html; charset=utf-8"
FORM = "application/x-www-form-urlencoded"


@record(frozen=True, slots=True)
class Parameter:
    """Describes a query or path parameter."""

    name: str
    schema: Schema
    text: str
    place: str = "query"
    example: Json = None


@record(frozen=True, slots=True)
class ApiOperation:
    """Describes one method of one path, as the API description shows it.

    ``schema`` and ``example`` are of the 200 answer; ``errors``: status -> when, all of them ``{"detail": ...}``;
    ``statuses``: further answers as status -> (text, schema or None for no body). ``bodies``: media type -> schema
    of the request. ``token``: needs the control token.
    """

    path: str
    summary: str
    tag: str
    schema: Schema = field(default_factory=dict)
    example: Json = None
    method: str = "get"
    media_type: str = JSON
    other_media_type: str | None = None  # which one is sent is for the Accept header to say
    text: str = ""
    parameters: tuple[Parameter, ...] = ()
    bodies: Mapping[str, Schema] = field(default_factory=dict)
    errors: Mapping[int, str] = field(default_factory=dict)
    statuses: Mapping[int, tuple[str, Schema | None]] = field(default_factory=dict)
    success: int = 200
    token: bool = False
    aged: bool = False  # a document of a snapshot: with Age, ETag and 304

    @property
    def names(self) -> frozenset[str]:
        """Return the names of its query parameters."""
        return frozenset(one.name for one in self.parameters if one.place == "query")


# Of routes that check their parameters: 422 with the list of what is wrong.
INVALID: Mapping[int, tuple[str, Schema | None]] = {
    422: (
        "a parameter or the body has a value that is not allowed",
        obj({"detail": array(obj({"type": STRING, "loc": array(STRING), "msg": STRING}))}),
    )
}
