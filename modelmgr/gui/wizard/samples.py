"""Samples of a source: what the window will show of a record, which key tells it, and the record as it stands there."""

import os
from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QTextCursor, QTextDocument
from PySide6.QtWidgets import (
    QPlainTextEdit,
    QSplitter,
    QTreeWidgetItem,
    QWidget,
)

from modelmgr.gui import boxes, theme
from modelmgr.gui.labels import ElidedLabel
from modelmgr.gui.language import Forms
from modelmgr.gui.measures import scaled
from modelmgr.gui.reasons import problem_label, source_label
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import (
    VIEW_LIMIT,
    column_label,
    column_order,
    column_text,
    count_text,
    counted,
    foreign_text,
    numbered,
    plain_tip,
)
from modelmgr.gui.wizard.parts import PATH, divide, make_item, make_list, tr
from modelmgr.library import Key, trace
from modelmgr.payload import masked
from modelmgr.values import Record, Sample

KEPT_ROWS = 300
VALUE_CHARACTERS = 200

_KEY_PATH = Qt.ItemDataRole.UserRole + 1
_FROM = 2
"""The column of the keys that tell a value."""


def _trace(sample: Sample, record: Record) -> tuple[Sample, list[Key] | None]:
    return sample, trace(record)


class SamplesView(QWidget):
    """The samples of one source, the columns of the chosen one, and its raw text beside them.

    Signals:
        traced(): what became of each key of the chosen sample stands there.
    """

    traced = Signal()

    def __init__(self, tasks: Tasks, parent: QWidget) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._all: Sequence[Sample] = ()
        self._sample: Sample | None = None
        self._list = make_list(self, "previewSamples", tr("Samples"), [tr("Sample")])
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.currentItemChanged.connect(self._on_sample_changed)
        titles = [tr("Column"), tr("Value"), tr("From")]
        self._fields = make_list(self, "previewFields", tr("What becomes of the record"), titles, first=0.34)
        self._fields.setIndentation(theme.M)
        self._fields.header().setMinimumSectionSize(scaled(self, 60))
        self._fields.currentItemChanged.connect(self._on_field_changed)
        self._raw = QPlainTextEdit(self)
        self._raw.setObjectName("previewRaw")
        self._raw.setAccessibleName(tr("The record as it stands in its source"))
        self._raw.setReadOnly(True)
        self._raw.setProperty("framed", True)
        self._raw.setTabChangesFocus(True)
        self._raw.setFont(theme.mono_font(self.font()))
        self._place = ElidedLabel(self, mode=Qt.TextElideMode.ElideMiddle)
        self._place.setObjectName("previewRawTitle")
        theme.set_role(self._place, "secondary")
        text = QWidget(self)
        stacked = boxes.column(on=text, margins=0, spacing=0)
        self._place.setFixedHeight(self._fields.header().sizeHint().height())
        stacked.addWidget(self._place)
        stacked.addWidget(self._raw, 1)
        beside = QSplitter(Qt.Orientation.Horizontal, self)
        beside.setChildrenCollapsible(False)
        beside.setHandleWidth(theme.S)
        beside.setProperty("role", "gap")
        for widget, width in ((self._list, 180), (self._fields, 430), (text, 350)):
            beside.addWidget(widget)
            beside.setStretchFactor(beside.count() - 1, width)
        beside.setSizes([180, 430, 350])
        boxes.column(beside, on=self, margins=0)

    def show_samples(self, samples: Sequence[Sample]) -> None:
        """Take the samples of all sources, and show none yet."""
        self._all = samples
        self._list.clear()
        self._show_nothing()

    def show_source(self, source: str, records: int) -> None:
        """Show the samples of one source, the first of them in full; `records` is how many it has."""
        self._list.clear()
        for sample in self._all:
            if sample.source != source:
                continue
            name = str(sample.fields.get("name") or os.path.basename(sample.source_path))
            item = make_item([foreign_text(name)])
            item.setData(0, PATH, sample)
            item.setToolTip(0, plain_tip(f"{name}\n{source_label(source)}\n{sample.source_path}"))
            self._list.addTopLevelItem(item)
        shown = self._list.topLevelItemCount()
        words = tr("{} of {}").format(count_text(shown), counted(max(shown, records), "record"))
        self._list.setHeaderLabels([words])
        first = self._list.topLevelItem(0)
        if first is not None:
            self._list.setCurrentItem(first)

    def _show_nothing(self) -> None:
        self._sample = None
        self._fields.clear()
        self._raw.clear()
        self._place.show_text("")

    @Slot(QTreeWidgetItem, QTreeWidgetItem)
    def _on_sample_changed(self, item: QTreeWidgetItem | None) -> None:
        self._show_nothing()
        if item is None:
            return
        self._sample = item.data(0, PATH)
        assert self._sample is not None
        name = os.path.basename(self._sample.source_path)
        self._place.show_text(
            tr("As it stands in {}").format(foreign_text(name, 200)) if name else tr("As it stands there"),
            foreign_text(self._sample.source_path),
        )
        self._raw.setPlainText(foreign_text(masked(self._sample.raw_text), VIEW_LIMIT, lines=True))
        self._show_fields(self._sample, None)
        if self._sample.record is None:
            self._fields.setColumnHidden(_FROM, True)
        else:
            question = partial(_trace, self._sample, self._sample.record)
            self._tasks.ask(question, self._take_keys, key=(id(self), "keys"))

    @Slot(object)
    def _take_keys(self, answer: tuple[Sample, list[Key] | None]) -> None:
        sample, keys = answer
        if sample is self._sample:
            # A row of a table has no keys that could tell.
            self._fields.setColumnHidden(_FROM, keys is None)
            self._show_fields(sample, keys)
            self.traced.emit()

    def _show_fields(self, sample: Sample, keys: list[Key] | None) -> None:
        """Show the columns, and behind each the keys that tell it; then what is kept without being shown."""
        self._fields.clear()
        tellers: dict[str, list[Key]] = {}
        for key in keys or ():
            for column in key.columns:
                tellers.setdefault(column, []).append(key)
        for column in column_order(sample.fields):
            text = column_text(column, sample.fields[column])
            if not text:
                continue
            found = tellers.get(column, [])
            told = ", ".join(foreign_text(_words(key), 80) for key in found)
            if keys is not None and not found:
                told = tr("file and folder")
            item = make_item([column_label(column), text, told])
            item.setData(0, _KEY_PATH, found[0].path if found else None)
            self._fields.addTopLevelItem(item)
        if sample.problem is not None:
            self._fields.addTopLevelItem(make_item([tr("Doubt"), problem_label(sample.problem)]))
        kept = [key for key in keys or () if not key.columns]
        if kept:
            self._add_kept(kept)
        divide(self._fields)

    def _add_kept(self, kept: Sequence[Key]) -> None:
        group = make_item([tr("Kept, not shown: {}").format(counted(len(kept), "key"))])
        group.setToolTip(
            0, plain_tip(tr("These stay in the record to the byte, and can be seen and searched there"))
        )
        self._fields.addTopLevelItem(group)
        group.setFirstColumnSpanned(True)
        for key in kept[:KEPT_ROWS]:
            sign = tr("tells what kind of record it is") if key.is_sign else ""
            value = foreign_text(masked(str(key.value)), VALUE_CHARACTERS)
            item = make_item([foreign_text(_words(key), 80), value, sign])
            item.setData(0, _KEY_PATH, key.path)
            group.addChild(item)
        if len(kept) > KEPT_ROWS:
            more = Forms("and %n more key", "and %n more keys")
            group.addChild(make_item([numbered(len(kept) - KEPT_ROWS, more)]))
        group.setExpanded(True)

    @Slot(QTreeWidgetItem, QTreeWidgetItem)
    def _on_field_changed(self, item: QTreeWidgetItem | None) -> None:
        """Mark the key in the text."""
        path = item.data(0, _KEY_PATH) if item is not None else None
        if not path:
            return
        document = self._raw.document()
        place = QTextCursor(document)
        for name in path:
            found = document.find(f'"{name}"', place, QTextDocument.FindFlag.FindCaseSensitively)
            if found.isNull():
                return
            place = found
        place.movePosition(QTextCursor.MoveOperation.StartOfBlock)
        place.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
        self._raw.setTextCursor(place)
        self._raw.centerCursor()


def _words(key: Key) -> str:
    return " › ".join(key.path)
