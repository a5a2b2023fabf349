"""What the user says of models himself: a layer above all that is imported, with a history and a way back."""

import contextlib
import json
import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelmgr import edits
from modelmgr.catalog.edit_store import NewEdit
from modelmgr.errors import NotFound, Usage
from modelmgr.lazily import dataclass
from modelmgr.library.attaching import Attaching
from modelmgr.migration import mapping
from modelmgr.migration.previews import is_picture
from modelmgr.pictures import open_bounded
from modelmgr.progress import Cancelled, Progress
from modelmgr.values import Door, EditReport, ModelRow, Provenance, RevertReport, is_below_any

AT_ONCE = 500
"""The most models that are edited in one transaction."""
FIRST_AT_ONCE = 20
WRITE_S = 0.15
"""How long a transaction may take, as far as the one before it tells: others wait to write meanwhile."""
SKIPPED_NAMED = 1_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall become of the user's values of some models, checked.

    Attributes:
        changes: column -> value; None takes the user's value back.
        lists: list column -> entries to add, entries to remove; on what is shown once `changes` are made.
        note: stands on a line of its own at the end of the notes from then on.
    """

    changes: Mapping[str, Any]
    lists: Mapping[str, tuple[Sequence[str], Sequence[str]]]
    note: str = ""


class _Pace:
    """How many models one transaction takes: fewer where their records take long to be heard."""

    def __init__(self) -> None:
        self.size = min(FIRST_AT_ONCE, AT_ONCE)

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """Learn from what is done meanwhile with `size` models."""
        start = time.monotonic()
        yield
        took_s = max(time.monotonic() - start, 1e-6)
        self.size = max(1, min(AT_ONCE, 4 * self.size, int(self.size * WRITE_S / took_s)))


class Editing(Attaching):
    """Edits, undo and redo. Each edit of whatever number of models is one group of the history."""

    def edit_models(
        self,
        ids: Collection[int],
        changes: Mapping[str, Any],
        *,
        add_tags: Iterable[str] = (),
        remove_tags: Iterable[str] = (),
        add_trigger_words: Iterable[str] = (),
        remove_trigger_words: Iterable[str] = (),
        add_notes: str = "",
        note: str = "",
        door: Door = Door.WINDOW,
        progress: Progress | None = None,
    ) -> EditReport:
        """Set the user's own values of light columns, which no scan, import or refresh overwrites.

        Some hundred models at a time are written; the whole is undone by one `undo_edit`. A value that is the user's
        already is no edit.

        Args:
            ids: of the models; those that aren't there are passed over.
            changes: column -> value as `modelmgr.edits.checked` takes it, None for what was imported.
            add_tags: at the end of the shown ones, which are the user's own from then on.
            remove_tags: from the shown ones, whatever their case.
            add_trigger_words: likewise.
            remove_trigger_words: likewise.
            add_notes: on a line of its own at the end of the notes; where they would be too long, they stay.
            note: for the history.
            door: likewise.
            progress: models.

        Raises:
            Usage: no such column, or a value that it doesn't take (see `details`); nothing was changed.
            ModelmgrError: a picture can't be kept.
        """
        wish = Wish(
            {
                edits.checked_column(column): None if value is None else edits.checked(column, value)
                for column, value in changes.items()
            },
            {
                column: (edits.checked(column, list(add)), edits.checked(column, list(remove)))
                for column, add, remove in (
                    ("tags", list(add_tags), list(remove_tags)),
                    ("trigger_words", list(add_trigger_words), list(remove_trigger_words)),
                )
                if add or remove
            },
            edits.checked("notes", add_notes),
        )
        if picture := wish.changes.get("preview"):
            try:
                place = self._own_picture(picture, door, progress or Progress())
            except Cancelled:
                return EditReport(cancelled=True)
            wish = replace(wish, changes={**wish.changes, "preview": place})
        return self._edit(ids, wish, note, door, progress or Progress())

    def edit(self, ids: Collection[int], column: str, value: Any) -> EditReport:
        """Set one column; see `edit_models`."""
        return self.edit_models(ids, {column: value})

    def _edit(
        self, ids: Collection[int], wish: Wish, note: str, door: Door, progress: Progress
    ) -> EditReport:
        report = EditReport()
        wanted, pace, done = list(dict.fromkeys(ids)), _Pace(), 0
        try:
            while done < len(wanted):
                progress.step(done, len(wanted), unit="models")
                some = wanted[done : done + pace.size]
                with pace.measured(), self.catalog.transaction():
                    self._edit_some(some, wish, note, door, report)
                done += len(some)
        except Cancelled:
            report.cancelled = True
        if report.group is not None:
            self.catalog.forget_old_edits()
        return report

    def _edit_some(self, ids: Sequence[int], wish: Wish, note: str, door: Door, report: EditReport) -> None:
        rows = self.catalog.rows(ids)
        layers = self.catalog.user_layers(ids)
        report.models += len(rows)
        changed: list[NewEdit] = []
        for row in rows:
            layer = layers.get(row.id, {})
            for column, value in self._values(row, wish).items():
                before, after = layer.get(column), None if value is None else json.dumps(value)
                if before != after:
                    changed.append(NewEdit(row.id, column, before, after))
        if not changed:
            return
        if report.group is None:
            report.group = self.catalog.begin_edits(door, note)
        self.catalog.put_edits(report.group, changed)
        report.changed += self._show_changed([(edit.model_id, edit.column) for edit in changed])

    def _show_changed(self, changed: Sequence[tuple[int, str]]) -> int:
        """Show values that changed, and return of how many models they are."""
        columns: dict[int, list[str]] = {}
        for model_id, column in changed:
            columns.setdefault(model_id, []).append(column)
        layers = self.catalog.user_layers(list(columns))
        for row in self.catalog.rows(list(columns)):
            layer = {column: json.loads(text) for column, text in layers.get(row.id, {}).items()}
            self.show_own(row, layer, columns[row.id])
        return len(columns)

    def _values(self, row: ModelRow, wish: Wish) -> dict[str, Any]:
        """Return what the user's values of a model shall be, by column."""
        values = dict(wish.changes)
        for column, (add, remove) in wish.lists.items():
            if column in values and values[column] is None:
                found = self._imported(row.id).fields[column]
            else:
                found = values.get(column, getattr(row, column))
            joined = edits.with_entries(column, found, add, remove)
            if column in values or joined != list(found):
                values[column] = joined
        if wish.note and "notes" not in values:
            notes = f"{row.notes or ''}\n{wish.note}".strip()
            if len(notes) <= edits.NOTES_CHARACTERS:
                values["notes"] = notes
        return values

    def _imported(self, model_id: int) -> mapping.Merged:
        case = self._case_of(model_id)
        assert case is not None
        return self._merged(replace(case, user={}))

    def _own_picture(self, path: str, door: Door, progress: Progress) -> str:
        """Return where a picture that the user chose may be read: its place, or that of a copy beside the catalog.

        Raises:
            Usage: it is no picture, or a program names one outside the library.
        """
        folders = [*self.catalog.folder_facts(), self.catalog.attachments_folder]
        real = os.path.realpath(path)
        is_at_home = is_below_any(real, [os.path.realpath(folder) for folder in folders])
        if not is_at_home and door is Door.API:
            raise Usage(
                "preview can't be a picture outside the library folders.",
                code="outside",
                column="preview",
                allowed="a picture below a library folder",
            )
        if not is_picture(path) or (file := open_bounded(real, [os.path.dirname(real)])) is None:
            raise Usage(
                f"preview can't be {path}: it is no picture that can be read.",
                column="preview",
                allowed="the absolute path of a picture",
            )
        file.close()
        return path if is_at_home else self.kept_picture(path, progress)

    def origins_of(self, model_id: int) -> dict[str, Provenance]:
        """Return for each light column what is shown, what would be without the user's value, and who says them.

        Returns:
            All columns of `modelmgr.edits.EDITABLE`; nothing for a model that isn't there.
        """
        rows = self.catalog.rows([model_id])
        if not rows:
            return {}
        row, layer = rows[0], self.catalog.user_layers([model_id]).get(model_id, {})
        origins = self.catalog.provenance(model_id)
        # Without a value of the user the witnesses need not be heard.
        imported = self._imported(model_id) if layer else None
        return {
            column: Provenance(
                getattr(row, column),
                origins.get(column),
                getattr(row, column) if imported is None else imported.fields.get(column),
                origins.get(column) if imported is None else imported.origins.get(column),
                column in layer,
            )
            for column in edits.EDITABLE
        }

    # --- the way back -----------------------------------------------------------------------------------

    def undo_edit(self, group: int | None = None, *, progress: Progress | None = None) -> RevertReport:
        """Take an edit back, wherever and whenever it was made.

        A value that was changed since is left as it is, and named in the report.

        Args:
            group: its number; None for the newest one in force.
            progress: models.

        Raises:
            NotFound: there is no such edit, or it is forgotten.
            Usage: it is undone already.
        """
        return self._revert(group, undo=True, progress=progress or Progress())

    def redo_edit(self, group: int | None = None, *, progress: Progress | None = None) -> RevertReport:
        """Bring back an edit that was undone; None for the last one, unless another edit came since.

        Raises:
            NotFound: as `undo_edit`.
            Usage: it is in force.
        """
        return self._revert(group, undo=False, progress=progress or Progress())

    def _revert(self, number: int | None, *, undo: bool, progress: Progress) -> RevertReport:
        catalog = self.catalog
        if number is None:
            found = catalog.next_undo() if undo else catalog.next_redo()
            if found is None:
                return RevertReport()
        else:
            found = catalog.edit_group(number)
            if found is None or found.door == Door.MERGE:
                raise NotFound(f"There is no edit {number}.", group=number)
            if found.is_undone == undo:
                message = f"Edit {number} is undone already." if undo else f"Edit {number} is in force."
                raise Usage(message, group=number)
        report = RevertReport(found.id)
        changed: set[int] = set()
        place: int | None = None
        pace, done = _Pace(), 0
        try:
            while True:
                progress.step(done, None, unit="models")
                limit = pace.size
                with pace.measured(), catalog.transaction():
                    some, skipped, place = catalog.revert_some(found.id, undo=undo, place=place, limit=limit)
                    self._show_changed(some)
                    if place is None:
                        catalog.mark_reverted(found.id, undo=undo)
                changed.update(model_id for model_id, _ in some)
                done += limit
                report.skipped_total += len(skipped)
                report.skipped += skipped[: SKIPPED_NAMED - len(report.skipped)]
                if place is None:
                    break
        except Cancelled:
            report.cancelled = True
        report.changed = len(changed)
        return report
