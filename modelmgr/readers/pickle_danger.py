"""What the imports in a pickle mean: expected of weights, unusual, or dangerous.

Nothing is imported to find out; the lists are data (``resources/identification/pickles.json``; their kinds are those
of mmaitre314/picklescan, scanner.py). "No known danger" is the best that can be said of any pickle.
"""

import sys
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from modelmgr.readers import rules

EXPECTED, UNUSUAL, DANGEROUS = "expected", "unusual", "dangerous"
COMPUTED = "under a computed name"
CHANGED = "of a module that it changes"
NAMES_LIMIT = 64
_SHOWN = 3
_NAME_LIMIT = 100
_NOTHING_FOUND = "No known danger found, not verified."


def class_of(module: str, name: str) -> str:
    """Return ``expected``, ``unusual`` or ``dangerous``.

    A rule for a module covers the modules below it. A name with dots reaches through the module for something else,
    as pickles may since protocol 4, so it is never expected.
    """
    if "." in name:
        return DANGEROUS if _reaches_far(module, name) else UNUSUAL
    if _fits(_table()["expected"].get(module), name):
        return EXPECTED
    if _is_dangerous(module, name):
        return DANGEROUS
    return UNUSUAL


def pickle_scan(
    imports: Iterable[tuple[str, str]],
    *,
    extensions: Iterable[int] = (),
    computed: bool = False,
    changed: bool = False,
    problem: str | None = None,
) -> dict[str, Any]:
    """Return the verdict on a file's pickles as `Header.facts` give it out.

    Args:
        imports: (module, name) of all that the pickles import.
        extensions: numbers of the extension registry that stand for imports.
        computed: an import's name was itself computed.
        changed: something was put into an imported module or class.
        problem: why something could not be walked, the end of a sentence; None if all was.
    """
    dangerous = [COMPUTED] * computed + [CHANGED] * changed
    unusual = [f"extension registry {number}" for number in extensions]
    for module, name in imports:
        kind = class_of(module, name)
        if kind != EXPECTED:
            (dangerous if kind == DANGEROUS else unusual).append(_shown_name(module, name))
    if dangerous:
        verdict, message = DANGEROUS, _found(dangerous)
    elif problem is not None:
        verdict, message = "unscanned", f"Could not be scanned: {problem}."
    else:
        verdict, message = "none_found", _NOTHING_FOUND
    return {
        "verdict": verdict,
        "message": message,
        "dangerous": dangerous[:NAMES_LIMIT],
        "unusual": unusual[:NAMES_LIMIT],
    }


def _shown_name(module: str, name: str) -> str:
    """Return the name of an import short and printable; it is a stranger's text."""
    shown = f"{module}.{name}"
    shown = shown if len(shown) <= _NAME_LIMIT else shown[: _NAME_LIMIT - 3] + "..."
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in shown)


def _found(dangerous: list[str]) -> str:
    if len(dangerous) == 1:
        return f"Dangerous import {dangerous[0]} found."
    names, more = ", ".join(dangerous[:_SHOWN]), len(dangerous) - _SHOWN
    return (
        f"Dangerous imports {names} and {more:,} more found."
        if more > 0
        else f"Dangerous imports {names} found."
    )


def _is_dangerous(module: str, name: str) -> bool:
    table = _table()
    if _covers(table["dangerous"], module, name) or name in _never():
        return True
    first, *below = module.split(".")
    if any(part in _never() and part in sys.stdlib_module_names for part in below):
        return True
    known = first in sys.stdlib_module_names or first in table["harmless"]
    return known and not _covers(table["harmless"], module, name)


def _covers(listed: Mapping[str, list[str]], module: str, name: str) -> bool:
    """Tell whether a list has the name: under its module, or under one above of which it has all."""
    above = module
    while above:
        patterns = listed.get(above)
        if patterns is not None and (_fits(patterns, name) if above == module else "*" in patterns):
            return True
        above = above.rpartition(".")[0]
    return False


def _reaches_far(module: str, name: str) -> bool:
    """Tell whether a name with dots leaves its class for something that runs code."""
    parts = name.split(".")
    return (
        any(part in _never() or (part.startswith("__") and part.endswith("__")) for part in parts)
        or any(part in sys.stdlib_module_names for part in parts[:-1])
        or _is_dangerous(module, parts[0])
        or module.partition(".")[0] in sys.stdlib_module_names
    )


def _fits(patterns: Iterable[str] | None, name: str) -> bool:
    return patterns is not None and any(fnmatchcase(name, pattern) for pattern in patterns)


@lru_cache(maxsize=1)
def _table() -> Mapping[str, Mapping[str, list[str]]]:
    table: Mapping[str, Mapping[str, list[str]]] = rules.load("pickles")
    return table


@lru_cache(maxsize=1)
def _never() -> frozenset[str]:
    return frozenset(_table()["never"])
