"""From a hash of any kind to the models and records that have or claim it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelmgr.catalog import engine
from modelmgr.catalog.known_hashes import claimed_hashes, put_hashes
from modelmgr.catalog.library_view import LibraryView
from modelmgr.catalog.schema import UNREAD, key_out, path_out
from modelmgr.errors import Usage
from modelmgr.lazily import pattern
from modelmgr.values import HashMatch, ModelRow, Record

_HEX = pattern(r"[0-9a-f]{8,64}")
_SHA256_DIGITS, _AUTOV2_DIGITS, _AUTOV3_DIGITS = 64, 10, 12
MATCHES = 200


class HashStore(LibraryView):
    """Questions by hash, none of which reads a payload; and the records that came in before hashes were kept."""

    def by_hash(self, text: str) -> list[HashMatch]:
        """Return the models and records to which a hash leads, computed hashes before claimed ones.

        Of each model and kind there is one match, the most trusted; of each record that no model holds, too.

        Args:
            text: 8 to 64 hex digits of any case: a SHA256 (64), its beginning AutoV2 (10), AutoV1 (8), AutoV3 (12, or
                the 64 of which they are the beginning), CRC32 (8) or BLAKE3 (64).

        Returns:
            At most `MATCHES`; none if no hash that is known has as many digits.

        Raises:
            Usage: it is none of these.
        """
        digits = text.lower()
        if not _HEX.fullmatch(digits):
            raise Usage("A hash has 8 to 64 hex digits.")
        with engine.translated(self.path), self._snapshot() as reader:
            found = [*_of_columns(reader, digits), *_of_known_hashes(reader, digits)]
            # Of two claims about one model that of a record counts, for it tells where it stands.
            found.sort(key=lambda match: (match[1] != "computed", match[2] is None, match[3][0] is None))
            rows = {row.id: row for row in self.rows([match[2] for match in found if match[2] is not None])}
        matches: dict[tuple[str, int | None, int | None], HashMatch] = {}
        for kind, trust, model_id, record in found:
            model = rows.get(model_id) if model_id is not None else None
            pending_id = record[0] if model_id is None else None
            matches.setdefault((kind, model_id, pending_id), _match(kind, trust, model, record))
        return list(matches.values())[:MATCHES]

    def unread(self) -> list[tuple[str, int]]:
        """Return the records whose payloads nobody has read for their hashes yet: holder and row id, in order."""
        with engine.translated(self.path):
            return [
                (holder, row_id)
                for holder, row_id in self._question().execute_sql(
                    "SELECT holder, holder_id FROM known_hashes WHERE hash = ? ORDER BY holder, holder_id",
                    (UNREAD,),
                )
            ]

    def unread_record(self, holder: str, row_id: int) -> tuple[Record, str | None] | None:
        """Return one of them with its payload, and the hash of the model that holds it; None if it is gone."""
        asked = {
            "pending": "SELECT source, source_path, record_key, meta_json, extra, NULL FROM pending_models "
            "WHERE id = ?",
            "record": "SELECT source, source_path, record_key, meta_json, extra, sha256 FROM records AS r "
            "JOIN models ON models.id = r.model_id WHERE r.id = ?",
        }[holder]
        with engine.translated(self.path):
            row = self._question().execute_sql(asked, (row_id,)).fetchone()
        if row is None:
            return None
        source, source_path, record_key, payload, extra, sha256 = row
        place = source, path_out(source_path), key_out(record_key)
        return Record(*place, bytes(payload), json.loads(extra) if extra else None), sha256

    def put_read(self, read: Sequence[tuple[str, int, Mapping[str, str]]]) -> None:
        """Write the hashes of such records: holder, row id, and what it claims, kind (``SHA256`` too) -> hex."""
        with self.transaction() as writer:
            conn = writer.connection()
            for holder, row_id, hashes in read:
                is_unread = conn.execute(
                    "DELETE FROM known_hashes WHERE holder = ? AND holder_id = ? AND hash = ?",
                    (holder, row_id, UNREAD),
                ).rowcount
                if is_unread:  # else the record went meanwhile, or another program was quicker
                    # Of a pending record the full hash stands in its row.
                    own = {
                        kind: value
                        for kind, value in hashes.items()
                        if (holder, kind) != ("pending", "SHA256")
                    }
                    put_hashes(conn, claimed_hashes(holder, row_id, own, hashes.get("SHA256")))


Found = tuple[str, str, int | None, tuple[Any, ...]]
"""Kind, trust, model, and of the record its id, source, container, key, name and claimed SHA-256."""

# Left to itself, the planner would read all hashes of one kind of holder where a range of digits is asked for.
_KNOWN = "known_hashes AS k INDEXED BY knownhashtable_hash"
_NOBODY = (None, "", "", "", "", None)


def _match(kind: str, trust: str, model: ModelRow | None, record: Sequence[Any]) -> HashMatch:
    row_id, source, source_path, record_key, name, sha256 = record
    return HashMatch(
        kind,
        trust,
        model,
        sha256 if model is None else model.sha256,
        source,
        path_out(source_path),
        key_out(record_key),
        None if model is None else row_id,
        row_id if model is None else None,
        name if model is None else model.name,
    )


def _of_columns(reader: engine.Database, digits: str) -> Iterator[Found]:
    """Yield the models that have, or a part of which has, a SHA-256 that begins so; and the records that claim it."""
    kind = {_SHA256_DIGITS: "SHA256", _AUTOV2_DIGITS: "AutoV2"}.get(len(digits))
    if kind is None:
        return
    bounds = (digits, digits + "g", MATCHES)
    # A model without a file has the hash that a record claims, or that a file had before it was rewritten.
    models = reader.execute_sql(
        "SELECT id, hash_state = 'done' OR EXISTS (SELECT 1 FROM files WHERE model_id = models.id) FROM models "
        "WHERE sha256 >= ? AND sha256 < ? LIMIT ?",
        bounds,
    )
    for model_id, is_computed in models.fetchall():
        yield kind, "computed" if is_computed else "claimed", model_id, _NOBODY
    members = reader.execute_sql(
        "SELECT DISTINCT model_id FROM files WHERE unit IS NOT NULL AND sha256 >= ? AND sha256 < ? LIMIT ?",
        bounds,
    )
    for (model_id,) in members.fetchall():
        yield kind, "computed", model_id, _NOBODY
    records = reader.execute_sql(
        "SELECT id, source, source_path, record_key, name, sha256 FROM pending_models "
        "WHERE sha256 >= ? AND sha256 < ? AND state <> 'promoted' LIMIT ?",
        bounds,
    )
    for record in records.fetchall():
        yield kind, "claimed", None, record


def _of_known_hashes(reader: engine.Database, digits: str) -> Iterator[Found]:
    """Yield whoever has or claims this hash beyond the columns; of the records of one model the chief one."""
    spans = [("k.hash = ?", [digits], "k.kind")]
    if len(digits) == _AUTOV2_DIGITS:
        spans.append(("k.hash > ? AND k.hash < ? AND k.kind = 'SHA256'", [digits, digits + "g"], "'AutoV2'"))
    if len(digits) == _SHA256_DIGITS:
        spans.append(("k.hash = ? AND k.kind = 'AutoV3'", [digits[:_AUTOV3_DIGITS]], "k.kind"))
    for condition, parameters, kind in spans:
        files = reader.execute_sql(
            f"SELECT DISTINCT {kind}, k.kind = 'SHA256', model_id FROM {_KNOWN} "
            f"CROSS JOIN files ON files.id = k.holder_id WHERE {condition} AND k.holder = 'file' LIMIT ?",
            [*parameters, MATCHES],
        )
        for name, is_former, model_id in files.fetchall():
            yield name, "claimed" if is_former else "computed", model_id, _NOBODY
        active = reader.execute_sql(
            f"SELECT {kind}, model_id, max(chief), r.id, source, source_path, record_key FROM {_KNOWN} "
            f"CROSS JOIN records AS r ON r.id = k.holder_id WHERE {condition} AND k.holder = 'record' "
            "GROUP BY 1, 2 LIMIT ?",
            [*parameters, MATCHES],
        )
        for name, model_id, _, *place in active.fetchall():
            yield name, "claimed", model_id, (*place, "", None)
        pending = reader.execute_sql(
            f"SELECT {kind}, p.id, source, source_path, record_key, name, sha256 FROM {_KNOWN} "
            f"CROSS JOIN pending_models AS p ON p.id = k.holder_id WHERE {condition} AND k.holder = 'pending' "
            "AND p.state <> 'promoted' LIMIT ?",
            [*parameters, MATCHES],
        )
        for name, *record in pending.fetchall():
            yield name, "claimed", None, tuple(record)
