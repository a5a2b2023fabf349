"""One model, from its picture down to its records: widgets that show, and tell what the user does with them."""

import os
import re
from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from modelmgr.catalog import Catalog
from modelmgr.gui import boxes, theme
from modelmgr.gui.details.about import DescriptionView
from modelmgr.gui.details.early import EarlyParts
from modelmgr.gui.details.facts import FRAME_PX, SAID_BY, Fact, FactsGrid, Section, why_words
from modelmgr.gui.details.field_editors import Value
from modelmgr.gui.details.fields import COLUMNS, FieldsForm
from modelmgr.gui.details.files import picture_fact
from modelmgr.gui.details.hashes import HashesView
from modelmgr.gui.details.head import NotesEdit, RatingBar
from modelmgr.gui.details.history import HistoryView
from modelmgr.gui.details.identity import DangerBadge, EvidenceView, IdentityView, choices, problem_words
from modelmgr.gui.details.note_line import NoteLine
from modelmgr.gui.details.pictures import pictures_of
from modelmgr.gui.details.records import RecordsView
from modelmgr.gui.details.told import ToldSections
from modelmgr.gui.flow import FlowLayout
from modelmgr.gui.language import said
from modelmgr.gui.reasons import origin_text
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
    plain_tip,
    size_text,
    type_label,
)
from modelmgr.values import Edit, FileState, ModelDetails, ModelRow, Origin

EDGE = theme.M - FRAME_PX - 1
_PICTURES = 50
_DRIVE = re.compile(r"/(?:run/)?media/[^/]+/([^/]+)/|/Volumes/([^/]+)/|/mnt/([^/]+)/|([A-Za-z]:)[\\/]")
_FOLDED = ("evidence", "where_from", "hashes", "pictures", "history")
"""What is folded until somebody wants to see it."""


