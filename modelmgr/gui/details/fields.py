"""The light columns that are fields, one below the other, for one model or for many at once."""

from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from modelmgr.gui.details.field import Field
from modelmgr.gui.details.field_editors import Value

COLUMNS = ("trigger_words", "tags", "type", "base_model", "license", "source_url")
"""The columns that are fields; name, stars, favourite, notes and picture have places of their own."""


class FieldsForm(QWidget):
    """The fields of one model, or of many; signals as `Field`.

    Args:
        prefix: of the object names of its parts.
    """

    edited = Signal(str, object)
    entries_edited = Signal(str, object, object)
    reset = Signal(str)
    typed = Signal(str, str)
    given_up = Signal(str)
    began = Signal(str)
    origin_wanted = Signal(str)
    compare_wanted = Signal()
    why_wanted = Signal()

    def __init__(self, parent: QWidget | None = None, *, prefix: str = "") -> None:
        super().__init__(parent)
        self.setObjectName(f"{prefix}fieldsForm")
        layout = QVBoxLayout(self)
        # The frames of the fields stand out of the text's edge by so much.
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self.fields: dict[str, Field] = {}
        for column in COLUMNS:
            field = Field(column, self, prefix=prefix)
            for name in (
                "edited", "entries_edited", "reset", "typed", "given_up", "began", "origin_wanted", "compare_wanted",
                "why_wanted",
            ):  # fmt: skip
                getattr(field, name).connect(getattr(self, name))
            self.fields[column] = field
            layout.addWidget(field)

    def show_values(self, values: Mapping[str, Value]) -> None:
        """Show the values of the fields."""
        for column, field in self.fields.items():
            field.show_value(values.get(column, Value()))

    def finish(self) -> dict[str, str]:
        """Take what is being typed anywhere; return what a column does not take, as typed, by column."""
        refused = {}
        for column, field in self.fields.items():
            if field.is_editing and not field.finish():
                refused[column] = field.text_typed()
                field.give_up()
        return refused
