"""What one pending record says, beside what is known of its file: mapped columns, claims and the raw text.

The payload is read here alone, for the one selected row, in a worker. The answer carries the id that was asked
for; one that comes late is dropped.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelmgr import payload
from modelmgr.catalog import Catalog
from modelmgr.gui.language import said
from modelmgr.gui.reasons import problem_label
from modelmgr.gui.sentences import spoken
from modelmgr.gui.text import (
    column_label,
    column_text,
    count_text,
    exact_size_text,
    foreign_text,
)
from modelmgr.values import Claims, PendingModel, PendingState

SHOWN_CANDIDATES = 20

_MISMATCH = re.compile(r"The record claims (.+?) ([0-9a-f]{8,64}), but .* has ([0-9a-f]{8,64})\.", re.DOTALL)
TOLD_ELSEWHERE = ("hash_mismatch", "ambiguous", "outside", "unparsed_payload")
"""Problems whose sentence would repeat what stands beside it: both hashes, the files, the folder, the note."""

_FIELDS = ("tags", "trigger_words", "rating", "favorite", "nsfw", "notes", "license", "source_url", "preview")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A claimed value beside the one that was found; `agrees` is None where nothing can be said."""

    name: str
    claimed: str
    found: str
    agrees: bool | None


@dataclass(frozen=True, slots=True)
class CandidateFile:
    """A file that a record may speak of."""

    path: str
    size_bytes: int | None
    modified_at: float | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What was read for one pending model; `id` is the one that was asked for.

    Attributes:
        fields: label and text of the light columns that the record offers.
        text: the first characters of the payload, fit to be shown; `has_more`: there are more.
        masked: the same with dots where a key or a token stands; empty where there is none.
        note: what is wrong with the payload, and where.
    """

    id: int
    fields: Sequence[tuple[str, str]] = ()
    comparisons: Sequence[Comparison] = ()
    candidates: Sequence[CandidateFile] = ()
    text: str = ""
    masked: str = ""
    has_more: bool = False
    size_bytes: int = 0
    note: str = ""
    is_gone: bool = False


def field_texts(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return label and text of the columns that hold something, in the order of the window."""
    shown = []
    for name in _FIELDS:
        value = fields.get(name)
        text = column_text(name, value) if value is not False else ""
        if text:
            shown.append((column_label(name), text))
    return shown


def read_preview(catalog: Catalog, row: PendingModel, limit: int) -> Preview:
    """Read a pending model's record and the facts about its file. For a worker."""
    # Not at the start of the program: the deeds bring all readers and sources with them.
    from modelmgr.library import claims_of

    record = catalog.pending_record(row.id)
    if record is None:
        return Preview(row.id, is_gone=True)
    claims = claims_of(record)
    shown = payload.text(record.payload, limit + 1)
    has_secret = payload.contains_secret(record.payload)
    return Preview(
        row.id,
        field_texts(claims.fields),
        _compare(catalog, row, claims),
        [_candidate(catalog, path) for path in row.candidates[:SHOWN_CANDIDATES]],
        foreign_text(shown[:limit], limit, lines=True),
        foreign_text(payload.masked(shown[:limit]), limit, lines=True) if has_secret else "",
        len(shown) > limit,
        len(record.payload),
        _note(record.payload, claims),
    )


def _note(found: bytes, claims: Claims) -> str:
    if claims.problem is None:
        return ""
    parsed = payload.parse(found)
    words = spoken(claims.message if parsed.ok else parsed.message or claims.message)
    if parsed.offset is not None and count_text(parsed.offset) not in words:
        words = said("{} (byte {}).").format(words.removesuffix("."), count_text(parsed.offset))
    return words or problem_label(claims.problem)


def _compare(catalog: Catalog, row: PendingModel, claims: Claims) -> list[Comparison]:
    """Set what the record claims of its file beside what was found."""
    known = catalog.known_file(row.file_path) if row.file_path else None
    computed = known.sha256 if known is not None else None
    if row.state == PendingState.PROMOTED and computed is None:
        computed = row.sha256
    told = _MISMATCH.match(row.message) if row.problem == "hash_mismatch" else None
    found: dict[str, str] = {}
    if computed:
        found = {"SHA-256": computed, "AutoV2": computed[:10]}
    if told is not None:
        found[told[1]] = told[3]
    claimed: dict[str, str] = {}
    if claims.sha256:
        claimed["SHA-256"] = claims.sha256
    claimed.update(claims.partial_hashes)
    if told is not None:
        claimed.setdefault(told[1], told[2])
    shown = []
    for kind, value in claimed.items():
        other = found.get(kind, "")
        agrees = None
        if other:
            shorter, longer = sorted((value.lower(), other.lower()), key=len)
            agrees = longer.startswith(shorter)
        shown.append(Comparison(kind, foreign_text(value, 80), other, agrees))
    if computed and "SHA-256" not in claimed:
        shown.insert(0, Comparison("SHA-256", "", computed, None))
    size = known.size_bytes if known is not None else None
    if claims.size_bytes is not None:
        agrees = None if size is None else size == claims.size_bytes
        shown.append(
            Comparison(said("Size"), exact_size_text(claims.size_bytes), exact_size_text(size), agrees)
        )
    return shown


def _candidate(catalog: Catalog, path: str) -> CandidateFile:
    known = catalog.known_file(path)
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return CandidateFile(path, None, None, known.sha256 if known is not None else None)
    return CandidateFile(path, found.st_size, found.st_mtime, known.sha256 if known is not None else None)
