"""One model, several witnesses: gather what is known of it and write the light columns that follow."""

import bisect
import contextlib
import itertools
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from modelmgr.catalog import Catalog
from modelmgr.catalog.file_store import MERGED_COLUMNS
from modelmgr.catalog.found import EMBEDDED
from modelmgr.lazily import dataclass
from modelmgr.migration import mapping, promotion
from modelmgr.migration import sources as legacy_sources
from modelmgr.migration.beside import folded
from modelmgr.migration.previews import FolderPictures
from modelmgr.migration.witnesses import EDITED, Case, HeaderFacts, Witness, chief, claimed_size
from modelmgr.progress import Progress
from modelmgr.readers import Header
from modelmgr.values import (
    Changes,
    Claims,
    FileState,
    HashState,
    ModelRow,
    Origin,
    Record,
    StoredRecord,
    is_below_any,
)

KEPT_FOLDERS = 16
READ_AT_ONCE = 100
PLACE_RANK = 7
_BESIDE = Origin("file", PLACE_RANK)
NO_MODEL_FORMATS = frozenset(("unknown", "text", "empty", "invalid", "lfs-pointer", "zip"))
"""What a file with the name of a model may turn out to be instead."""


@dataclass(slots=True)
class ModelCase:
    """What is known of one model, or of the file that pending models speak of.

    Attributes:
        path: of the first file.
        sha256: of the model; it may only be claimed, where there is no file.
        computed: hashes computed from the bytes, by kind; `former`: see `promotion.Facts`.
        facts: see `header_facts`.
        user: the user's own values.
        records: what the witnesses are made of, in their order.
        copies: path of a picture -> path of the copy of it that was kept and is there.
        shown: the picture that is shown now because it lay beside the file, with its origin.
    """

    path: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    is_present: bool = False
    computed: dict[str, str] = field(default_factory=dict)
    former: frozenset[str] = frozenset()
    facts: Mapping[str, Any] | None = None
    user: Mapping[str, Any] = field(default_factory=dict)
    witnesses: list[Witness] = field(default_factory=list)
    records: list[StoredRecord] = field(default_factory=list)
    copies: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[str, Origin] | None = None

    def heard(self) -> Case:
        """Put its witnesses in order, for the merge."""
        return Case(
            self.witnesses,
            sha256=self.sha256,
            file_path=self.path,
            size_bytes=self.size_bytes,
            header=merge_facts(self.facts),
            user=self.user,
        )


