"""Serve /openapi.json, /docs and /redoc: the API description, made from the catalogue and ``ROUTE_OPERATIONS``.

sanic-ext's builder assembles the document when a client first asks for it: its import costs 0.2 s and 10 MB, which a
server whose API pages are never opened saves. None of its other extensions is used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from sanic import Blueprint, HTTPResponse, Request

from pwserver import __version__
from pwserver.documents import schemas, site_schemas
from pwserver.documents.catalogue import FORMS, GATEWAY_DOCUMENTS, SITE_DOCUMENTS, WORKER_DOCUMENTS
from pwserver.documents.document import JSON, Document, Scope
from pwserver.documents.encode import etag, gzip_twin, to_json
from pwserver.documents.examples import example_of
from pwserver.documents.json_schema import DETAIL, ERROR, STRING, Schema
from pwserver.json_types import Json, JsonMapping, JsonObject
from pwserver.web import (
    api_history_parts,
    api_operations_control,
    api_operations_devices,
    api_operations_events,
    api_operations_history,
    api_operations_server,
    api_operations_timeseries,
)
from pwserver.web.api_operations import ApiOperation, Parameter
from pwserver.web.assets import Assets
from pwserver.web.errors import JsonBlueprint
from pwserver.web.legacy_routes import redirect
from pwserver.web.page_routes import page_headers, page_representation
from pwserver.web.representation import Representation, send
from pwserver.web.sanic_internals import build_description

# All operations but those of the catalogue's documents.
ROUTE_OPERATIONS = (
    *api_operations_server.OPERATIONS,
    *api_operations_control.OPERATIONS,
    *api_operations_timeseries.OPERATIONS,
    *api_operations_devices.OPERATIONS,
    *api_operations_history.OPERATIONS,
    *api_operations_events.OPERATIONS,
)
VERSION = "3.1.0"
DIALECT = "https://spec.openapis.org/oas/3.1/dialect/base"
TAGS = {
    "core": "What recorders read: powers, charge, devices, strings, temperatures, alerts, fans",
    "csv": "One line of values, for shell scripts",
    "tesla": "The gateway's own web API, as far as clients use it",
    "pw": "Single values",
    "gateways": "Every document of every gateway, by its id; `aggregate` is the sum of all",
    "aggregate": "Sums over all gateways",
    "site": "For pages, screens and apps: every configured gateway with its state, and the sum of all",
    "server": "The server itself",
    api_operations_control.TAG: "Reading and changing settings of the default gateway",
    api_history_parts.TAG: "Time series",
    api_operations_events.TAG: "The diary of every gateway",
    "raw": "Answers of the gateway or the cloud as the library returns them",
    "pages": "Pages for people",
}
INTRODUCTION = """\
Everything that a client can GET is a document, rendered once after every poll; no GET ever asks a gateway. `Age` and
`X-Powerwall-Timestamp` say how old the data are. Unknown numbers are `null`, never 0. Powers are in W, energies in Wh.