class ModelPage(QWidget):
    """All that is known of one model; what has nothing to say is not there.

    Attributes:
        name, strip, rating, form, notes, identity, hashes, history, records: the parts that tell what the user does.
        sections: by the name under which the window remembers whether they are open.

    Signals:
        link_wanted(), compare_wanted(): the buttons below the facts.
    """

    link_wanted = Signal()
    compare_wanted = Signal()

    def __init__(self, catalog: Catalog, tasks: Tasks, early: EarlyParts, parent: QWidget) -> None:
        super().__init__(parent)
        self._row: ModelRow | None = None
        self._details: ModelDetails | None = None
        whole = boxes.column(on=self, margins=(EDGE, theme.M, EDGE, theme.M), spacing=theme.S)
        self._layout = self._column(whole)
        self._build_head(early)
        whole.addWidget(self.form)
        self._layout = self._column(whole)
        notes = theme.plain_label(column_label("notes"), "secondary", self)
        notes.setBuddy(self.notes)
        notes.setContentsMargins(0, theme.XS, 0, 0)
        words = boxes.column(notes, self.notes, spacing=theme.XS // 2)
        self._layout.addLayout(words)
        self._layout = boxes.column(spacing=theme.S)
        whole.addLayout(self._layout, 1)
        self.sections: dict[str, Section] = {}
        self._build_sections(catalog, tasks, early)
        self._layout.addStretch(0)
        for name, section in self.sections.items():
            first, *rest = name.replace("_", " ").split()
            section.set_name(first.lower() + "".join(word.capitalize() for word in rest))
            if name in _FOLDED:
                section.set_open(False)

    def _build_head(self, early: EarlyParts) -> None:
        self.strip, self.name = early.strip, early.name
        self._summary = theme.paragraph("", "secondary", self, name="detailsSummary")
        # A label goes by the script of its text; this one stands below the name.
        side = Qt.AlignmentFlag.AlignRight if self.isRightToLeft() else Qt.AlignmentFlag.AlignLeft
        self._summary.setAlignment(side | Qt.AlignmentFlag.AlignAbsolute)
        self._danger = DangerBadge(self)
        self.trouble = NoteLine("detailsTrouble", self)
        self._problems = NoteLine("fileProblems", self)
        self._rewritten = NoteLine("rewrittenNote", self)
        self.unsaved = NoteLine("unsavedNote", self)
        self.rating = RatingBar(self)
        self.form = FieldsForm(self)
        for part in (
            self.strip, self.name, self._summary, self._danger, self.trouble, self._problems, self._rewritten,
            self.unsaved, self.rating,
        ):  # fmt: skip
            self._layout.addWidget(part)
        self.notes = NotesEdit(self)

    @staticmethod
    def _column(whole: QVBoxLayout) -> QVBoxLayout:
        """Add a column whose text stands on one line with that in the frames of the fields."""
        column = boxes.column(margins=(FRAME_PX + 1, 0, FRAME_PX + 1, 0), spacing=theme.S)
        whole.addLayout(column)
        return column

    def _build_sections(self, catalog: Catalog, tasks: Tasks, early: EarlyParts) -> None:
        about = QWidget(self)
        about_layout = boxes.column(on=about, margins=(0, 0, 0, theme.XS), spacing=theme.S)
        self._description = DescriptionView(about)
        self._facts = FactsGrid(about)
        words = self.tr("Open its page")
        # A button sets its words close to its icon; the space holds them apart.
        link = QPushButton(f" {words}", about)
        link.setAccessibleName(words)
        link.setObjectName("openSourceButton")
        theme.set_icon(link, "external-link")
        link.clicked.connect(self.link_wanted)
        compare = QPushButton(self.tr("Compare sources…"), about)
        compare.setObjectName("compareButton")
        compare.setToolTip(
            plain_tip(self.tr("See side by side what each source says, and choose what is shown"))
        )
        compare.clicked.connect(self.compare_wanted)
        self._link, self._compare = link, compare
        ways = FlowLayout(spacing=theme.S)
        ways.addWidget(link)
        ways.addWidget(compare)
        about_layout.addWidget(self._description)
        about_layout.addWidget(self._facts)
        about_layout.addLayout(ways)
        self._add("about", self.tr("About"), about)

        self.identity = IdentityView(self)
        self._add("header", self.tr("What it is"), self.identity)
        self._evidence = EvidenceView(self)
        self._add("evidence", "", self._evidence)
        self._told = ToldSections(catalog, tasks, self)
        self._layout.addWidget(self._told)
        self.sections |= {f"told {name}": section for name, section in self._told.sections.items()}
        files = QWidget(self)
        files_layout = boxes.column(on=files, margins=(0, 0, 0, theme.XS))
        self._files_table = early.files
        files_layout.addWidget(self._files_table)
        self._add("files", self.tr("Files"), files)
        self.hashes = HashesView(self)
        self._add("hashes", self.tr("Hashes"), self.hashes)
        self._pictures_facts = FactsGrid(self)
        self._pictures_facts.setObjectName("detailsPictures")
        self._add("pictures", self.tr("Pictures"), self._pictures_facts)
        self._origins = FactsGrid(self)
        self._origins.setObjectName("detailsOrigins")
        self._add("where_from", self.tr("Where values come from"), self._origins)
        self.history = HistoryView(self)
        self._add("history", self.tr("Edits"), self.history)
        self.records = RecordsView(catalog, tasks, early, self)
        self._add("metadata", self.tr("Metadata"), self.records, 1)

    def _add(self, name: str, title: str, content: QWidget, stretch: int = 0) -> None:
        self.sections[name] = Section(title, content, self)
        self._layout.addWidget(self.sections[name], stretch)

    # --- light columns ----------------------------------------------------------------------------------

    def clear(self) -> None:
        """Show nothing."""
        self._row = self._details = None
        self.name.show_name("", is_favorite=False)
        self.records.clear()
        self._files_table.setRowCount(0)
        self.sections["pictures"].hide()

    def show_row(self, row: ModelRow, origins: Mapping[str, Origin], *, is_new: bool) -> None:
        """Show the light columns of a model; `is_new` if it is another than before, of which no more is known yet."""
        self._row = row
        if is_new:
            self._details = None
            self.records.clear()
        self.name.show_name(row.name, is_favorite=row.favorite)
        parts = [type_label(row.type), foreign_text(row.base_model, 100), size_text(row.size_bytes)]
        self._summary.setText(" · ".join(part for part in parts if part))
        self._summary.setToolTip(exact_size_text(row.size_bytes))
        self._show_trouble(row)
        self.rating.show_rating(row.rating)
        self._link.setVisible(is_web_address(row.source_url))
        self.form.show_values(
            {column: Value(getattr(row, column), said_by=origins.get(column)) for column in COLUMNS}
        )
        self._facts.show_facts(
            [
                Fact(self.tr("State"), state_text(row)),
                Fact(self.tr("SHA-256"), hash_text(row.sha256), row.sha256 or ""),
                Fact(self.tr("Format"), foreign_text(row.format, 60)),
                Fact(self.tr("Added"), date_text(row.added_at)),
                Fact(self.tr("Modified"), date_text(row.modified_at)),
            ]
        )
        told = {column: origin_text(origin.source, origin.rank) for column, origin in origins.items()}
        where_from = self.sections["where_from"]
        # Its title waits for the answer where nobody sees more of it: taking it away and back is laying out twice.
        if not is_new or where_from.is_open:
            self._origins.show_facts(
                [Fact(column_label(column), told[column]) for column in column_order(told)]
            )
            where_from.setVisible(bool(told))
        name_tip = row.name if "name" not in told else f"{row.name}\n{said(SAID_BY).format(told['name'])}"
        self.name.label.setToolTip(plain_tip(name_tip))
        self._show_pictures()

    def _show_pictures(self) -> None:
        if self._row is None:
            return
        records = () if self._details is None else self._details.records
        attachments = () if self._details is None else self._details.attachments
        roots = dict.fromkeys(
            [
                *(os.path.dirname(record.source_path) for record in records if record.source_path),
                *(os.path.dirname(found.copy_path) for found in attachments if found.copy_path),
            ]
        )
        self.strip.show_pictures(self._row, pictures_of(self._row, attachments), tuple(roots))

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
        self.trouble.say(_trouble_text(row), icon="triangle-alert", color="problem", button=button)
        if self._details is None:
            self._problems.say("")
            self._rewritten.say("")

    # --- details ----------------------------------------------------------------------------------------

    def show_details(self, details: ModelDetails, history: Sequence[Edit], description: str) -> None:
        """Show all but the records."""
        self._details = details
        self.show_row(details.row, details.provenance, is_new=False)
        self._files_table.show_files(details)
        self.sections["files"].set_title(self.tr("Files ({})").format(count_text(len(details.files))))
        self.sections["files"].setVisible(bool(details.files))
        self._pictures_facts.show_facts([picture_fact(found) for found in details.attachments[:_PICTURES]])
        pictures = self.sections["pictures"]
        pictures.set_title(self.tr("Pictures ({})").format(count_text(len(details.attachments))))
        pictures.setVisible(bool(details.attachments))
        self._description.show_description(description)
        self.show_provenance(details, history)
        header = details.header
        self.sections["evidence"].setVisible(self._evidence.show_evidence(header))
        self._told.show_told(header, details.records)
        self.sections["hashes"].setVisible(self.hashes.show_hashes(details.row, details.hashes))
        self._problems.say(problem_words(header), icon="triangle-alert", color="busy")
        rewritten = any(trust == "former" for _kind, _digits, trust in details.hashes)
        words = self.tr(
            "The header of this file was rewritten. Its tensors are the same, so all that is known stayed."
        )
        self._rewritten.say(words if rewritten else "")
        self._compare.setVisible(len(details.records) + bool(header) > 1)
        self.sections["metadata"].set_title(
            self.tr("Metadata ({})").format(count_text(len(details.records)))
            if len(details.records) > 1
            else self.tr("Metadata")
        )

    def show_provenance(self, details: ModelDetails, history: Sequence[Edit]) -> None:
        """Show what the user said of a model and how sure its type and base are."""
        self._details = details
        edited = [column for column, origin in details.provenance.items() if origin.source == "user"]
        self.sections["history"].setVisible(self.history.show_history(history, edited))
        self.show_identity(details.row)

    def candidates(self) -> list[str]:
        """Return the base models that the file leaves open."""
        return choices(self._details.header) if self._details is not None else []

    def show_identity(self, row: ModelRow) -> None:
        """Show how sure it is what the model is."""
        if self._details is not None:
            self.identity.show_identity(row, self._details.header, self._details.provenance)
            words = foreign_text(row.base_model, 60) or type_label(row.type)
            title = why_words(words)
            self.sections["evidence"].set_title(
                title if row.type != "unknown" or row.base_model else self.tr("Why?")
            )


_TROUBLES = {
    "missing": "The file is gone. It was last seen at {}",
    "offline": "The folder can't be reached now: {}",
    "unreadable": "The file can't be read: {}",
    "failed": "The hash could not be computed.",
}


def drive_of(path: str) -> str | None:
    """Return by which name a system shows the drive that a path leads to, None where the path does not tell.

    Sources: where udisks, macOS and Windows put what is plugged in.
    """
    match = _DRIVE.match(path)
    return next(filter(None, match.groups()), None) if match is not None else None


def _trouble_text(row: ModelRow) -> str:
    path = foreign_text(row.path, 500)
    if row.path is None and is_absent(row):
        return said("There is no file of this model yet. It links itself when a scan meets one.")
    state = state_of(row)
    drive = drive_of(row.path or "") if state == FileState.OFFLINE else None
    if drive:
        return said("The drive “{}” is not connected. The file was last seen at {}").format(
            foreign_text(drive, 60), path
        )
    return said(_TROUBLES.get(state, "")).format(path)