class Merging:
    """What all deeds share: the catalog, and the merge of one model.

    Args:
        catalog: an open catalog; the library never closes it.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._names: dict[str, tuple[int, FolderNames]] = {}
        self._alike: tuple[Mapping[str, Any] | None, HeaderFacts | None] = None, None

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
            case = self._case_of(model_id)
            if case is None:
                return
            merged = self._merged(case)
            self.catalog.put_light(
                model_id, merged.fields, merged.origins, mapping.aliases(case.witnesses, merged)
            )
            if case.path is None and case.sha256 is not None:
                self.catalog.put_claimed_size(model_id, claimed_size(case.witnesses))
            if case.witnesses:
                self.catalog.set_chief(model_id, chief(case.witnesses))

    def show_own(self, row: ModelRow, layer: Mapping[str, Any], columns: Collection[str]) -> None:
        """Show what the user's values of some columns say now, as `relight` would, but hear no witness in vain.

        A value that was set needs none, however large the payloads are that speak of the model.

        Args:
            row: the model as it was shown before.
            layer: the user's values now.
            columns: of the values that changed.
        """
        if not all(
            column in layer and _stands_alone(column, layer[column], row, layer) for column in columns
        ):
            self.relight(row.id)
            return
        shown = {column: getattr(row, column) for column in MERGED_COLUMNS}
        origins, aliases = self.catalog.provenance(row.id), self.catalog.aliases_of(row.id)
        if "name" in columns and (said := origins.get("name")) is not None and said.record_id is not None:
            aliases.insert(0, row.name)
        for column in columns:
            shown[column] = mapping.shown_of_user(column, layer[column])
            origins[column] = Origin("user", EDITED)
        with self.catalog.transaction(Changes(models=True, ids=frozenset((row.id,)))):
            self.catalog.put_light(row.id, shown, origins, aliases)

    def _case_of(self, model_id: int) -> "ModelCase | None":
        """Gather all that is known of a model, None if there is none."""
        rows = self.catalog.rows([model_id])
        if not rows:
            return None
        row = rows[0]
        computed = self.catalog.partial_hashes(model_id)
        if row.sha256 and row.hash_state == HashState.DONE:
            computed["sha256"] = row.sha256
        case = ModelCase(
            path=row.path,
            sha256=row.sha256,
            size_bytes=row.size_bytes if row.path else None,
            is_present=row.path is not None and row.file_state == FileState.PRESENT,
            computed=computed,
            former=self.catalog.former_hashes(model_id),
            facts=self.catalog.header_facts(model_id),
            user=self.catalog.user_values(model_id),
            # What the file itself says is heard as its header.
            records=[record for record in self.catalog.records_of(model_id) if record.source != EMBEDDED],
            copies={
                found.path: found.copy_path
                for found in self.catalog.attachments_of(model_id)
                if found.copy_path is not None
            },
        )
        case.witnesses = [self._witness(record, case) for record in case.records]
        if row.preview and not case.is_present:
            origin = self.catalog.provenance(model_id).get("preview")
            if origin is not None and origin.source == "file":
                case.shown = row.preview, origin
        return case

    def _witness(self, record: StoredRecord, case: "ModelCase") -> Witness:
        if record.payload is None:
            claims = Claims(marker=True)
        else:
            claims = claims_of(
                Record(record.source, record.source_path, record.record_key, record.payload, record.extra),
                self.names_in(os.path.dirname(record.source_path)).all,
                case.computed.get("sha256"),
            )
        return Witness(
            record_id=record.id,
            source=record.source,
            claims=claims,
            source_path=record.source_path,
            record_key=record.record_key,
            container_mtime=record.container_mtime,
            imported_at=record.imported_at,
            hash_agrees=promotion.compare(
                claims, case.computed, size_bytes=case.size_bytes, former=case.former
            ).holds,
            size_fits=promotion.size_fits(claims, case.size_bytes),
        )

    def _merged(self, case: "ModelCase") -> mapping.Merged:
        """Return the light columns that all witnesses amount to, with a preview that is really there."""
        heard = case.heard()
        merged = mapping.merge(heard)
        _without_guess(merged.fields, merged.origins, case.facts)
        if case.path and (case.is_present or case.copies):
            folder = os.path.dirname(case.path)
            imported = tuple(self.catalog.imported_paths())
            # An export may claim that its records come from anywhere.
            sources = [record.source_path for record in case.records]
            roots = [folder, *(os.path.dirname(path) for path in sources if is_below_any(path, imported))]
            named = mapping.pictures(heard)
            said, origin = merged.fields.get("preview"), merged.origins.get("preview")
            self._choose_preview(
                merged.fields, merged.origins, case.path, self.names_in(folder), roots, named, case.copies
            )
            self._show_own_picture(merged.fields, merged.origins, case.facts)
            if not case.is_present and said and origin and not merged.fields["preview"]:
                merged.fields["preview"], merged.origins["preview"] = (
                    said,
                    origin,
                )  # it may come back with the file
        if case.shown is not None and not merged.fields.get("preview"):
            merged.fields["preview"], merged.origins["preview"] = case.shown  # so may this one
        return merged

    def light_of_file(
        self, path: str, facts: Mapping[str, Any], siblings: "FolderNames"
    ) -> tuple[dict[str, Any], dict[str, Origin]]:
        """Return the light columns of a file about which no record speaks, and their origins."""
        alike = self._alike
        if facts is not alike[0]:  # headers that were identified alike share theirs
            alike = self._alike = facts, merge_facts(facts)
        named: Sequence[tuple[str, Origin]] = ()
        merged = mapping.merge_alone(path, alike[1]) if alike[1] is not None else None
        if merged is None:
            heard = ModelCase(path=path, facts=facts).heard()
            merged, named = mapping.merge(heard), mapping.pictures(heard)
        fields, origins = merged
        _without_guess(fields, origins, facts)
        self._choose_preview(fields, origins, path, siblings, [os.path.dirname(path)] if named else [], named)
        self._show_own_picture(fields, origins, facts)
        return fields, origins

    def _show_own_picture(
        self, fields: dict[str, Any], origins: dict[str, Origin], facts: Mapping[str, Any] | None
    ) -> None:
        """Take the picture that the header carries where there is no other."""
        name = (facts or {}).get("picture")
        if not fields.get("preview") and name and os.path.isfile(place := self.catalog.copy_path(name)):
            fields["preview"], origins["preview"] = place, Origin("header", PLACE_RANK)

    def _choose_preview(
        self,
        fields: dict[str, Any],
        origins: dict[str, Origin],
        path: str,
        siblings: "FolderNames",
        roots: list[str],
        pictures: Sequence[tuple[str, Origin]],
        copies: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Take the first of the named pictures that is here and may be looked at, else one by the file's stem.

        A picture that is gone counts as here where a copy of it was kept (`ModelCase.copies`), which is shown then.
        """
        if fields.get("preview") and origins.get("preview", Origin("", 7)).rank == 1:
            if fields["preview"] in copies and not os.path.isfile(fields["preview"]):
                fields["preview"] = copies[fields["preview"]]
            return
        allowed = [*roots, *self.catalog.folder_facts(), *self.catalog.imported_paths()] if pictures else []
        for picture, origin in pictures:
            named = os.path.normpath(picture)
            is_here = os.path.isabs(named) and is_below_any(named, allowed) and os.path.isfile(named)
            if is_here or named in copies:
                fields["preview"], origins["preview"] = named if is_here else copies[named], origin
                return
        folder, name = os.path.split(path)
        stem = os.path.splitext(name)[0]
        gone = {
            os.path.basename(place): copy
            for place, copy in copies.items()
            if os.path.dirname(place) == folder
        }
        found = siblings.pictures.preview_for(stem, gone)
        origins.pop("preview", None)
        if found is None:
            fields["preview"] = None
            return
        is_kept = found in gone and found not in siblings.all
        fields["preview"] = gone[found] if is_kept else os.path.join(folder, found)
        origins["preview"] = _BESIDE

    def read_hashes(self, progress: Progress) -> int:
        """Let the catalog know the hashes that records claim which came in before it kept them.

        Cancelled, it goes on from there the next time.

        Returns:
            How many were read.
        """
        unread = self.catalog.unread()
        for start in range(0, len(unread), READ_AT_ONCE):
            read: list[tuple[str, int, dict[str, str]]] = []
            for number, (holder, row_id) in enumerate(unread[start : start + READ_AT_ONCE], start):
                progress.step(number, len(unread), "", "records")
                found = self.catalog.unread_record(holder, row_id)
                if found is not None:
                    record, sha256 = found
                    siblings = self.names_in(os.path.dirname(record.source_path)).all
                    read.append((holder, row_id, hashes_of(claims_of(record, siblings, sha256))))
            self.catalog.put_read(read)
        return len(unread)


