"""The tensors of published models as tables: names with choices in them, and shapes.

A table is text. ``[NAME F16]`` begins a model and gives the type of its tensors; a line below is a name and its
dimensions: ``blocks.{0-2}.attn.{q|k}.weight 3072 3072`` stands for six tensors. A last word behind a ``:`` is a
tensor's own type. ``= NAME`` repeats an earlier model of the same file, ``- NAME`` takes tensors away, and a later line
replaces an earlier one.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import product
from pathlib import Path

Shape = tuple[int, ...]
Tensors = dict[str, tuple[str, Shape]]
FOLDER = Path(__file__).parent / "tables"
_CHOICE = re.compile(r"\{([^{}]*)\}")


@lru_cache(maxsize=64)
def read(group: str) -> dict[str, Tensors]:
    """Return the models of one file of tables: name -> tensor -> (type, shape)."""
    models: dict[str, Tensors] = {}
    dtype = "F16"
    current: Tensors = {}
    for line in (FOLDER / f"{group}.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            name, dtype = line.strip("[]").split(" ")
            assert name not in models, f"{group}: {name} twice"
            current = models[name] = {}
        elif line.startswith("= "):
            for key, (kind, shape) in models[line[2:]].items():
                current[key] = (kind, shape)
        elif line.startswith("- "):
            for key in unfold(line[2:]):
                del current[key]
        else:
            pattern, *dims = line.split(" ")
            kind = dims.pop()[1:] if dims and dims[-1].startswith(":") else dtype
            shape = tuple(map(int, dims))
            current.update(dict.fromkeys(unfold(pattern), (kind, shape)))
    return models


def tensors_of(reference: str) -> Tensors:
    """Return the tensors of ``group/name``."""
    group, _, name = reference.partition("/")
    return read(group)[name]


def unfold(pattern: str) -> Iterable[str]:
    """Yield the names for which a pattern stands."""
    pieces = _CHOICE.split(pattern)
    choices = [_members(piece) if index % 2 else [piece] for index, piece in enumerate(pieces)]
    return map("".join, product(*choices))


def _members(text: str) -> list[str]:
    if "|" in text:
        return text.split("|")
    found: list[str] = []
    for run in text.split(","):
        first, _, last = run.partition("-")
        found += map(str, range(int(first), int(last or first) + 1))
    return found


def fold(shapes: Mapping[str, tuple[str, Shape]], dtype: str) -> list[str]:
    """Return the lines that stand for these tensors, in the order of the first of each."""
    entries = [(tuple((part,) for part in name.split(".")), spec) for name, spec in shapes.items()]
    longest = max((len(parts) for parts, _ in entries), default=0)
    for position in range(longest):
        merged: dict[object, list[str]] = {}
        for parts, spec in entries:
            if position < len(parts):
                members = merged.setdefault((parts[:position], parts[position + 1 :], spec), [])
                members += [part for part in parts[position] if part not in members]
            else:
                merged[(parts, spec)] = []
        entries = [
            ((*key[0], tuple(sorted(members, key=_order)), *key[1]), key[2]) if len(key) == 3 else key
            for key, members in merged.items()
        ]
    return [_line(parts, spec, dtype) for parts, spec in entries]


def _order(part: str) -> tuple[int, str]:
    return (int(part), "") if part.isdecimal() else (1 << 30, part)


def _line(parts: tuple[tuple[str, ...], ...], spec: tuple[str, Shape], dtype: str) -> str:
    kind, shape = spec
    words = [".".join(map(_choice, parts)), *map(str, shape)]
    return " ".join(words + ([f":{kind}"] if kind != dtype else []))


def _choice(members: tuple[str, ...]) -> str:
    if len(members) == 1:
        return members[0]
    if not all(member.isdecimal() for member in members):
        return "{" + "|".join(members) + "}"
    runs: list[list[int]] = []
    for number in sorted(map(int, members)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return "{" + ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs) + "}"
