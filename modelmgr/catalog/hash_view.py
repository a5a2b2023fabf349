"""From a hash of any kind to the models and records that have or claim it."""

import re

from modelmgr.catalog.library_view import LibraryView
from modelmgr.errors import Usage
from modelmgr.values import HashMatch

_HEX = re.compile(r"[0-9a-f]{8,64}")


class HashView(LibraryView):
    """Questions by hash; none reads a payload."""

    def by_hash(self, text: str) -> list[HashMatch]:
        """Return the models and records to which a hash leads, computed hashes before claimed ones.

        Args:
            text: 8 to 64 hex digits of any case: a SHA256 (64), its beginning AutoV2 (10), AutoV1 (8), AutoV3 (12),
                CRC32 (8) or BLAKE3 (64).

        Raises:
            Usage: it is none of these.
        """
        digits = text.lower()
        if not _HEX.fullmatch(digits):
            raise Usage("A hash has 8 to 64 hex digits.")
        kind = {64: "SHA256", 10: "AutoV2"}.get(len(digits))
        found = self.find_sha256(digits) if kind is not None else []
        rows = self.rows(list(self.ids_of(found).values()))
        return [
            HashMatch(kind or "", "computed", row, row.sha256, "", "", "", None, None, row.name)
            for row in rows
        ]
