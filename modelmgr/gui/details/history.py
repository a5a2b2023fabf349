"""What the user said of a model and when, and what he took back."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QWidget

from modelmgr.gui import boxes, theme
from modelmgr.gui.details.facts import Fact, FactsGrid
from modelmgr.gui.flow import FlowLayout
from modelmgr.gui.language import said
from modelmgr.gui.text import age_text, column_label, column_order, column_text, date_text, plain_tip
from modelmgr.values import Edit

STEPS = 30
_VALUE_CHARS = 60
_IN_WINDOW = "in the window"
_STEP = "{} → {}"
_TAKEN_BACK = "{} → {} (taken back)"
_DOORS = {"cli": "command line", "api": "local API", "export": "an export", "merge": "joined"}


def step_fact(edit: Edit) -> Fact:
    """Return one step of a history as a line: ``Rating: nothing → ★★★★ · 3 d``."""
    before, after = (_value_text(edit.column, value) for value in (edit.before, edit.after))
    words = said(_TAKEN_BACK if edit.is_undone else _STEP).format(before, after)
    door = said(_DOORS.get(edit.door, _IN_WINDOW))
    tip = "\n".join(part for part in (date_text(edit.made_at), door, edit.note) if part)
    return Fact(column_label(edit.column), f"{words} · {age_text(edit.made_at)}", plain_tip(tip))


def _value_text(column: str, value: Any) -> str:
    if value is None:
        return said("as imported")
    text = column_text(column, value).replace("\n", " ")
    return (text[:_VALUE_CHARS] + "…" if len(text) > _VALUE_CHARS else text) or said("nothing")


class HistoryView(QWidget):
    """The steps, newest first, and the ways back to what was imported.

    Signals:
        reset(str): the imported value of this column is wanted back.
    """

    reset = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = FactsGrid(self)
        self._grid.setObjectName("historySteps")
        self._ways = FlowLayout(spacing=theme.S)
        self._columns: list[str] | None = None
        boxes.column(self._grid, self._ways, on=self, margins=(0, 0, 0, theme.XS), spacing=theme.S)

    def show_history(self, steps: Sequence[Edit], edited: Sequence[str]) -> bool:
        """Show the steps of a model; `edited` are the columns that have a value of the user. False for none."""
        self._grid.show_facts([step_fact(edit) for edit in steps[:STEPS]])
        columns = column_order(edited)
        if columns != self._columns:
            self._columns = columns
            self._ways.clear()
            for column in columns:
                words = self.tr("{} as imported").format(column_label(column))
                button = QPushButton(words, self)
                button.setObjectName("backButton")
                button.setProperty("column", column)
                button.setToolTip(
                    plain_tip(self.tr("Forget what you set, and show the imported value again"))
                )
                button.clicked.connect(partial(self._on_back, column))
                self._ways.addWidget(button)
                button.show()
        return bool(steps or columns)

    def _on_back(self, column: str) -> None:
        self.reset.emit(column)
