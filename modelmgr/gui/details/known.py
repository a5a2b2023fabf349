"""Words that the library knows already, for fields that complete what is typed."""

from modelmgr import vocabulary
from modelmgr.catalog import Catalog
from modelmgr.values import ModelQuery


def known_bases(catalog: Catalog) -> tuple[list[str], list[str]]:
    """Return the base models of the library, the most frequent first, and all others; in a worker."""
    used = list(catalog.facets(ModelQuery(), groups=("base_models",)).base_models)
    return used, [base for base in vocabulary.BASES if base not in used]


def known_tags(catalog: Catalog) -> list[str]:
    """Return the most frequent tags of the library, in a worker."""
    return list(catalog.facets(ModelQuery(), groups=("tags",)).tags)
