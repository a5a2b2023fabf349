"""What the witnesses of one model say, column by column, so that a person can choose where they disagree."""

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from modelmgr import edits
from modelmgr.catalog.edit_store import NewEdit
from modelmgr.library.editing import AT_ONCE, Editing, Wish
from modelmgr.library.merging import ModelCase, header_facts
from modelmgr.migration import mapping
from modelmgr.progress import Cancelled, Progress
from modelmgr.readers import read_header
from modelmgr.values import Door, EditReport, ModelQuery, Opinion

ALIKE_RECORDS = 50


class Choosing(Editing):
    """Opinions on the light columns, of models and of pending models, and the choice among them."""

    def opinions(self, model_id: int) -> dict[str, tuple[Opinion, ...]]:
        """Return the different values that records, header and user say of a model, by light column.

        Returns:
            For each column of which at least one of them speaks the values, the shown one first, the others best
            first; nothing for a model that isn't there.
        """
        case = self._case_of(model_id)
        return {} if case is None else self._opinions(case, frozenset())

    def pending_opinions(self, pending_id: int) -> dict[str, tuple[Opinion, ...]]:
        """Return what a pending model and all others that speak of its file say, by light column.

        These others are pending models with the same file or claimed hash, and the records, the header and the user's
        values of the model that is known by that file or hash. What is shown is what would be if all of them were
        promoted as they are.

        Returns:
            As `opinions`; nothing for a pending model that isn't there. At most 50 pending models are heard.
        """
        rows = self.catalog.pending_rows([pending_id])
        if not rows:
            return {}
        path = rows[0].file_path if rows[0].problem != "outside" else None
        model_id = self._model_of(path, rows[0].sha256)
        case = self._case_of(model_id) if model_id is not None else _case_of_file(path)
        files = self.catalog.files_of(model_id) if model_id is not None else []
        paths = dict.fromkeys([path, *(file.path for file in files)])
        hashes = dict.fromkeys([rows[0].sha256, case.sha256 if case is not None else None])
        alike = self.catalog.records_alike(
            pending_id,
            [path for path in paths if path is not None][:ALIKE_RECORDS],
            [sha256 for sha256 in hashes if sha256 is not None],
            ALIKE_RECORDS,
        )
        case = case or ModelCase()
        # Ids of pending rows and of active records overlap: within the merge the former are negative.
        case.witnesses += [self._witness(replace(record, id=-record.id), case) for record in alike]
        case.records += alike
        return self._opinions(case, frozenset(record.id for record in alike))

    def choose(self, model_ids: Collection[int], column: str, value: Any) -> None:
        """Let a column of these models show one of its opinions from now on: the user's own value, as by `edit`.

        Args:
            model_ids: of the models.
            column: a light column.
            value: as a record or the file says it, however unfit to be typed; None for what was imported.

        Raises:
            Usage: no such column.
        """
        wish = Wish({edits.checked_column(column): value}, {})
        self._edit(model_ids, wish, "", Door.WINDOW, Progress())

    def choose_alike(self, column: str, source: str, progress: Progress) -> EditReport:
        """Let a column show what a source says of it, of every model where it says something else than is shown.

        Models of which the user has said something himself are left alone. It is one edit of the history, undone as
        one.

        Args:
            column: a light column.
            source: a source id; it counts where it is the best of those who say a value.
            progress: models.

        Raises:
            Usage: no such column.
        """
        edits.checked_column(column)
        ids = self.catalog.order(ModelQuery(search=f'source:"{source}"'))
        report = EditReport()
        try:
            for start in range(0, len(ids), AT_ONCE):
                progress.step(start, len(ids), unit="models")
                self._choose_some(ids[start : start + AT_ONCE], column, source, report, progress)
        except Cancelled:
            report.cancelled = True
        if report.group is not None:
            self.catalog.forget_old_edits()
        return report

    def _choose_some(
        self, ids: Sequence[int], column: str, source: str, report: EditReport, progress: Progress
    ) -> None:
        changed: list[NewEdit] = []
        for model_id in ids:
            progress.check()
            case = self._case_of(model_id)
            if case is None:
                continue
            report.models += 1
            if column in case.user:
                continue
            said = self._opinions(case, frozenset()).get(column, ())
            other = next((each for each in said if each.source == source), None)
            if other is not None and not other.shown:
                changed.append(NewEdit(model_id, column, None, json.dumps(other.value)))
        if not changed:
            return
        with self.catalog.transaction():
            layers = self.catalog.user_layers([edit.model_id for edit in changed])
            # What the user said while the records were heard is left alone too.
            changed = [edit for edit in changed if column not in layers.get(edit.model_id, {})]
            if report.group is None and changed:
                report.group = self.catalog.begin_edits(Door.WINDOW, "")
            if report.group is not None:
                self.catalog.put_edits(report.group, changed)
            report.changed += self._show_changed([(edit.model_id, column) for edit in changed])

    def _model_of(self, path: str | None, sha256: str | None) -> int | None:
        """Return the model of a file, else that of a hash."""
        known = self.catalog.known_file(path) if path is not None else None
        if known is not None or sha256 is None:
            return known.model_id if known is not None else None
        return self.catalog.ids_of([sha256]).get(sha256)

    def _opinions(self, case: ModelCase, pending: Collection[int]) -> dict[str, tuple[Opinion, ...]]:
        places = {witness.record_id: witness.source_path for witness in case.witnesses}
        said = mapping.opinions(case.heard(), self._merged(case))
        return {
            column: tuple(_placed(opinion, places, pending) for opinion in found)
            for column, found in said.items()
        }


def _case_of_file(path: str | None) -> ModelCase | None:
    """Return what a file that is in no library yet says of itself, None if there is none to read."""
    if path is None:
        return None
    try:
        size_bytes, header = os.stat(path).st_size, read_header(path)
    except OSError:
        return None
    return ModelCase(path, None, size_bytes, is_present=True, facts=header_facts(header))


def _placed(opinion: Opinion, places: dict[int, str], pending: Collection[int]) -> Opinion:
    """Return an opinion with the place of its record, and with the id of the pending model where it is one."""
    if opinion.record_id is None:
        return opinion
    placed = replace(opinion, source_path=places.get(opinion.record_id, ""))
    if -opinion.record_id in pending:
        return replace(placed, record_id=None, pending_id=-opinion.record_id)
    return placed
