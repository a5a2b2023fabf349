"""What the user says of models: each edit is written off the GUI thread, and can be undone and redone."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from modelmgr.catalog import Catalog
from modelmgr.gui.language import Forms, said
from modelmgr.gui.outcomes import full_sentence
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import column_label, column_order, counted, foreign_text, numbered
from modelmgr.lazily import dataclass
from modelmgr.progress import Progress
from modelmgr.values import EditGroup, EditReport, RevertReport

if TYPE_CHECKING:
    from modelmgr.library import Library

CORRECTED = ("type", "base_model")
"""What the program may get wrong, and the user knows better."""
_NAME_LENGTH = 40
AT_ONCE = 200
"""More models are a deed of their own, with progress and cancel."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One edit.

    Attributes:
        ids: of the models.
        changes: light column -> value; None goes back to what was imported.
        add, remove: list column -> entries.
        add_notes: at the end of the notes of each.
    """

    ids: tuple[int, ...]
    changes: Mapping[str, Any] = field(default_factory=dict)
    add: Mapping[str, Sequence[str]] = field(default_factory=dict)
    remove: Mapping[str, Sequence[str]] = field(default_factory=dict)
    add_notes: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it is about."""
        return tuple(
            dict.fromkeys((*self.changes, *self.add, *self.remove, *(["notes"] if self.add_notes else [])))
        )


def write(library: "Library", wish: Wish, progress: Progress | None = None) -> EditReport:
    """Do an edit, in a worker."""
    return library.edit_models(
        wish.ids,
        wish.changes,
        add_tags=wish.add.get("tags", ()),
        remove_tags=wish.remove.get("tags", ()),
        add_trigger_words=wish.add.get("trigger_words", ()),
        remove_trigger_words=wish.remove.get("trigger_words", ()),
        add_notes=wish.add_notes,
        progress=progress,
    )


def _revert(library: "Library", undo: bool, progress: Progress) -> tuple[RevertReport, EditGroup | None]:
    catalog = library.catalog
    group = catalog.next_undo() if undo else catalog.next_redo()
    deed = library.undo_edit if undo else library.redo_edit
    return deed(progress=progress), group


def _next(catalog: Catalog) -> tuple[EditGroup | None, EditGroup | None]:
    return catalog.next_undo(), catalog.next_redo()


def columns_words(columns: Sequence[str]) -> str:
    """Return columns as words in a sentence: ``rating``, ``type and base model``, ``4 fields``."""
    names = [
        label if label.isupper() else label[:1].lower() + label[1:]
        for label in map(column_label, column_order(columns))
    ]
    if len(names) > 2:
        return counted(len(names), "field")
    return said("{} and {}").format(*names) if len(names) == 2 else "".join(names)


def group_words(group: EditGroup) -> str:
    """Return what an edit was: ``rating of 12 models``, ``tags of Inkwash Harbor``."""
    whose = foreign_text(group.name, _NAME_LENGTH) or counted(group.models, "model")
    return said("{} of {}").format(columns_words(group.columns), whose)


class Editor(QObject):
    """Does edits, and the ways back from them.

    Signals:
        saved(object): a `Wish` is written.
        refused(object, object): a `Wish` was not written, and why.
        ways_changed(str, str): what an undo and a redo would do now, as `group_words`; "" where there is none.
        message(str, object): something to tell the user, with the exception or None.
    """

    saved = Signal(object)
    refused = Signal(object, object)
    ways_changed = Signal(str, str)
    message = Signal(str, object)

    def __init__(self, library: "Library", tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._tasks = tasks

    def edit(self, wish: Wish) -> None:
        """Write an edit; after those that were given before."""
        if not wish.ids or not wish.columns:
            return
        if len(wish.ids) <= AT_ONCE:
            self._tasks.change(
                partial(write, self._library, wish),
                partial(self._on_saved, wish),
                failed=partial(self.refused.emit, wish),
            )
            return
        task = self._tasks.run(self.tr("Editing"), partial(write, self._library, wish), turn="edit")
        task.succeeded.connect(partial(self._on_saved, wish))
        task.failed.connect(partial(self.refused.emit, wish))

    def _on_saved(self, wish: Wish, report: EditReport) -> None:
        self.saved.emit(wish)
        if len(wish.ids) > 1:
            words = self.tr("{} of {} changed").format(
                columns_words(wish.columns), counted(report.changed, "model")
            )
            self.message.emit(full_sentence(words), None)
        self.look()

    @Slot()
    def undo(self) -> None:
        """Take the newest edit back, whoever made it and whenever."""
        self._run(self.tr("Undoing"), undo=True)

    @Slot()
    def redo(self) -> None:
        """Do again what was undone last."""
        self._run(self.tr("Redoing"), undo=False)

    def _run(self, title: str, *, undo: bool) -> None:
        task = self._tasks.run(title, partial(_revert, self._library, undo), turn="edit")
        task.succeeded.connect(partial(self._on_reverted, undo))

    def _on_reverted(self, undo: bool, found: tuple[RevertReport, EditGroup | None]) -> None:
        report, group = found
        if group is None:
            words = self.tr("There is nothing to undo") if undo else self.tr("There is nothing to redo")
        else:
            words = (self.tr("Undone: {}") if undo else self.tr("Done again: {}")).format(group_words(group))
        if report.skipped_total:
            kept = Forms(
                "{}; %n value changed since and left as it is",
                "{}; %n values changed since and left as they are",
            )
            words = numbered(report.skipped_total, kept, words)
        self.message.emit(full_sentence(words), None)
        self.look()

    @Slot()
    def look(self) -> None:
        """Find out what an undo and a redo would do now, and tell."""
        self._tasks.ask(partial(_next, self._library.catalog), self._on_next, key=(id(self), "next"))

    @Slot(object)
    def _on_next(self, found: tuple[EditGroup | None, EditGroup | None]) -> None:
        undo, redo = (group_words(group) if group is not None else "" for group in found)
        self.ways_changed.emit(undo, redo)
