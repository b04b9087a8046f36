"""Measure the cyclomatic complexity of Cython functions on Cython's own parse tree.

    python -m tests.ext.complexity [FILE ...]       the worst first; without FILEs all units of pwserver_ext

The counting is radon's: one a function, and one more for each branch, loop, handler, assertion, conditional expression,
comprehension (and each of its conditions), and for each `and` or `or`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from Cython.Compiler import Errors, Nodes
from Cython.Compiler.TreeFragment import StringParseContext, parse_from_strings

import pwserver_ext

DECISIONS = {
    "IfClauseNode",
    "ForInStatNode",
    "ForFromStatNode",
    "WhileStatNode",
    "ExceptClauseNode",
    "AssertStatNode",
    "CondExprNode",
    "BoolBinopNode",
    "ComprehensionNode",
    "GeneratorExpressionNode",
}


def units() -> list[Path]:
    """List the Cython sources of pwserver_ext."""
    folder = Path(pwserver_ext.__file__).parent
    return sorted([*folder.glob("*.pyx"), *folder.glob("*.pxd")])


def nodes_below(node: Any) -> Iterator[Any]:
    """List the children of a node of the parse tree."""
    for attribute in node.child_attrs or ():
        children = getattr(node, attribute, None)
        for child in children if isinstance(children, list) else [children]:
            if isinstance(child, Nodes.Node):
                yield child


def decisions(node: Any) -> int:
    """Count the decisions below a node; functions inside of it count too, as a reader must follow them."""
    return sum((type(child).__name__ in DECISIONS) + decisions(child) for child in nodes_below(node))


def name_of(function: Any) -> str:
    """Find the name of a function, which stands inside of declarators where it has a C type."""
    declarator = getattr(function, "declarator", None)
    while declarator is not None and not hasattr(declarator, "name"):
        declarator = declarator.base
    return str(function.name if declarator is None else declarator.name)


def functions(node: Any, outer: str = "") -> Iterator[tuple[str, int]]:
    """List (name, complexity) of every function below a node."""
    for child in nodes_below(node):
        if isinstance(child, Nodes.FuncDefNode):
            yield outer + name_of(child), 1 + decisions(child)
        else:
            inner = getattr(child, "class_name", None)
            yield from functions(child, f"{outer}{inner}." if inner else outer)


def complexities(path: Path) -> list[tuple[str, int]]:
    """List (name, complexity) of every function of a unit."""
    Errors.init_thread()
    context = StringParseContext(path.name)
    context.set_language_level(3)
    level = "module_pxd" if path.suffix == ".pxd" else None
    tree = parse_from_strings(path.name, path.read_text(encoding="utf-8"), context=context, level=level)
    return list(functions(tree))


def main(paths: Iterable[Path]) -> None:
    found = [(complexity, path.name, name) for path in paths for name, complexity in complexities(path)]
    for complexity, unit, name in sorted(found, reverse=True):
        print(f"{complexity:4} {unit} {name}")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]] or units())
