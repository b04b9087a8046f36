"""Name the types of JSON whose content nobody has checked yet: answers of gateways, bodies of requests, documents.

These names stand for ``Any``, because a type checker cannot know what a gateway sends. Everything else that may be
anything is an ``object``, which a checker lets nobody use before its type was looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Json: TypeAlias = Any  # one value: object, array, text, number, true, false or null
JsonObject: TypeAlias = dict[str, Any]
JsonMapping: TypeAlias = Mapping[str, Any]  # an object that is only read
JsonArray: TypeAlias = list[Any]
