"""What pwserver relies on inside Sanic and sanic-ext: the installed version has it, and one module alone touches it."""

from __future__ import annotations

import ast
import importlib
import inspect
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sanic

import pwserver
from pwserver.web import sanic_internals
from pwserver.web.sanic_internals import TOUCHES, SanicTouch

PACKAGE = Path(pwserver.__file__).parent
DOOR = Path(sanic_internals.__file__)
READERS = ("getattr", "setattr", "hasattr", "delattr")
LIBRARIES = ("sanic", "sanic_ext", "sanic_routing", "websockets")
# What Sanic documents: all that `import sanic` offers, exceptions, and the class to extend for a router of one's own.
PUBLIC = {"sanic": set(sanic.__all__), "sanic.exceptions": None, "sanic.router": {"Router"}}
# Names of the table that classes of ours and of asyncio have as well, so that seeing them elsewhere proves nothing.
ORDINARY = {
    "abort", "build", "close", "connection_lost", "connection_made", "connections", "data_received", "describe",
    "eof_received", "exception", "http", "loop", "protocol", "raw", "reset", "response", "serialize", "state", "tag",
    "transport", "url", "websocket",
}  # fmt: skip
# The HTTP server of the simulator, which has nothing to do with Sanic, has a word of the table for a thing of its own.
OUR_OWN = {"simulator/http_port.py": {"keep_alive"}}


def found(where: str) -> Any:
    """The module, class or function at ``module:qualified.name``."""
    module, _, path = where.partition(":")
    thing: Any = importlib.import_module(module)
    for name in filter(None, path.split(".")):
        thing = getattr(thing, name)
    return thing


def words(code: types.CodeType) -> Iterator[str]:
    """Every name and every string constant in a function, its inner functions included."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from words(constant)
        elif isinstance(constant, tuple):
            yield from (one for one in constant if isinstance(one, str))
        elif isinstance(constant, str):
            yield constant


def missing(touch: SanicTouch) -> str | None:
    """What to tell when the installed library no longer has what ``touch`` names; None while it does."""
    try:
        place = found(touch.where)
    except (ImportError, AttributeError) as problem:
        return f"{touch.where} is gone ({problem}); {touch.name} {touch.why}"
    if touch.asked:
        code = inspect.unwrap(place).__code__
        has = touch.name in {*words(code), *code.co_varnames}
    else:
        has = hasattr(place, touch.name)
    return None if has else f"{touch.where} no longer has {touch.name}, which {touch.why}"


@pytest.mark.parametrize("touch", TOUCHES, ids=lambda touch: f"{touch.where}.{touch.name}")
def test_the_installed_version_has(touch: SanicTouch) -> None:
    assert missing(touch) is None
    assert touch.why and touch.until


@pytest.mark.parametrize(
    "touch",
    [
        SanicTouch("sanic.http:Http", "_left_with_a_new_version", "", ""),
        SanicTouch("sanic.http:LeftWithANewVersion", "keep_alive", "", ""),
        SanicTouch("sanic.left_with_a_new_version", "Http", "", ""),
        SanicTouch("sanic.app:Sanic.handle_request", "_left_with_a_new_version", "", "", asked=True),
    ],
)
def test_what_is_gone_is_told_by_name(touch: SanicTouch) -> None:
    told = missing(touch)
    assert told is not None
    assert "left_with_a_new_version" in told.lower() or "LeftWithANewVersion" in told


def test_no_name_is_listed_twice() -> None:
    assert len({(touch.where, touch.name) for touch in TOUCHES}) == len(TOUCHES)


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path != DOOR]


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(module, name) of everything that a module imports, wherever the line stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def private_touches(source: str) -> set[str]:
    """Everything in ``source`` that is not for other programs to use, as what was touched."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    touched = set()
    for module, name in imports(tree):
        if module.split(".")[0] in LIBRARIES:
            allowed = PUBLIC.get(module, set())
            if allowed is not None and name not in allowed:
                touched.add(f"{module}:{name}")
    uses_sanic = any(module.split(".")[0] in LIBRARIES for module, _ in imports(tree))
    other_modules = {module for module, name in imports(tree) if not name and module not in LIBRARIES}
    functions = {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    # What a module sets on self, or defines, is its own, unless it is a class or an object of Sanic's that it extends.
    own = functions | {node.attr for node in attributes if isinstance(node.ctx, ast.Store) and on(node) == "self"}
    listed = {touch.name for touch in TOUCHES} - ORDINARY
    for node in attributes:
        private = is_private(node.attr) and uses_sanic
        of_super = private and isinstance(node.value, ast.Call)
        if of_super or ((private or node.attr in listed) and node.attr not in own and on(node) not in other_modules):
            touched.add(node.attr)
    touched |= overridden(tree) | {name for name in named_in_strings(nodes) if is_private(name) or name in listed}
    return touched | (functions & listed if uses_sanic else set())


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def named_in_strings(nodes: list[ast.AST]) -> set[str]:
    """Attributes that are named in a string: getattr(request, "_name")."""
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    named = [call.args[1] for call in calls if getattr(call.func, "id", "") in READERS and len(call.args) > 1]
    return {str(part.value) for part in named if isinstance(part, ast.Constant)}


def overridden(tree: ast.AST) -> set[str]:
    """Private methods of the libraries that a class of ours replaces."""
    known = {name: module for module, name in imports(tree) if name and module.split(".")[0] in LIBRARIES}
    return {
        part.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if isinstance(base, ast.Name) and base.id in known
        for part in node.body
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)) and is_private(part.name)
        if hasattr(getattr(importlib.import_module(known[base.id]), base.id), part.name)
    }