def _stands_alone(column: str, value: Any, row: ModelRow, layer: Mapping[str, Any]) -> bool:
    """Tell whether a value that the user set is shown as it is and changes no other column."""
    if column == "base_model":  # it tells a checkpoint from the part of one
        return "type" in layer or row.type not in mapping.WHOLE_OR_PART
    if column == "preview":
        return os.path.isfile(value)
    return bool(value) or column not in ("name", "type")


def claims_of(record: Record, siblings: frozenset[str] = frozenset(), sha256: str | None = None) -> Claims:
    """Return what a record says; a record of a source that isn't known any more says nothing.

    Arguments as `LegacySource.claims`.
    """
    source = legacy_sources.BY_RECORD_ID.get(record.source)
    return source.claims(record, siblings, sha256) if source is not None else Claims()


def hashes_of(claims: Claims) -> dict[str, str]:
    """Return every hash that a record claims of its file, kind (``SHA256`` too) -> hex."""
    return dict(claims.partial_hashes) | ({"SHA256": claims.sha256} if claims.sha256 else {})


def header_facts(header: Header, picture: str | None = None) -> dict[str, Any]:
    """Return what a merge needs of a header, as JSON for the catalog.

    Args:
        header: see there.
        picture: name of the copy of its picture (`AttachmentStore.copy_path`), if there is one.
    """
    is_alike = not (header.shared is None or picture or header.suggestions or header.problems)
    if is_alike and header.shared is not None and (alike := header.shared.get("facts")) is not None:
        found: dict[str, Any] = alike
        return found
    facts: dict[str, Any] = {} if picture is None else {"picture": picture}
    facts |= {
        "type": header.type,
        "base_model": header.base_model,
        "base_by_name": header.facts.get("base_by_name"),
        # Where the header leaves only the base open (it names the candidates), it still proves the type.
        "certain": header.type != "unknown" and (header.confidence != "ambiguous" or bool(header.candidates)),
        "suggestions": dict(header.suggestions),
        "personal": sorted(header.personal),
        "is_model": _holds_a_model(header),
    }
    if is_alike and header.shared is not None:
        header.shared["facts"] = facts
    return facts


