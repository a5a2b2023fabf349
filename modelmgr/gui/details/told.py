"""What a file says about itself: its own metadata in groups, the tags of its training, its chat template."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QRect, Qt, Slot
from PySide6.QtGui import QFontMetrics, QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QPushButton, QSizePolicy, QWidget

from modelmgr.catalog import Catalog
from modelmgr.gui import boxes, theme
from modelmgr.gui.details.facts import Fact, FactsGrid, Section, long_fact, plain_value
from modelmgr.gui.details.raw_view import RawView
from modelmgr.gui.flow import FlowLayout
from modelmgr.gui.language import said
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import VIEW_LIMIT, count_text, foreign_text, plain_tip
from modelmgr.values import StoredRecord

GROUPS = {
    "About": "About, says the file",
    "Training": "Training",
    "Text model": "Text model",
    "Technical": "Technical",
    "Merge": "Merge",
}
"""The groups of `Header.as_json()["shown"]` in their order, and how each is called here."""

TAGS, MORE_TAGS = 12, 64
TEMPLATE_KEY = "tokenizer.chat_template"
_CUT_MARK = "[…]"
_OPEN_AT_FIRST = ("About", "Training", "Text model")
_FACTS = 60


# --- tags -------------------------------------------------------------------------------------------------


class TagBars(QWidget):
    """The tags of a training, most frequent first, each on a bar as long as it is frequent."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("trainingTags")
        self._tags: list[tuple[str, int]] = []
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_tags(self, tags: Sequence[tuple[str, int]]) -> None:
        """Show tags with their counts."""
        self._tags = list(tags)
        self.setFixedHeight(len(self._tags) * self._line())
        self.setAccessibleName(self.tr("Tags of the training"))
        words = ", ".join(f"{tag}: {count_text(count)}" for tag, count in self._tags)
        self.setAccessibleDescription(words)
        self.setToolTip(plain_tip(words, 2000))
        self.update()

    def _line(self) -> int:
        return self.fontMetrics().height() + theme.XS

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors = theme.colors()
        metrics = QFontMetrics(self.font())
        most = max((count for _tag, count in self._tags), default=1)
        mirrored = self.isRightToLeft()
        for place, (tag, count) in enumerate(self._tags):
            line = QRect(0, place * self._line(), self.width(), self._line() - 2)
            bar = QRect(line)
            bar.setWidth(max(theme.XS, line.width() * count // max(1, most)))
            if mirrored:
                bar.moveRight(line.right())
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.chosen)
            painter.drawRoundedRect(bar, 3, 3)
            number = count_text(count)
            room = line.adjusted(theme.XS, 0, -theme.XS, 0)
            wide = metrics.horizontalAdvance(number) + theme.S
            first, last = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight)
            words = room.adjusted(wide, 0, 0, 0) if mirrored else room.adjusted(0, 0, -wide, 0)
            painter.setPen(colors.text)
            text = metrics.elidedText(foreign_text(tag, 200), Qt.TextElideMode.ElideRight, words.width())
            middle = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(words, int((last if mirrored else first) | middle), text)
            painter.setPen(theme.readable(colors.secondary, colors.chosen, colors.window))
            painter.drawText(room, int((first if mirrored else last) | middle), number)


