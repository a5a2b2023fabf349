"""What a model file says of itself: the catalog makes such a record of each file with metadata, exports carry it.

The payload is a safetensors file's ``__metadata__`` to the byte, or JSON that was made of another format's values
(`made` in `Record.extra`). It fills no columns: what the header offers is merged as the header's own word.
"""

from collections.abc import Iterator

from modelmgr.migration.source import Container, LegacySource, Report
from modelmgr.progress import Progress
from modelmgr.values import Claims, Record


class Embedded(LegacySource):
    """See the module. No container is ever of this source."""

    id = "embedded"
    record_ids = ("embedded",)
    many = True

    def probe(self, container: Container, report: Report) -> bool:
        """Say no."""
        return False

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield nothing; a scan makes the records."""
        return iter(())

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return whose file it speaks of, and no more."""
        return Claims(path=record.source_path, marker=True)
