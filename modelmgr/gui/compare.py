"""What the sources say of one model, side by side, and the choice among them, column by column.

A dialog for a model of the library, or for the file that a pending record speaks of. A value that the user clicks
is from then on his own; it stays whatever is imported later, until he goes back to what the sources say.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QWidget,
)

from modelmgr.gui import boxes, focus, theme
from modelmgr.gui.labels import ElidedLabel, WrappingLabel
from modelmgr.gui.language import Forms
from modelmgr.gui.measures import scaled
from modelmgr.gui.outcomes import error_text
from modelmgr.gui.reasons import origin_text, source_label
from modelmgr.gui.strips import Strip, WorkStrip
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import (
    column_label,
    column_order,
    column_text,
    counted,
    foreign_text,
    numbered,
    plain_tip,
)
from modelmgr.progress import Progress
from modelmgr.values import EditReport, Opinion, RevertReport

if TYPE_CHECKING:
    from modelmgr.library import Library

CARDS_A_LINE = 3
"""So many stand beside each other at most."""
LEAST_CARD = 120
"""How wide each is at least, in pixels at 100 %."""
VALUE_LINES = 4
SHOWN_VALUES = 30
"""So many different values of a column are shown; more would be a list of strangers' spellings."""

_TICK_PX = 14
_NO_SOURCES = ("", "user", "header", "file", "merged")
"""Who says something of one model alone, or isn't one."""


@dataclass(frozen=True, slots=True)
class Opinions:
    """What is said of one model.

    Attributes:
        columns: light column -> its different values, the shown one first.
        model_id: of the model for which can be chosen; None while the library has none.
    """

    columns: Mapping[str, tuple[Opinion, ...]]
    model_id: int | None


def opinions_of_model(library: "Library", model_id: int) -> Opinions:
    """Ask what is said of a model of the library. For a worker."""
    return Opinions(library.opinions(model_id), model_id)


def opinions_of_pending(library: "Library", pending_id: int) -> Opinions:
    """Ask what a pending record and all others about its file say. For a worker."""
    rows = library.catalog.pending_rows([pending_id])
    model_id = None
    if rows:
        known = library.catalog.known_file(rows[0].file_path) if rows[0].file_path else None
        if known is not None:
            model_id = known.model_id
        elif rows[0].sha256:
            model_id = library.catalog.ids_of([rows[0].sha256]).get(rows[0].sha256)
    return Opinions(library.pending_opinions(pending_id), model_id)


