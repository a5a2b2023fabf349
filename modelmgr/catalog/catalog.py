"""The face of the catalog."""

from modelmgr.catalog.edit_store import EditStore
from modelmgr.catalog.hash_store import HashStore
from modelmgr.catalog.model_pages import ModelPages
from modelmgr.catalog.pending_store import PendingStore
from modelmgr.catalog.unit_store import UnitStore
from modelmgr.catalog.values_view import ValuesView


class Catalog(ModelPages, ValuesView, HashStore, UnitStore, PendingStore, EditStore):
    """What the program remembers. Questions and writes stand in its parts, the connections below them."""
