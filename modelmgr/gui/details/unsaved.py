"""What was typed and is not saved: kept with the reason, and through a crash by the window's drafts."""

from typing import TYPE_CHECKING, NamedTuple

from modelmgr.values import ModelRow

if TYPE_CHECKING:
    from modelmgr.gui.shell.drafts import Drafts


class Kept(NamedTuple):
    """One text: its column, what was typed, and why it was not saved ("" if it was only interrupted)."""

    column: str
    text: str
    error: str


class Unsaved:
    """The texts of one window.

    Attributes:
        drafts: where they outlive a crash; None until there is such a place.
    """

    def __init__(self) -> None:
        self.drafts: Drafts | None = None
        self._kept: dict[tuple[int, str], Kept] = {}
        self._keys: dict[tuple[int, str], str] = {}

    def type(self, row: ModelRow, column: str, text: str) -> None:
        """Remember what is being typed."""
        if self.drafts is not None:
            key = self._keys[row.id, column] = _key(row, column)
            self.drafts.keep(key, text, row.name)

    def forget_typing(self, row: ModelRow, column: str) -> None:
        """Forget what was being typed, for it is what is saved already."""
        key = self._keys.pop((row.id, column), None)
        if key is not None and self.drafts is not None and (row.id, column) not in self._kept:
            self.drafts.done(key)

    def stop_typing(self, row: ModelRow, column: str) -> None:
        """Forget what is being typed; what was not saved before is still not saved."""
        key = self._keys.get((row.id, column))
        if key is not None and self.drafts is not None:
            self.drafts.drop(key)

    def keep(self, row: ModelRow, column: str, text: str) -> None:
        """Remember what its column does not take."""
        self._kept[row.id, column] = Kept(column, text, "")
        self.type(row, column, text)

    def refuse(self, model_id: int, column: str, text: str, error: str) -> None:
        """Remember what could not be written."""
        self._kept[model_id, column] = Kept(column, text, error)

    def done(self, model_id: int, column: str, row: ModelRow | None = None) -> None:
        """Forget a text: it is saved, or given up."""
        self._kept.pop((model_id, column), None)
        key = self._keys.pop((model_id, column), None) or (None if row is None else _key(row, column))
        if key is not None and self.drafts is not None:
            self.drafts.done(key)

    def first(self, row: ModelRow) -> Kept | None:
        """Return a text that belongs to a model and is not saved."""
        from modelmgr.gui.details.fields import COLUMNS

        for column in ("name", "notes", *COLUMNS):
            if (kept := self._kept.get((row.id, column))) is not None:
                return kept
            text = self.drafts.take(_key(row, column)) if self.drafts is not None else None
            shown = getattr(row, column) or ""
            if text is not None and text != ("\n".join(shown) if isinstance(shown, tuple) else shown):
                self._keys[row.id, column] = _key(row, column)
                return Kept(column, text, "")
        return None


def _key(row: ModelRow, column: str) -> str:
    return f"details:{row.sha256 or row.id}:{column}"
