"""Which rows the filter panel has: what can be chosen of each facet, and what is on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from PySide6.QtCore import QObject

from modelmgr.gui.search.counts import FolderNode, Overview
from modelmgr.gui.search.facet_look import Facet, Kind, Mode
from modelmgr.gui.search.filters import STATES, Filters
from modelmgr.gui.search.kept import GROUPS
from modelmgr.gui.search.words import value_label
from modelmgr.gui.text import count_text, foreign_text
from modelmgr.lazily import dataclass

SHOWN_VALUES = 10
MOST_BELOW = 500
_STATES_ALWAYS = 4


@dataclass(frozen=True, slots=True)
class Row:
    """What an item of the tree should be."""

    facet: Facet
    text: str
    count: int | None = None
    mode: Mode = Mode.OFF
    note: str = ""
    tip: str = ""
    below: tuple[FolderNode, ...] = ()


class FacetRows(QObject):
    """Says which rows each facet has.

    Attributes:
        more: the facets that show all their values.
        found: what a search in a facet found, with the text that was looked for.
    """

    def __init__(self, filters: Filters, parent: QObject) -> None:
        super().__init__(parent)
        self.more: set[str] = set()
        self.found: dict[str, tuple[str, Mapping[str, int]]] = {}
        self._filters = filters

    def of_group(self, group: str, overview: Overview) -> tuple[list[Row], bool]:
        """Return the rows of a facet, and whether it has so many values that it can be searched."""
        counts: Mapping[str, int] = getattr(overview.facets, group)
        tree: Sequence[FolderNode] = overview.tree
        found = self.found.get(group)
        if found is not None:
            return [self._row(group, value, count) for value, count in found[1].items()] or [
                Row(
                    Facet(Kind.MORE, group, "nothing"),
                    self.tr("Nothing has “{}”").format(foreign_text(found[0], 40)),
                )
            ], True
        if group == "folders":
            return self.folders(tree), len(counts) > SHOWN_VALUES + 1
        is_any = any(getattr(overview.facets, each) for each in GROUPS)
        values = self._values(group, counts, is_any=is_any)
        is_long = len(values) > SHOWN_VALUES + 1
        shown = values
        if is_long and group not in self.more:
            on = {*self._filters.chosen(group), *self._filters.excluded(group)}
            shown = [value for place, value in enumerate(values) if place < SHOWN_VALUES or value in on]
        rows = [self._row(group, value, _count_of(counts, value, group)) for value in shown]
        rest = len(values) - len(shown)
        if is_long and (rest or group in self.more):
            words = self.tr("Show {} more").format(count_text(rest)) if rest else self.tr("Show fewer")
            rows.append(Row(Facet(Kind.MORE, group), words))
        return rows, is_long

    def _values(self, group: str, counts: Mapping[str, int], *, is_any: bool) -> list[str]:
        on = [*self._filters.chosen(group), *self._filters.excluded(group)]
        if group == "states":
            # Where nothing ever matched a list of zeros leads nowhere.
            always = STATES[:_STATES_ALWAYS] if is_any else ()
            return [value for value in STATES if counts.get(value) or value in on or value in always]
        return [*counts, *(value for value in on if value not in counts)]

    def folders(self, tree: Sequence[FolderNode], depth: int = 0) -> list[Row]:
        known = {node.value for node in tree}
        rows = [
            self._row("folders", node.value, node.count, node.label, depth, node.children)
            for node in tree[:MOST_BELOW]
        ]
        if depth == 0:
            on = (*self._filters.chosen("folders"), *self._filters.excluded("folders"))
            inside = {node.value for node in all_nodes(tree)} if on else set()
            rows += [self._row("folders", value, 0) for value in on if value not in known | inside]
        return rows

    def _row(
        self,
        group: str,
        value: str,
        count: int,
        text: str | None = None,
        depth: int = 0,
        below: tuple[FolderNode, ...] = (),
    ) -> Row:
        mode = Mode.OFF
        if value in self._filters.chosen(group):
            mode = Mode.ON
        elif value in self._filters.excluded(group):
            mode = Mode.EXCLUDED
        label = value_label(group, value)
        if text is None:
            text = _tail(label) if group == "folders" else label
        facet = Facet(Kind.VALUE, group, value, depth, bool(below))
        return Row(facet, foreign_text(text, 300), count, mode, tip=label, below=below)


def all_nodes(tree: Iterable[FolderNode]) -> Iterator[FolderNode]:
    """Yield the folders of a tree, each before those below it."""
    for node in tree:
        yield node
        yield from all_nodes(node.children)


def _count_of(counts: Mapping[str, int], value: str, group: str) -> int:
    if value in counts or group != "types":
        return counts.get(value, 0)
    folded = value.casefold()
    return next((number for word, number in counts.items() if word.casefold() == folded), 0)


def _tail(path: str) -> str:
    """Return the last two parts of a folder's path: enough to tell it apart, most of the time."""
    parts = path.replace("\\", "/").rstrip("/").rsplit("/", 2)
    return "/".join(parts[-2:]) if len(parts) > 2 else path
