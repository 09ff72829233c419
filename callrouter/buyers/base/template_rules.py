"""What a lead's template may be made of: a part of Jinja2 in which nothing can run long or reach out.

No calls, no macros, no assignments, no arithmetic that grows; loops go over a short list and nest twice at most.
So what a template costs is bounded by its length, and its writer cannot switch the escaping off.
"""

from collections.abc import Iterator, Mapping

from jinja2 import nodes

PERSONAL = ("first_name", "last_name", "phone", "email", "address", "ip")
"""What a ping leaves out."""
PLAIN = ("zip", "state", "city", "consent")
"""What else is known of a caller by our own names."""

FILTERS = frozenset(
    {"capitalize", "d", "default", "e", "escape", "first", "int", "join", "last", "length", "lower", "required"}
    | {"title", "trim", "truncate", "upper"}
)
TESTS = frozenset({"defined", "undefined", "none", "true", "false", "in"})
MAX_LIST = 20
MAX_LOOPS = 2

_KNOWN: Mapping[str, frozenset[str] | None] = {
    "caller": frozenset({*PERSONAL, *PLAIN}),
    "distribution": frozenset({"count", "excludes", "license_number"}),
    "fields": None,
    "params": None,
}
"""What has parts, and which; ``None``: the partner's own names."""
_LOOP = frozenset({"first", "index", "index0", "last", "length"})
_PLAIN_NAMES = frozenset({"token", "transfer_type", "lead_type", "lead_source_id"})
_TAKEN = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Const, nodes.Name, nodes.Getattr, nodes.Getitem),
    *(nodes.Slice, nodes.Filter, nodes.Test, nodes.If, nodes.CondExpr, nodes.For, nodes.Compare, nodes.Operand),
    *(nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Add, nodes.Sub, nodes.Neg, nodes.List, nodes.Tuple),
    nodes.Keyword,
)
_WORDS: Mapping[type[nodes.Node], str] = {
    nodes.Call: "calls",
    nodes.Macro: "macros",
    nodes.Assign: "set",
    nodes.AssignBlock: "set",
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.With: "with",
    nodes.FilterBlock: "filter blocks",
    nodes.CallBlock: "call blocks",
    nodes.Mul: "multiplication",
    nodes.Pow: "powers",
    nodes.Scope: "scopes of its own (autoescape, with)",
}

Flaw = tuple[int | None, str]
"""The line where known, and what to do about it."""
Found = Iterator[Flaw]


def broken_rules(tree: nodes.Template) -> Found:
    """Each thing that a lead's template may not have: its line, and what to do about it."""
    yield from _of(tree, frozenset(), 0)


def _of(node: nodes.Node, loops: frozenset[str], depth: int) -> Found:
    """``loops`` are the names that the loops around this node give, ``depth`` is how many there are."""
    if not isinstance(node, _TAKEN):
        what = _WORDS.get(type(node), type(node).__name__.lower())
        yield node.lineno, f"a lead's template has no {what}; write it out"
        return
    if isinstance(node, nodes.For):
        yield from _of_loop(node, loops, depth)
        return
    yield from _of_name(node, loops)
    for child in node.iter_child_nodes():
        if not (isinstance(node, nodes.Getattr | nodes.Getitem) and _base(node) is not None and child is node.node):
            yield from _of(child, loops, depth)


def _of_loop(node: nodes.For, loops: frozenset[str], depth: int) -> Found:
    if node.recursive or node.test is not None:
        yield node.lineno, "write a plain loop"
    if not isinstance(node.target, nodes.Name):
        yield node.lineno, "give a loop one name"
        return
    if not _short(node.iter):
        yield node.lineno, f"a loop goes over distribution.excludes, or over a list of at most {MAX_LIST}"
    if depth >= MAX_LOOPS:
        yield node.lineno, f"nest loops at most {MAX_LOOPS} deep"
        return
    yield from _of(node.iter, loops, depth)
    for part in (*node.body, *node.else_):
        yield from _of(part, loops | {node.target.name}, depth + 1)


def _short(iterated: nodes.Node) -> bool:
    if isinstance(iterated, nodes.List | nodes.Tuple):
        return len(iterated.items) <= MAX_LIST
    return isinstance(iterated, nodes.Getattr) and _base(iterated) == "distribution" and iterated.attr == "excludes"


def _of_name(node: nodes.Node, loops: frozenset[str]) -> Found:
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        yield node.lineno, f"a lead's template has no filter {node.name}; use one of {', '.join(sorted(FILTERS))}"
    elif isinstance(node, nodes.Test) and node.name not in TESTS:
        yield node.lineno, f"a lead's template has no test {node.name}"
    elif isinstance(node, nodes.Getattr):
        yield from _of_part(node, node.attr, loops)
    elif isinstance(node, nodes.Getitem):
        constant = node.arg.value if isinstance(node.arg, nodes.Const) else None
        if isinstance(constant, str):
            yield from _of_part(node, constant, loops)
        elif _base(node) in ("caller", "distribution"):
            yield node.lineno, f"name the part of {_base(node)}"
    elif isinstance(node, nodes.Name) and node.name not in _PLAIN_NAMES | loops | {"distribution"}:
        parts = _KNOWN.get(node.name)
        yield node.lineno, f"name the part of {node.name}" if node.name in _KNOWN else _unknown(node.name, parts)


def _of_part(node: nodes.Getattr | nodes.Getitem, part: str, loops: frozenset[str]) -> Found:
    base = _base(node)
    if base == "loop" and loops:
        parts: frozenset[str] | None = _LOOP
    elif base is not None and base in _KNOWN:
        parts = _KNOWN[base]
    else:
        yield node.lineno, f"{base or 'a value'} has no {part}"
        return
    if parts is not None and part not in parts:
        yield node.lineno, f"{base} has no {part}; use {', '.join(sorted(parts))}"


def _base(node: nodes.Node) -> str | None:
    """The name that a part is taken of."""
    if isinstance(node, nodes.Getattr | nodes.Getitem) and isinstance(node.node, nodes.Name):
        return node.node.name
    return None


def _unknown(name: str, parts: frozenset[str] | None) -> str:
    known = sorted({*_PLAIN_NAMES, *_KNOWN})
    return f"{name} is not known; use {', '.join(known)}"