def _holds_a_model(header: Header) -> bool:
    broken = any(problem.code != "wrong_suffix" for problem in header.problems)
    return header.format not in NO_MODEL_FORMATS and (header.tensor_count > 0 or not broken)


def merge_facts(facts: Mapping[str, Any] | None) -> HeaderFacts | None:
    """Return what `header_facts` made, as a merge takes it."""
    if facts is None:
        return None
    return HeaderFacts(
        facts["type"],
        facts["base_model"],
        facts["certain"],
        facts["suggestions"],
        frozenset(facts.get("personal", ())),
        facts.get("base_by_name"),
    )


def _without_guess(
    fields: dict[str, Any], origins: dict[str, Origin], facts: Mapping[str, Any] | None
) -> None:
    """Take back a type that only the folder's name gave to a file that holds no model."""
    by_place = "type" in origins and origins["type"].rank == PLACE_RANK
    if by_place and facts is not None and not facts.get("is_model", True):
        fields["type"] = "unknown"
        origins.pop("type")


class FolderNames:
    """The names in one folder, found by how they begin: a folder may hold 100,000 of them.

    Args:
        folder: read once; one that can't be read has no names.
        names: those in it, where they are known already.
    """

    def __init__(self, folder: str, names: Iterable[str] | None = None) -> None:
        if names is None:
            try:
                names = os.listdir(folder)
            except OSError:
                names = ()
        self.all = frozenset(names)

    @cached_property
    def pictures(self) -> FolderPictures:
        """The previews among them."""
        return FolderPictures(self.all)

    @cached_property
    def _sorted(self) -> list[tuple[str, str]]:
        return sorted((folded(name), name) for name in self.all)

    def beginning_with(self, stem: str) -> list[str]:
        """Return the names that begin with `stem`, whatever their case and Unicode form."""
        wanted = folded(stem)
        first = bisect.bisect_left(self._sorted, (wanted, ""))
        found = []
        for key, name in itertools.islice(self._sorted, first, None):
            if not key.startswith(wanted):
                break
            found.append(name)
        return found
