"""The editors of the light columns: each is made with a value in it, and tells what was changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from PySide6.QtCore import QEvent, QObject, QStringListModel, Qt, Signal
from PySide6.QtWidgets import QComboBox, QLineEdit, QPlainTextEdit, QWidget

from modelmgr import edits, vocabulary
from modelmgr.gui import theme
from modelmgr.gui.details.chips import ChipsEdit
from modelmgr.gui.details.completing import make_completer
from modelmgr.gui.language import said
from modelmgr.gui.text import type_label
from modelmgr.values import Origin, Provenance

_TYPES_SEEN = 14


@dataclass(frozen=True, slots=True)
class Value:
    """What a field shows.

    Attributes:
        shown: the value; of many models what all of them have.
        is_mixed: they have not all the same.
        provenance: where it comes from; None while it is not known, and of many models.
        said_by: what is known of that already; the same of `provenance`.
    """

    shown: Any = None
    is_mixed: bool = False
    provenance: Provenance | None = None
    said_by: Origin | None = None


class Ways(NamedTuple):
    """Who hears of an editor: something was typed, it is finished, it is given up."""

    typed: Callable[[], None]
    settled: Callable[[], None]
    given_up: Callable[[], None]


class TypeBox(QComboBox):
    """A choice of types that is open as long as it is edited.

    Signals:
        closed(): the list was closed; what it chose has been told by then.
    """

    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "list")
        self.setMaxVisibleItems(_TYPES_SEEN)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.view().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Hide and watched is self.view():
            self.closed.emit()
        return super().eventFilter(watched, event)


def make_editor(column: str, value: Value, known: Sequence[str], parent: QWidget, ways: Ways) -> QWidget:
    """Make the editor of a column, with its value in it; it stands in `parent`."""
    shown = value.shown
    editor: QWidget
    if column == "type":
        box = TypeBox(parent)
        for word in sorted(vocabulary.TYPES, key=type_label):
            box.addItem(theme.icon(theme.type_icon_name(word)), type_label(word), word)
        box.setCurrentIndex(-1 if value.is_mixed else box.findData(shown))
        box.activated.connect(ways.settled)
        box.closed.connect(ways.given_up, Qt.ConnectionType.QueuedConnection)
        editor = box
    elif column == "tags":
        chips = ChipsEdit(parent)
        chips.set_entries(shown or ())
        chips.set_known(known)
        chips.changed.connect(ways.typed)
        chips.settled.connect(ways.settled)
        chips.given_up.connect(ways.given_up)
        editor = chips
    elif column == "trigger_words":
        lines = QPlainTextEdit("\n".join(shown or ()), parent)
        lines.setProperty("framed", True)
        lines.setTabChangesFocus(True)
        lines.setFixedHeight(lines.fontMetrics().lineSpacing() * 5 + theme.M)
        lines.setPlaceholderText(said("Different; type to add") if value.is_mixed else said("One a line"))
        lines.textChanged.connect(ways.typed)
        editor = lines
    else:
        line = QLineEdit("" if value.is_mixed else str(shown or ""), parent)
        line.setMaxLength(edits.LINE_CHARACTERS[column])
        line.setPlaceholderText(said("Different; type to change all") if value.is_mixed else "")
        if column == "base_model":
            completer = make_completer(QStringListModel(list(known), line), line)
            line.setCompleter(completer)
            # A list that is open has the keys; when it is done, what it chose stands in the field.
            completer.activated.connect(ways.settled, Qt.ConnectionType.QueuedConnection)
            line.returnPressed.connect(ways.settled, Qt.ConnectionType.QueuedConnection)
        line.textEdited.connect(ways.typed)
        line.selectAll()
        editor = line
    return editor


def put_text(editor: QWidget, text: str) -> None:
    """Put what was typed before into an editor."""
    if isinstance(editor, QLineEdit):
        editor.setText(text)
    elif isinstance(editor, QPlainTextEdit):
        editor.setPlainText(text)
    elif isinstance(editor, ChipsEdit):
        editor.set_entries([line for line in text.split("\n") if line])


def text_in(editor: QWidget | None) -> str:
    """Return what is in the editor, as `put_text` takes it."""
    if isinstance(editor, QLineEdit):
        return editor.text()
    if isinstance(editor, QPlainTextEdit):
        return editor.toPlainText()
    return "\n".join(editor.entries()) if isinstance(editor, ChipsEdit) else ""


def told(column: str, value: Value, editor: QWidget) -> tuple[Any, ...] | None:
    """Return what was typed: one value, or what came and what went; None for nothing new.

    Raises:
        Usage: the column doesn't take it.
    """
    shown, is_mixed = value.shown, value.is_mixed
    if isinstance(editor, ChipsEdit | QPlainTextEdit):
        typed = editor.entries() if isinstance(editor, ChipsEdit) else editor.toPlainText().split("\n")
        entries = edits.checked(column, typed)
        before = list(shown or ())
        added = [entry for entry in entries if entry not in before]
        removed = [entry for entry in before if entry not in entries]
        if not is_mixed and entries != before and not (added or removed):
            return (entries,)
        return (added, removed) if added or removed else None
    typed = editor.currentData() if isinstance(editor, QComboBox) else editor.text()  # type: ignore[attr-defined]
    if typed is None or (is_mixed and not typed) or typed == (shown or ""):
        return None
    checked = edits.checked(column, typed)
    return None if checked == (shown or "") and not is_mixed else (checked,)
