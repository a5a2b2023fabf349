"""What the program remembers. The only room that imports peewee and writes SQL of ours."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelmgr.catalog.catalog import Catalog
    from modelmgr.catalog.first_look import FirstLook

__all__ = ["Catalog", "FirstLook"]


def __getattr__(name: str) -> Any:
    """Load what is wanted: a first look needs next to nothing of what the catalog stands on."""
    if name == "Catalog":
        from modelmgr.catalog.catalog import Catalog

        return Catalog
    if name == "FirstLook":
        from modelmgr.catalog.first_look import FirstLook

        return FirstLook
    raise AttributeError(name)
