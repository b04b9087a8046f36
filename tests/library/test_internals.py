"""Each private thing of pypowerwall that is touched is in one table, still exists, and is touched in one module."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pwserver.gateways import library_internals
from pwserver.gateways.library_internals import TOUCHES, LibraryTouch
from tests.support.programs import clean_environment

ROOT = Path(__file__).parents[2]
DOOR = ROOT / "pwserver" / "gateways" / "library_internals.py"
GATEWAYS = sorted(path for path in DOOR.parent.glob("*.py") if path != DOOR)
REPLACED = {touch.name.rpartition(":")[2].rpartition(".")[2] for touch in TOUCHES if touch.replaced}
STATE = {touch.name.rpartition(".")[2] for touch in TOUCHES if not touch.replaced}
SESSIONS = {"session", "api_session", "wifi_session"}  # ours are called so, too: they are called, not closed
OF_LOGINS = {name for touch in TOUCHES if (name := touch.name.rpartition(".")[2]).isupper()} | {"site_id"}


# ── the installed version still has everything ───────────────────────────────────────────────────────────────────────


def opens_files(module: Any) -> bool:
    tree = ast.parse(inspect.getsource(module))
    return any(isinstance(node, ast.Call) and getattr(node.func, "id", "") == "open" for node in ast.walk(tree))


def sets_member(kind: type, name: str) -> bool:
    """Is there an assignment to ``self.name`` in the class or in one it is derived from?"""
    for base in kind.__mro__[:-1]:
        for node in ast.walk(ast.parse(inspect.getsource(importlib.import_module(base.__module__)))):
            if isinstance(node, ast.ClassDef) and node.name == base.__name__:
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store) and inner.attr == name:
                        return True
    return False


def exists(name: str) -> bool:
    """Does the installed library have ``module:member`` or ``module:class.member``?"""
    place, _, member = name.partition(":")
    module = importlib.import_module(place)
    owner, _, attribute = member.rpartition(".")
    if not owner:
        return opens_files(module) if member == "open" else hasattr(module, member)
    kind = getattr(module, owner, None)
    return isinstance(kind, type) and (hasattr(kind, attribute) or sets_member(kind, attribute))


@pytest.mark.parametrize("touch", TOUCHES, ids=lambda touch: touch.name)
def test_the_installed_library_has_it(touch: LibraryTouch) -> None:
    assert exists(touch.name), f"this pypowerwall has no {touch.name}: {touch.needed}"


def test_what_no_version_has_is_found_missing() -> None:
    lost = (
        "pypowerwall:nothing",
        "pypowerwall:Nothing.at_all",
        "pypowerwall.tedapi:TEDAPI.nothing",
        "pypowerwall:open_",
    )
    assert not any(exists(name) for name in lost)
    assert not exists("pypowerwall.exceptions:open")


def test_each_row_says_why_and_until_when() -> None:
    assert len({touch.name for touch in TOUCHES}) == len(TOUCHES)
    for touch in TOUCHES:
        assert touch.needed.endswith(".") and touch.needed[0].isupper(), touch.name
        assert touch.unnecessary and not touch.unnecessary.endswith("."), touch.name


def test_an_unknown_library_is_refused_loudly() -> None:
    with pytest.raises(RuntimeError, match=r"no pypowerwall\.no_such_name: unsupported version"):
        library_internals.replace_names(library_internals.load(), no_such_name=1)


# ── no other module touches any of it ────────────────────────────────────────────────────────────────────────────────


def of_ours(node: ast.expr) -> bool:
    """Is this ``self``, ``cls`` or ``super()``?"""
    if isinstance(node, ast.Call):
        node = node.func
    return isinstance(node, ast.Name) and node.id in ("self", "cls", "super")


def private_touches(tree: ast.AST) -> Iterator[str]:
    """Yield what a module of gateways touches that belongs into the table."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{name}" for name in names]
            outside = [name for name in names if not name.startswith(("pwserver", "__future__"))]
            yield from (name for name in outside if name.startswith("pypowerwall") or "._" in name)
        elif isinstance(node, ast.Attribute):
            if of_ours(node.value):
                continue
            stored = not isinstance(node.ctx, ast.Load)
            hidden = node.attr.startswith("_") and not node.attr.startswith("__")
            ours = node.attr in OF_LOGINS or (node.attr in SESSIONS and id(node) in called)
            if hidden or (stored and node.attr in REPLACED) or (node.attr in STATE and not ours):
                yield f"{ast.unparse(node)} in line {node.lineno}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            reached = any(name in STATE or name.startswith("_") for name in names)
            if node.func.id in ("setattr", "vars", "delattr") or (node.func.id in ("getattr", "hasattr") and reached):
                yield f"{ast.unparse(node)} in line {node.lineno}"


@pytest.mark.parametrize("path", GATEWAYS, ids=lambda path: path.stem)
def test_no_other_module_touches_anything_private(path: Path) -> None:
    assert list(private_touches(ast.parse(path.read_text()))) == []


def test_no_module_outside_gateways_imports_the_library() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "pwserver").rglob("*.py"))
        if any(
            isinstance(node, (ast.Import, ast.ImportFrom))
            and any(name.split(".")[0] == "pypowerwall" for name in imported(node))
            for node in ast.walk(ast.parse(path.read_text()))
        )
    ]
    assert found == ["pwserver/gateways/library_internals.py"]


def imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]


@pytest.mark.parametrize(
    "line",
    [
        "client.pwcooldown = 0",
        "self.tedapi._native_fail_until = 0.0",
        "self.fleet._backoff_until = 0.0",
        'vars(local)["open"] = print',
        'setattr(client, "poll", None)',
        "client.poll = self._lookup",
        "import pypowerwall",
        "from pypowerwall.tedapi import TEDAPI",
        "from requests import _internal_utils",
        "response._content = b''",
        'getattr(tedapi, "lan_failed", False)',
        "tedapi.wifi_cooldown",
        "session.tedapi.pw3 = 1",
        "self.client.session.close()",
    ],
)
def test_a_touch_is_found(line: str) -> None:
    assert list(private_touches(ast.parse(line)))


@pytest.mark.parametrize(
    "line", ["self._due = 0", "super()._drop()", "client.poll('/api')", "tedapi.pw3", "limiter.session(5.0)"]
)
def test_an_ordinary_line_is_no_touch(line: str) -> None:
    assert list(private_touches(ast.parse(line))) == []


# ── what only Tesla's servers need ───────────────────────────────────────────────────────────────────────────────────

LATE = """
import sys
from pwserver.gateways import library_internals
tesla = {"httpx", "oauthlib", "requests_oauthlib", "websocket", "pypowerwall.cloud.teslapy"}
library_internals.load(tesla=False)
guesses = {"chardet", "charset_normalizer"}
assert not (tesla | guesses) & set(sys.modules), (tesla | guesses) & set(sys.modules)
library_internals.load()
from pypowerwall.cloud import pypowerwall_cloud, teslapy
from pypowerwall.fleetapi import fleetapi
assert issubclass(pypowerwall_cloud.Tesla, teslapy.Tesla) and pypowerwall_cloud.Battery is teslapy.Battery
assert fleetapi.HAS_HTTPX and fleetapi.httpx.ConnectError is sys.modules["httpx"].ConnectError
"""


def test_what_tesla_needs_is_loaded_when_a_connection_needs_it() -> None:
    ended = subprocess.run([sys.executable, "-c", LATE], env=clean_environment(), capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
