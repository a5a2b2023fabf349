"""The orders of the library view: by what models are compared, and the indexes that hold them so."""

from collections.abc import Sequence
from typing import NamedTuple

from modelmgr.values import SORT_COLUMNS, ModelQuery

# One covering index per sort that people use, the id at its end: without one the order of a million rows takes
# 0.8 s instead of 0.2 s. NOCASE is built into SQLite; no collation of our own may stand in the schema.
ORDER_INDEXES: dict[str, str] = {
    "models_name": "name COLLATE NOCASE, id",
    "models_type": "type, base_model, name COLLATE NOCASE, id",
    "models_base_model": "base_model, name COLLATE NOCASE, id",
    "models_size_bytes": "size_bytes, id",
    "models_added_at": "added_at, id",
    "models_modified_at": "modified_at, id",
    "models_rating": "rating, id",
    "models_file_name": "file_name COLLATE NOCASE, id",
    "models_folder": "folder, type, id",  # folders and types go together: what has one is found by the other
    "models_file_state": "file_state, id",
    "models_hash_state": "hash_state, file_count, id",
    "models_file_count": "file_count, id",
    "models_favorite": "favorite, id",
    "models_format": "format, id",
}

# Few models, as a rule, have a value in these columns, and what has none stands by id alone: it pays nothing.
SPARSE_INDEXES: dict[str, str] = {
    "models_danger": "danger, id",
    "models_by_license": "license COLLATE NOCASE, id",
    "models_nsfw": "nsfw, id",
    "models_preview": "preview COLLATE NOCASE, id",
    "models_source_url": "source_url COLLATE NOCASE, id",
}
SPARSE_COLUMNS: dict[str, str] = {
    columns.split(",")[0].split()[0]: name for name, columns in SPARSE_INDEXES.items()
}
"""Each of these columns -> its index."""

_SHOWN = 200
"""So many characters of a long text tell where it stands; what is equal in them stands by id."""

# What is compared, where that is not the bare column.
_COMPARED = {
    "name": "name COLLATE NOCASE",
    "file_name": "file_name COLLATE NOCASE",
    "license": "license COLLATE NOCASE",
    "source_url": "source_url COLLATE NOCASE",
    "preview": "preview COLLATE NOCASE",
    "notes": f"substr(notes, 1, {_SHOWN}) COLLATE NOCASE",
    "first_tag": f"substr(json_extract(tags, '$[0]'), 1, {_SHOWN}) COLLATE NOCASE",
    "tags": f"substr(tags, 1, {_SHOWN}) COLLATE NOCASE",
    "first_trigger_word": f"substr(json_extract(trigger_words, '$[0]'), 1, {_SHOWN}) COLLATE NOCASE",
    "trigger_words": f"substr(trigger_words, 1, {_SHOWN}) COLLATE NOCASE",
}

# What is equal in these stands by more, so that one index answers.
_FOLLOWERS = {
    "type": ("base_model", "name"),
    "base_model": ("name",),
    "hash_state": ("file_count",),
    "folder": ("type",),
}

# Columns that are sorted by as if others were named. A path is a folder and a name; of several words the first is
# compared as it is written, the rest as it is stored.
_PARTS = {
    "path": ("folder", "file_name"),
    "tags": ("first_tag", "tags"),
    "trigger_words": ("first_trigger_word", "trigger_words"),
}

TABLE = ""
"""Stands for an index: the order of the ids is that of the table itself."""

# An order without an index looks at every model: a third of a second for a million, and nothing in the file.
_INDEXES = (
    {name.removeprefix("models_"): name for name in ORDER_INDEXES}
    | SPARSE_COLUMNS
    | {"sha256": "modeltable_sha256", "id": TABLE}
)


class Key(NamedTuple):
    """One column of an order, and whether it descends; NULL is the least of all values, so it is first or last."""

    name: str
    descending: bool = False

    @property
    def column(self) -> str:
        """What is compared, in SQL, with its collation."""
        return _COMPARED.get(self.name, self.name)

    @property
    def value(self) -> str:
        """The same without the collation: what a place in the order is told by."""
        return self.column.removesuffix(" COLLATE NOCASE")


class Order(NamedTuple):
    """What models are ordered by, the id last.

    Attributes:
        leading: columns that go before, each sorted within the former.
        keys: the rest, which one index holds as a whole.
    """

    leading: tuple[Key, ...]
    keys: tuple[Key, ...]

    @property
    def all(self) -> tuple[Key, ...]:
        """Every key in order."""
        return (*self.leading, *self.keys)

    @property
    def index_name(self) -> str | None:
        """The index that can be walked, of all keys or of the first of those that lead; None if there is none."""
        return _INDEXES.get(self.all[0].name)

    @property
    def is_sparse(self) -> bool:
        """Whether that index holds those models alone that have a value."""
        return self.all[0].name in SPARSE_COLUMNS

    @property
    def rest(self) -> "Order":
        """The order among those that are equal in the first column."""
        if self.leading:
            return self._replace(leading=self.leading[1:])
        return self._replace(keys=self.keys[1:])


def order_of(query: ModelQuery) -> Order:
    """Return the order that a query wants; columns that are named again, or that are none, do nothing."""
    wanted: dict[str, bool] = {}
    asked = [(query.sort if query.sort in SORT_COLUMNS else "name", query.descending), *query.then_by]
    for column, descending in asked:
        if column in SORT_COLUMNS:
            for part in _PARTS.get(column, (column,)):
                wanted.setdefault(part, descending)
    *leading, last = (Key(*each) for each in wanted.items())
    following = (*_FOLLOWERS.get(last.name, ()), "id")
    return Order(tuple(leading), (last, *(Key(name, last.descending) for name in following)))


def ordering(keys: Sequence[Key], *, sorting: bool = False) -> str:
    """Return the ORDER BY clause.

    Args:
        keys: of the order.
        sorting: True where what matches is to be fetched and sorted, and no index of the order to be walked.
    """
    free = "+" if sorting else ""
    return " ORDER BY " + ", ".join(f"{free}{key.column}{' DESC' * key.descending}" for key in keys)