class OpinionCard(QPushButton):
    """One value, and who says it; the shown one is ticked.

    Attributes:
        can_choose: whether a click does something.
    """

    def __init__(self, column: str, opinion: Opinion, can_choose: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("opinionCard")
        self.setProperty("column", column)
        self.setAutoDefault(False)
        self.can_choose = can_choose
        if not can_choose:
            # Not disabled: it is there to be read, and nothing greyed is.
            self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._is_shown = opinion.shown
        said_by = origin_text(opinion.source, opinion.rank)
        value = column_text(column, opinion.value, lines=True)
        self._value = WrappingLabel(VALUE_LINES, self)
        self._value.setObjectName("opinionValue")
        self._value.setText(value or self.tr("(empty)"))
        self._source = WrappingLabel(2, self)
        self._source.setObjectName("opinionSource")
        theme.set_role(self._source, "secondary")
        self._source.setText(said_by)
        for label in (self._value, self._source):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        layout = boxes.column(on=self, margins=(theme.M, theme.S, theme.M, theme.S), spacing=theme.XS)
        beside_tick = boxes.row((self._value, 1))
        beside_tick.addSpacing(theme.grown(_TICK_PX, self.font()) if opinion.shown else 0)
        layout.addLayout(beside_tick)
        layout.addStretch(1)
        layout.addWidget(self._source)
        tip = "\n".join(part for part in (value, said_by, foreign_text(opinion.source_path)) if part)
        self.setToolTip(plain_tip(tip, 4000))
        told = f"{column_label(column)}: {value or self.tr('empty')}, {said_by}"
        self.setAccessibleName(self.tr("{}, shown").format(told) if opinion.shown else told)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        layout = self.layout()
        assert layout is not None
        return layout.heightForWidth(width)

    def sizeHint(self) -> QSize:
        width = scaled(self, 200)
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        least = scaled(self, LEAST_CARD)
        return QSize(least, self.heightForWidth(max(least, self.width())))

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme.colors()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        is_over = self.can_choose and self.underMouse()
        quiet = colors.absent if self.can_choose else colors.line
        edge = colors.accent_on_base if self._is_shown or self.hasFocus() else quiet
        painter.setPen(QPen(edge, 2 if self.hasFocus() else 1))
        painter.setBrush(colors.chosen if self._is_shown else colors.hover if is_over else colors.base)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        if self._is_shown:
            tick = theme.sign(self, "check", _TICK_PX, colors.accent_on_base)
            width = theme.grown(_TICK_PX, self.font())
            at = theme.S if self.isRightToLeft() else self.width() - width - theme.S
            painter.drawPixmap(at, theme.S, tick)
        painter.end()


class ChosenStrip(Strip):
    """Says what was chosen, and offers the same for all models of which that source says something else.

    Signals:
        alike_wanted(): the user wants it for all of them.
        undo_wanted(): what was done for all of them is to be taken back.
    """

    alike_wanted = Signal()
    undo_wanted = Signal()

    def __init__(self, words: str, source: str, parent: QWidget) -> None:
        super().__init__(words, parent, "circle-check")
        self.setObjectName("chosenStrip")
        self._alike = QPushButton(self.tr("Wherever {} says otherwise").format(source_label(source)), self)
        self._alike.setObjectName("chooseAlike")
        self._alike.setAutoDefault(False)
        self._alike.setToolTip(
            plain_tip(
                self.tr(
                    "Every model of which {} says something else than is shown takes its word in this column; "
                    "what you have said yourself stays"
                ).format(source_label(source))
            )
        )
        self._alike.clicked.connect(self.alike_wanted)
        self._undo = QPushButton(self.tr("&Undo"), self)
        self._undo.setObjectName("undoAlike")
        self._undo.setAutoDefault(False)
        self._undo.hide()
        self._undo.clicked.connect(self.undo_wanted)
        for button in (self._alike, self._undo):
            self._row.addWidget(button)

    def show_done(self, words: str, *, can_undo: bool) -> None:
        """Say what was done for all alike."""
        self.show_words(words)
        self._alike.hide()
        self._undo.setVisible(can_undo)


class CompareDialog(QDialog):
    """The values of one model side by side.

    Args:
        name: of the model or record, as a stranger wrote it.
        model_id: of a model of the library; or `pending_id`: of a pending record.

    Signals:
        shown(): all that the sources say stands here.
        chosen(str): the user chose a value of this column, or went back to what the sources say.
    """

    shown = Signal()
    chosen = Signal(str)

    def __init__(
        self,
        library: "Library",
        tasks: Tasks,
        name: str,
        parent: QWidget,
        *,
        model_id: int | None = None,
        pending_id: int | None = None,
    ) -> None:
        super().__init__(parent)
        self._library = library
        self._tasks = tasks
        self._opinions: Opinions | None = None
        self._a_line = CARDS_A_LINE
        self._chosen: tuple[str, str] | None = None
        self._group: int | None = None
        self._strip: ChosenStrip | None = None
        if model_id is not None:
            self._question = partial(opinions_of_model, library, model_id)
        else:
            assert pending_id is not None
            self._question = partial(opinions_of_pending, library, pending_id)
        self.setObjectName("compareDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Compare sources"))
        title = ElidedLabel(self)
        theme.set_role(title, "pane-title")
        title.show_text(foreign_text(name, 400))
        self._words = theme.paragraph(
            self.tr("Reading what the sources say"), "secondary", self, name="compareWords"
        )
        self._scroll = QScrollArea(self)
        self._scroll.setObjectName("compareScroll")
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setAccessibleName(self.tr("What the sources say, by column"))
        buttons = QDialogButtonBox(self)
        close = buttons.addButton(self.tr("Close"), QDialogButtonBox.ButtonRole.RejectRole)
        close.setObjectName("compareClose")
        close.setAutoDefault(False)
        buttons.rejected.connect(self.reject)
        layout = boxes.column(on=self, margins=theme.L, spacing=theme.XS)
        self._strips = boxes.column(spacing=theme.XS)
        layout.addWidget(title)
        layout.addWidget(self._words)
        layout.addSpacing(theme.S)
        layout.addLayout(self._strips)
        layout.addSpacing(theme.XS)
        layout.addWidget(self._scroll, 1)
        layout.addWidget(buttons)
        room = self.screen().availableSize()
        self.resize(QSize(scaled(self, 860), scaled(self, 600)).boundedTo(room))
        self._ask()

    def _ask(self) -> None:
        self._tasks.ask(self._question, self._show, failed=self._on_failed, key=(id(self), "opinions"))

    @Slot(object)
    def _show(self, opinions: Opinions) -> None:
        self._opinions = opinions
        self._a_line = self._cards_that_fit()
        place = self._scroll.verticalScrollBar().value()
        focused = self.focusWidget()
        column = focused.property("column") if isinstance(focused, QPushButton) else None
        open_ones = {name: said for name, said in opinions.columns.items() if len(said) > 1}
        settled = {name: said for name, said in opinions.columns.items() if len(said) == 1}
        self._words.setText(self._summary(len(open_ones), len(settled)))
        body = QWidget()
        layout = boxes.column(on=body, margins=(0, 0, theme.S, 0), spacing=theme.M)
        for title, columns in (
            (self.tr("They disagree"), open_ones),
            (self.tr("One answer"), settled),
        ):
            if columns:
                layout.addWidget(theme.plain_label(title, "group", body))
                for name in column_order(columns):
                    layout.addWidget(self._line(name, columns[name], body))
        layout.addStretch(1)
        self._scroll.setWidget(body)
        self._scroll.verticalScrollBar().setValue(place)
        if column:
            self._focus(column)
        self.shown.emit()

    def _summary(self, open_ones: int, settled: int) -> str:
        assert self._opinions is not None
        if not open_ones and not settled:
            return self.tr("Nobody says anything about this model.")
        if not open_ones:
            return self.tr("The sources agree, as far as they speak.")
        words = self.tr("The sources disagree about {}.").format(counted(open_ones, "column"))
        if self._opinions.model_id is None:
            return words + " " + self.tr("Once the record is promoted you can choose what the library shows.")
        return words + " " + self.tr("Click the value that the library should show; it stays yours.")

    def _line(self, column: str, said: tuple[Opinion, ...], parent: QWidget) -> QWidget:
        assert self._opinions is not None
        line = QWidget(parent)
        grid = QGridLayout(line)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.S)
        grid.setVerticalSpacing(theme.S)
        grid.setColumnMinimumWidth(0, self._labels_width())
        label = theme.plain_label(column_label(column), None, line)
        label.setContentsMargins(0, theme.S, 0, 0)
        grid.addWidget(label, 0, 0, Qt.AlignmentFlag.AlignTop)
        for at, opinion in enumerate(said[:SHOWN_VALUES]):
            can_choose = self._opinions.model_id is not None and not opinion.shown
            card = OpinionCard(column, opinion, can_choose, line)
            if can_choose:
                card.clicked.connect(partial(self._choose, column, opinion.value, opinion.source))
            grid.addWidget(card, at // self._a_line, 1 + at % self._a_line)
        for at in range(self._a_line):
            grid.setColumnStretch(1 + at, 1)
            if at >= len(said):
                # A column without a card has no space before it either, and the others would stand elsewhere.
                grid.addWidget(QWidget(line), 0, 1 + at)
        if said[0].source == "user" and self._opinions.model_id is not None:
            back = QPushButton(self.tr("Back to automatic"), line)
            back.setObjectName("backToAutomatic")
            back.setProperty("column", column)
            back.setAutoDefault(False)
            back.setAccessibleName(self.tr("{}: back to automatic").format(column_label(column)))
            back.setToolTip(plain_tip(self.tr("Take your own value back and show what the sources say")))
            back.clicked.connect(partial(self._choose, column, None, ""))
            below = (len(said[:SHOWN_VALUES]) - 1) // self._a_line + 1
            grid.addWidget(back, below, 1, Qt.AlignmentFlag.AlignLeft)
        return line

    def _labels_width(self) -> int:
        assert self._opinions is not None
        names = map(column_label, self._opinions.columns)
        return max([scaled(self, 92), *map(self.fontMetrics().horizontalAdvance, names)])

    def _cards_that_fit(self) -> int:
        """Return how many cards stand beside each other: fewer where the letters are large or the window is narrow."""
        beside = self._scroll.verticalScrollBar().sizeHint().width() + theme.S
        room = self._scroll.width() - beside - self._labels_width()
        return max(1, min(CARDS_A_LINE, room // (scaled(self, LEAST_CARD) + theme.S)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._opinions is not None and self._cards_that_fit() != self._a_line:
            self._show(self._opinions)

    def _focus(self, column: str) -> None:
        """Give the focus back to the column in which a choice was made."""
        for card in self._scroll.findChildren(OpinionCard):
            if card.property("column") == column and card.can_choose:
                card.setFocus()
                return

    def _choose(self, column: str, value: Any, source: str) -> None:
        if self._opinions is None or self._opinions.model_id is None:
            return
        self._chosen = (column, source)
        deed = partial(_choose, self._library, self._opinions.model_id, column, value)
        self._tasks.change(deed, self._on_chosen, failed=self._on_failed)

    @Slot(object)
    def _on_chosen(self, column: str) -> None:
        self.chosen.emit(column)
        self._offer_alike()
        self._ask()

    # --- the same for all alike -------------------------------------------------------------------------

    def _offer_alike(self) -> None:
        """Offer what was just chosen for all other models, if a source said it that speaks of others too."""
        self._take_off_strip()
        if self._chosen is None or self._chosen[1] in _NO_SOURCES:
            return
        column, source = self._chosen
        words = self.tr("{} as {} says it.").format(column_label(column), source_label(source))
        self._strip = ChosenStrip(words, source, self)
        self._strip.alike_wanted.connect(self._on_alike)
        self._strip.undo_wanted.connect(self._on_undo_alike)
        self._strips.addWidget(self._strip)

    def _take_off_strip(self) -> None:
        if self._strip is not None:
            self._strip.hide()
            self._strip.deleteLater()
            self._strip = None

    @Slot()
    def _on_alike(self) -> None:
        if self._chosen is None:
            return
        deed = partial(_choose_alike, self._library, *self._chosen)
        self._run(self.tr("Choosing for all alike"), deed, self._on_chosen_alike)

    @Slot()
    def _on_undo_alike(self) -> None:
        if self._group is not None:
            deed = partial(_undo_alike, self._library, self._group)
            self._run(self.tr("Undoing"), deed, self._on_undone_alike)

    def _run(self, title: str, deed: Callable[[Progress], Any], succeeded: Callable[[Any], None]) -> None:
        task = self._tasks.run(title, deed)
        self._strips.addWidget(WorkStrip(task, self))
        task.succeeded.connect(succeeded)
        task.failed.connect(self._on_failed)

    @Slot(object)
    def _on_chosen_alike(self, report: EditReport) -> None:
        self._group = report.group
        forms = Forms("%n model shows now what it says.", "%n models show now what it says.")
        words = numbered(report.changed, forms)
        if report.cancelled:
            words = self.tr("It was stopped: {}").format(words)
        if self._strip is not None:
            self._strip.show_done(words, can_undo=report.group is not None)
        self.chosen.emit(self._chosen[0] if self._chosen is not None else "")

    @Slot(object)
    def _on_undone_alike(self, _report: RevertReport) -> None:
        self._group = None
        self._take_off_strip()
        self._ask()

    def _on_failed(self, error: Exception) -> None:
        self._words.setText(error_text(error))

    # --- Qt ---------------------------------------------------------------------------------------------

    def focusNextPrevChild(self, is_next: bool) -> bool:
        return focus.move(self, is_next)


def _choose(library: "Library", model_id: int, column: str, value: Any) -> str:
    library.choose([model_id], column, value)
    return column


def _choose_alike(library: "Library", column: str, source: str, progress: Progress) -> EditReport:
    return library.choose_alike(column, source, progress)


def _undo_alike(library: "Library", group: int, progress: Progress) -> RevertReport:
    return library.undo_edit(group, progress=progress)
