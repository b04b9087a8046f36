"""Write the generated part of docs/api.md: ``python -m pwserver.web.api_page docs/api.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from pwserver.documents.catalogue import GATEWAY_DOCUMENTS
from pwserver.documents.document import JSON
from pwserver.documents.encode import to_json
from pwserver.documents.examples import none_of
from pwserver.generated_page import rewrite
from pwserver.web.api_operations import ApiOperation
from pwserver.web.openapi import GATEWAYS, TAGS, operations

START = "<!-- generated from the catalogue by `python -m pwserver.web.api_page`; do not edit below -->"
LONGEST = 90  # characters of a body that are shown


def without_data() -> dict[str, str]:
    """Return path -> what its document says while there is nothing to serve."""
    shown: dict[str, str] = {}
    for row in GATEWAY_DOCUMENTS:
        if row.unprefixed:
            body = none_of(row)
            text = body.strip() if isinstance(body, str) else to_json(body).decode()
            for target in row.targets:
                shown.setdefault(target.partition("?")[0].rstrip("/"), text)
    return shown


def reference() -> str:
    """Return the tables of all operations, one for each group. Aliases stand in one row with the first name."""
    rows = list(_rows())
    lines: list[str] = []
    for tag, text in TAGS.items():
        group = [row for row_tag, row in rows if row_tag == tag]
        if group:
            lines += [f"### {tag}", "", f"{text}.", "", "| Path | What | Without data |", "|---|---|---|", *group, ""]
    return "\n".join(lines)


def _rows() -> Iterator[tuple[str, str]]:
    nothing = without_data()
    written = [one for one in operations() if not one.path.startswith(f"{GATEWAYS}/") or one.method != "get"]
    for operation in written:
        if operation.text.startswith("Another name"):
            continue
        names = [_name(operation)]
        names += [
            _name(other) for other in written if f"`{operation.path}`" in other.text.partition("Another name of")[2]
        ]
        what = operation.summary
        if operation.parameters:
            asked = [f"`{one.name}`" for one in operation.parameters if one.place == "query"]
            what += f"; query: {', '.join(asked)}" if asked else ""
        if operation.token:
            what += "; needs the control token"
        if operation.media_type != JSON:
            what += f" ({operation.media_type.partition(';')[0]})"
        empty = nothing.get(operation.path, "") if operation.method == "get" else ""
        cells = ("<br>".join(names), what, _short(empty))
        yield operation.tag, "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _name(operation: ApiOperation) -> str:
    return f"`{operation.method.upper()} {operation.path}`"


def _short(body: str) -> str:
    if not body:
        return ""
    return f"`{body if len(body) <= LONGEST else body[:LONGEST] + '…'}`"


if __name__ == "__main__":
    rewrite(sys.argv[1], START, reference())
