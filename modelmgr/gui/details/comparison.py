"""Several models are selected: how many, how large, what they have in common, where they differ, and edits of all."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from modelmgr import edits
from modelmgr.catalog import Catalog
from modelmgr.gui import boxes, theme, timers
from modelmgr.gui.details.editor import Wish
from modelmgr.gui.details.facts import FRAME_PX, Fact, FactsGrid, Section, label_width
from modelmgr.gui.details.field_editors import Value
from modelmgr.gui.details.fields import FieldsForm
from modelmgr.gui.details.head import RatingBar
from modelmgr.gui.details.notes_of_many import NotesOfMany
from modelmgr.gui.labels import WrappingLabel, break_words
from modelmgr.gui.language import said
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import (
    column_label,
    column_order,
    column_text,
    count_text,
    counted,
    exact_size_text,
    foreign_text,
    hash_text,
    plain_tip,
    size_text,
    type_label,
)
from modelmgr.values import Comparison, ModelRow

if TYPE_CHECKING:
    from modelmgr.gui.shell.drafts import Drafts

SETTLE_MS = 60
_SHOWN_VALUES = 4
_SIDES = (
    "name",
    "type",
    "base_model",
    "size_bytes",
    "format",
    "sha256",
    "tags",
    "trigger_words",
    "rating",
    "license",
    "path",
)
_TITLES = {"size_bytes": "Size", "format": "Format"}


def compare(catalog: Catalog, ids: Sequence[int]) -> tuple[Sequence[int], Comparison, list[ModelRow]]:
    """Compare models, in a worker; two of them come with their rows."""
    return ids, catalog.compare(ids), catalog.rows(ids) if len(ids) == 2 else []


def form_values(found: Comparison) -> dict[str, Value]:
    """Return what the fields of many models show: what all have, the rest is different."""
    values = {}
    for column in ("type", "base_model", "license"):
        entries = found.values[column]
        values[column] = Value(entries[0][0]) if len(entries) == 1 else Value(is_mixed=bool(entries))
    for column in ("source_url", "trigger_words"):
        values[column] = Value(found.common[column]) if column in found.common else Value(is_mixed=True)
    common = tuple(tag for tag, number in found.tags if number == found.count)
    values["tags"] = Value(common, is_mixed=len(common) < len(found.tags))
    return values


class SidesView(QWidget):
    """Two models beside each other, a line a column; what differs stands out."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sidesView")
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, theme.XS)
        self._grid.setHorizontalSpacing(theme.S)
        self._grid.setVerticalSpacing(theme.XS)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(2, 1)

    def show_rows(self, rows: Sequence[ModelRow]) -> None:
        """Show two models, or nothing."""
        while (item := self._grid.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        if len(rows) != 2:
            return
        for place, column in enumerate(_SIDES):
            texts = [_side_text(column, getattr(row, column)) for row in rows]
            if not any(texts):
                continue
            label = theme.plain_label(
                said(_TITLES.get(column, "")) or column_label(column), "secondary", self
            )
            label.setFixedWidth(label_width(self, self.width()))
            label.setWordWrap(True)
            self._grid.addWidget(label, place, 0, Qt.AlignmentFlag.AlignTop)
            differs = texts[0] != texts[1]
            for side, text in enumerate(texts):
                shown = WrappingLabel(4, self)
                shown.setText(text or "–")
                theme.set_role(shown, "" if differs else "secondary")
                shown.setToolTip(plain_tip(_side_tip(column, getattr(rows[side], column))))
                shown.setAccessibleName(
                    f"{label.text()}: {text}" + (f", {self.tr('different')}" if differs else "")
                )
                self._grid.addWidget(shown, place, 1 + side, Qt.AlignmentFlag.AlignTop)
                shown.show()
            label.show()


def _side_text(column: str, value: Any) -> str:
    if column == "size_bytes":
        return size_text(value)
    if column == "sha256":
        return hash_text(value)
    return column_text(column, value) if column != "path" else foreign_text(value, 1000)


def _side_tip(column: str, value: Any) -> str:
    """Return a value with nothing of it cut."""
    if column == "size_bytes":
        return exact_size_text(value)
    return str(value or "") if column in ("sha256", "path") else column_text(column, value, lines=True)


class ComparisonPage(QWidget):
    """The page for several selected models.

    Signals:
        edited(Wish): something shall be changed in all of them.
        began(str): a field became an editor.
        left(str, str): a column does not take what was typed into it, and something else is selected.
    """

    edited = Signal(object)
    began = Signal(str)
    left = Signal(str, str)

    def __init__(self, catalog: Catalog, tasks: Tasks, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("comparisonPage")
        self._catalog = catalog
        self._tasks = tasks
        self._ids: Sequence[int] = ()
        self._settle = timers.after(SETTLE_MS, self.refresh, self)
        self._build()

    def _build(self) -> None:
        self._title = theme.plain_label("", "pane-title", self, name="comparisonTitle")
        self._size = theme.paragraph("", "secondary", self, name="comparisonSize")
        self._rating = RatingBar(self)
        self._rating.setObjectName("ratingOfAll")
        self._rating.rated.connect(self._on_rated)
        self._rating_words = theme.plain_label("", "secondary", self)
        self._star = QToolButton(self)
        self._star.setObjectName("favoriteAll")
        self._star.setCheckable(True)
        self._star.setAccessibleName(self.tr("Favourites"))
        self._star.setToolTip(plain_tip(self.tr("Make all of them favourites, or none")))
        theme.set_icon(self._star, "star")
        self._star.clicked.connect(self._on_star)
        self.form = FieldsForm(self, prefix="all_")
        self.form.edited.connect(self._on_edited)
        self.form.entries_edited.connect(self._on_entries)
        self.form.began.connect(self.began)
        self._notes = NotesOfMany(self)
        self._notes.added.connect(self._on_notes_added)
        self._notes.replaced.connect(partial(self._on_edited, "notes"))
        self._facts = FactsGrid(self)
        self._facts.setObjectName("comparisonFacts")
        self._differs = Section(self.tr("Where they differ"), self._facts, self)
        self._differs.set_name("differences")
        self._sides = SidesView(self)
        self._beside = Section(self.tr("Side by side"), self._sides, self)
        self._beside.set_name("sides")
        whole = boxes.column(
            on=self,
            margins=(theme.M - FRAME_PX - 1, theme.M, theme.M - FRAME_PX - 1, theme.M),
            spacing=theme.S,
        )
        layout = self._column(whole)
        layout.addWidget(self._title)
        layout.addWidget(self._size)
        stars = boxes.row(self._rating, (self._rating_words, 1), self._star, spacing=theme.S)
        layout.addLayout(stars)
        whole.addWidget(self.form)
        layout = self._column(whole)
        layout.addWidget(self._notes)
        note = theme.paragraph(
            self.tr("What you change here is changed in all of them, and is undone as one."),
            "secondary",
            self,
        )
        note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        layout.addWidget(note)
        self._back = QPushButton(self)
        self._back.setAccessibleName(self.tr("Back to what was imported…"))
        self._back.setMinimumWidth(1)
        self._back.setObjectName("backForAll")
        self._back.setToolTip(plain_tip(self.tr("Forget what you set in one of the fields, in all of them")))
        self._back.clicked.connect(self._on_back)
        layout.addWidget(self._back, 0, Qt.AlignmentFlag.AlignLeft)
        whole.addWidget(self._beside)
        whole.addWidget(self._differs)
        whole.addStretch(1)

    @staticmethod
    def _column(whole: QVBoxLayout) -> QVBoxLayout:
        column = boxes.column(margins=(FRAME_PX + 1, 0, FRAME_PX + 1, 0), spacing=theme.S)
        whole.addLayout(column)
        return column

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        break_words(self._back, self.width() - 2 * theme.M)

    def use_drafts(self, drafts: "Drafts") -> None:
        """Keep what is typed and belongs to no one model."""
        self._notes.use_drafts(drafts)

    # --- showing ----------------------------------------------------------------------------------------

    def show_selection(self, ids: Sequence[int]) -> None:
        """Compare other models; what was typed for those before is saved for them."""
        if len(ids) == len(self._ids) and ids == self._ids:
            return
        self.finish()
        self._ids = ids
        self._title.setText(counted(len(ids), "model"))
        self._settle.start()

    @Slot()
    def refresh(self) -> None:
        """Compare again: something was written."""
        if len(self._ids) > 1:
            self._tasks.ask(
                partial(compare, self._catalog, self._ids), self._on_compared, key=(id(self), "compare")
            )

    def finish(self) -> None:
        """Take what is being typed."""
        for column, text in self.form.finish().items():
            self.left.emit(column, text)

    @Slot(object)
    def _on_compared(self, answer: tuple[Sequence[int], Comparison, list[ModelRow]]) -> None:
        ids, found, rows = answer
        if ids is not self._ids:
            return
        self._size.setText(self.tr("{} in all").format(size_text(found.size_bytes)))
        self._size.setToolTip(exact_size_text(found.size_bytes))
        self._show_stars(found.values)
        self.form.show_values(form_values(found))
        self._facts.show_facts(_differences(found))
        self._differs.setVisible(len(rows) != 2 and bool(_differences(found)))
        self._sides.show_rows(rows)
        self._beside.setVisible(len(rows) == 2)

    def _show_stars(self, values: Mapping[str, Sequence[tuple[Any, int]]]) -> None:
        ratings, stars = values["rating"], values["favorite"]
        self._rating.show_rating(ratings[0][0] if len(ratings) == 1 else None)
        self._rating_words.setText(self.tr("different") if len(ratings) > 1 else "")
        is_all = len(stars) == 1 and bool(stars[0][0])
        self._star.setChecked(is_all)
        theme.set_icon(self._star, "star-filled" if is_all else "star")

    # --- edits ------------------------------------------------------------------------------------------

    def _wish(self, changes: Mapping[str, Any]) -> None:
        self.edited.emit(Wish(tuple(self._ids), changes))

    @Slot(object)
    def _on_rated(self, rating: int | None) -> None:
        self._wish({"rating": rating or edits.NO_RATING})

    @Slot(bool)
    def _on_star(self, is_on: bool) -> None:
        self._wish({"favorite": is_on})

    @Slot()
    def _on_back(self) -> None:
        self.back_menu().popup(self._back.mapToGlobal(self._back.rect().bottomLeft()))

    def back_menu(self) -> QMenu:
        """Return the columns whose imported values may be wanted back; it goes when it is closed."""
        menu = QMenu(self)
        menu.setObjectName("backMenu")
        menu.aboutToHide.connect(menu.deleteLater)
        for column in column_order(edits.EDITABLE):
            action = menu.addAction(column_label(column), partial(self._wish, {column: None}))
            action.setObjectName(f"back_{column}")
        return menu

    @Slot(str, object)
    def _on_edited(self, column: str, value: Any) -> None:
        self._wish({column: value})

    @Slot(str)
    def _on_notes_added(self, text: str) -> None:
        self.edited.emit(Wish(tuple(self._ids), add_notes=text))

    @Slot(str, object, object)
    def _on_entries(self, column: str, added: Sequence[str], removed: Sequence[str]) -> None:
        self.edited.emit(Wish(tuple(self._ids), {}, {column: tuple(added)}, {column: tuple(removed)}))


def _differences(found: Comparison) -> list[Fact]:
    """Return the columns in which the models differ, with the most frequent values of each."""
    facts = []
    for column, entries in found.values.items():
        if len(entries) < 2:
            continue
        texts = [
            f"{_value_words(column, value)} ({count_text(number)})"
            for value, number in entries[:_SHOWN_VALUES]
        ]
        more = len(entries) - _SHOWN_VALUES
        text = " · ".join(texts) + (" · " + said("{} more").format(count_text(more)) if more > 0 else "")
        tip = "\n".join(
            f"{_value_words(column, value)}: {count_text(number)}" for value, number in entries[:40]
        )
        facts.append(Fact(said(_TITLES.get(column, "")) or column_label(column), text, plain_tip(tip, 4000)))
    some = [(tag, number) for tag, number in found.tags if number < found.count]
    if some:
        text = " · ".join(f"{foreign_text(tag, 60)} ({count_text(number)})" for tag, number in some[:8])
        facts.append(Fact(column_label("tags"), text))
    return facts


def _value_words(column: str, value: Any) -> str:
    if value is None:
        return said("not known") if column != "rating" else said("not rated")
    return type_label(value) if column == "type" else column_text(column, value)[:60]
