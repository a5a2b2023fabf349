"""Words that the library knows already, for fields that complete what is typed."""

from modelmgr import vocabulary
from modelmgr.catalog import Catalog
from modelmgr.values import ModelQuery


def known_bases(catalog: Catalog) -> list[str]:
    """Return the base models of the library, the most frequent first, then all others; in a worker."""
    used = catalog.facets(ModelQuery(), groups=("base_models",)).base_models
    return list(dict.fromkeys([*used, *vocabulary.BASES]))


def known_tags(catalog: Catalog) -> list[str]:
    """Return the most frequent tags of the library, in a worker."""
    return list(catalog.facets(ModelQuery(), groups=("tags",)).tags)
