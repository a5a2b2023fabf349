"""Finds every sentence that rooms below the window say, as a template: `There is no file {path}.`

A sentence begins with a capital, a value or a quotation mark and ends with a full stop, and stands in no note of the
source. What is put into another sentence after a colon (``it is encrypted``) is known by who is given it.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from modelmgr import errors, vocabulary

ROOT = Path(__file__).parent.parent / "modelmgr"
SILENT = ("cli", "demo", "search")
"""Rooms that say nothing in the window, or in words of their own that are gathered as such."""

DOORS = ("gui", "api")
"""Rooms of which only errors are such sentences."""

ERRORS = {name for name, found in vars(errors).items() if isinstance(found, type)}
CLAUSES = {"Broken", "_Broken", "fail", "OSError", "DatabaseError", "_BrokenError", "Agreement", "Refused"}
"""Who is given a piece of a sentence."""

_SENTENCE = re.compile(
    r"""["“{A-Z].*\S[.?]["”]?$|[A-Z].*[.:] \{\w+\}$|\{\w+\} and \{\w+\} more$|\{\w+\}: \{reason\}( \(.*)?$""",
    re.DOTALL,
)
_FIELD = re.compile(r"(?<!\{)\{\w+\}")
_NO_WORDS = re.compile(
    r"SELECT |UPDATE |DELETE |INSERT |PRAGMA |CREATE |[*^$\\]|%[sdr]|://|^\S+$| \?$|\.\.\.$"
)


@cache
def templates() -> frozenset[str]:
    """Return all templates of the rooms below the window, and of errors that its own rooms raise."""
    found: set[str] = set()
    for path in sorted(ROOT.rglob("*.py")):
        room = path.relative_to(ROOT).parts[0]
        if room not in SILENT:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found.update(text for text, given_to in _of(tree) if room not in DOORS or given_to in ERRORS)
    found.update(("not: {line}", "metadata: {key}"))
    found.update(f"{words}{{name}}" for words in vocabulary._CONDITIONS.values())
    # Where only the names of values differ, one template does.
    return frozenset({_FIELD.sub("{}", text): text for text in sorted(found)}.values())


def _of(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield sentences, each with the name of what is called with it."""
    for template, name in strings(tree):
        if not _NO_WORDS.search(template) and (name in CLAUSES or _SENTENCE.fullmatch(template)):
            yield template, name


def strings(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the texts of a module but for its notes, as templates, each with the name of what is called with it."""
    above = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        parent = above.get(id(node))
        if isinstance(parent, ast.Expr | ast.JoinedStr | ast.FormattedValue | ast.Subscript | ast.Compare):
            continue  # notes of the source, and parts of what is found as a whole
        if not isinstance(node, ast.JoinedStr) and not (
            isinstance(node, ast.Constant) and isinstance(node.value, str)
        ):
            continue
        while isinstance(parent, ast.IfExp | ast.keyword | ast.BoolOp):
            parent = above.get(id(parent))
        name = ""
        if isinstance(parent, ast.Call):
            name = getattr(parent.func, "id", "") or getattr(parent.func, "attr", "")
        yield template_of(node), name


def template_of(node: ast.Constant | ast.JoinedStr) -> str:
    """Return a text of the source with a name for each value in it."""
    if isinstance(node, ast.Constant):
        return _escaped(str(node.value))
    names: dict[str, str] = {}
    parts = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(_escaped(str(part.value)))
        elif isinstance(part, ast.FormattedValue):
            spelt = ast.unparse(part.value)
            if spelt not in names:
                name = _name_of(part.value)
                number = sum(known.rstrip("0123456789") == name for known in names.values())
                names[spelt] = f"{name}{number + 1}" if number else name
            parts.append(f"{{{names[spelt]}}}")
    return "".join(parts)


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _name_of(node: ast.expr) -> str:
    """Return what a value is called by those who translate."""
    if isinstance(node, ast.BoolOp):
        return _name_of(node.values[0])
    if isinstance(node, ast.Call):
        return _name_of(node.args[0]) if node.args else _name_of(node.func)
    if isinstance(node, ast.Subscript | ast.Attribute | ast.Starred) and not isinstance(node, ast.Attribute):
        return _name_of(node.value)
    if isinstance(node, ast.BinOp):
        return _name_of(node.left)
    name = (
        node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else "value"
    )
    return {"strerror": "reason", "error": "reason", "message": "reason"}.get(name, name.strip("_").lower())
