"""What became of each key of a record: found out by leaving it away and looking at what is then not said any more.

Exact for every source without a word about any of them, because the reading itself is asked. For one record that
a person looks at: some hundred readings of a few tenths of a millisecond.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelmgr import payload
from modelmgr.lazily import dataclass
from modelmgr.library.merging import claims_of
from modelmgr.values import Claims, Record

TRACED_BYTES = 512 * 1024
"""A larger payload is not read again for every key."""

READ_BYTES = 12 * 1024 * 1024
"""So much is read anew at most: keys times bytes."""

DEEPEST = 4
RECOGNISED_BY = 4
"""A single value that changes so many columns tells what kind of record it is, and stands in none of them."""

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a record.

    Attributes:
        path: its name and those of the objects around it, the outermost first.
        value: what stands there, as found.
        columns: what it tells: light columns, and ``sha256``, ``hashes``, ``size_bytes``, ``path``; nothing if it is
            kept and not shown.
        is_sign: it tells what kind of record this is.
        is_beside: it stood beside the payload, in a column of the same row.
    """

    path: Path
    value: Any
    columns: tuple[str, ...] = ()
    is_sign: bool = False
    is_beside: bool = False


def trace(record: Record) -> list[Key] | None:
    """Tell what became of each key of a record, in the order in which they stand there.

    Of an object the keys within it are told if they lead to a column, else it stands for all of them.

    Returns:
        None if the record is no object, or too large to be read so often.
    """
    if len(record.payload) > TRACED_BYTES:
        return None
    parsed = payload.parse(record.payload)
    if not parsed.ok or not isinstance(parsed.value, dict):
        return None
    if 2 * _count(parsed.value, DEEPEST) * len(record.payload) > READ_BYTES:
        return None
    return _Tracing(record, parsed.value).keys()


class _Tracing:
    def __init__(self, record: Record, value: dict[str, Any]) -> None:
        self._record = record
        self._value = value
        # Written anew, so that what differs afterwards differs by the key alone.
        self._whole = _said(claims_of(replace(record, payload=_written(value))))

    def keys(self) -> list[Key]:
        """Return all keys; what two of them say alike is asked for anew, with one of them at a time."""
        keys = list(self._alone())
        told = {column for key in keys for column in key.columns}
        twice = [column for column in self._whole if column not in told]
        silent = [key for key in keys if not (key.columns or key.is_sign or key.is_beside)]
        if not twice or not silent:
            return keys
        bare = self._value
        for key in silent:
            bare = _without(bare, key.path)
        lost = set(self._difference(replace(self._record, payload=_written(bare))))
        hidden = [column for column in twice if column in lost]
        for key in silent if hidden else ():
            others = self._value
            for other in silent:
                if other is not key:
                    others = _without(others, other.path)
            missing = set(self._difference(replace(self._record, payload=_written(others))))
            columns = tuple(column for column in hidden if column not in missing)
            if columns:
                keys[keys.index(key)] = replace(key, columns=columns)
        return keys

    def _alone(self) -> Iterator[Key]:
        """Look at each key by itself."""
        columns = (self._record.extra or {}).get("columns")
        if isinstance(columns, Mapping):
            for name, held in columns.items():
                shown = held.get("value") if isinstance(held, Mapping) else held
                yield self._key((name,), shown, self._lost_beside(columns, name), is_beside=True)
        yield from self._below(self._value, ())

    def _below(self, value: Mapping[str, Any], path: Path) -> Iterator[Key]:
        for name, inner in value.items():
            here = (*path, name)
            lost = self._lost(here)
            if not lost or not isinstance(inner, Mapping) or len(here) >= DEEPEST:
                yield self._key(here, inner, lost)
                continue
            inside = list(self._below(inner, here))
            if any(key.columns or key.is_sign for key in inside):
                yield from inside
            else:
                yield self._key(here, inner, lost)

    def _key(self, path: Path, value: Any, lost: Sequence[str], *, is_beside: bool = False) -> Key:
        is_sign = len(lost) >= RECOGNISED_BY and not isinstance(value, Mapping)
        return Key(path, value, () if is_sign else tuple(lost), is_sign, is_beside)

    def _lost(self, path: Path) -> list[str]:
        """Return what is said otherwise, or not at all, without the key at `path`."""
        return self._difference(replace(self._record, payload=_written(_without(self._value, path))))

    def _lost_beside(self, columns: Mapping[str, Any], name: str) -> list[str]:
        rest = {other: held for other, held in columns.items() if other != name}
        extra = {**(self._record.extra or {}), "columns": rest}
        return self._difference(replace(self._record, payload=_written(self._value), extra=extra))

    def _difference(self, record: Record) -> list[str]:
        """Return what a record says otherwise than the whole one."""
        said = _said(claims_of(record))
        return [column for column, value in self._whole.items() if said.get(column) != value]


def _said(claims: Claims) -> dict[str, Any]:
    said = {column: value for column, value in claims.fields.items() if value not in (None, "", (), [])}
    of_file = {
        "sha256": claims.sha256,
        "hashes": dict(claims.partial_hashes),
        "size_bytes": claims.size_bytes,
        "path": claims.path,
    }
    return said | {column: value for column, value in of_file.items() if value}


def _count(value: Mapping[str, Any], depth: int) -> int:
    """Return how many keys may have to be looked at."""
    inner = (_count(each, depth - 1) for each in value.values() if isinstance(each, Mapping) and depth > 1)
    return len(value) + sum(inner)


def _without(value: Mapping[str, Any], path: Path) -> dict[str, Any]:
    rest = dict(value)
    if len(path) == 1:
        del rest[path[0]]
    else:
        rest[path[0]] = _without(rest[path[0]], path[1:])
    return rest


def _written(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
