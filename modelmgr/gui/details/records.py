"""What the sources say about a model: its records, each as a tree and as the text that it is."""

import os
from functools import partial

from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QPushButton,
    QSizePolicy,
    QTabWidget,
    QWidget,
)

from modelmgr.catalog import Catalog
from modelmgr.gui import boxes, theme
from modelmgr.gui.details.early import EarlyParts
from modelmgr.gui.details.shown import Shown, read_all, read_members, read_part, show_record, write_payload
from modelmgr.gui.details.text_page import TextPage
from modelmgr.gui.labels import SecretLine
from modelmgr.gui.language import Forms, said
from modelmgr.gui.payload_find import FindBar
from modelmgr.gui.payload_tree import copy_text
from modelmgr.gui.reasons import source_label
from modelmgr.gui.sentences import spoken
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import VIEW_LIMIT, count_text, date_text, foreign_text, numbered, plain_tip, size_text
from modelmgr.payload_parts import Members, Part
from modelmgr.progress import Progress
from modelmgr.values import StoredRecord

_SAVE_LIMIT_NAME = 80


class RecordsView(QWidget):
    """The records of one model, one of them shown, as a tree and as text; it can be copied and saved to the byte.

    Signals:
        import_wanted(): the user wants to bring in what other tools know.
        message(str, object): something to tell the user, with the exception or None.
    """

    import_wanted = Signal()
    message = Signal(str, object)

    def __init__(
        self, catalog: Catalog, tasks: Tasks, early: EarlyParts, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._catalog = catalog
        self._tasks = tasks
        self._records: tuple[StoredRecord, ...] = ()
        self._shown: Shown | None = None
        self._raw_limit = VIEW_LIMIT
        self._unmasked: int | None = None
        self._reading = Progress()
        self._source, self._tree = early.source, early.tree
        self._text = TextPage(catalog, tasks, early.raw, self)
        self._build()

    def _build(self) -> None:
        layout = boxes.column(on=self, margins=0, spacing=theme.S)
        self._no_metadata = QWidget(self)
        empty = boxes.column(on=self._no_metadata, margins=0)
        empty_label = theme.paragraph(
            self.tr("No other tool has said anything about this file."), "secondary", self._no_metadata
        )
        empty.addWidget(empty_label)
        wanted = QPushButton(self.tr("Import…"), self._no_metadata)
        wanted.setObjectName("importMetadataButton")
        wanted.clicked.connect(self.import_wanted)
        empty.addWidget(wanted, 0, Qt.AlignmentFlag.AlignLeft)
        self._no_metadata.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        layout.addWidget(self._no_metadata, 0, Qt.AlignmentFlag.AlignTop)

        self._source.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._source.setMinimumContentsLength(10)
        self._source.currentIndexChanged.connect(self._on_source_chosen)
        layout.addWidget(self._source)
        self._note = theme.paragraph("", "secondary", self, name="metadataNote")
        layout.addWidget(self._note)
        self._secret = SecretLine(self)
        self._secret.show_wanted.connect(self._on_show_secret)
        layout.addWidget(self._secret)

        self._views = QTabWidget(self)
        self._views.setObjectName("metadataViews")
        self._views.setDocumentMode(True)
        self._views.tabBar().setDrawBase(False)
        self._tree.payload_model.members_wanted.connect(self._on_members_wanted)
        self._tree.part_copied.connect(self._on_part_copied)
        tree = QWidget(self._views)
        tree_layout = boxes.column(on=tree, margins=(0, theme.XS, 0, 0), spacing=theme.XS)
        self._find = FindBar(self._tasks, tree)
        self._find.place_wanted.connect(self._on_place_wanted)
        tree_layout.addWidget(self._find)
        tree_layout.addWidget(self._tree)
        self._views.addTab(tree, self.tr("Tree"))
        self._text.more_wanted.connect(self._on_more_clicked)
        self._views.addTab(self._text, self.tr("Text"))
        self._views.setMinimumHeight(240)
        layout.addWidget(self._views, 1)

        self._payload_buttons = QWidget(self)
        buttons = boxes.row(on=self._payload_buttons, margins=0, spacing=theme.S)
        copy = QPushButton(self.tr("Copy all"), self._payload_buttons)
        copy.setObjectName("copyPayload")
        copy.setToolTip(plain_tip(self.tr("Copy the whole payload, byte for byte")))
        copy.clicked.connect(self._on_copy_payload)
        save = QPushButton(self.tr("Save as…"), self._payload_buttons)
        save.setObjectName("savePayload")
        save.setToolTip(plain_tip(self.tr("Save the exact bytes of the payload")))
        save.clicked.connect(self._on_save_payload)
        buttons.addWidget(copy)
        buttons.addWidget(save)
        buttons.addStretch(1)
        layout.addWidget(self._payload_buttons)

    # --- deeds ------------------------------------------------------------------------------------------

    @property
    def place(self) -> int:
        """Which of the records is shown, -1 for none."""
        return self._source.currentIndex()

    def choose(self, place: int) -> None:
        """Show another of the records, if there are so many."""
        if 0 <= place < self._source.count():
            self._source.setCurrentIndex(place)

    def clear(self) -> None:
        """Show nothing, while nobody knows what there is."""
        self._records = ()
        self._shown = None
        self._reading.cancel()
        self._fill_sources()
        # Where one can look for words stays as it is: what comes mostly has them again.
        self._tree.payload_model.show_value(None, has_value=False)
        self._find.look_in(None)
        self._text.clear()
        for widget in (self._note, self._no_metadata, self._secret):
            widget.hide()
        self._unmasked = None

    def show_records(self, records: tuple[StoredRecord, ...], chief: Shown | None) -> None:
        """Show the records of a model, the chief one in front."""
        self._records = records
        self._raw_limit = VIEW_LIMIT
        self._fill_sources()
        self._show_payload(chief)

    def _fill_sources(self) -> None:
        self._source.blockSignals(True)
        self._source.clear()
        for record in self._records:
            self._source.addItem(_record_title(record))
            tip = f"{record.source_path}\n{record.record_key}".strip()
            self._source.setItemData(self._source.count() - 1, plain_tip(tip), Qt.ItemDataRole.ToolTipRole)
        self._source.blockSignals(False)

    def _show_payload(self, shown: Shown | None) -> None:
        self._shown = shown
        self._reading.cancel()
        self._reading = Progress()
        has_one = shown is not None
        for widget in (self._source, self._views, self._payload_buttons):
            widget.setVisible(has_one)
        self._no_metadata.setVisible(not has_one)
        if shown is None:
            self._note.hide()
            self._secret.hide()
            self._show_value(None, has_value=False)
            self._text.clear()
            return
        parsed = shown.parsed
        masks = shown.has_secret and self._unmasked != shown.record.id
        self._show_value(parsed.value, has_value=parsed.ok, masks=masks)
        self._text.show_record(shown, masks=masks)
        self._secret.setVisible(masks)
        note = _note_of(shown)
        self._note.setText(note)
        self._note.setVisible(bool(note))
        if not parsed.ok:
            self._views.setCurrentIndex(1)

    def _show_value(self, value: object, *, has_value: bool, masks: bool = False) -> None:
        self._tree.payload_model.show_value(value, has_value=has_value, masks=masks)
        if isinstance(value, Part):
            self._tree.payload_model.read_on(QModelIndex())  # a tree that is not in front asks for nothing
        is_known = has_value and not isinstance(value, Part)
        self._find.setVisible(is_known)
        self._find.look_in(value if is_known else None, masks=masks)

    @Slot(object)
    def _on_place_wanted(self, rows: tuple[int, ...]) -> None:
        index = self._tree.payload_model.index_at(rows)
        if index.isValid():
            self._tree.setCurrentIndex(index)
            self._tree.scrollTo(index)

    @Slot(int, object, object, int)
    def _on_members_wanted(self, number: int, part: Part, then: int | None, count: int) -> None:
        if self._shown is not None:
            record = self._shown.record
            question = partial(read_members, self._catalog, record, part, then, count, self._reading)
            self._tasks.ask(question, partial(self._on_members, record.id, number))

    def _on_members(self, record_id: int, number: int, members: Members) -> None:
        if self._shown is not None and self._shown.record.id == record_id:
            self._tree.payload_model.put_members(number, members)
            if members.trouble:
                self._note.setText(
                    self.tr(
                        "{} What stands before that is shown; all of it is kept exactly as it was found."
                    ).format(members.trouble)
                )
                self._note.show()

    @Slot(object)
    def _on_part_copied(self, part: Part) -> None:
        if self._shown is not None:
            self._tasks.ask(
                partial(read_part, self._catalog, self._shown.record, part), self._put_on_clipboard
            )

    @Slot(int)
    def _on_source_chosen(self, place: int) -> None:
        if 0 <= place < len(self._records):
            self._raw_limit = VIEW_LIMIT
            self._ask_record(self._records[place])

    @Slot()
    def _on_show_secret(self) -> None:
        if self._shown is not None:
            self._unmasked = self._shown.record.id
            self._show_payload(self._shown)

    @Slot()
    def _on_more_clicked(self) -> None:
        if self._shown is not None:
            self._raw_limit = len(self._shown.text) + VIEW_LIMIT
            self._ask_record(self._shown.record)

    def _ask_record(self, record: StoredRecord) -> None:
        question = partial(show_record, self._catalog, record, self._raw_limit)
        self._tasks.ask(question, self._on_record, key=(id(self), "record"))

    @Slot(object)
    def _on_record(self, shown: Shown) -> None:
        place = self._source.currentIndex()
        if 0 <= place < len(self._records) and self._records[place].id == shown.record.id:
            self._show_payload(shown)

    @Slot()
    def _on_copy_payload(self) -> None:
        if self._shown is not None:
            self._tasks.ask(partial(read_all, self._catalog, self._shown.record), self._put_on_clipboard)

    def _put_on_clipboard(self, text: str | None) -> None:
        if text is None:
            self.message.emit(self.tr("That is too much for the clipboard; save it as a file instead."), None)
        else:
            copy_text(text)
            copied = Forms("Copied %n character.", "Copied %n characters.")
            self.message.emit(numbered(len(text), copied), None)

    @Slot()
    def _on_save_payload(self) -> None:
        if self._shown is None:
            return
        record = self._shown.record
        dialog = QFileDialog(self, self.tr("Save the payload"))
        dialog.setObjectName("savePayloadDialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.selectFile(_file_name_for(record))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(partial(self._save_payload, record.id))
        dialog.open()

    def _save_payload(self, record_id: int, path: str) -> None:
        self._tasks.change(
            partial(write_payload, self._catalog, record_id, path),
            self._on_payload_saved,
            failed=partial(self.message.emit, self.tr("The payload was not saved")),
        )

    def _on_payload_saved(self, path: str) -> None:
        self.message.emit(self.tr("The payload was saved as {}.").format(foreign_text(path)), None)


def _record_title(record: StoredRecord) -> str:
    name = foreign_text(os.path.basename(record.source_path), 120)
    key = foreign_text(record.record_key, 60)
    where = " · ".join(part for part in (name, key) if part)
    return f"{source_label(record.source)} — {where}" if where else source_label(record.source)


def _note_of(shown: Shown) -> str:
    parsed = shown.parsed
    notes = []
    if shown.record.gone_at is not None:
        when = date_text(shown.record.gone_at)
        notes.append(said("It is no longer in its source (seen {}); what it said is kept.").format(when))
    if not parsed.ok:
        message = foreign_text(spoken(parsed.message), 400) or said("This could not be read.")
        if parsed.offset is not None and "byte" not in parsed.message:
            message = said("{} (at byte {})").format(message, count_text(parsed.offset))
        return " ".join((*notes, message, said("The text is kept exactly as it was found.")))
    if isinstance(parsed.value, Part):
        size = size_text(shown.record.size_bytes)
        notes.append(said("It is large ({}): it is read as far as you unfold it.").format(size))
    if "duplicate-keys" in parsed.flags:
        notes.append(said("Some keys occur twice; the tree shows the last of each."))
    if parsed.tolerant:
        notes.append(said("This is not quite JSON; it was read with one eye closed."))
    return " ".join(notes)


def _file_name_for(record: StoredRecord) -> str:
    name = foreign_text(os.path.basename(record.source_path), _SAVE_LIMIT_NAME)
    return f"{name}.json" if name and record.record_key else name or f"{record.source}.json"
