"""The face of the catalog."""

from modelmgr.catalog.file_store import FileStore
from modelmgr.catalog.hash_store import HashStore
from modelmgr.catalog.model_pages import ModelPages
from modelmgr.catalog.pending_store import PendingStore


class Catalog(ModelPages, HashStore, FileStore, PendingStore):
    """What the program remembers. Questions and writes stand in its parts, the connections below them."""
