"""What the world can do to us: each error carries a code, one sentence for the user, and the facts.

Anything else that flies is a bug of ours and keeps its traceback.
"""

from typing import Any


class ModelmgrError(Exception):
    """An expected failure.

    Attributes:
        code: a short word that programs can test (``not_found``, ``catalog_too_new`` ...).
        message: one sentence for the user.
        details: the facts behind it (path, offset, version ...), JSON-compatible.
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        if code is not None:
            self.code = code


class CatalogError(ModelmgrError):
    """The catalog can't be opened, read or written (exit code 3 of the command line)."""

    code = "catalog_error"


class CatalogTooNew(CatalogError):
    """The catalog was written by a newer version of the program; it was not touched."""

    code = "catalog_too_new"


class CatalogDamaged(CatalogError):
    """The file is no catalog of ours, or its pages are broken."""

    code = "catalog_damaged"


class CatalogReadOnly(CatalogError):
    """The catalog lies where it can't be written."""

    code = "catalog_read_only"


class CatalogBusy(CatalogError):
    """Another program has held the catalog's write lock for too long."""

    code = "catalog_busy"


class DiskFull(CatalogError):
    """The disk of the catalog is full; what was committed stays, the running transaction is undone."""

    code = "disk_full"


class NotFound(ModelmgrError):
    """A path or an id that the user named isn't there."""

    code = "not_found"


class Unreadable(ModelmgrError):
    """A file or container that can't be read; `code` says why (``unreadable``, ``too_large``, ``outside`` ...)."""

    code = "unreadable"


class Usage(ModelmgrError):
    """The user's words make no sense (exit code 2 of the command line)."""

    code = "usage"
