"""What the user changed, how it is taken back, and the news of any change."""

from dataclasses import field
from enum import StrEnum
from typing import Any

from modelmgr.lazily import dataclass
from modelmgr.values.models import Origin


class Door(StrEnum):
    """Where an edit came from; with `EXPORT` from another catalog.

    `MERGE` is none of the user's: two models turned out to be one.
    """

    WINDOW = "window"
    CLI = "cli"
    API = "api"
    EXPORT = "export"
    MERGE = "merge"


@dataclass(frozen=True, slots=True)
class EditGroup:
    """What one deed of the user changed, of one model or of many; undone and redone as a whole.

    Attributes:
        door: see `Door`.
        note: what whoever edited said of it.
        columns: those of `rows` that an undo or a redo would touch now.
        models: how many models these are.
        is_undone: whether it is undone.
        name: of the model as it is called now, if it is one; else "".
    """

    id: int
    made_at: int
    door: str
    note: str
    columns: tuple[str, ...]
    models: int
    is_undone: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """One step in the history of one model: what the user's own value of a column was, and what it became.

    Attributes:
        group: number of the `EditGroup`.
        before, after: the user's own values; None where there is none, so that the imported value shows.
        is_undone: whether it was taken back since.
    """

    group: int
    made_at: int
    door: str
    note: str
    column: str
    before: Any
    after: Any
    is_undone: bool = False


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the shown value of one column comes from, and what would show without the user's own value.

    Attributes:
        shown: as the column has it.
        origin: of `shown`; None for an empty column.
        imported: what would be shown had the user set nothing.
        imported_origin: of `imported`.
        is_edited: whether the user set it.
    """

    shown: Any
    origin: Origin | None
    imported: Any
    imported_origin: Origin | None
    is_edited: bool


@dataclass(slots=True)
class EditReport:
    """What an edit did.

    Attributes:
        group: the number by which it can be undone, None if nothing changed.
        models: the models that were there; of these `changed` have a new value, the others had it before.
        cancelled: those that were changed stay so, and can be undone.
    """

    group: int | None = None
    models: int = 0
    changed: int = 0
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """A value that an undo or redo left as it is, for it was changed since.

    Attributes:
        model_id, sha256, name: of the model as it is shown.
        current: the user's own value now, None if there is none.
        wanted: what it would have become.
    """

    model_id: int
    sha256: str | None
    name: str
    column: str
    current: Any
    wanted: Any


@dataclass(slots=True)
class RevertReport:
    """What an undo or a redo of an edit did.

    Attributes:
        group: the edit's number, None if there was none to undo.
        changed: models with another value than before.
        skipped: values that were left, the first thousand of them; `skipped_total` counts all.
        cancelled: those that were changed stay so; the same undo goes on from there.
    """

    group: int | None = None
    changed: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    skipped_total: int = 0
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """News of a committed write.

    Attributes:
        models, pending, folders, batches: which kinds of rows changed.
        ids: the model rows concerned, or None for "many".
    """

    models: bool = False
    pending: bool = False
    folders: bool = False
    batches: bool = False
    ids: frozenset[int] | None = None

    def merged(self, other: "Changes") -> "Changes":
        """Return the news of both."""
        return Changes(
            self.models or other.models,
            self.pending or other.pending,
            self.folders or other.folders,
            self.batches or other.batches,
            self.ids | other.ids if self.ids is not None and other.ids is not None else None,
        )
