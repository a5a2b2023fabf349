"""All hashes of a model, whoever uses them: computed ones, claimed ones that differ, and those of former days."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QPushButton, QToolButton, QWidget

from modelmgr.gui import boxes, theme
from modelmgr.gui.details.facts import label_width
from modelmgr.gui.labels import ElidedLabel
from modelmgr.gui.language import said
from modelmgr.gui.text import foreign_text, plain_tip
from modelmgr.values import FileState, ModelRow

ROWS = 24
_LABELS = {"SHA256": "SHA-256", "tensors": "Tensors"}
_ORDER = ("SHA256", "AutoV1", "AutoV2", "AutoV3", "tensors", "CRC32", "BLAKE3")
_USED_BY = {
    "SHA256": "Of the whole file: what makes a model one model here",
    "AutoV1": "The old short hash of A1111; several models may share one",
    "AutoV2": "The first ten digits of SHA-256: A1111's model hash in pictures",
    "AutoV3": "Of the tensors alone: it stays when the header is rewritten",
    "tensors": "AutoV3 with all its digits: what trainers write into the header as sshs_model_hash",
    "CRC32": "A checksum of the whole file, as catalogues list it",
    "BLAKE3": "Of the whole file: what InvokeAI and Stability Matrix use",
}
_TRUST = {"claimed": "claimed", "former": "former"}
_EXPECTED = ("CRC32", "BLAKE3")


def worth_showing(hashes: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Return the hashes in the order in which they are shown; a claim that says what was computed is left out."""
    computed = {kind: digits for kind, digits, trust in hashes if trust == "computed"}
    wanted = [
        (kind, digits, trust)
        for kind, digits, trust in hashes
        if trust == "computed" or not _agrees(computed.get(kind), digits)
    ]
    trusts = {"computed": 0, "claimed": 1, "former": 2}
    places = {kind: place for place, kind in enumerate(_ORDER)}
    return sorted(
        dict.fromkeys(wanted),
        key=lambda found: (trusts.get(found[2], 3), places.get(found[0], len(places)), found),
    )


def _agrees(computed: str | None, digits: str) -> bool:
    return computed is not None and (computed.startswith(digits) or digits.startswith(computed))


class HashesView(QWidget):
    """One line a hash: kind, digits, and a button that copies them.

    Signals:
        compute_wanted(): the user wants the hashes that were not computed yet.
    """

    compute_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = boxes.column(on=self, margins=(0, 0, 0, theme.XS), spacing=theme.S)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.S)
        self._grid.setVerticalSpacing(0)
        self._grid.setColumnMinimumWidth(0, label_width(self))
        self._grid.setColumnStretch(1, 1)
        layout.addLayout(self._grid)
        self._compute = QPushButton(self.tr("Compute the others"), self)
        self._compute.setObjectName("computeHashesButton")
        self._compute.setToolTip(
            plain_tip(self.tr("Read the file once more for the hashes that other tools and sites use"))
        )
        self._compute.clicked.connect(self.compute_wanted)
        layout.addWidget(self._compute, 0, Qt.AlignmentFlag.AlignLeft)
        self._shown: list[tuple[str, str, str]] | None = None
        self._lines: list[tuple[ElidedLabel, QToolButton]] = []

    def show_hashes(self, row: ModelRow, hashes: Sequence[tuple[str, str, str]]) -> bool:
        """Show the hashes of a model; False if there is none."""
        found = worth_showing(hashes)[:ROWS]
        known = {kind for kind, _digits, trust in found if trust == "computed"}
        self._compute.setVisible(
            row.file_state == FileState.PRESENT and bool(known) and not known.issuperset(_EXPECTED)
        )
        if found != self._shown:
            before, self._shown = self._shown or [], found
            if [(kind, trust) for kind, _digits, trust in before] != [
                (kind, trust) for kind, _d, trust in found
            ]:
                self._fill(found)
            for (kind, digits, _trust), (shown, copy) in zip(found, self._lines, strict=True):
                shown.show_text(foreign_text(digits, 200))
                shown.setAccessibleName(f"{_title(kind)}: {digits}")
                copy.setProperty("digits", digits)
        return bool(found)

    def _fill(self, hashes: Sequence[tuple[str, str, str]]) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        self._lines = []
        for place, (kind, _digits, trust) in enumerate(hashes):
            title = _title(kind)
            label = theme.plain_label(title, "secondary", self)
            label.setToolTip(plain_tip(said(_USED_BY.get(kind, ""))))
            self._grid.addWidget(label, place, 0)
            shown = ElidedLabel(self, mode=Qt.TextElideMode.ElideMiddle)
            shown.setObjectName("hashDigits")
            shown.setFont(theme.mono_font(self.font()))
            self._grid.addWidget(shown, place, 1)
            told = theme.plain_label(said(_TRUST.get(trust, "")), "secondary", self)
            self._grid.addWidget(told, place, 2)
            copy = QToolButton(self)
            copy.setObjectName("copyHashButton")
            theme.set_icon(copy, "copy")
            copy.setAutoRaise(True)
            theme.give_icon_size(copy, 14)
            words = self.tr("Copy {}").format(title)
            copy.setToolTip(plain_tip(words))
            copy.setAccessibleName(words)
            copy.clicked.connect(self._on_copy)
            self._grid.addWidget(copy, place, 3)
            self._lines.append((shown, copy))

    @Slot()
    def _on_copy(self) -> None:
        copy = self.sender()
        if isinstance(copy, QToolButton):
            QGuiApplication.clipboard().setText(str(copy.property("digits")))


def _title(kind: str) -> str:
    return said(_LABELS.get(kind, "")) or foreign_text(kind, 40)