class TagsView(QWidget):
    """The tags of a training, with a way to see more and one to copy them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tags: list[tuple[str, int]] = []
        self._bars = TagBars(self)
        self._more = QPushButton(self)
        self._more.setObjectName("moreTagsButton")
        self._more.clicked.connect(self._on_more)
        copy = QPushButton(self.tr("Copy tags"), self)
        copy.setObjectName("copyTagsButton")
        copy.clicked.connect(self._on_copy)
        ways = FlowLayout(spacing=theme.S)
        ways.addWidget(self._more)
        ways.addWidget(copy)
        boxes.column(self._bars, ways, on=self, margins=0, spacing=theme.S)

    def show_tags(self, found: object) -> None:
        """Show ``header["training_tags"]``: pairs of tag and count, the most frequent first."""
        pairs = found if isinstance(found, list) else []
        self._tags = [
            (str(pair[0]), pair[1])
            for pair in pairs[:MORE_TAGS]
            if isinstance(pair, list | tuple) and len(pair) == 2 and type(pair[1]) is int and pair[1] > 0
        ]
        self._bars.show_tags(self._tags[:TAGS])
        more = len(self._tags) - TAGS
        self._more.setText(self.tr("Show {} more").format(count_text(more)))
        self._more.setVisible(more > 0)
        self.setVisible(bool(self._tags))

    @Slot()
    def _on_more(self) -> None:
        self._bars.show_tags(self._tags)
        self._more.hide()

    @Slot()
    def _on_copy(self) -> None:
        text = ", ".join(tag for tag, _count in self._tags)
        QGuiApplication.clipboard().setText(text.encode("utf-8", "replace").decode("utf-8"))


# --- chat templates ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Template:
    """A chat template: the key under which it stands, and its text or the beginning of it."""

    key: str
    text: str

    @property
    def is_cut(self) -> bool:
        """Whether the header held only its beginning."""
        return self.text.endswith(_CUT_MARK)


def templates_of(header: Mapping[str, Any] | None) -> list[Template]:
    """Return the chat templates that a header names, the default one first."""
    metadata = (header or {}).get("metadata")
    if not isinstance(metadata, Mapping):
        return []
    return [
        Template(str(key), value)
        for key, value in sorted(metadata.items(), key=lambda item: (len(str(item[0])), str(item[0])))
        if (key == TEMPLATE_KEY or str(key).startswith(TEMPLATE_KEY + "."))
        and isinstance(value, str)
        and value
    ]


def read_template(catalog: Catalog, record_id: int, key: str) -> tuple[str, str | None]:
    """Read one whole template out of the record of what is embedded in a file, in a worker."""
    payload = catalog.record_payload(record_id) or b""
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return key, None
    text = found.get(key) if isinstance(found, dict) else None
    return key, text[:VIEW_LIMIT] if isinstance(text, str) else None


class TemplateView(QWidget):
    """A chat template as plain text; nothing in it is ever run or rendered."""

    def __init__(self, catalog: Catalog, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._catalog = catalog
        self._tasks = tasks
        self._templates: list[Template] = []
        self._record_id: int | None = None
        self._names = QComboBox(self)
        self._names.setObjectName("chatTemplates")
        self._names.setAccessibleName(self.tr("Chat template"))
        self._names.currentIndexChanged.connect(self._on_chosen)
        self._text = RawView(self)
        self._text.setObjectName("chatTemplate")
        self._text.setAccessibleName(self.tr("Text of the chat template"))
        self._text.setFixedHeight(160)
        self._whole = QPushButton(self.tr("Show all of it"), self)
        self._whole.setObjectName("wholeTemplateButton")
        self._whole.clicked.connect(self._on_whole)
        boxes.column(
            self._names,
            self._text,
            (self._whole, 0, Qt.AlignmentFlag.AlignLeft),
            on=self,
            margins=(0, 0, 0, theme.XS),
            spacing=theme.S,
        )

    def show_templates(self, templates: list[Template], records: Sequence[StoredRecord]) -> None:
        """Show templates; `records` are those of the model, for the whole of a template that was cut."""
        self._record_id = next((record.id for record in records if record.source == "embedded"), None)
        if templates == self._templates:
            return
        self._templates = templates
        self._names.blockSignals(True)
        self._names.clear()
        for template in templates:
            name = template.key.removeprefix(TEMPLATE_KEY).lstrip(".")
            self._names.addItem(foreign_text(name, 80) or self.tr("Default"))
        self._names.blockSignals(False)
        self._names.setVisible(len(templates) > 1)
        self._on_chosen(0)

    @Slot(int)
    def _on_chosen(self, place: int) -> None:
        shown = self._templates[place] if 0 <= place < len(self._templates) else None
        self._text.show_text(shown.text if shown is not None else "")
        self._whole.setVisible(shown is not None and shown.is_cut and self._record_id is not None)

    @Slot()
    def _on_whole(self) -> None:
        place = self._names.currentIndex()
        if self._record_id is not None and 0 <= place < len(self._templates):
            question = partial(read_template, self._catalog, self._record_id, self._templates[place].key)
            self._tasks.ask(question, self._on_read, key=(id(self), "template"))

    @Slot(object)
    def _on_read(self, found: tuple[str, str | None]) -> None:
        key, text = found
        place = self._names.currentIndex()
        if text is not None and 0 <= place < len(self._templates) and self._templates[place].key == key:
            self._text.show_text(text)
            self._whole.hide()


# --- the groups -------------------------------------------------------------------------------------------


def facts_of(header: Mapping[str, Any] | None) -> dict[str, list[Fact]]:
    """Return ``header["shown"]`` as facts by group; one that is not known here counts as technical."""
    found = (header or {}).get("shown")
    groups: dict[str, list[Fact]] = {name: [] for name in GROUPS}
    for entry in found if isinstance(found, list) else []:
        if not isinstance(entry, Mapping):
            continue
        facts = groups.get(str(entry.get("group")), groups["Technical"])
        value = entry.get("value")
        text = foreign_text(value, 2000, lines=True).strip() if isinstance(value, str) else plain_value(value)
        if text and len(facts) < _FACTS:
            facts.append(long_fact(foreign_text(said(str(entry.get("label", ""))), 60), text))
    return groups


class ToldSections(QWidget):
    """Folding sections with what a file says about itself.

    Attributes:
        sections: by the name under which the window remembers whether they are open.
    """

    def __init__(self, catalog: Catalog, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = boxes.column(on=self, margins=0, spacing=theme.S)
        self.setObjectName("toldSections")
        self._grids: dict[str, FactsGrid] = {}
        self.sections: dict[str, Section] = {}
        self._tags = TagsView(self)
        for name, title in GROUPS.items():
            content = QWidget(self)
            inside = boxes.column(on=content, margins=(0, 0, 0, theme.XS), spacing=theme.S)
            self._grids[name] = FactsGrid(content)
            self._grids[name].setObjectName(f"told{name.replace(' ', '')}")
            inside.addWidget(self._grids[name])
            if name == "Training":
                inside.addWidget(self._tags)
            section = Section(said(title), content, self)
            section.set_open(name in _OPEN_AT_FIRST)
            self.sections[name] = section
            layout.addWidget(section)
        self._templates = TemplateView(catalog, tasks, self)
        template = Section(self.tr("Chat template"), self._templates, self)
        template.set_open(False)
        self.sections["Chat template"] = template
        layout.addWidget(template)

    def show_told(self, header: Mapping[str, Any] | None, records: Sequence[StoredRecord]) -> None:
        """Show what the header of a model's file says."""
        groups = facts_of(header)
        for name, grid in self._grids.items():
            grid.show_facts(groups[name])
            self.sections[name].setVisible(bool(groups[name]))
        tags = (header or {}).get("training_tags")
        self._tags.show_tags(tags)
        if tags:
            self.sections["Training"].show()
        templates = templates_of(header)
        self._templates.show_templates(templates, records)
        self.sections["Chat template"].setVisible(bool(templates))
        self.setVisible(any(not section.isHidden() for section in self.sections.values()))
