"""One model, several witnesses: gather what is known of it and write the light columns that follow."""

import bisect
import contextlib
import itertools
import os
import unicodedata
from collections.abc import Collection, Mapping
from typing import Any

from modelmgr.catalog import Catalog
from modelmgr.catalog.file_store import MERGED_COLUMNS
from modelmgr.errors import Usage
from modelmgr.migration import mapping, promotion
from modelmgr.migration.previews import preview_for
from modelmgr.migration.sources import BY_RECORD_ID
from modelmgr.readers import Header
from modelmgr.values import (
    Changes,
    Claims,
    FileState,
    HashState,
    Origin,
    Record,
    StoredRecord,
    is_below_any,
)

KEPT_FOLDERS = 16
PLACE_RANK = 7
NO_MODEL_FORMATS = frozenset(("unknown", "text", "empty", "invalid", "lfs-pointer", "zip"))
"""What a file with the name of a model may turn out to be instead."""

EDITABLE = frozenset(MERGED_COLUMNS)
"""The light columns that the user may set."""


class Merging:
    """What all deeds share: the catalog, and the merge of one model.

    Args:
        catalog: an open catalog; the library never closes it.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._names: dict[str, tuple[int, FolderNames]] = {}

    def names_in(self, folder: str) -> "FolderNames":
        """Return the names in a folder, kept for the few folders that were asked for last while they don't change."""
        try:
            mtime_ns = os.stat(folder).st_mtime_ns
        except OSError:
            mtime_ns = 0
        known = self._names.pop(folder, None)
        if known is None or known[0] != mtime_ns:
            known = (mtime_ns, FolderNames(folder))
        self._names[folder] = known
        if len(self._names) > KEPT_FOLDERS:
            with contextlib.suppress(StopIteration, KeyError, RuntimeError):
                del self._names[next(iter(self._names))]
        return known[1]

    def relight(self, model_id: int) -> None:
        """Derive the light columns of a model anew from its records, header, file and the user's values."""
        with self.catalog.transaction(Changes(models=True, ids=frozenset((model_id,)))):
            rows = self.catalog.rows([model_id])
            if not rows:
                return
            row = rows[0]
            records = self.catalog.records_of(model_id)
            computed = self.catalog.partial_hashes(model_id)
            if row.sha256 and row.hash_state == HashState.DONE:
                computed["sha256"] = row.sha256
            size_bytes = row.size_bytes if row.path else None
            witnesses = [
                _witness(record, self.names_in(os.path.dirname(record.source_path)).all, computed, size_bytes)
                for record in records
            ]
            facts = self.catalog.header_facts(model_id)
            merged = mapping.merge(
                witnesses,
                sha256=row.sha256,
                file_path=row.path,
                size_bytes=size_bytes,
                header=_header_facts(facts),
                user=self.catalog.user_values(model_id),
            )
            fields = dict(merged.fields)
            origins = dict(merged.origins)
            _without_guess(fields, origins, facts)
            if row.path and row.file_state == FileState.PRESENT:
                folder = os.path.dirname(row.path)
                roots = [folder, *(os.path.dirname(record.source_path) for record in records)]
                self._choose_preview(fields, origins, row.path, self.names_in(folder), roots)
            self.catalog.put_light(model_id, fields, origins)
            if witnesses:
                self.catalog.set_chief(model_id, mapping.chief(witnesses))

    def light_of_file(
        self, path: str, header: Header, siblings: "FolderNames"
    ) -> tuple[dict[str, Any], dict[str, Origin]]:
        """Return the light columns of a file about which no record speaks, and their origins."""
        facts = header_facts(header)
        merged = mapping.merge(
            [],
            sha256=None,
            file_path=path,
            size_bytes=None,
            header=_header_facts(facts),
            user={},
        )
        fields, origins = dict(merged.fields), dict(merged.origins)
        _without_guess(fields, origins, facts)
        self._choose_preview(fields, origins, path, siblings, [os.path.dirname(path)])
        return fields, origins

    def _choose_preview(
        self,
        fields: dict[str, Any],
        origins: dict[str, Origin],
        path: str,
        siblings: "FolderNames",
        roots: list[str],
    ) -> None:
        """Keep a record's picture if it is here and may be looked at, else take one by the file's stem."""
        named = fields.get("preview")
        if named and origins.get("preview", Origin("", 7)).rank == 1:
            return
        if named:
            named = os.path.normpath(named)
            allowed = [*roots, *self.catalog.folder_facts()]
            if os.path.isabs(named) and is_below_any(named, allowed) and os.path.isfile(named):
                fields["preview"] = named
                return
        stem = os.path.splitext(os.path.basename(path))[0]
        found = preview_for(stem, siblings.beginning_with(stem))
        fields["preview"] = os.path.join(os.path.dirname(path), found) if found else None
        origins.pop("preview", None)
        if found:
            origins["preview"] = Origin("file", 7)

    def edit(self, ids: Collection[int], column: str, value: Any) -> None:
        """Set the user's own value of a light column; None goes back to what was imported.

        Raises:
            Usage: no such column.
        """
        if column not in EDITABLE:
            raise Usage(f"{column} is no column that can be edited.", column=column)
        with self.catalog.transaction():
            for model_id in ids:
                self.catalog.put_user_value(model_id, column, value)
                self.relight(model_id)


