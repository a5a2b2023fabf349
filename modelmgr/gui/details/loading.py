"""All that the details show of one model, asked for in a worker."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from modelmgr.catalog import Catalog
from modelmgr.gui.details.about import description_in
from modelmgr.gui.details.history import STEPS
from modelmgr.gui.details.shown import WHOLE_BYTES, Shown, show_record
from modelmgr.values import Edit, ModelDetails


@dataclass(frozen=True, slots=True)
class Loaded:
    """The answer to "tell me about this model"; `key` is the question."""

    key: str | int
    details: ModelDetails | None
    chief: Shown | None = None
    history: Sequence[Edit] = field(default_factory=list)
    description: str = ""


def load_details(catalog: Catalog, key: str | int) -> Loaded:
    """Look a model up by its key and make its chief record ready, in a worker."""
    details = catalog.details(key, WHOLE_BYTES)
    if details is None:
        return Loaded(key, None)
    chief = show_record(catalog, details.records[0]) if details.records else None
    description = description_in(chief.parsed.value) if chief is not None else ""
    return Loaded(key, details, chief, catalog.edits_of(details.row.id, STEPS), description)
