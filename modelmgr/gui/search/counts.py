"""The numbers beside the facets, counted in a worker, and the folders as a tree."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from modelmgr.catalog import Catalog
from modelmgr.gui.search.filters import without_group
from modelmgr.gui.search.kept import GROUPS
from modelmgr.gui.search.words import field_of_group
from modelmgr.lazily import dataclass
from modelmgr.values import FACET_GROUPS, Facets, ModelQuery

FOLDERS_LIMIT = 5000
FOUND_LIMIT = 60
_QUICK = tuple(group for group in FACET_GROUPS if group != "tags")
DEEPEST = 60
"""Levels of folders; what lies deeper is one name with all that is above it."""


@dataclass(frozen=True, slots=True)
class FolderNode:
    """A folder of the panel's tree.

    Attributes:
        value: what a query says for it and all below it: its path with a separator at the end.
        label: its name, with those of folders between it and the node above that hold nothing else.
        count: how many models are in it or below.
    """

    value: str
    label: str
    count: int
    children: tuple["FolderNode", ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """What the panel and the status bar say about a query."""

    query: ModelQuery
    facets: Facets
    tree: tuple[FolderNode, ...]
    total_bytes: int
    everything: int


def load_overview(catalog: Catalog, query: ModelQuery) -> Overview:
    """Count: each facet over what the *other* filters leave, so that more of it can be chosen.

    All but the tags, which take as long as everything else: see `load_tags`.
    """
    facets = catalog.facets(query, groups=_QUICK, folders=FOLDERS_LIMIT)
    excluded = {group for group, _value in query.excluded}
    for group in GROUPS:
        if group != "tags" and (getattr(query, group) or group in excluded):
            others = catalog.facets(without_group(query, group), groups=(group,), folders=FOLDERS_LIMIT)
            changed: dict[str, Any] = {group: getattr(others, group)}
            facets = replace(facets, **changed)
    if query.favorite is not None:
        others = catalog.facets(replace(query, favorite=None), groups=("favorites",))
        facets = replace(facets, favorites=others.favorites)
    tree = folder_tree(facets.folders)
    return Overview(query, facets, tree, catalog.total_bytes(query), catalog.count(ModelQuery()))


def load_tags(catalog: Catalog, query: ModelQuery) -> tuple[ModelQuery, Mapping[str, int]]:
    """Return the query and the counts of tags.

    Of several tags all must be there: they are counted over what those that are on leave, but for excluded ones.
    """
    tags = catalog.facets(query, groups=("tags",)).tags
    let_in = tuple(pair for pair in query.excluded if pair[0] != "tags")
    if let_in != query.excluded:
        tags = _over(tags, catalog.facets(replace(query, excluded=let_in), groups=("tags",)).tags)
    return query, tags


def kept_at_zero(overview: Overview, before: Overview | None) -> Overview:
    """Return what stays to be seen while nothing matches: the values that were there `before`, without a model.

    Whoever mistypes a word looks on at the same list, and finds what is on where it was.
    """
    if overview.facets.total or before is None:
        return overview
    values: dict[str, Any] = {
        group: dict.fromkeys(getattr(before.facets, group), 0) | getattr(overview.facets, group)
        for group in GROUPS
    }
    tree = overview.tree or _emptied(before.tree)
    return replace(overview, facets=replace(overview.facets, **values), tree=tree)


def _emptied(tree: Iterable[FolderNode]) -> tuple[FolderNode, ...]:
    return tuple(replace(node, count=0, children=_emptied(node.children)) for node in tree)


def _over(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return dict(counts) | {value: count for value, count in more.items() if value not in counts}


def find_values(catalog: Catalog, query: ModelQuery, group: str, text: str) -> tuple[str, Mapping[str, int]]:
    """Return the text and the values of a facet that contain it, the most frequent first."""
    wanted = query if group == "tags" else without_group(query, group)
    return text, catalog.values_of(wanted, field_of_group(group), containing=text, limit=FOUND_LIMIT)


class _Folder:
    """A folder while the tree is made."""

    def __init__(self) -> None:
        self.count = 0
        self.below: dict[str, _Folder] = {}


def folder_tree(counts: Mapping[str, int]) -> tuple[FolderNode, ...]:
    """Return folders, given how many models are directly in each, as a tree by their paths, in order of names.

    Folders that hold one folder and nothing else are one node with it; what all paths have in common is left out.
    """
    root = _Folder()
    separator = "\\" if any("\\" in path and "/" not in path for path in counts) else "/"
    for path, count in counts.items():
        node = root
        for part in path.rstrip(separator).split(separator, DEEPEST):
            node = node.below.setdefault(part, _Folder())
        node.count += count
    prefix = ""
    while not root.count and len(root.below) == 1:
        ((name, only),) = root.below.items()
        if only.count or not only.below:
            break
        root, prefix = only, f"{prefix}{name}{separator}"
    return _nodes(root, prefix, separator)


def _nodes(folder: _Folder, prefix: str, separator: str) -> tuple[FolderNode, ...]:
    found = []
    for name, below in folder.below.items():
        label, node = name, below
        while not node.count and len(node.below) == 1:
            ((inner, only),) = node.below.items()
            label, node = f"{label}{separator}{inner}", only
        value = f"{prefix}{label}{separator}"
        children = _nodes(node, value, separator)
        total = node.count + sum(child.count for child in children)
        found.append(FolderNode(value, label, total, children))
    return tuple(sorted(found, key=lambda node: node.label.casefold()))
