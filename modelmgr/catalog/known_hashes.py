"""The rows of `known_hashes`: what stands in them, and how they are written."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Hash = tuple[str, int, str, str]
"""Holder, its row id, kind, hex digits; see `schema.KnownHashTable`."""

FORMER = "former"
"""Key of `files.partial_hashes`: full hashes from before the header was rewritten, between blanks."""

FORMER_ALONE = (
    "CASE WHEN json_type(partial_hashes, '$.former') IS NOT NULL "
    "THEN json_object('former', json_extract(partial_hashes, '$.former')) END"
)
"""SQL: what is left of `files.partial_hashes` when the bytes changed, and maybe not the tensors."""

HASHES_AN_INSERT = 250


def claimed_hashes(holder: str, row_id: int, hashes: Mapping[str, str], sha256: str | None) -> Iterator[Hash]:
    """Yield the hashes of a record, without an AutoV2 that is the beginning of its SHA-256 `sha256`."""
    for kind, digits in hashes.items():
        if kind != "AutoV2" or not (sha256 or "").startswith(digits):
            yield holder, row_id, kind, digits


def hashes_of_file(row_id: int, hashes: Mapping[str, str]) -> Iterator[Hash]:
    """Yield the hashes of a file, as `files.partial_hashes` holds them; a former one is a ``SHA256``."""
    for kind, digits in hashes.items():
        if kind == FORMER:
            for former in digits.split():
                yield "file", row_id, "SHA256", former
        else:
            yield "file", row_id, kind, digits


def put_hashes(conn: Any, hashes: Sequence[Hash] | Iterator[Hash]) -> None:
    """Write hashes; in few statements, for each step of one waits for Python's other threads."""
    rows = list(hashes)
    for start in range(0, len(rows), HASHES_AN_INSERT):
        some = rows[start : start + HASHES_AN_INSERT]
        conn.execute(
            "INSERT OR IGNORE INTO known_hashes(holder, holder_id, kind, hash) "
            f"VALUES {', '.join(['(?, ?, ?, ?)'] * len(some))}",
            [value for row in some for value in row],
        )


def forget_short(conn: Any, row_id: int) -> None:
    """Forget the short hashes of a file, but not the full ones that it had formerly."""
    conn.execute(
        "DELETE FROM known_hashes WHERE holder = 'file' AND holder_id = ? AND kind <> 'SHA256'", (row_id,)
    )


def hand_down(conn: Any, row_id: int, heir_id: int) -> None:
    """Let a file have what is known of the one that it takes the place of: its hashes, and those it had before."""
    rows = {
        number: (sha256, json.loads(text) if text else {}, tensors)
        for number, sha256, text, tensors in conn.execute(
            "SELECT id, sha256, partial_hashes, tensor_sha256 FROM files WHERE id IN (?, ?)",
            (row_id, heir_id),
        )
    }
    (sha256, hashes, tensors), (own_sha256, own, own_tensors) = rows[row_id], rows[heir_id]
    former = {*hashes.pop(FORMER, "").split(), *own.get(FORMER, "").split()}
    merged = (hashes if sha256 == own_sha256 else {}) | own
    if former:
        merged[FORMER] = " ".join(sorted(former))
    if merged != own:
        conn.execute("UPDATE files SET partial_hashes = ? WHERE id = ?", (json.dumps(merged), heir_id))
        put_hashes(conn, hashes_of_file(heir_id, merged))
    if tensors and sha256 == own_sha256 and not own_tensors:
        conn.execute("UPDATE files SET tensor_sha256 = ? WHERE id = ?", (tensors, heir_id))


def formers_of(conn: Any, row_id: int) -> list[str]:
    """Return the full hashes that a file had formerly."""
    (text,) = conn.execute("SELECT partial_hashes FROM files WHERE id = ?", (row_id,)).fetchone()
    formers: list[str] = json.loads(text).get(FORMER, "").split() if text else []
    return formers


def add_formers(conn: Any, row_id: int, sha256s: Iterable[str]) -> None:
    """Remember full hashes that a file had formerly."""
    former = " ".join(dict.fromkeys([*formers_of(conn, row_id), *sha256s]))
    conn.execute(
        "UPDATE files SET partial_hashes = json_set(coalesce(partial_hashes, '{}'), '$.former', ?) WHERE id = ?",
        (former, row_id),
    )
    put_hashes(conn, hashes_of_file(row_id, {FORMER: former}))


def forget_former(conn: Any, row_ids: Sequence[int]) -> None:
    """Forget what files had been, for they hold something else now."""
    for row_id in row_ids:
        conn.execute(
            "UPDATE files SET partial_hashes = json_remove(partial_hashes, '$.former') "
            "WHERE id = ? AND json_type(partial_hashes, '$.former') IS NOT NULL",
            (row_id,),
        )
        conn.execute(
            "DELETE FROM known_hashes WHERE holder = 'file' AND holder_id = ? AND kind = 'SHA256'", (row_id,)
        )
