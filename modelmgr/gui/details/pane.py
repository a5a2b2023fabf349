"""The details of what is selected: light columns at once, records and payload when the worker brings them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QElapsedTimer, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFrame, QScrollArea, QStackedLayout, QVBoxLayout, QWidget

from modelmgr import edits
from modelmgr.catalog import Catalog
from modelmgr.gui import theme
from modelmgr.gui.details.about import description_in
from modelmgr.gui.details.comparison import ComparisonPage
from modelmgr.gui.details.editor import Editor, Wish
from modelmgr.gui.details.history import STEPS
from modelmgr.gui.details.identity import CORRECTED
from modelmgr.gui.details.known import known_bases, known_tags
from modelmgr.gui.details.model_page import ModelPage
from modelmgr.gui.details.shown import WHOLE_BYTES, Shown, show_record
from modelmgr.gui.details.unsaved import Unsaved
from modelmgr.gui.jobs_panel import error_text
from modelmgr.gui.previews import Previews
from modelmgr.gui.table.columns import state_of
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import column_label, foreign_text, is_web_address
from modelmgr.values import Changes, Edit, FileState, ModelDetails, ModelRow, Provenance

if TYPE_CHECKING:
    from modelmgr.gui.shell.drafts import Drafts
    from modelmgr.library import Library

QUIET_MS = 200
"""After so long without a new selection the next one is asked for at once."""
SETTLE_MS = 90
"""In a row of quick selections only the one that stays so long is asked for; keys repeat every 33 ms."""
_NOTHING, _ONE, _SEVERAL = range(3)
_LONG_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """The answer to "tell me about this model"; `key` is the question."""

    key: str | int
    details: ModelDetails | None
    chief: Shown | None = None
    history: Sequence[Edit] = field(default_factory=list)
    description: str = ""


def load_details(catalog: Catalog, key: str | int) -> Loaded:
    """Look a model up by its key and make its chief record ready, in a worker."""
    details = catalog.details(key, WHOLE_BYTES)
    if details is None:
        return Loaded(key, None)
    chief = show_record(catalog, details.records[0]) if details.records else None
    description = description_in(chief.parsed.value) if chief is not None else ""
    return Loaded(key, details, chief, catalog.edits_of(details.row.id, STEPS), description)


def _provenance(library: "Library", model_id: int, column: str) -> tuple[int, str, Provenance | None]:
    return model_id, column, library.origins_of(model_id).get(column)


def _bases(catalog: Catalog) -> list[str]:
    used, others = known_bases(catalog)
    return [*used, *others]


class DetailsPane(QWidget):
    """What is known about the selected models, and the place to say better.

    Light columns are shown at once. The rest is asked for when the selection rests: the first selection after a
    pause at once, in a quick row of them only the one that stays. An answer for a model that was left meanwhile
    is dropped. What is typed is saved when something else is selected; what can't be saved is kept and said.

    Signals:
        details_shown(object): the key (sha256, or row id without one) whose details are all shown now.
        row_changed(ModelRow): the user edited it here.
        import_wanted(): the user wants to bring in what other tools know.
        correction_wanted(): the user wants to correct type or base model.
        locate_wanted(ModelRow): the user knows where the missing file is.
        move_wanted(ModelRow): the user knows where the folder of the file is now.
        hashes_wanted(int): the user wants the hashes of this model that were not computed yet.
        message(str, object): something to tell the user, with the exception or None.

    Attributes:
        editor: does all edits; undo and redo.
    """

    details_shown = Signal(object)
    row_changed = Signal(object)
    import_wanted = Signal()
    correction_wanted = Signal()
    locate_wanted = Signal(object)
    move_wanted = Signal(object)
    hashes_wanted = Signal(int)
    message = Signal(str, object)

    def __init__(
        self, library: "Library", tasks: Tasks, previews: Previews, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("detailsPane")
        self.setAccessibleName(self.tr("Details"))
        self._library = library
        self._catalog = library.catalog
        self._tasks = tasks
        self._row: ModelRow | None = None
        self._key: str | int | None = None
        self._details: ModelDetails | None = None
        self._notes_of: int | None = None
        self._saved_notes = ""
        self._unsaved = Unsaved()
        self._selected: Callable[[], Sequence[int]] | None = None
        self._since_last = QElapsedTimer()
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._ask)
        self._late: tuple[Loaded, int] | None = None
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._show_records)
        self.editor = Editor(library, tasks, self)
        self._build(previews)
        self._join()
        self.show_model(None)

    # --- building ---------------------------------------------------------------------------------------

    def _build(self, previews: Previews) -> None:
        self._pages = QStackedLayout(self)
        self._pages.setContentsMargins(0, 0, 0, 0)
        nothing = QWidget(self)
        nothing_layout = QVBoxLayout(nothing)
        nothing_label = theme.plain_label(
            self.tr("Select a model to see what is known about it."), "secondary", nothing
        )
        nothing_label.setWordWrap(True)
        nothing_label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        nothing_layout.addWidget(nothing_label)
        self._pages.addWidget(nothing)
        self._page = ModelPage(self._catalog, self._tasks, previews)
        self._pages.addWidget(self._scrolled(self._page, "detailsScroll"))
        self._several = ComparisonPage(self._catalog, self._tasks)
        self._pages.addWidget(self._scrolled(self._several, "comparisonScroll"))

    def _scrolled(self, page: QWidget, name: str) -> QScrollArea:
        scroll = QScrollArea(self)
        scroll.setObjectName(name)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(page)
        return scroll

    def _join(self) -> None:
        page = self._page
        page.name.renamed.connect(partial(self._edit, "name"))
        page.name.typed.connect(partial(self._on_typed, "name"))
        page.name.given_up.connect(partial(self._on_given_up, "name"))
        page.name.favorite_toggled.connect(self.toggle_favorite)
        page.rating.rated.connect(self._on_rated)
        page.strip.chosen.connect(partial(self._edit, "preview"))
        page.strip.reset.connect(partial(self._on_reset, "preview"))
        page.notes.settled.connect(self._save_notes)
        page.notes.textChanged.connect(self._on_notes_typed)
        form = page.form
        form.edited.connect(self._edit)
        form.entries_edited.connect(self._on_entries_edited)
        form.reset.connect(self._on_reset)
        form.typed.connect(self._on_typed)
        form.given_up.connect(self._on_given_up)
        form.began.connect(self._on_began)
        form.origin_wanted.connect(self._on_origin_wanted)
        form.compare_wanted.connect(self._on_compare_clicked)
        page.history.reset.connect(self._on_reset)
        page.identity.base_chosen.connect(self._on_base_chosen)
        page.identity.correction_wanted.connect(self.correction_wanted)
        page.identity.reset_wanted.connect(self._on_reset_identity)
        page.hashes.compute_wanted.connect(self._on_hashes_wanted)
        page.records.import_wanted.connect(self.import_wanted)
        page.records.message.connect(self.message)
        page.link_wanted.connect(self._on_link_clicked)
        page.compare_wanted.connect(self._on_compare_clicked)
        page.trouble.acted.connect(self._on_locate)
        page.unsaved.acted.connect(self._on_go_on)
        self._several.edited.connect(self.editor.edit)
        self._several.began.connect(self._on_began)
        self._several.left.connect(self._on_left)
        self.editor.saved.connect(self._on_saved)
        self.editor.refused.connect(self._on_refused)
        self.editor.message.connect(self.message)

    def use_drafts(self, drafts: "Drafts") -> None:
        """Keep what is being typed there, for the case of a crash."""
        self._unsaved.drafts = drafts

    def follow(self, selected: Callable[[], Sequence[int]]) -> None:
        """Ask `selected` for the ids of the selected models when `show_count` says that there are several."""
        self._selected = selected

    # --- deeds ------------------------------------------------------------------------------------------

    def show_model(self, row: ModelRow | None) -> None:
        """Show a model: what its row says at once, all the rest when the worker brings it."""
        self.flush()
        self._settle.stop()
        self._later.stop()
        self._row = row
        self._details = None
        if row is None:
            self._key = None
            if self._pages.currentIndex() != _SEVERAL:
                self._pages.setCurrentIndex(_NOTHING)
            self._page.clear()
            return
        self._key = row.sha256 or row.id
        if self._pages.currentIndex() != _SEVERAL:
            self._pages.setCurrentIndex(_ONE)
        self._show_row(row, is_new=True)
        if self._pages.currentIndex() == _SEVERAL:
            return
        quiet = not self._since_last.isValid() or self._since_last.elapsed() > QUIET_MS
        self._since_last.start()
        if quiet:
            self._ask()
        else:
            self._settle.start()

    @Slot(int)
    def show_count(self, count: int) -> None:
        """Compare the selected models if there are several, show the one that there is otherwise."""
        if count > 1 and self._selected is not None:
            if self._pages.currentIndex() != _SEVERAL:
                self.flush()
            self._several.show_selection(self._selected())
            self._pages.setCurrentIndex(_SEVERAL)
        elif self._pages.currentIndex() == _SEVERAL:
            self._several.finish()
            self._pages.setCurrentIndex(_NOTHING if self._row is None else _ONE)
            if self._details is None:
                self._ask()

    def refresh(self, changes: Changes) -> None:
        """Take in news: ask again if they may be about what is shown."""
        if not changes.models:
            return
        self.editor.look()
        row = self._row
        if row is not None and (changes.ids is None or row.id in changes.ids):
            # By id: the hash may have been computed meanwhile, and what is shown stays until the answer comes.
            self._tasks.ask(
                partial(load_details, self._catalog, row.id), self._on_refreshed, key=(id(self), "refresh")
            )
        if self._pages.currentIndex() == _SEVERAL:
            self._several.refresh()

    def flush(self) -> None:
        """Save what was typed; before something else is shown, or the window closes."""
        self._page.name.finish()
        row = self._row
        for column, text in self._page.form.finish().items():
            if row is not None:
                self._unsaved.keep(row, column, text)
        self._several.finish()
        self._save_notes()

    @Slot()
    def copy_trigger_words(self) -> None:
        """Copy the trigger words of the shown model."""
        if self._row is not None:
            words = ", ".join(self._row.trigger_words)
            QGuiApplication.clipboard().setText(words.encode("utf-8", "replace").decode("utf-8"))

    @Slot()
    def toggle_favorite(self) -> None:
        """Make the shown model a favourite, or no longer one."""
        if self._row is not None:
            self._edit("favorite", not self._row.favorite)

    def fold_state(self) -> dict[str, bool]:
        """Return which sections are open."""
        return {name: section.is_open for name, section in self._page.sections.items()}

    def restore_folds(self, state: Mapping[str, Any]) -> None:
        """Fold the sections as `fold_state` found them."""
        for name, section in self._page.sections.items():
            if isinstance(state.get(name), bool):
                section.set_open(state[name])

    # --- showing ----------------------------------------------------------------------------------------

    def _show_row(self, row: ModelRow, *, is_new: bool = False) -> None:
        origins = {} if self._details is None else self._details.provenance
        self._page.show_row(row, origins, is_new=is_new)
        notes = self._page.notes
        typing = notes.hasFocus() and self._notes_of == row.id
        if not typing and (self._notes_of != row.id or self._saved_notes != (row.notes or "")):
            self._notes_of = row.id
            self._saved_notes = row.notes or ""
            notes.show_notes(row.notes)
        self._show_unsaved()

    def _show_unsaved(self) -> None:
        row = self._row
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

    @Slot()
    def _ask(self) -> None:
        if self._key is not None:
            self._since_last.start()
            question = partial(load_details, self._catalog, self._key)
            self._tasks.ask(question, self._on_loaded, key=(id(self), "details"))

    @Slot(object)
    def _on_loaded(self, loaded: Loaded) -> None:
        if loaded.key == self._key and loaded.details is not None:
            self._show_details(loaded)

    @Slot(object)
    def _on_refreshed(self, loaded: Loaded) -> None:
        row, details = self._row, loaded.details
        if row is None or loaded.key != row.id or details is None:
            return
        if self._details is None:
            # The first answer is still on its way and as new as this one.
            self._show_details(loaded)
            return
        old = [(record.id, record.payload_sha256) for record in self._details.records]
        new = [(record.id, record.payload_sha256) for record in details.records]
        same = ("files", "attachments", "header", "hashes")
        unchanged = all(getattr(details, part) == getattr(self._details, part) for part in same)
        if old == new and details.row == row and unchanged:
            self._details = details
            self._show_row(row)
            self._page.show_provenance(details, loaded.history)
            return
        self._show_details(loaded, self._page.records.place if old == new else 0)

    def _show_details(self, loaded: Loaded, chosen: int = 0) -> None:
        details = loaded.details
        assert details is not None
        self._details = details
        self._row = details.row
        self._key = details.row.sha256 or details.row.id
        self._page.show_details(details, loaded.history, loaded.description)
        self._show_row(details.row)
        self._late = (loaded, chosen)
        if loaded.chief is not None and len(loaded.chief.text) > _LONG_TEXT:
            # Laying it out takes a turn of the event loop of its own.
            self._later.start(0)
        else:
            self._show_records()

    @Slot()
    def _show_records(self) -> None:
        if self._late is None:
            return
        (loaded, chosen), self._late = self._late, None
        assert loaded.details is not None
        self._page.records.show_records(loaded.details.records, loaded.chief)
        if chosen > 0:
            self._page.records.choose(chosen)
        self.details_shown.emit(loaded.details.asked)

    # --- edits ------------------------------------------------------------------------------------------

    @Slot(str, object)
    def _edit(self, column: str, value: Any) -> None:
        row = self._row
        if row is None:
            return
        if value is not None and column != "preview":
            shown: Any = tuple(value) if isinstance(value, list) else value
            shown = None if shown in ("", 0) and not isinstance(shown, bool) and column != "name" else shown
            self._row = row._replace(**{column: shown})
            self._show_row(self._row)
            self.row_changed.emit(self._row)
        self.editor.edit(Wish((row.id,), {column: value}))

    @Slot(str, object, object)
    def _on_entries_edited(self, column: str, added: Sequence[str], removed: Sequence[str]) -> None:
        row = self._row
        if row is not None:
            entries: Any = tuple(edits.with_entries(column, getattr(row, column), added, removed))
            self._row = row._replace(**{column: entries})
            self._show_row(self._row)
            self.row_changed.emit(self._row)
            self.editor.edit(Wish((row.id,), {}, {column: tuple(added)}, {column: tuple(removed)}))

    @Slot(str)
    def _on_reset(self, column: str) -> None:
        if self._row is not None:
            self.editor.edit(Wish((self._row.id,), {column: None}))

    @Slot()
    def _on_reset_identity(self) -> None:
        if self._details is not None and self._row is not None:
            self.editor.edit(Wish((self._row.id,), dict.fromkeys(CORRECTED)))

    @Slot(str)
    def _on_base_chosen(self, base: str) -> None:
        # Until the answer is there, the candidates are those of the model before.
        if self._details is not None:
            self._edit("base_model", base)

    @Slot(object)
    def _on_rated(self, rating: int | None) -> None:
        self._edit("rating", rating or edits.NO_RATING)

    @Slot()
    def _save_notes(self) -> None:
        text = self._page.notes.toPlainText()
        if self._notes_of is None or text == self._saved_notes:
            if self._notes_of is not None and self._row is not None and self._row.id == self._notes_of:
                self._unsaved.forget_typing(self._row, "notes")
            return
        self._saved_notes = text
        if self._row is not None and self._row.id == self._notes_of:
            self._row = self._row._replace(notes=text or None)
            self.row_changed.emit(self._row)
        self.editor.edit(Wish((self._notes_of,), {"notes": text}))

    @Slot(object)
    def _on_saved(self, wish: Wish) -> None:
        for model_id in wish.ids[:1] if len(wish.ids) == 1 else ():
            for column in wish.columns:
                self._unsaved.done(model_id, column)
        self._show_unsaved()

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
            row = self._row
            if row is not None and row.id == wish.ids[0]:
                question = partial(load_details, self._catalog, row.id)
                self._tasks.ask(question, self._on_refreshed, key=(id(self), "refresh"))
        self._show_unsaved()
        words = self.tr("What you changed was not saved")
        typed = [value for value in wish.changes.values() if isinstance(value, str) and value]
        if len(wish.ids) > 1 and typed:
            words = self.tr("{} (“{}”)").format(words, foreign_text(typed[0], 200))
        self.message.emit(words, error)

    @Slot(str, str)
    def _on_left(self, column: str, text: str) -> None:
        words = self.tr("Not saved: {}, “{}”").format(column_label(column), foreign_text(text, 200))
        self.message.emit(words, None)

    @Slot(str, str)
    def _on_typed(self, column: str, text: str) -> None:
        if self._row is not None:
            self._unsaved.type(self._row, column, text)

    @Slot()
    def _on_notes_typed(self) -> None:
        if self._row is not None and self._row.id == self._notes_of:
            self._unsaved.type(self._row, "notes", self._page.notes.toPlainText())

    @Slot(str)
    def _on_given_up(self, column: str) -> None:
        if self._row is not None:
            self._unsaved.done(self._row.id, column, self._row)
            self._show_unsaved()

    @Slot()
    def _on_go_on(self) -> None:
        """Put what was typed and not saved back where it was typed."""
        found = self._unsaved.first(self._row) if self._row is not None else None
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
            question = partial(known_tags if column == "tags" else _bases, self._catalog)
            self._tasks.ask(question, partial(self._on_known, column), key=(id(self), "known"))

    def _on_known(self, column: str, words: Sequence[str]) -> None:
        for form in (self._page.form, self._several.form):
            form.fields[column].set_known(words)

    @Slot(str)
    def _on_origin_wanted(self, column: str) -> None:
        if self._row is not None:
            question = partial(_provenance, self._library, self._row.id, column)
            self._tasks.ask(question, self._on_origin_known, key=(id(self), "origin"))

    @Slot(object)
    def _on_origin_known(self, found: tuple[int, str, Provenance | None]) -> None:
        model_id, column, provenance = found
        if self._row is not None and self._row.id == model_id and provenance is not None:
            self._page.form.fields[column].show_provenance(provenance)

    # --- ways out ---------------------------------------------------------------------------------------

    @Slot()
    def _on_compare_clicked(self) -> None:
        from modelmgr.gui.compare import CompareDialog

        if self._row is not None:
            dialog = CompareDialog(self._library, self._tasks, self._row.name, self, model_id=self._row.id)
            dialog.show()

    @Slot()
    def _on_hashes_wanted(self) -> None:
        if self._details is not None and self._row is not None:
            self.hashes_wanted.emit(self._row.id)

    @Slot()
    def _on_locate(self) -> None:
        row = self._row
        if row is not None and state_of(row) == FileState.OFFLINE:
            self.move_wanted.emit(row)
        elif row is not None:
            self.locate_wanted.emit(row)

    @Slot()
    def _on_link_clicked(self) -> None:
        address = self._row.source_url if self._row is not None else None
        if address is not None and is_web_address(address):
            QDesktopServices.openUrl(QUrl(address))
