"""Name the type of our Sanic application: neither its settings nor its context carry types of ours."""

from __future__ import annotations

from typing import Any, TypeAlias

from sanic import Sanic

App: TypeAlias = Sanic[Any, Any]
