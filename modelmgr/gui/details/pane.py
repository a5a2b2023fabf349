"""The details of what is selected: light columns at once, records and payload when the worker brings them."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QElapsedTimer, QPoint, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFrame, QScrollArea, QStackedLayout, QVBoxLayout, QWidget

from modelmgr.gui import theme, timers
from modelmgr.gui.details.editor import CORRECTED, Editor, Wish
from modelmgr.gui.late import LateParts
from modelmgr.gui.previews import Previews
from modelmgr.gui.table.columns import state_of
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import column_label, foreign_text, is_web_address
from modelmgr.values import Changes, FileState, ModelDetails, ModelRow

if TYPE_CHECKING:
    from modelmgr.gui.details.comparison import ComparisonPage
    from modelmgr.gui.details.early import EarlyParts
    from modelmgr.gui.details.facts import Section
    from modelmgr.gui.details.loading import Loaded
    from modelmgr.gui.details.model_edits import ModelEdits
    from modelmgr.gui.details.model_page import ModelPage
    from modelmgr.gui.shell.drafts import Drafts
    from modelmgr.library import Library

QUIET_MS = 200
"""After so long without a new selection the next one is asked for at once."""
SETTLE_MS = 90
"""In a row of quick selections only the one that stays so long is asked for; keys repeat every 33 ms."""
WHY_MS = 300
"""So long after a question for reasons they are kept in sight, while what is below them is laid out."""
_NOTHING, _ONE, _SEVERAL = range(3)
_LONG_TEXT = 20_000


class DetailsPane(LateParts, QWidget):
    """What is known about the selected models, and the place to say better.

    Light columns are shown at once. The rest is asked for when the selection rests: the first selection after a
    pause at once, in a quick row of them only the one that stays. An answer for a model that was left meanwhile
    is dropped. What is typed is saved when something else is selected; what can't be saved is kept and said.

    Signals:
        details_shown(object): the key (sha256, or row id without one) whose details are all shown now.
        row_changed(ModelRow): the user edited it here.
        import_wanted(): the user wants to bring in what other tools know.
        wanted(): something is going to be done here, and should be seen.
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
    wanted = Signal()
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
        self._key: str | int | None = None
        self._details: ModelDetails | None = None
        self._selected: Callable[[], Sequence[int]] | None = None
        self._since_last = QElapsedTimer()
        self._settle = timers.after(SETTLE_MS, self._ask, self)
        self._late: tuple[Loaded, int] | None = None
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._show_records)
        self.editor = Editor(library, tasks, self)
        self._folds: dict[str, bool] = {}
        self._made_page: ModelPage | None = None
        self._made_edits: ModelEdits | None = None
        self._made_several: ComparisonPage | None = None
        self._drafts: Drafts | None = None
        self._why: Section | None = None
        self._build(previews)
        self.editor.message.connect(self.message)
        self.show_model(None)

    # --- building ---------------------------------------------------------------------------------------

    def _build(self, previews: Previews) -> None:
        self._pages = QStackedLayout(self)
        self._pages.setContentsMargins(0, 0, 0, 0)
        nothing = QWidget(self)
        nothing_layout = QVBoxLayout(nothing)
        nothing_label = self._hint = theme.plain_label(
            self.tr("Select a model to see what is known about it."), "secondary", nothing
        )
        nothing_label.setWordWrap(True)
        nothing_label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        nothing_layout.addWidget(nothing_label)
        self._pages.addWidget(nothing)
        # The pages of one model and of several are made when they are first wanted, or when the window rests.
        self._previews = previews
        self._made_early: EarlyParts | None = None
        self._one_scroll = self._make_scroll("detailsScroll")
        self._several_scroll = self._make_scroll("comparisonScroll")
        self._one_scroll.verticalScrollBar().rangeChanged.connect(self._show_why)

    def late_parts(self) -> Sequence[Callable[[], object]]:
        """Return steps that make what a selection will want, so that it is there at once."""

        def load_early() -> None:
            from modelmgr.gui.details import early  # noqa: F401

        def load_shown() -> None:
            from modelmgr.gui.details import identity, loading  # noqa: F401

        def load_fields() -> None:
            from modelmgr.gui.details import fields, history  # noqa: F401

        def load_edits() -> None:
            from modelmgr.gui.details import model_edits  # noqa: F401

        return (
            load_early,
            self.make_late,
            load_shown,
            load_fields,
            load_edits,
            self._make_page,
            lambda: self._page,
            lambda: self._several,
        )

    def make_late(self) -> None:
        if self._made_page is None:
            self._early  # noqa: B018 made when it is first read
        else:
            self._page  # noqa: B018 put in its place, for it has taken the early parts with it

    @property
    def _early(self) -> "EarlyParts":
        """The parts of the page of one model that have promised names."""
        if self._made_early is None:
            from modelmgr.gui.details.early import EarlyParts

            self._made_early = EarlyParts(self._previews, self)
        return self._made_early

    @property
    def _page(self) -> "ModelPage":
        """The page of one model."""
        page = self._make_page()
        if self._one_scroll.widget() is None:
            self._one_scroll.setWidget(page)
        return page

    def _make_page(self) -> "ModelPage":
        if self._made_page is None:
            from modelmgr.gui.details.model_edits import ModelEdits
            from modelmgr.gui.details.model_page import ModelPage

            page = self._made_page = ModelPage(
                self._catalog, self._tasks, self._early, self._one_scroll.viewport()
            )
            page.hide()
            page.clear()
            self._made_edits = ModelEdits(self._library, self._tasks, self.editor, page, self)
            self._join(page, self._made_edits)
            self._restore_sections(page)
        return self._made_page

    @property
    def _edits(self) -> "ModelEdits":
        """What the user does on the page of one model."""
        self._make_page()
        assert self._made_edits is not None
        return self._made_edits

    @property
    def _row(self) -> ModelRow | None:
        """The model that is shown."""
        return None if self._made_edits is None else self._made_edits.row

    @property
    def _several(self) -> "ComparisonPage":
        """The page of several models."""
        if self._made_several is None:
            from modelmgr.gui.details.comparison import ComparisonPage

            several = self._made_several = ComparisonPage(
                self._catalog, self._tasks, self._several_scroll.viewport()
            )
            several.edited.connect(self.editor.edit)
            several.left.connect(self._on_left)
            self._edits.complete_too(several.form)
            self._several_scroll.setWidget(several)
            if self._drafts is not None:
                several.use_drafts(self._drafts)
        return self._made_several

    def _make_scroll(self, name: str) -> QScrollArea:
        scroll = QScrollArea(self)
        scroll.setObjectName(name)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._pages.addWidget(scroll)
        return scroll

    def _join(self, page: "ModelPage", edits: "ModelEdits") -> None:
        page.name.favorite_toggled.connect(self.toggle_favorite)
        form = page.form
        form.compare_wanted.connect(self._on_compare_clicked)
        page.identity.base_chosen.connect(self._on_base_chosen)
        page.identity.correction_wanted.connect(self.correct)
        form.why_wanted.connect(self._on_why)
        page.identity.reset_wanted.connect(self._on_reset_identity)
        page.hashes.compute_wanted.connect(self._on_hashes_wanted)
        page.records.import_wanted.connect(self.import_wanted)
        page.records.message.connect(self.message)
        page.link_wanted.connect(self._on_link_clicked)
        page.compare_wanted.connect(self._on_compare_clicked)
        page.trouble.acted.connect(self._on_locate)
        edits.row_edited.connect(self._on_row_edited)
        edits.row_noted.connect(self.row_changed)
        edits.refresh_wanted.connect(self._refresh)
        edits.message.connect(self.message)
        if self._drafts is not None:
            edits.use_drafts(self._drafts)

    def use_drafts(self, drafts: "Drafts") -> None:
        """Keep what is being typed there, for the case of a crash."""
        self._drafts = drafts
        if self._made_edits is not None:
            self._made_edits.use_drafts(drafts)
        if self._made_several is not None:
            self._made_several.use_drafts(drafts)

    def follow(self, selected: Callable[[], Sequence[int]]) -> None:
        """Ask `selected` for the ids of the selected models when `show_count` says that there are several."""
        self._selected = selected

    # --- deeds ------------------------------------------------------------------------------------------

    def show_model(self, row: ModelRow | None) -> None:
        """Show a model: what its row says at once, all the rest when the worker brings it."""
        self.flush()
        self._why = None
        self._settle.stop()
        self._later.stop()
        if row is not None or self._made_edits is not None:
            self._edits.row = row
        self._details = None
        if row is None:
            self._key = None
            if self._pages.currentIndex() != _SEVERAL:
                self._pages.setCurrentIndex(_NOTHING)
            if self._made_page is not None:
                self._made_page.clear()
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
    def show_hint(self, count: int) -> None:
        """Ask for a selection only where there are models (`count`) to select."""
        self._hint.setVisible(count > 0)

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
            self._refresh()
        if self._pages.currentIndex() == _SEVERAL:
            self._several.refresh()

    @Slot()
    def _refresh(self) -> None:
        row = self._row
        if row is not None:
            # By id: the hash may have been computed meanwhile, and what is shown stays until the answer comes.
            from modelmgr.gui.details.loading import load_details

            question = partial(load_details, self._catalog, row.id)
            self._tasks.ask(question, self._on_refreshed, key=(id(self), "refresh"))

    def flush(self) -> None:
        """Save what was typed; before something else is shown, or the window closes."""
        if self._made_edits is not None:
            self._made_edits.flush()
        if self._made_several is not None:
            self._made_several.finish()

    @Slot()
    def correct(self) -> None:
        """Let the user say what the selected models are: the type is edited, the field of the base is next."""
        page = self._pages.currentIndex()
        if page == _NOTHING:
            return
        self.flush()
        self.wanted.emit()
        scroll, form = (
            (self._one_scroll, self._page.form)
            if page == _ONE
            else (self._several_scroll, self._several.form)
        )
        field = form.fields["type"]
        scroll.ensureWidgetVisible(field)
        field.start()

    @Slot()
    def toggle_favorite(self) -> None:
        """Make the shown model a favourite, or no longer one."""
        if self._row is not None:
            self._edits.edit("favorite", not self._row.favorite)

    @Slot(object, object)
    def keep_name(self, row: ModelRow, text: str | None) -> None:
        """Keep the name that is being typed in another place, for the case of a crash; None forgets it."""
        self._edits.keep_typed(row, "name", text)

    def fold_state(self) -> dict[str, bool]:
        """Return which sections are open."""
        if self._made_page is None:
            return dict(self._folds)
        return {name: section.is_open for name, section in self._made_page.sections.items()}

    def restore_folds(self, state: Mapping[str, Any]) -> None:
        """Fold the sections as `fold_state` found them."""
        self._folds = {name: is_open for name, is_open in state.items() if isinstance(is_open, bool)}
        if self._made_page is not None:
            self._restore_sections(self._made_page)

    def _restore_sections(self, page: "ModelPage") -> None:
        for name, section in page.sections.items():
            if name in self._folds:
                section.set_open(self._folds[name])

    # --- showing ----------------------------------------------------------------------------------------

    def _show_row(self, row: ModelRow, *, is_new: bool = False) -> None:
        origins = {} if self._details is None else self._details.provenance
        self._page.show_row(row, origins, is_new=is_new)
        self._edits.show_notes(row)
        self._edits.show_unsaved()

    @Slot()
    def _ask(self) -> None:
        if self._key is not None:
            self._since_last.start()
            from modelmgr.gui.details.loading import load_details

            question = partial(load_details, self._catalog, self._key)
            self._tasks.ask(question, self._on_loaded, key=(id(self), "details"))

    @Slot(object)
    def _on_loaded(self, loaded: "Loaded") -> None:
        if loaded.key == self._key and loaded.details is not None:
            self._show_details(loaded)

    @Slot(object)
    def _on_refreshed(self, loaded: "Loaded") -> None:
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

    def _show_details(self, loaded: "Loaded", chosen: int = 0) -> None:
        details = loaded.details
        assert details is not None
        self._details = details
        self._edits.row = details.row
        self._key = details.row.sha256 or details.row.id
        self._page.show_details(details, loaded.history, loaded.description)
        self._edits.show_notes(details.row)
        self._edits.show_unsaved()
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

    @Slot(object)
    def _on_row_edited(self, row: ModelRow) -> None:
        self._show_row(row)
        self.row_changed.emit(row)

    @Slot()
    def _on_reset_identity(self) -> None:
        if self._details is not None and self._row is not None:
            self.editor.edit(Wish((self._row.id,), dict.fromkeys(CORRECTED)))

    @Slot()
    def _on_why(self) -> None:
        """Show what decided of type and base model; how sure that is where nothing is told of it."""
        sections = self._page.sections
        self._why = sections["header" if sections["evidence"].isHidden() else "evidence"]
        self._why.set_open(True)
        self._why.setFocus(Qt.FocusReason.OtherFocusReason)
        # When it is laid out; what is below it comes in some turns more.
        QTimer.singleShot(0, self, self._show_why)
        QTimer.singleShot(WHY_MS, self, self._leave_why)

    @Slot()
    def _show_why(self) -> None:
        if self._why is not None:
            top = self._why.mapTo(self._page, QPoint(0, 0)).y() - theme.S
            self._one_scroll.verticalScrollBar().setValue(top)

    @Slot()
    def _leave_why(self) -> None:
        self._why = None

    @Slot(str)
    def _on_base_chosen(self, base: str) -> None:
        # Until the answer is there, the candidates are those of the model before.
        if self._details is not None:
            self._edits.edit("base_model", base)

    @Slot(str, str)
    def _on_left(self, column: str, text: str) -> None:
        words = self.tr("Not saved: {}, “{}”.").format(column_label(column), foreign_text(text, 200))
        self.message.emit(words, None)

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