def on(node: ast.Attribute) -> str:
    """The name of what an attribute is taken of, empty for an expression."""
    return node.value.id if isinstance(node.value, ast.Name) else ""


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_else_touches_what_is_private(path: Path) -> None:
    assert private_touches(path.read_text()) == OUR_OWN.get(str(path.relative_to(PACKAGE)), set())


@pytest.mark.parametrize(
    ("source", "touched"),
    [
        ("from sanic.http import Http", "sanic.http:Http"),
        ("import sanic.server", "sanic.server:"),
        (
            "def f():\n    from sanic_ext.extensions.openapi.builders import SpecificationBuilder",
            "sanic_ext.extensions.openapi.builders:SpecificationBuilder",
        ),
        ("from websockets.frames import Frame", "websockets.frames:Frame"),
        ("from sanic import Sanic\nSanic._app_registry.clear()", "_app_registry"),
        ("request.stream.upgrade_websocket = True", "upgrade_websocket"),
        ("handler.is_websocket = True", "is_websocket"),
        ("from sanic import Sanic\nclass A:\n    def close_if_idle(self): ...", "close_if_idle"),
        ("from sanic.router import Router\nclass A(Router):\n    def _get(self): ...", "_get"),
        ("from sanic.router import Router\nclass A(Router):\n    def get(self): return super()._get()", "_get"),
        ("setattr(handler, 'is_websocket', True)", "is_websocket"),
        ("from sanic import Sanic\ngetattr(app, '_startup')()", "_startup"),
    ],
)
def test_a_touch_elsewhere_is_found(source: str, touched: str) -> None:
    assert touched in private_touches(source)


def test_the_table_lists_everything_that_the_module_touches() -> None:
    """Imports, members inherited from Sanic's classes and used or replaced, and every attribute with an underscore."""
    tree = ast.parse(DOOR.read_text())
    listed = {touch.name for touch in TOUCHES}
    for module, name in imports(tree):
        if module.split(".")[0] in LIBRARIES and PUBLIC.get(module, set()) is not None:
            assert name in (PUBLIC.get(module) or ()) or name in listed, (module, name)
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        kind = getattr(sanic_internals, node.name)
        bases = [base for base in kind.__mro__ if base.__module__.split(".")[0] in LIBRARIES]
        inherited = {name for base in bases for name in vars(base)}
        used = {part.name for part in node.body if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef))}
        used |= {
            part.attr
            for part in ast.walk(node)
            if isinstance(part, ast.Attribute)
            and ((isinstance(part.value, ast.Name) and part.value.id == "self") or isinstance(part.value, ast.Call))
        }
        assert {name for name in used & inherited if name != "__init__"} <= listed, node.name
