"""One format of one tool, one file each; `registry` knows them all.

Most runs of the program read no other tool's files: the sources are loaded when one of these two is first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelmgr.migration.sources.registry import ALL, BY_RECORD_ID

__all__ = ["ALL", "BY_RECORD_ID"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from modelmgr.migration.sources import registry

    return getattr(registry, name)
