"""What is asked of the library and of the pending models, and what comes back."""

from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from modelmgr.lazily import dataclass
from modelmgr.values.models import ModelRow

T = TypeVar("T")

MODEL_STATES = (
    "present",
    "missing",
    "offline",
    "unreadable",
    "duplicate",
    "unidentified",
    "hashing",
    "unhashed",
    "dangerous",
    "unscanned",
)
"""What `ModelQuery.states` may name."""
SORT_COLUMNS = [
    "name",
    "type",
    "base_model",
    "size_bytes",
    "rating",
    "favorite",
    "added_at",
    "modified_at",
    "file_name",
    "format",
    "file_count",
    "file_state",
    "hash_state",
    "folder",
    "path",
    "tags",
    "trigger_words",
    "notes",
    "license",
    "source_url",
    "preview",
    "nsfw",
    "danger",
    "sha256",
]
"""Every light column. What has no value comes first, and last where the order descends."""


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """What the library view shows, in which order.

    Attributes:
        search: words that must all occur (name, file, tags, trigger words ...) and fields, in the language of
            `modelmgr.search`.
        types, base_models, folders, states: any of each; empty means all. `states` are those of `MODEL_STATES`; a
            folder with a separator at its end means all below it as well.
        tags: all of them.
        sort: a light column of `SORT_COLUMNS`.
        excluded: what is left out: the name of a field above that takes several, and a value of it.
        then_by: further columns of `SORT_COLUMNS` for models that are equal in `sort`, each with whether it descends.
    """

    search: str = ""
    types: tuple[str, ...] = ()
    base_models: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    favorite: bool | None = None
    sort: str = "name"
    descending: bool = False
    excluded: tuple[tuple[str, str], ...] = ()
    then_by: tuple[tuple[str, bool], ...] = ()

    @property
    def narrows(self) -> bool:
        """Whether anything but the order differs from "all models"."""
        values = (self.types, self.base_models, self.tags, self.folders, self.states, self.excluded)
        return bool(self.search) or self.favorite is not None or any(values)


class ModelPage(NamedTuple, Generic[T]):
    """A stretch of the library view.

    Attributes:
        rows: of the models, in whichever form they were asked for.
        total: how many models match in all, seen in the same moment as the rows.
        last: where this stretch ends, JSON-compatible: what the next one comes after. None at the end.
    """

    rows: tuple[T, ...]
    total: int
    last: tuple[Any, ...] | None


FACET_GROUPS = ("types", "base_models", "folders", "states", "favorites", "tags")
"""What of `Facets` is counted by itself."""


@dataclass(frozen=True, slots=True)
class Facets:
    """Counts over the models that a query matches: value -> number, most frequent first."""

    types: Mapping[str, int]
    base_models: Mapping[str, int]
    tags: Mapping[str, int]
    folders: Mapping[str, int]
    states: Mapping[str, int]
    favorites: int
    total: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What some models have in common, and where they differ.

    Attributes:
        count: how many of them are there; `size_bytes` of all together.
        values: light column with few values -> value (None where it is not known) and number, the most frequent first.
        common: of the other columns those that are the same in all of them.
        tags: the most frequent tags with their numbers; of those with `count`, all of them have it.
    """

    count: int
    size_bytes: int
    values: Mapping[str, tuple[tuple[Any, int], ...]]
    common: Mapping[str, Any]
    tags: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class HashMatch:
    """A model, or a record on its way to one, to which a hash leads.

    Attributes:
        kind: ``SHA256``, ``AutoV1``, ``AutoV2``, ``AutoV3``, ``CRC32`` or ``BLAKE3``.
        trust: ``computed`` from the bytes of a known file, or ``claimed`` by a record.
        model: None for a record that no model holds.
        sha256: of the model, else the full hash that the record claims, if it claims one.
        source, source_path, record_key: of the record that claims it; empty for a computed one.
        record_id, pending_id: that record, among the active or among the pending ones.
        name: of the model, else of the record.
    """

    kind: str
    trust: str
    model: ModelRow | None
    sha256: str | None
    source: str
    source_path: str
    record_key: str
    record_id: int | None
    pending_id: int | None
    name: str


@dataclass(frozen=True, slots=True)
class PendingQuery:
    """What the pending page shows. `problem` may be ``none`` for rows without one."""

    states: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    search: str = ""
    sort: str = "id"
    descending: bool = False
