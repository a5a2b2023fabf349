"""Edits of the model that is shown: each is seen at once and saved behind; what can't be saved is kept and said."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

from modelmgr import edits
from modelmgr.gui.details.editor import Editor, Wish
from modelmgr.gui.details.fields import FieldsForm
from modelmgr.gui.details.known import known_bases, known_tags
from modelmgr.gui.details.model_page import ModelPage
from modelmgr.gui.details.unsaved import Unsaved
from modelmgr.gui.outcomes import error_text
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import column_label, foreign_text, notes_text
from modelmgr.values import ModelRow, Provenance

if TYPE_CHECKING:
    from modelmgr.gui.shell.drafts import Drafts
    from modelmgr.library import Library


def _provenance(library: "Library", model_id: int, column: str) -> tuple[int, str, Provenance | None]:
    return model_id, column, library.origins_of(model_id).get(column)


class ModelEdits(QObject):
    """Takes what the user does on the page of one model to the `Editor`, and keeps what is not saved yet.

    Args:
        page: of the one model.

    Signals:
        row_edited(ModelRow): it is another now, and is to be shown.
        row_noted(ModelRow): only its notes are others, and they stand there already.
        refresh_wanted(): what is shown may be wrong.
        message(str, object): something to tell the user, with the exception or None.

    Attributes:
        row: the model that is shown, as it is with all edits.
    """

    row_edited = Signal(object)
    row_noted = Signal(object)
    refresh_wanted = Signal()
    message = Signal(str, object)

    def __init__(
        self,
        library: "Library",
        tasks: Tasks,
        editor: Editor,
        page: ModelPage,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._library = library
        self._catalog = library.catalog
        self._tasks = tasks
        self._editor = editor
        self._page = page
        self._forms = [page.form]
        self.row: ModelRow | None = None
        self._notes_of: int | None = None
        self._saved_notes = self._given_notes = ""
        self._unsaved = Unsaved()
        self._join()

    def _join(self) -> None:
        page = self._page
        page.name.renamed.connect(partial(self.edit, "name"))
        page.name.typed.connect(partial(self._on_typed, "name"))
        page.name.given_up.connect(partial(self._on_given_up, "name"))
        page.rating.rated.connect(self._on_rated)
        page.strip.chosen.connect(partial(self.edit, "preview"))
        page.strip.reset.connect(partial(self._on_reset, "preview"))
        page.notes.settled.connect(self.save_notes)
        page.notes.textChanged.connect(self._on_notes_typed)
        form = page.form
        form.edited.connect(self.edit)
        form.entries_edited.connect(self._on_entries_edited)
        form.reset.connect(self._on_reset)
        form.typed.connect(self._on_typed)
        form.given_up.connect(self._on_given_up)
        form.began.connect(self._on_began)
        form.origin_wanted.connect(self._on_origin_wanted)
        page.history.reset.connect(self._on_reset)
        page.unsaved.acted.connect(self._on_go_on)
        self._editor.saved.connect(self._on_saved)
        self._editor.refused.connect(self._on_refused)

    def complete_too(self, form: FieldsForm) -> None:
        """Have the fields of many models complete with the same words."""
        form.began.connect(self._on_began)
        self._forms.append(form)

    def use_drafts(self, drafts: "Drafts") -> None:
        """Keep what is being typed there, for the case of a crash."""
        self._unsaved.drafts = drafts

    def keep_typed(self, row: ModelRow, column: str, text: str | None) -> None:
        """Keep what is being typed of a model in another place; None if nothing of it is wanted."""
        if text is None:
            self._unsaved.stop_typing(row, column)
        else:
            self._unsaved.type(row, column, text)

    def flush(self) -> None:
        """Save what was typed; before something else is shown, or the window closes."""
        self._page.name.finish()
        row = self.row
        for column, text in self._page.form.finish().items():
            if row is not None:
                self._unsaved.keep(row, column, text)
        self.save_notes()

    def show_notes(self, row: ModelRow) -> None:
        """Show the notes of the model; what is just being typed stays."""
        notes = self._page.notes
        typing = notes.hasFocus() and self._notes_of == row.id
        if not typing and (self._notes_of != row.id or self._given_notes != (row.notes or "")):
            self._notes_of = row.id
            self._given_notes = row.notes or ""
            notes.show_notes(notes_text(row.notes or ""))
            # As the field has them: it knows one kind of line end, and that nobody has typed.
            self._saved_notes = notes.toPlainText()

    def show_unsaved(self) -> None:
        """Say what could not be saved of this model, if there is such."""
        row = self.row
        found = self._unsaved.first(row) if row is not None else None
        if found is None:
            self._page.unsaved.say("")
            return
        column, text, error = found
        words = self.tr("Not saved: {}, “{}”.").format(
            column_label(column), foreign_text(text.replace("\n", " "), 80)
        )
        self._page.unsaved.say(
            f"{words} {error}".strip(), icon="triangle-alert", color="busy", button=self.tr("Go on typing")
        )

    @Slot(str, object)
    def edit(self, column: str, value: Any) -> None:
        """Change one column of the model; it is shown at once. None goes back to what was imported."""
        row = self.row
        if row is None:
            return
        if value is not None and column != "preview":
            shown: Any = tuple(value) if isinstance(value, list) else value
            shown = None if shown in ("", 0) and not isinstance(shown, bool) and column != "name" else shown
            self.row = row._replace(**{column: shown})
            self.row_edited.emit(self.row)
        self._editor.edit(Wish((row.id,), {column: value}))

    @Slot(str, object, object)
    def _on_entries_edited(self, column: str, added: Sequence[str], removed: Sequence[str]) -> None:
        row = self.row
        if row is not None:
            entries: Any = tuple(edits.with_entries(column, getattr(row, column), added, removed))
            self.row = row._replace(**{column: entries})
            self.row_edited.emit(self.row)
            self._editor.edit(Wish((row.id,), {}, {column: tuple(added)}, {column: tuple(removed)}))

    @Slot(str)
    def _on_reset(self, column: str) -> None:
        if self.row is not None:
            self._editor.edit(Wish((self.row.id,), {column: None}))

    @Slot(object)
    def _on_rated(self, rating: int | None) -> None:
        self.edit("rating", rating or edits.NO_RATING)

    @Slot()
    def save_notes(self) -> None:
        """Save the notes as they stand there."""
        text = self._page.notes.toPlainText()
        if self._notes_of is None or text == self._saved_notes:
            if self._notes_of is not None and self.row is not None and self.row.id == self._notes_of:
                self._unsaved.forget_typing(self.row, "notes")
            return
        self._saved_notes = self._given_notes = text
        if self.row is not None and self.row.id == self._notes_of:
            self.row = self.row._replace(notes=text or None)
            self.row_noted.emit(self.row)
        self._editor.edit(Wish((self._notes_of,), {"notes": text}))

    @Slot(object)
    def _on_saved(self, wish: Wish) -> None:
        for model_id in wish.ids[:1] if len(wish.ids) == 1 else ():
            for column in wish.columns:
                self._unsaved.done(model_id, column)
        self.show_unsaved()

    @Slot(object, object)
    def _on_refused(self, wish: Wish, error: Exception) -> None:
        """Keep what was typed, with what is wrong with it."""
        if len(wish.ids) == 1:
            for column in wish.columns:
                value = wish.changes.get(column)
                if column in wish.add:
                    value = "\n".join(wish.add[column])
                if isinstance(value, str | list) and column != "preview":
                    text = "\n".join(value) if isinstance(value, list) else value
                    self._unsaved.refuse(wish.ids[0], column, text, error_text(error))
            row = self.row
            if row is not None and row.id == wish.ids[0]:
                self.refresh_wanted.emit()
        self.show_unsaved()
        words = self.tr("What you changed was not saved")
        typed = [value for value in wish.changes.values() if isinstance(value, str) and value]
        if len(wish.ids) > 1 and typed:
            words = self.tr("{} (“{}”)").format(words, foreign_text(typed[0], 200))
        self.message.emit(words, error)

    @Slot(str, str)
    def _on_typed(self, column: str, text: str) -> None:
        if self.row is not None:
            self._unsaved.type(self.row, column, text)

    @Slot()
    def _on_notes_typed(self) -> None:
        if self.row is not None and self.row.id == self._notes_of:
            self._unsaved.type(self.row, "notes", self._page.notes.toPlainText())

    @Slot(str)
    def _on_given_up(self, column: str) -> None:
        if self.row is not None:
            self._unsaved.done(self.row.id, column, self.row)
            self.show_unsaved()

    @Slot()
    def _on_go_on(self) -> None:
        """Put what was typed and not saved back where it was typed."""
        found = self._unsaved.first(self.row) if self.row is not None else None
        if found is None:
            return
        column, text, _error = found
        if column == "name":
            self._page.name.start(text)
        elif column == "notes":
            self._page.notes.setPlainText(text)
            self._page.notes.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self._page.form.fields[column].start(text)

    @Slot(str)
    def _on_began(self, column: str) -> None:
        if column in ("tags", "base_model"):
            question = partial(known_tags if column == "tags" else known_bases, self._catalog)
            self._tasks.ask(question, partial(self._on_known, column), key=(id(self), "known"))

    def _on_known(self, column: str, words: Sequence[str]) -> None:
        for form in self._forms:
            first = self._page.candidates() if column == "base_model" and form is self._page.form else []
            form.fields[column].set_known(list(dict.fromkeys([*first, *words])))

    @Slot(str)
    def _on_origin_wanted(self, column: str) -> None:
        if self.row is not None:
            question = partial(_provenance, self._library, self.row.id, column)
            self._tasks.ask(question, self._on_origin_known, key=(id(self), "origin"))

    @Slot(object)
    def _on_origin_known(self, found: tuple[int, str, Provenance | None]) -> None:
        model_id, column, provenance = found
        if self.row is not None and self.row.id == model_id and provenance is not None:
            self._page.form.fields[column].show_provenance(provenance)
