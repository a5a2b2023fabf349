"""What a model is, how sure that is and why; and the ways to say better."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QToolButton, QWidget

from modelmgr import vocabulary
from modelmgr.gui import boxes, theme
from modelmgr.gui.details.editor import CORRECTED
from modelmgr.gui.details.facts import Fact, FactsGrid, long_fact, plain_value
from modelmgr.gui.details.note_line import NoteLine
from modelmgr.gui.details.raw_view import RawView
from modelmgr.gui.flow import FlowLayout
from modelmgr.gui.language import said
from modelmgr.gui.reasons import source_label
from modelmgr.gui.sentences import spoken
from modelmgr.gui.table.columns import danger_text
from modelmgr.gui.text import either, foreign_text, listed, plain_tip, type_label
from modelmgr.values import ModelRow, Origin

CANDIDATES = 24
EVIDENCE_LINES = 24
_EVIDENCE_HEIGHT = 12

_SURE = {
    "certain": "Certain: the names and shapes of its tensors say so.",
    "metadata": "Its tensors prove the family; the rest is what the metadata in the file say.",
    "name": "Its tensors prove the family; which model of it, only the file's name says.",
}
_YOURS = {
    frozenset({"type"}): "You set the type.",
    frozenset({"base_model"}): "You set the base model.",
    frozenset({"type", "base_model"}): "You set the type and base model.",
}
_FACTS = {
    "architecture": "Architecture",
    "variant": "Variant",
    "algorithm": "Algorithm",
    "rank": "Rank",
    "alpha": "Alpha",
    "precision": "Precision",
    "layout": "Layout",
    "components": "Holds",
    "parameter_count": "Parameters",
    "tensor_count": "Tensors",
}
_PROBLEMS = 3
_VERDICTS = {
    "dangerous": ("triangle-alert", "problem"),
    "unscanned": ("triangle-alert", "busy"),
    "none_found": ("info", "secondary"),
}


def sure_words(row: ModelRow, header: Mapping[str, Any] | None, origins: Mapping[str, Origin]) -> str:
    """Return how sure type and base model of a model are, and by whose word, as a sentence or two."""
    users = [column for column in CORRECTED if column in origins and origins[column].source == "user"]
    if users:
        return _both(said(_YOURS[frozenset(users)]), _contradiction(row, header, users))
    if not header or not header.get("format"):
        return said("Nobody has looked into the file yet.")
    confidence = header.get("confidence")
    candidates = header.get("candidates") or []
    base = origins.get("base_model")
    if base is not None and base.source not in ("header", "file") and row.base_model:
        told = said("{} says that it is made for {}.").format(
            source_label(base.source), foreign_text(row.base_model, 100)
        )
        return _both(told, _contradiction(row, header, ["base_model"]))
    if confidence == "ambiguous" or (not header.get("base_model") and len(candidates) > 1):
        if len(candidates) > 1:
            return said("The file leaves open for which of these it is made. Choose one if you know it:")
        if header.get("type") in (None, "unknown"):
            return said("Nothing in the file proves what it is.")
        return said("Likely, but the file fits other kinds as well.")
    if header.get("type") in (None, "unknown") and not header.get("base_model"):
        return said("Nothing in the file proves what it is.")
    finer = [foreign_text(str(word), 60) for word in header.get("finer") or []]
    if finer and confidence != "metadata":
        family = foreign_text(str(header["base_model"]), 60)
        by_name = header.get("base_by_name")
        if by_name and row.base_model == by_name:
            words = said("It is of the {} family. Whether {} can't be told by the file; its name says {}.")
            return words.format(family, either(finer), foreign_text(str(by_name), 60))
        words = said(
            "It is of the {} family. Whether {} can't be told by the file. Choose one if you know it:"
        )
        return words.format(family, either(finer))
    return said(_SURE.get(str(confidence), ""))


def _both(first: str, second: str) -> str:
    return f"{first} {second}" if second else first


def _contradiction(row: ModelRow, header: Mapping[str, Any] | None, columns: list[str]) -> str:
    """Return what the file itself says, where that is something else."""
    words = []
    found = header or {}
    if "type" in columns and found.get("type") not in (None, "unknown", row.type):
        words.append(type_label(str(found["type"])))
    if "base_model" in columns:
        base = found.get("base_model")
        candidates = [str(word) for word in found.get("candidates") or []]
        if base:
            if not _agrees(row.base_model, str(base)):
                words.append(foreign_text(str(base), 100))
        elif len(candidates) > 1 and not any(_agrees(row.base_model, word) for word in candidates):
            words.append(either([foreign_text(word, 60) for word in candidates[:6]]))
    return said("The file itself says {}.").format(listed(words)) if words else ""


def _agrees(shown: str | None, found: str) -> bool:
    """Tell whether a base model that is shown is the one that a file proves, or a finer one of its family."""
    return shown is not None and (shown == found or vocabulary.is_finer(shown, found))


def choices(header: Mapping[str, Any] | None) -> list[str]:
    """Return the base models among which a person may choose: those left open, or a family and its finer names."""
    known = header or {}
    finer = known.get("finer") or []
    found = known.get("candidates") or (finer and [known.get("base_model"), *finer])
    return [str(word) for word in found][:CANDIDATES] if isinstance(found, list) else []


def header_facts(header: Mapping[str, Any] | None) -> list[Fact]:
    """Return what the file's own header says, as facts."""
    facts = []
    for key, label in _FACTS.items():
        value = (header or {}).get(key)
        text = plain_value(value)
        # Zero tensors are none that can be told.
        if text and value != 0:
            facts.append(long_fact(said(label), text))
    return facts


