"""A payload as text, from its beginning or around what was found in it, whatever its size."""

from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from modelmgr.catalog import Catalog
from modelmgr.gui import boxes, theme
from modelmgr.gui.details.raw_view import RawView
from modelmgr.gui.details.shown import Around, Shown, find_text, read_around
from modelmgr.gui.payload_find import FindBar
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import count_text, size_text


class TextPage(QWidget):
    """The text of one record, and a field that finds words in all of it.

    Args:
        raw: shows the text; it is taken over.

    Signals:
        more_wanted(): the user wants to see more of it.
    """

    more_wanted = Signal()

    def __init__(self, catalog: Catalog, tasks: Tasks, raw: RawView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._catalog = catalog
        self._tasks = tasks
        self._shown: Shown | None = None
        self._masks = False
        self._around: Around | None = None
        self._find = FindBar(tasks, self, name="textFind")
        self._find.place_wanted.connect(self._on_place_wanted)
        self._raw = raw
        # A bar that comes only with the text would narrow it and have all of it laid out twice.
        self._raw.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self._part = QWidget(self)
        # Words wrap and a button does not: together they would be wider than the pane.
        self._words = theme.paragraph("", "secondary", self._part, name="metadataPart")
        self._words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._more = QPushButton(self._part)
        self._more.setObjectName("metadataMore")
        self._more.clicked.connect(self._on_more)
        boxes.row((self._words, 1), self._more, on=self._part, margins=0, spacing=theme.S)
        self._part.hide()
        boxes.column(
            self._find, self._raw, self._part, on=self, margins=(0, theme.XS, 0, 0), spacing=theme.XS
        )

    def clear(self) -> None:
        """Show nothing."""
        self._shown = self._around = None
        self._find.look_with(None)
        self._raw.show_text("")
        self._part.hide()

    def show_record(self, shown: Shown, *, masks: bool) -> None:
        """Show the text of a record from its beginning; with `masks`, dots where a key or a token stands."""
        is_other = self._shown is None or self._shown.record != shown.record or self._masks != masks
        self._shown, self._masks = shown, masks
        self._show_beginning()
        # What is shown as dots is not found.
        self._find.setVisible(not masks)
        if is_other:
            search = partial(find_text, self._catalog, shown.record.id)
            self._find.look_with(None if masks else search)

    def _show_beginning(self) -> None:
        shown, self._around = self._shown, None
        if shown is None:
            return
        self._raw.show_text(shown.text, masks=self._masks)
        self._part.setVisible(shown.is_cut)
        self._more.setText(self.tr("Show more"))
        self._words.setText(
            self.tr("The first {} characters of {}").format(
                count_text(len(shown.text)), size_text(shown.record.size_bytes)
            )
        )

    @Slot()
    def _on_more(self) -> None:
        if self._around is None:
            self.more_wanted.emit()
        else:
            self._show_beginning()

    @Slot(object)
    def _on_place_wanted(self, place: tuple[int, int]) -> None:
        if self._shown is not None:
            question = partial(read_around, self._catalog, self._shown.record.id, *place)
            self._tasks.ask(question, self._on_around, key=(id(self), "around"))

    @Slot(object)
    def _on_around(self, around: Around) -> None:
        shown = self._shown
        if shown is None or around.record_id != shown.record.id:
            return
        self._around = around
        # Of a record that has one in its head the field is there only after the user has had the dots taken away.
        self._raw.show_text(around.text, masks=not shown.has_secret)
        self._more.setText(self.tr("To the beginning"))
        self._words.setText(
            self.tr("From byte {} of {}").format(
                count_text(around.first_byte), size_text(shown.record.size_bytes)
            )
        )
        is_whole = around.first_byte == 0 and shown.record.size_bytes <= len(around.text)
        self._part.setVisible(not is_whole)
        self._raw.select(around.first, around.last)
