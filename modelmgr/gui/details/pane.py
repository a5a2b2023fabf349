"""The details of the selected model: light columns at once, records and payload when the worker brings them."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QElapsedTimer, QSize, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from modelmgr.catalog import Catalog
from modelmgr.errors import ModelmgrError
from modelmgr.gui import theme
from modelmgr.gui.details.facts import SAID_BY, Fact, FactsGrid, Section
from modelmgr.gui.details.files import FilesTable, picture_fact
from modelmgr.gui.details.hashes import HashesView
from modelmgr.gui.details.head import PREVIEW_HEIGHT, NotesEdit, PreviewBox, RatingBar
from modelmgr.gui.details.identity import CORRECTED, DangerBadge, EvidenceView, IdentityView, problem_words
from modelmgr.gui.details.note_line import NoteLine
from modelmgr.gui.details.records import WHOLE_BYTES, RecordsView, Shown, show_record
from modelmgr.gui.details.told import ToldSections
from modelmgr.gui.flow import FlowLayout
from modelmgr.gui.labels import WrappingLabel
from modelmgr.gui.previews import Previews
from modelmgr.gui.reasons import origin_text, source_label
from modelmgr.gui.table.columns import is_absent, state_of, state_text
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import (
    column_label,
    column_order,
    count_text,
    date_text,
    exact_size_text,
    foreign_text,
    hash_text,
    is_web_address,
    license_text,
    plain_tip,
    size_text,
    type_label,
)
from modelmgr.values import Changes, FileState, ModelDetails, ModelRow, Origin

if TYPE_CHECKING:
    from modelmgr.library import Library

log = logging.getLogger(__name__)

QUIET_MS = 200
"""After so long without a new selection the next one is asked for at once."""
SETTLE_MS = 90
"""In a row of quick selections only the one that stays so long is asked for; keys repeat every 33 ms."""
NAME_LINES = 3
_PICTURES = 50
_LONG_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """The answer to "tell me about this model"; `key` is the question."""

    key: str | int
    details: ModelDetails | None
    chief: Shown | None


def load_details(catalog: Catalog, key: str | int) -> Loaded:
    """Look a model up by its key and make its chief record ready, in a worker."""
    details = catalog.details(key, WHOLE_BYTES)
    chief = show_record(catalog, details.records[0]) if details is not None and details.records else None
    return Loaded(key, details, chief)


def _edit(library: "Library", ids: Sequence[int], column: str, value: Any) -> None:
    library.edit(ids, column, value)


def _reset(library: "Library", ids: Sequence[int]) -> None:
    library.edit_models(ids, dict.fromkeys(CORRECTED))


class DetailsPane(QWidget):
    """What is known about one model.

    Light columns are shown at once. The rest is asked for when the selection rests: the first selection after a
    pause at once, in a quick row of them only the one that stays. An answer for a model that was left meanwhile
    is dropped.

    Signals:
        details_shown(object): the key (sha256, or row id without one) whose details are all shown now.
        row_changed(ModelRow): the user edited it here.
        import_wanted(): the user wants to bring in what other tools know.
        correction_wanted(): the user wants to correct type or base model.
        locate_wanted(ModelRow): the user knows where the missing file is.
        move_wanted(ModelRow): the user knows where the folder of the file is now.
        hashes_wanted(int): the user wants the hashes of this model that were not computed yet.
        message(str, object): something to tell the user, with the exception or None.
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
        self._previews = previews
        self._row: ModelRow | None = None
        self._key: str | int | None = None
        self._details: ModelDetails | None = None
        self._roots: tuple[str, ...] = ()
        self._notes_of: int | None = None
        self._saved_notes = ""
        self._since_last = QElapsedTimer()
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._ask)
        self._late: tuple[ModelDetails, Shown | None, int] | None = None
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._show_records)
        self._build()
        previews.arrived.connect(self._show_preview)
        self.show_model(None)

    # --- building ---------------------------------------------------------------------------------------

    def _build(self) -> None:
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

        scroll = QScrollArea(self)
        scroll.setObjectName("detailsScroll")
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        body = QWidget(scroll)
        layout = QVBoxLayout(body)
        layout.setContentsMargins(theme.M, theme.M, theme.M, theme.M)
        layout.setSpacing(theme.S)
        scroll.setWidget(body)
        self._pages.addWidget(scroll)

        self._preview = PreviewBox(body)
        self._preview.setObjectName("detailsPreview")
        self._preview.looked.connect(self._show_preview)
        layout.addWidget(self._preview)

        head = QHBoxLayout()
        head.setSpacing(theme.S)
        self._name = WrappingLabel(NAME_LINES, body)
        self._name.setObjectName("detailsName")
        theme.set_role(self._name, "pane-title")
        self._favorite = QToolButton(body)
        self._favorite.setObjectName("favoriteButton")
        self._favorite.setCheckable(True)
        self._favorite.setToolTip(plain_tip(self.tr("Favourite")))
        self._favorite.setAccessibleName(self.tr("Favourite"))
        self._favorite.setIconSize(QSize(18, 18))
        self._favorite.clicked.connect(self._on_favorite_clicked)
        head.addWidget(self._name, 1)
        head.addWidget(self._favorite, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(head)

        self._summary = theme.plain_label("", "secondary", body)
        self._summary.setObjectName("detailsSummary")
        self._summary.setWordWrap(True)
        layout.addWidget(self._summary)
        self._danger = DangerBadge(body)
        self._trouble = NoteLine("detailsTrouble", body)
        self._trouble.acted.connect(self._on_locate)
        self._problems = NoteLine("fileProblems", body)
        self._rewritten = NoteLine("rewrittenNote", body)
        for line in (self._danger, self._trouble, self._problems, self._rewritten):
            layout.addWidget(line)
        self._rating = RatingBar(body)
        self._rating.rated.connect(self._on_rated)
        layout.addWidget(self._rating)

        words = QHBoxLayout()
        words.setSpacing(theme.S)
        self._triggers = theme.plain_label("", None, body)
        self._triggers.setObjectName("triggerWords")
        self._triggers.setWordWrap(True)
        self._triggers.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._triggers.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._copy_triggers = QToolButton(body)
        self._copy_triggers.setObjectName("copyTriggerWords")
        self._copy_triggers.setToolTip(plain_tip(self.tr("Copy the trigger words")))
        self._copy_triggers.setAccessibleName(self.tr("Copy the trigger words"))
        theme.set_icon(self._copy_triggers, "copy")
        self._copy_triggers.clicked.connect(self.copy_trigger_words)
        words.addWidget(self._triggers, 1)
        words.addWidget(self._copy_triggers, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(words)

        about = QWidget(body)
        about_layout = QVBoxLayout(about)
        about_layout.setContentsMargins(0, 0, 0, theme.XS)
        about_layout.setSpacing(theme.S)
        self._facts = FactsGrid(about)
        about_layout.addWidget(self._facts)
        self._link = QPushButton(self.tr("Open its page…"), about)
        self._link.setObjectName("openSourceButton")
        theme.set_icon(self._link, "external-link")
        self._link.clicked.connect(self._on_link_clicked)
        self._compare = QPushButton(self.tr("Compare sources…"), about)
        self._compare.setObjectName("compareButton")
        self._compare.setToolTip(
            plain_tip(self.tr("See side by side what each source says, and choose what is shown"))
        )
        self._compare.clicked.connect(self._on_compare_clicked)
        ways = FlowLayout(spacing=theme.XS)
        ways.addWidget(self._link)
        ways.addWidget(self._compare)
        about_layout.addLayout(ways)
        self._notes = NotesEdit(about)
        self._notes.setFixedHeight(72)
        self._notes.settled.connect(self._save_notes)
        about_layout.addWidget(self._notes)
        self._about = Section(self.tr("About"), about, body)
        layout.addWidget(self._about)

        self._origins = FactsGrid(body)
        self._origins.setObjectName("detailsOrigins")
        self._where_from = Section(self.tr("Where from"), self._origins, body)
        self._where_from.set_open(False)
        layout.addWidget(self._where_from)

        self._identity_view = IdentityView(body)
        self._identity_view.base_chosen.connect(self._on_base_chosen)
        self._identity_view.correction_wanted.connect(self.correction_wanted)
        self._identity_view.reset_wanted.connect(self._on_reset)
        self._identity = Section(self.tr("What it is"), self._identity_view, body)
        layout.addWidget(self._identity)
        self._evidence_view = EvidenceView(body)
        self._evidence = Section("", self._evidence_view, body)
        self._evidence.set_open(False)
        layout.addWidget(self._evidence)
        self._told = ToldSections(self._catalog, self._tasks, body)
        layout.addWidget(self._told)

        files = QWidget(body)
        files_layout = QVBoxLayout(files)
        files_layout.setContentsMargins(0, 0, 0, theme.XS)
        self._files_table = FilesTable(files)
        files_layout.addWidget(self._files_table)
        self._files = Section(self.tr("Files"), files, body)
        layout.addWidget(self._files)

        self._hashes_view = HashesView(body)
        self._hashes_view.compute_wanted.connect(self._on_hashes_wanted)
        self._hashes = Section(self.tr("Hashes"), self._hashes_view, body)
        self._hashes.set_open(False)
        layout.addWidget(self._hashes)

        self._pictures_facts = FactsGrid(body)
        self._pictures_facts.setObjectName("detailsPictures")
        self._pictures = Section(self.tr("Pictures"), self._pictures_facts, body)
        self._pictures.set_open(False)
        layout.addWidget(self._pictures)

        self._records = RecordsView(self._catalog, self._tasks, body)
        self._records.import_wanted.connect(self.import_wanted)
        self._records.message.connect(self.message)
        self._metadata = Section(self.tr("Metadata"), self._records, body)
        layout.addWidget(self._metadata, 1)
        layout.addStretch(0)
        for name, section in self._sections().items():
            first, *rest = name.replace("_", " ").split()
            section.set_name(first.lower() + "".join(word.capitalize() for word in rest))

    # --- deeds ------------------------------------------------------------------------------------------

    def show_model(self, row: ModelRow | None) -> None:
        """Show a model: what its row says at once, all the rest when the worker brings it."""
        self._save_notes()
        self._settle.stop()
        self._later.stop()
        self._row = row
        self._details = None
        if row is None:
            self._key = None
            self._pages.setCurrentIndex(0)
            self._name.setText("")
            self._records.clear()
            self._files_table.setRowCount(0)
            self._pictures.hide()
            return
        self._key = row.sha256 or row.id
        self._roots = ()
        self._pages.setCurrentIndex(1)
        self._show_row(row)
        self._records.clear()
        quiet = not self._since_last.isValid() or self._since_last.elapsed() > QUIET_MS
        self._since_last.start()
        if quiet:
            self._ask()
        else:
            self._settle.start()

    def refresh(self, changes: Changes) -> None:
        """Take in news: ask again if they may be about the model that is shown."""
        row = self._row
        if row is not None and changes.models and (changes.ids is None or row.id in changes.ids):
            # By id: the hash may have been computed meanwhile, and what is shown stays until the answer comes.
            self._tasks.ask(
                partial(load_details, self._catalog, row.id), self._on_refreshed, key=(id(self), "refresh")
            )

    def flush(self) -> None:
        """Save what was typed; before the window closes."""
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
        return {name: section.is_open for name, section in self._sections().items()}

    def restore_folds(self, state: Mapping[str, Any]) -> None:
        """Fold the sections as `fold_state` found them."""
        for name, section in self._sections().items():
            if isinstance(state.get(name), bool):
                section.set_open(state[name])

    def _sections(self) -> dict[str, Section]:
        return {
            "about": self._about,
            "where_from": self._where_from,
            "header": self._identity,
            "evidence": self._evidence,
            "files": self._files,
            "hashes": self._hashes,
            "pictures": self._pictures,
            "metadata": self._metadata,
        } | {f"told {name}": section for name, section in self._told.sections.items()}

    # --- light columns ----------------------------------------------------------------------------------

    def _show_row(self, row: ModelRow) -> None:
        self._name.setText(foreign_text(row.name))
        self._name.updateGeometry()
        parts = [type_label(row.type), foreign_text(row.base_model, 100), size_text(row.size_bytes)]
        self._summary.setText(" · ".join(part for part in parts if part))
        self._summary.setToolTip(exact_size_text(row.size_bytes))
        self._show_trouble(row)
        self._rating.show_rating(row.rating)
        self._favorite.setChecked(row.favorite)
        theme.set_icon(self._favorite, "star-filled" if row.favorite else "star")
        # An entry that is a whole prompt has commas of its own: then each entry has a line of its own.
        between = "\n" if any("," in word for word in row.trigger_words) else ", "
        triggers = foreign_text(between.join(row.trigger_words), lines=True)
        self._triggers.setText(triggers)
        self._triggers.setVisible(bool(triggers))
        self._copy_triggers.setVisible(bool(triggers))
        self._link.setVisible(is_web_address(row.source_url))
        self._show_facts(row, {})
        typing = self._notes.hasFocus() and self._notes_of == row.id
        if not typing and (self._notes_of != row.id or self._saved_notes != (row.notes or "")):
            self._notes_of = row.id
            self._saved_notes = row.notes or ""
            self._notes.show_notes(row.notes)
        self._show_preview()

    def _show_facts(self, row: ModelRow, origins: Mapping[str, Origin]) -> None:
        def fact(label: str, column: str, value: str | None, tip: str = "") -> Fact:
            origin = origins.get(column)
            if origin is None:
                return Fact(label, value or "", tip)
            return Fact(
                label, value or "", tip, _origin_word(origin), origin_text(origin.source, origin.rank)
            )

        self._facts.show_facts(
            [
                fact(self.tr("Type"), "type", type_label(row.type)),
                fact(self.tr("Base model"), "base_model", foreign_text(row.base_model, 200)),
                fact(self.tr("Tags"), "tags", foreign_text(", ".join(row.tags), 2000)),
                fact(self.tr("Licence"), "license", license_text(row.license), plain_tip(row.license)),
                fact(
                    self.tr("Source"),
                    "source_url",
                    _shortened(_address_text(row.source_url), 36),
                    plain_tip(row.source_url),
                ),
                fact(self.tr("State"), "file_state", state_text(row)),
                fact(self.tr("SHA-256"), "sha256", hash_text(row.sha256), row.sha256 or ""),
                fact(self.tr("Format"), "format", foreign_text(row.format, 60)),
                fact(self.tr("Added"), "added_at", date_text(row.added_at)),
                fact(self.tr("Modified"), "modified_at", date_text(row.modified_at)),
            ]
        )
        told = {column: origin_text(origin.source, origin.rank) for column, origin in origins.items()}
        self._origins.show_facts(
            [Fact(column_label(column), told[column]) for column in column_order(told)],
        )
        self._where_from.setVisible(bool(told))
        name_tip = row.name if "name" not in told else f"{row.name}\n{SAID_BY.format(told['name'])}"
        self._name.setToolTip(plain_tip(name_tip))

    @Slot()
    def _show_preview(self) -> None:
        row = self._row
        if row is None:
            return
        size = QSize(max(64, self._preview.width()), PREVIEW_HEIGHT)
        picture = self._previews.picture(
            row, size, self.devicePixelRatioF(), self._roots, revealed=self._preview.is_looked_at
        )
        if picture is not self._preview.pixmap_shown or picture is None:
            self._preview.show_picture(picture, row.type)
        # Without a picture the box is a quiet band, not a hole.
        self._preview.setFixedHeight(PREVIEW_HEIGHT if picture is not None or row.preview else 64)

    # --- details ----------------------------------------------------------------------------------------

    @Slot()
    def _ask(self) -> None:
        if self._key is not None:
            self._since_last.start()
            question = partial(load_details, self._catalog, self._key)
            self._tasks.ask(question, self._on_loaded, key=(id(self), "details"))

    @Slot(object)
    def _on_loaded(self, loaded: Loaded) -> None:
        if loaded.key != self._key or loaded.details is None:
            return
        self._show_details(loaded.details, loaded.chief)

    @Slot(object)
    def _on_refreshed(self, loaded: Loaded) -> None:
        row = self._row
        if row is None or loaded.key != row.id or loaded.details is None:
            return
        if self._details is None:
            # The first answer is still on its way and as new as this one.
            self._show_details(loaded.details, loaded.chief)
            return
        old = [(record.id, record.payload_sha256) for record in self._details.records]
        new = [(record.id, record.payload_sha256) for record in loaded.details.records]
        same = ("files", "attachments", "header", "hashes")
        unchanged = all(getattr(loaded.details, part) == getattr(self._details, part) for part in same)
        if old == new and loaded.details.row == row and unchanged:
            self._details = loaded.details
            self._show_facts(row, loaded.details.provenance)
            self._show_identity(row)
            return
        self._show_details(loaded.details, loaded.chief, self._records.place if old == new else 0)

    def _show_details(self, details: ModelDetails, chief: Shown | None, chosen: int = 0) -> None:
        self._details = details
        self._row = details.row
        self._key = details.row.sha256 or details.row.id
        self._roots = tuple(
            dict.fromkeys(
                os.path.dirname(record.source_path) for record in details.records if record.source_path
            )
        )
        self._show_row(details.row)
        self._show_facts(details.row, details.provenance)
        self._files_table.show_files(details)
        self._files.set_title(self.tr("Files ({})").format(count_text(len(details.files))))
        self._pictures_facts.show_facts([picture_fact(found) for found in details.attachments[:_PICTURES]])
        self._pictures.set_title(self.tr("Pictures ({})").format(count_text(len(details.attachments))))
        self._pictures.setVisible(bool(details.attachments))
        self._show_header(details)
        self._compare.setVisible(len(details.records) + bool(details.header) > 1)
        self._metadata.set_title(
            self.tr("Metadata ({})").format(count_text(len(details.records)))
            if len(details.records) > 1
            else self.tr("Metadata")
        )
        self._late = (details, chief, chosen)
        if chief is not None and len(chief.text) > _LONG_TEXT:
            # Laying it out takes a turn of the event loop of its own.
            self._later.start(0)
        else:
            self._show_records()

    @Slot()
    def _show_records(self) -> None:
        if self._late is None:
            return
        (details, chief, chosen), self._late = self._late, None
        self._records.show_records(details.records, chief)
        if chosen > 0:
            self._records.choose(chosen)
        self.details_shown.emit(details.asked)

    def _show_header(self, details: ModelDetails) -> None:
        """Show what the file's own header says, and its hashes."""
        header = details.header
        self._show_identity(details.row)
        self._evidence.setVisible(self._evidence_view.show_evidence(header))
        self._told.show_told(header, details.records)
        self._hashes.setVisible(self._hashes_view.show_hashes(details.row, details.hashes))
        problems = problem_words(header)
        self._problems.say(problems, icon="triangle-alert", color="busy")
        rewritten = any(trust == "former" for _kind, _digits, trust in details.hashes)
        self._rewritten.say(
            self.tr(
                "The header of this file was rewritten. Its tensors are the same, so all that is known stayed."
            )
            if rewritten
            else ""
        )

    def _show_identity(self, row: ModelRow) -> None:
        if self._details is not None:
            self._identity_view.show_identity(row, self._details.header, self._details.provenance)
            words = foreign_text(row.base_model, 60) or type_label(row.type)
            title = self.tr("Why does it say {}?").format(words).replace("&", "&&")
            self._evidence.set_title(title if row.type != "unknown" or row.base_model else self.tr("Why?"))

    def _show_trouble(self, row: ModelRow) -> None:
        """Show at once what the light columns tell of danger and trouble."""
        self._danger.show_scan(self._details.header if self._details is not None else None, row.danger)
        state = state_of(row)
        if state == FileState.MISSING or (row.path is None and is_absent(row)):
            button = self.tr("Locate…")
        elif state == FileState.OFFLINE:
            button = self.tr("Folder moved…")
        else:
            button = ""
        self._trouble.say(_trouble_text(row), icon="triangle-alert", color="problem", button=button)
        if self._details is None:
            self._problems.say("")
            self._rewritten.say("")

    @Slot()
    def _on_compare_clicked(self) -> None:
        from modelmgr.gui.compare import CompareDialog

        if self._row is not None:
            dialog = CompareDialog(self._library, self._tasks, self._row.name, self, model_id=self._row.id)
            dialog.show()

    # --- edits ------------------------------------------------------------------------------------------

    def _edit(self, column: str, value: Any) -> None:
        if self._row is None:
            return
        self._row = self._row._replace(**{column: value})
        self._show_row(self._row)
        self.row_changed.emit(self._row)
        self._tasks.change(
            partial(_edit, self._library, [self._row.id], column, value), failed=self._on_edit_failed
        )

    def _on_edit_failed(self, error: Exception) -> None:
        if not isinstance(error, ModelmgrError):
            log.error("An edit failed", exc_info=error)
        self.message.emit(self.tr("What you changed was not saved"), error)

    @Slot(str)
    def _on_base_chosen(self, base: str) -> None:
        # Until the answer is there, the candidates are those of the model before.
        if self._details is not None:
            self._edit("base_model", base)

    @Slot()
    def _on_reset(self) -> None:
        if self._details is not None and self._row is not None:
            self._tasks.change(partial(_reset, self._library, [self._row.id]), failed=self._on_edit_failed)

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
    def _on_favorite_clicked(self) -> None:
        self.toggle_favorite()

    @Slot(object)
    def _on_rated(self, rating: int | None) -> None:
        self._edit("rating", rating)

    @Slot()
    def _save_notes(self) -> None:
        text = self._notes.toPlainText()
        if self._notes_of is None or text == self._saved_notes:
            return
        self._saved_notes = text
        if self._row is not None and self._row.id == self._notes_of:
            self._row = self._row._replace(notes=text or None)
            self.row_changed.emit(self._row)
        self._tasks.change(
            partial(_edit, self._library, [self._notes_of], "notes", text or None),
            failed=self._on_edit_failed,
        )

    @Slot()
    def _on_link_clicked(self) -> None:
        address = self._row.source_url if self._row is not None else None
        if address is not None and is_web_address(address):
            QDesktopServices.openUrl(QUrl(address))


# --- words ------------------------------------------------------------------------------------------------


def _trouble_text(row: ModelRow) -> str:
    state = state_of(row)
    path = foreign_text(row.path, 500)
    if row.path is None and is_absent(row):
        return "There is no file of this model yet. It links itself when a scan meets one."
    words = {
        "missing": f"The file is gone. It was last seen at {path}",
        "offline": f"The folder can't be reached now: {path}",
        "unreadable": f"The file can't be read: {path}",
        "failed": "The hash could not be computed.",
    }
    return words.get(state, "")


def _origin_word(origin: Origin) -> str:
    return origin.source if origin.source in ("header", "file") else source_label(origin.source)


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[-(limit // 2 - 1) :]}"


def _address_text(address: str | None) -> str:
    """Return the place that an address names, without what only a server reads."""
    shown = foreign_text(address, 300)
    return shown.split("://", 1)[-1].split("?", 1)[0].split("#", 1)[0].removeprefix("www.")
