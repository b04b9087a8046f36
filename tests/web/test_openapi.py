"""The API description: valid 3.1, complete, with examples that fit, and cheap until somebody wants it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from pwserver.documents.catalogue import CATALOGUE
from pwserver.web import openapi
from pwserver.web.page_routes import ROOT_FILES
from tests.support.server import Server
from tests.web.conftest import make_app

# Files, not an interface.
UNDESCRIBED = ("/static/", *(f"/{name}" for name in ROOT_FILES))
# Two catch-alls stand for many described paths.
CATCH_ALLS = {"/api/gateways/{id}/{target}", "/control/{action}", "/api/gateways/{id}/control/{action}"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document()


def responses(document: dict[str, Any]) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(path, method, media type, media type object) of every described success."""
    return [
        (path, method, media_type, content)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for media_type, content in operation["responses"].get("200", {}).get("content", {}).items()
    ]


def resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """``part``, or what its reference points at."""
    while "$ref" in part:
        found: Any = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def test_is_valid_openapi_31(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()
    identifiers = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(identifiers) == len(set(identifiers))
    assert {tag["name"] for tag in document["tags"]} >= {
        tag for methods in document["paths"].values() for operation in methods.values() for tag in operation["tags"]
    }
    assert [server["url"] for server in document["servers"]] == ["./"]


def test_every_document_is_in_it(document: dict[str, Any]) -> None:
    for row in CATALOGUE:
        for target in () if row.internal else row.targets:
            path = target.partition("?")[0].rstrip("/")
            if row.unprefixed and target:
                assert "get" in document["paths"][path], target
            if row.prefixed and row.scope.value == "gateway":
                assert "get" in document["paths"][f"/api/gateways/{{id}}{path}"], target


def test_every_route_of_the_server_is_in_it(document: dict[str, Any]) -> None:
    app = make_app("described")
    if not app.router.finalized:
        app.router.finalize()
    missing = []
    for route in app.router.routes_all.values():
        path = "/" + route.path.strip("/")
        for name, shown in (("gateway", "id"), ("path", "path"), ("target", "target"), ("action", "action")):
            path = path.replace(f"<{name}:str>", f"{{{shown}}}").replace(f"<{name}:path>", f"{{{shown}}}")
        if path.startswith(UNDESCRIBED) or path in CATCH_ALLS:
            continue
        for method in route.methods - {"HEAD", "OPTIONS"}:
            if method.lower() not in document["paths"].get(path, {}) and (method, path) != ("POST", "/control/status"):
                missing.append(f"{method} {path}")
    assert missing == []


def test_every_success_has_a_schema_and_examples_fit_it(document: dict[str, Any]) -> None:
    checked = 0
    for path, method, media_type, content in responses(document):
        assert "schema" in content, (path, method)
        if "example" in content:
            examples = [content["example"]]
        else:
            examples = [resolved(document, found)["value"] for found in content.get("examples", {}).values()]
        for example in examples:
            schema = {"$ref": "#/s", "s": content["schema"], "components": document["components"]}
            errors = [error.message[:200] for error in jsonschema.Draft202012Validator(schema).iter_errors(example)]
            assert errors == [], (path, media_type)
            checked += 1
    assert checked > 180


def test_every_document_has_an_example_units_and_errors(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        operation = methods.get("get", {})
        headers = operation.get("responses", {}).get("200", {}).get("headers", {})
        if "Age" not in headers:
            continue
        for content in operation["responses"]["200"]["content"].values():
            assert "example" in content or "examples" in content, path
        assert {"200", "304", "429", "500", "503"} <= set(operation["responses"]), path
        assert not path.startswith("/api/gateways/{id}") or "404" in operation["responses"], path
    text = json.dumps(document, ensure_ascii=False)
    for unit in ("W", "Wh", "V", "A", "Hz", "rpm", "°C", "%", "s"):
        assert f'"x-unit": "{unit}"' in text, unit


def test_null_stays_null_in_examples(document: dict[str, Any]) -> None:
    """sanic-ext's builder drops what is None in its own objects; in examples null is an answer."""
    example = resolved(document, next(iter(document["paths"]["/freq"]["get"]["responses"]["200"]["content"].values())))
    found = example.get("example") or resolved(document, example["examples"]["rendered"])["value"]
    assert None in found.values()


def test_served_as_generated_and_not_sent_twice(server: Server, document: dict[str, Any]) -> None:
    answer = server.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == document
    again = server.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    packed = server.get("/power/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert len(packed.body) < len(answer.body) / 5


def test_no_operation_is_described_twice() -> None:
    """A second description of a path would be passed over in silence, unless the first is a document's."""
    described = [(one.path, one.method) for one in openapi.ROUTE_OPERATIONS]
    assert len(described) == len(set(described))


def test_nothing_of_sanic_ext_is_loaded_until_the_description_is_wanted() -> None:
    """Its import is a quarter of a second and ten megabytes, and its CORS, health and templates are not ours."""
    script = (
        "import sys\n"
        "from pwserver.config import load\n"
        "from pwserver.assemble import assemble\n"
        "from pwserver.web.app import create_app\n"
        "app = create_app(assemble(load({}, {})))\n"
        "assert 'sanic_ext' not in sys.modules and 'pydantic' not in sys.modules\n"
        "assert app.config.AUTO_EXTEND is False\n"
        "from pwserver.web import openapi\n"
        "openapi.document()\n"
        "assert 'sanic_ext' in sys.modules\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
