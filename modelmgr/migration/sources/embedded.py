"""What a model file says of itself: the catalog makes such a record of each file with metadata, exports carry it.

The payload is a safetensors file's ``__metadata__`` to the byte, or JSON that was made of another format's values
(`made` in `Record.extra`). It fills no columns: what the header offers is merged as the header's own word.
"""

from modelmgr.migration.source import WithoutContainer
from modelmgr.values import Claims, Record


class Embedded(WithoutContainer):
    """See the module."""

    id = "embedded"
    record_ids = ("embedded",)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return whose file it speaks of, and no more."""
        return Claims(path=record.source_path, marker=True)