Every path that answers GET also answers HEAD. Unknown query parameters are ignored, and a slash at the end makes no
difference. `?gateway=ID` asks for the document of another gateway than the default one.
All paths also answer below `PROXY_BASE_URL`. Errors are JSON with a member `detail`."""
TOO_LARGE = "the document does not fit into its place in shared memory, or there is nothing to serve"
LIMITED = "the rate limit is reached, where one is set; `Retry-After` says how long to wait"
GATEWAY_ID = Parameter("id", STRING, "id of a gateway, or `aggregate`", place="path")
SITE_ID = Parameter("id", STRING, "id of a gateway", place="path")
GATEWAYS = "/api/gateways/{id}"
HEADERS_QUERY = Parameter("headers", STRING, "begin with a header line; the value does not matter")


def operations() -> Iterator[ApiOperation]:
    """Yield every operation of the server. Where a document and a route share a path, the document describes it."""
    done: set[tuple[str, str]] = set()
    for operation in (*_from_catalogue(), *ROUTE_OPERATIONS):
        key = (operation.path, operation.method)
        if key not in done:
            done.add(key)
            yield operation


def _from_catalogue() -> Iterator[ApiOperation]:
    for row in GATEWAY_DOCUMENTS:
        if row.unprefixed:
            yield from _operations(row, row.targets)
    for row in (*SITE_DOCUMENTS, *WORKER_DOCUMENTS):
        if not row.internal:
            yield from _operations(row, row.targets)
    for row in GATEWAY_DOCUMENTS:
        if row.by_id:
            for operation in _operations(row, row.targets):
                yield replace(operation, parameters=(SITE_ID,))
    unknown = {404: "there is no such gateway"}
    for row in GATEWAY_DOCUMENTS:
        if row.prefixed:
            for operation in _operations(row, [GATEWAYS + target for target in row.targets]):
                yield replace(
                    operation,
                    tag="gateways",
                    parameters=(GATEWAY_ID, *operation.parameters),
                    errors={**operation.errors, **unknown},
                )


def _operations(row: Document, targets: Iterable[str]) -> Iterator[ApiOperation]:
    canonical = ""
    for target in targets:
        path, _, query = target.partition("?")
        path = path.rstrip("/") or path
        if query or path == canonical:  # the form with a header line is the plain one with a parameter
            continue
        has_headers = row.target.startswith("/csv")
        yield ApiOperation(
            path,
            row.summary,
            row.family,
            row.schema,
            example_of(row),
            media_type=row.media_type,
            text=f"Another name of `{canonical}`." if canonical else "",
            parameters=(HEADERS_QUERY,) if has_headers else (),
            errors=row.errors,
            aged=row.scope is not Scope.WORKER,
            other_media_type=SITE_DOCUMENTS[FORMS[path][0]].media_type if path in FORMS else None,
        )
        canonical = canonical or path


class Components:
    """Collects the schemas and examples that several operations share, by name."""

    def __init__(self) -> None:
        self._names = {
            id(schema): "".join(part.capitalize() for part in name.split("_"))
            for name, schema in {**vars(schemas), **vars(site_schemas)}.items()
            if isinstance(schema, dict) and name.isupper() and len(name) > 2 and not name.startswith("_")
            if "properties" in schema or "patternProperties" in schema or "anyOf" in schema or "enum" in schema
        }
        self._names[id(DETAIL)], self._names[id(ERROR)] = "Detail", "Error"
        self.schemas: dict[str, Schema] = {}
        self.examples: JsonObject = {}

    def schema(self, schema: Schema) -> Schema:
        """Return a reference to ``schema`` where it has a name, else the schema with references inside."""
        name = self._names.get(id(schema))
        if name is None:
            return dict(self._inside(schema))
        if name not in self.schemas:
            self.schemas[name] = {}  # first, should a schema ever contain itself
            self.schemas[name] = self._inside(schema)
        return {"$ref": f"#/components/schemas/{name}"}

    def example(self, operation: ApiOperation) -> JsonObject:
        """Return the member of a media type that shows the example; equal examples are stored once."""
        if operation.example is None:
            return {}
        if not isinstance(operation.example, (dict, list)) or len(str(operation.example)) < 100:
            return {"example": operation.example}
        name = next((name for name, known in self.examples.items() if known["value"] == operation.example), "")
        if not name:
            name = operation_id(operation)
            self.examples[name] = {"summary": operation.summary, "value": operation.example}
        return {"examples": {"rendered": {"$ref": f"#/components/examples/{name}"}}}

    def _inside(self, value: object) -> Json:
        if isinstance(value, dict):
            return {key: self._part(item) for key, item in value.items()}
        return [self._part(item) for item in value] if isinstance(value, list) else value

    def _part(self, value: object) -> Json:
        return self.schema(value) if isinstance(value, dict) else self._inside(value)


def operation_id(operation: ApiOperation) -> str:
    """Return the name that generated clients use: ``get_soe``, ``get_gateway_soe``."""
    path = operation.path.replace(GATEWAYS, "gateway", 1)
    words = "".join(character if character.isalnum() else "_" for character in path).strip("_")
    return f"{operation.method}_{words or 'page'}"


def document(listed: Iterable[ApiOperation] | None = None) -> JsonObject:
    """Return the whole description as plain data. Imports sanic-ext."""
    components = Components()
    paths: dict[str, JsonObject] = {}
    for operation in operations() if listed is None else listed:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, components)
    named = {"schemas": components.schemas, "examples": components.examples, "headers": HEADERS}
    built = build_description("pwserver", __version__, INTRODUCTION, TAGS, named, paths)
    # The builder knows 3.0 only; what is 3.1 here are the schemas, which it passes on as they are.
    built["info"]["license"] = {"name": "MIT", "identifier": "MIT"}
    return {**built, "openapi": VERSION, "jsonSchemaDialect": DIALECT}


HEADERS: JsonMapping = {
    "Age": {"description": "seconds since the gateway was read", "schema": {"type": "integer", "minimum": 0}},
    "X-Powerwall-Timestamp": {
        "description": "when the gateway was read, in seconds since 1970",
        "schema": {"type": "string", "pattern": r"^\d+\.\d{3}$"},
    },
    "ETag": {"description": "names this very body, for If-None-Match", "schema": {"type": "string"}},
}


def _operation(operation: ApiOperation, components: Components) -> JsonObject:
    described: JsonObject = {
        "operationId": operation_id(operation),
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": _responses(operation, components),
    }
    if operation.text:
        described["description"] = operation.text
    if operation.parameters:
        described["parameters"] = [
            {
                "name": parameter.name,
                "in": parameter.place,
                "required": parameter.place == "path",
                "description": parameter.text,
                "schema": components.schema(parameter.schema),
                **({"example": parameter.example} if parameter.example is not None else {}),
                **({"allowEmptyValue": True} if parameter is HEADERS_QUERY else {}),
            }
            for parameter in operation.parameters
        ]
    if operation.bodies:
        content = {media: {"schema": components.schema(schema)} for media, schema in operation.bodies.items()}
        described["requestBody"] = {"required": True, "content": content}
    if operation.token:
        described["security"] = [{"control": []}]
    return described


def _responses(operation: ApiOperation, components: Components) -> JsonObject:
    success: JsonObject = {"description": operation.summary}
    if operation.success == 200:
        content = {"schema": components.schema(operation.schema), **components.example(operation)}
        media_types = filter(None, (operation.media_type, operation.other_media_type))
        success["content"] = dict.fromkeys(media_types, content)
    if operation.aged:
        success["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS}
    responses = {str(operation.success): success}
    if operation.aged:
        responses["304"] = {"description": "the body that `If-None-Match` names is still current"}
    errors = {503: TOO_LARGE, 429: LIMITED, **operation.errors}
    wrong = {JSON: {"schema": components.schema(DETAIL)}}
    for status in sorted(errors):
        responses[str(status)] = {"description": errors[status], "content": wrong}
    for status, (text, schema) in operation.statuses.items():
        responses[str(status)] = {"description": text}
        if schema is not None:
            responses[str(status)]["content"] = {JSON: {"schema": components.schema(schema)}}
    failed = {"anyOf": [components.schema(DETAIL), components.schema(ERROR)]}
    responses["500"] = {"description": "the server has failed", "content": {JSON: {"schema": failed}}}
    return responses


class Description:
    """Makes the document as bytes, once in each worker that is asked for it."""

    def __init__(self) -> None:
        self._made: asyncio.Future[Representation] | None = None

    async def get(self) -> Representation:
        """Return the description, made in a thread, so that no other client waits for it."""
        if self._made is None:
            self._made = asyncio.get_running_loop().run_in_executor(None, _packed)
        try:
            return await asyncio.shield(self._made)
        except Exception:
            self._made = None
            raise


def _packed() -> Representation:
    body = to_json(document())
    return Representation(body, gzip_twin(body), etag(body).strip(b'"'), JSON)


def blueprint(assets: Assets) -> Blueprint:
    """Make the three routes."""
    routes = JsonBlueprint("openapi")
    description = Description()
    methods = ["GET", "HEAD"]

    @routes.route("/openapi.json", methods=methods)
    async def openapi(request: Request) -> HTTPResponse:
        return send(request, await description.get(), {"cache-control": "no-cache"})

    def page(name: str) -> Any:
        shown = page_representation(assets.page(name).replace("{hash}", assets.hash))
        headers = page_headers(assets.page(name))

        async def handler(request: Request) -> HTTPResponse:
            if request.path.endswith("/"):  # the page's links are relative
                return redirect(f"../{name}")
            return send(request, shown, headers)

        return handler

    for name in ("docs", "redoc"):
        routes.add_route(page(name), f"/{name}", methods=methods, name=name)
    return routes