def problem_words(header: Mapping[str, Any] | None) -> str:
    """Return what is wrong with a file, a sentence a line."""
    found = (header or {}).get("problems") or []
    if not isinstance(found, list):
        return ""
    lines = [
        foreign_text(spoken(str(each["message"])), 400)
        for each in found
        if isinstance(each, Mapping) and "message" in each
    ]
    more = len(lines) - _PROBLEMS
    return "\n".join(lines[:_PROBLEMS] + ([said("… and {} more").format(more)] if more > 0 else []))


class DangerBadge(NoteLine):
    """Says what was found in a file that runs code when other programs load it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("dangerBadge", parent)

    def show_scan(self, header: Mapping[str, Any] | None, danger: str | None) -> None:
        """Show what the walk through the file's instructions found; nothing for files that have none.

        Args:
            header: of the file, None while it is not known.
            danger: what the light columns say of it, as in `ModelRow`.
        """
        scan = (header or {}).get("pickle_scan")
        if not isinstance(scan, Mapping):
            icon, color = _VERDICTS.get(danger or "", _VERDICTS["unscanned"])
            self.say(danger_text(danger), icon=icon, color=color)
            return
        icon, color = _VERDICTS.get(str(scan.get("verdict")), _VERDICTS["unscanned"])
        names = [str(name) for key in ("dangerous", "unusual") for name in scan.get(key) or []]
        tip = "\n".join(
            [
                self.tr("Programs that load this file run what is written in it. modelmgr never does."),
                *(["", *names[:40]] if names else []),
            ]
        )
        self.say(
            foreign_text(spoken(str(scan.get("message") or "")), 600),
            icon=icon,
            color=color,
            tip=plain_tip(tip, 4000),
        )


class IdentityView(QWidget):
    """How sure it is what the model is, the bases that are left open, and the facts of its header.

    Signals:
        base_chosen(str): the user says which base model it is.
        correction_wanted(): the user wants to correct type or base model.
        reset_wanted(): what the user said of type and base model shall be forgotten.
    """

    base_chosen = Signal(str)
    correction_wanted = Signal()
    reset_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = boxes.column(on=self, margins=(0, 0, 0, theme.XS), spacing=theme.S)
        self._words = theme.paragraph(parent=self, name="identityWords")
        self._words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        layout.addWidget(self._words)
        self._chips = QWidget(self)
        self._chips.setObjectName("identityCandidates")
        self._flow = FlowLayout(spacing=theme.XS)
        self._chips.setLayout(self._flow)
        layout.addWidget(self._chips)
        self._grid = FactsGrid(self)
        self._grid.setObjectName("identityFacts")
        layout.addWidget(self._grid)
        self._correct = QPushButton(self.tr("Correct"), self)
        self._correct.setObjectName("correctButton")
        self._correct.setToolTip(plain_tip(self.tr("Say yourself which type and base model it is")))
        self._correct.clicked.connect(self.correction_wanted)
        self._reset = QPushButton(self.tr("Back to what was found"), self)
        self._reset.setObjectName("resetIdentityButton")
        self._reset.clicked.connect(self.reset_wanted)
        ways = FlowLayout(spacing=theme.S)
        ways.addWidget(self._correct)
        ways.addWidget(self._reset)
        layout.addLayout(ways)
        self._candidates: list[str] = []
        self._chosen: str | None = None

    def show_identity(
        self, row: ModelRow, header: Mapping[str, Any] | None, origins: Mapping[str, Origin]
    ) -> None:
        """Show how sure the model's type and base model are."""
        words = sure_words(row, header, origins)
        self._words.setText(words)
        self._words.setVisible(bool(words))
        candidates = choices(header)
        self._show_candidates(candidates if len(candidates) > 1 else [], row.base_model)
        self._grid.show_facts(header_facts(header))
        self._reset.setVisible(
            any(column in origins and origins[column].source == "user" for column in CORRECTED)
        )

    def _show_candidates(self, candidates: list[str], chosen: str | None) -> None:
        self._chips.setVisible(bool(candidates))
        if (candidates, chosen) == (self._candidates, self._chosen):
            return
        self._candidates, self._chosen = candidates, chosen
        self._flow.clear()
        for word in candidates:
            chip = QToolButton(self._chips)
            chip.setObjectName("candidateButton")
            chip.setProperty("role", "chip")
            chip.setText(foreign_text(word, 60).replace("&", "&&"))
            chip.setCheckable(True)
            chip.setChecked(word == chosen)
            chip.setProperty("word", word)
            chip.setToolTip(plain_tip(self.tr("Its base model is {}").format(word)))
            chip.clicked.connect(self._on_chip)
            self._flow.addWidget(chip)
            chip.show()

    @Slot()
    def _on_chip(self) -> None:
        chip = self.sender()
        if isinstance(chip, QToolButton):
            # The mark follows what is saved, not the click.
            chip.setChecked(chip.property("word") == self._chosen)
            self.base_chosen.emit(str(chip.property("word")))


class EvidenceView(RawView):
    """The names, shapes and statements that decided, a line each; they can be selected and copied."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("evidenceLines")
        self.setAccessibleName(self.tr("What decided"))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)

    def show_evidence(self, header: Mapping[str, Any] | None) -> bool:
        """Show what decided; False if nothing is known of that."""
        found = (header or {}).get("evidence") or []
        lines = (
            [spoken(vocabulary.evidence_words(str(line)[:300])) for line in found[:EVIDENCE_LINES]]
            if isinstance(found, list)
            else []
        )
        self.show_text("\n".join(lines))
        self._fit()
        return bool(lines)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        # The size of a plain text document is counted in lines.
        lines = min(_EVIDENCE_HEIGHT, max(1, round(self.document().size().height())))
        margins = 2 * (round(self.document().documentMargin()) + self.frameWidth()) + 2
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + margins)
