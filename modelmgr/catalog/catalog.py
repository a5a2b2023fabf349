"""The face of the catalog."""

from modelmgr.catalog.file_store import FileStore
from modelmgr.catalog.library_view import LibraryView
from modelmgr.catalog.pending_store import PendingStore


class Catalog(LibraryView, FileStore, PendingStore):
    """What the program remembers. Questions and writes stand in its parts, the connections below them."""
