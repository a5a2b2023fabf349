"""What the program remembers. The only room that imports peewee and writes SQL of ours."""

from modelmgr.catalog.catalog import Catalog

__all__ = ["Catalog"]