def claims_of(record: Record, siblings: frozenset[str] = frozenset(), sha256: str | None = None) -> Claims:
    """Return what a record says; a record of a source that isn't known any more says nothing.

    Arguments as `LegacySource.claims`.
    """
    source = BY_RECORD_ID.get(record.source)
    return source.claims(record, siblings, sha256) if source is not None else Claims()


def header_facts(header: Header) -> dict[str, Any]:
    """Return what a merge needs of a header, as JSON for the catalog."""
    return {
        "type": header.type,
        "base_model": header.base_model,
        # Where the header leaves only the base open (it names the candidates), it still proves the type.
        "certain": header.type != "unknown" and (header.confidence != "ambiguous" or bool(header.candidates)),
        "suggestions": dict(header.suggestions),
        "personal": sorted(header.personal),
        "is_model": _holds_a_model(header),
    }


def _holds_a_model(header: Header) -> bool:
    broken = any(problem.code != "wrong_suffix" for problem in header.problems)
    return header.format not in NO_MODEL_FORMATS and (header.tensor_count > 0 or not broken)


def _header_facts(facts: Mapping[str, Any] | None) -> mapping.HeaderFacts | None:
    if facts is None:
        return None
    return mapping.HeaderFacts(
        facts["type"],
        facts["base_model"],
        facts["certain"],
        facts["suggestions"],
        frozenset(facts.get("personal", ())),
    )


def _without_guess(
    fields: dict[str, Any], origins: dict[str, Origin], facts: Mapping[str, Any] | None
) -> None:
    """Take back a type that only the folder's name gave to a file that holds no model."""
    by_place = "type" in origins and origins["type"].rank == PLACE_RANK
    if by_place and facts is not None and not facts.get("is_model", True):
        fields["type"] = "unknown"
        origins.pop("type")


def _witness(
    record: StoredRecord, siblings: frozenset[str], computed: Mapping[str, str], size_bytes: int | None
) -> mapping.Witness:
    if record.payload is None:
        claims = Claims(marker=True)
    else:
        claims = claims_of(
            Record(record.source, record.source_path, record.record_key, record.payload, record.extra),
            siblings,
            computed.get("sha256"),
        )
    return mapping.Witness(
        record_id=record.id,
        source=record.source,
        claims=claims,
        source_path=record.source_path,
        container_mtime=record.container_mtime,
        imported_at=record.imported_at,
        hash_agrees=promotion.compare(claims, computed).holds,
        size_fits=promotion.size_fits(claims, size_bytes),
    )


class FolderNames:
    """The names in one folder, found by how they begin: a folder may hold 100,000 of them.

    Args:
        folder: read once; one that can't be read has no names.
    """

    def __init__(self, folder: str) -> None:
        try:
            names = os.listdir(folder)
        except OSError:
            names = []
        self.all = frozenset(names)
        self._sorted = sorted((_folded(name), name) for name in names)

    def beginning_with(self, stem: str) -> list[str]:
        """Return the names that begin with `stem`, whatever their case and Unicode form."""
        folded = _folded(stem)
        first = bisect.bisect_left(self._sorted, (folded, ""))
        found = []
        for key, name in itertools.islice(self._sorted, first, None):
            if not key.startswith(folded):
                break
            found.append(name)
        return found


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
