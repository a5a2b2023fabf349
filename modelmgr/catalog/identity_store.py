"""Which model a file belongs to, once its hash is known."""

import hashlib
import json
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelmgr.catalog import engine
from modelmgr.catalog.edit_store import join_histories
from modelmgr.catalog.file_store import OTHER_RECORD, FileStore, is_at_place
from modelmgr.catalog.found import EMBEDDED, HashOutcome
from modelmgr.catalog.known_hashes import (
    FORMER,
    add_formers,
    forget_former,
    hand_down,
    hashes_of_file,
    put_hashes,
)
from modelmgr.catalog.schema import path_in, path_out
from modelmgr.values import Changes, FileState, Hashes

GROWING_PARTS = 500
"""A model of more parts than this that grows is taken for another."""


class IdentityStore(FileStore):
    """Writes about hashes. Each method joins the caller's transaction or makes its own."""

    def set_hash_state(self, model_ids: Sequence[int], state: str) -> None:
        """Note that hashing of these models is under way, or failed."""
        with self.transaction(Changes(models=True, ids=frozenset(model_ids))) as writer:
            writer.connection().executemany(
                "UPDATE models SET hash_state = ? WHERE id = ? AND hash_state <> ?",
                [(state, model_id, state) for model_id in dict.fromkeys(model_ids)],
            )

    def put_hash(
        self, file_id: int, size_bytes: int, mtime_ns: int, hashes: Hashes, header_is_new: bool = False
    ) -> HashOutcome | None:
        """Write the computed hashes of a file, and let it join the model of that content.

        Args:
            file_id: row of the file.
            size_bytes: when it was read.
            mtime_ns: likewise.
            hashes: of its bytes.
            header_is_new: the file says of itself what it did not say before: if its tensors seem to be the same,
                only the header was written anew.

        Returns:
            None if the file changed or went since it was read; then the hashes count for nothing.
        """
        with self.transaction() as writer:
            conn = writer.connection()
            row = conn.execute(
                "SELECT model_id, models.sha256, inode, device, unit, tensor_quick, tensor_sha256, "
                f"coalesce(files.sha256, quick) IS NULL, hash_state <> 'done' AND EXISTS ({OTHER_RECORD}models.id) "
                "FROM files JOIN models ON models.id = model_id "
                "WHERE files.id = ? AND files.size_bytes = ? AND mtime_ns = ?",
                (file_id, size_bytes, mtime_ns),
            ).fetchone()
            if row is None:
                return None
            model_id, former, inode, device, unit, tensor_quick, tensor_sha256, is_new, is_doubted = row
            links = self._bodies(conn, file_id, model_id, inode, device, size_bytes, mtime_ns, unit)
            has_tensors = same_tensors(hashes, tensor_quick, tensor_sha256) and (
                (hashes.tensor_sha256 is not None and tensor_sha256 is not None) or header_is_new
            )
            self._write_hashes(conn, links, hashes)
            if unit is not None:
                outcome = self._settle_unit(conn, unit) or HashOutcome(model_id, created=False)
            else:
                outcome = self._place(conn, model_id, former, links, hashes.sha256, has_tensors)
                # A file that was of this model before has always lain beside what is missing now.
                if (is_new or outcome.model_id != model_id) and self._forget_replaced(
                    conn, outcome.model_id, links
                ):
                    outcome = replace(outcome, moved=True)
            if is_doubted and outcome.model_id == model_id:
                outcome = replace(outcome, confirmed=True)
            self.refresh(dict.fromkeys((model_id, outcome.model_id)))
            self._pending_news.append(Changes(models=True, ids=frozenset((model_id, outcome.model_id))))
        return outcome

    def has_new_metadata(self, model_id: int, metadata: bytes | None) -> bool:
        """Tell whether a file says of itself what no file of this model has said."""
        if metadata is None:
            return False
        with engine.translated(self.path):
            known = self._question().execute_sql(
                "SELECT 1 FROM records WHERE model_id = ? AND source = ? AND payload_sha256 = ?",
                (model_id, EMBEDDED, hashlib.sha256(metadata).hexdigest()),
            )
            return known.fetchone() is None

    @staticmethod
    def _bodies(
        conn: engine.Connection,
        file_id: int,
        model_id: int,
        inode: int,
        device: int,
        size_bytes: int,
        mtime_ns: int,
        unit: int | None,
    ) -> list[int]:
        """Return the file and its links of this place of the model: every path of one inode has the same bytes."""
        if not inode:
            return [file_id]
        others = conn.execute(
            "SELECT id FROM files WHERE inode = ? AND device = ? AND size_bytes = ? AND mtime_ns = ? "
            "AND model_id = ? AND unit IS ? AND id <> ? AND state = 'present'",
            (inode, device, size_bytes, mtime_ns, model_id, unit, file_id),
        )
        return [file_id, *(other for (other,) in others)]

    @staticmethod
    def _write_hashes(conn: engine.Connection, links: Sequence[int], hashes: Hashes) -> None:
        short = hashes.short
        facts = (hashes.sha256, hashes.quick, hashes.tensor_quick, hashes.tensor_sha256)
        conn.executemany(
            "UPDATE files SET sha256 = ?, quick = ?, tensor_quick = ?, tensor_sha256 = ? WHERE id = ?",
            [(*facts, row_id) for row_id in links],
        )
        if short:
            conn.executemany(
                "UPDATE files SET partial_hashes = json_patch(coalesce(partial_hashes, '{}'), ?) WHERE id = ?",
                [(json.dumps(short), row_id) for row_id in links],
            )
            put_hashes(conn, [hash_ for row_id in links for hash_ in hashes_of_file(row_id, short)])

    def _place(
        self,
        conn: engine.Connection,
        model_id: int,
        former: str | None,
        links: Sequence[int],
        sha256: str,
        has_tensors: bool,
    ) -> HashOutcome:
        """Let the paths of a file that is no part of another join the model of its hash."""
        home = conn.execute("SELECT id FROM models WHERE sha256 = ?", (sha256,)).fetchone()
        if former == sha256:
            outcome = HashOutcome(model_id, created=False)
        elif former is None and home is None:
            conn.execute("UPDATE models SET sha256 = ? WHERE id = ?", (sha256, model_id))
            # Its header may be that of another of its files, which holds something else by now.
            outcome = HashOutcome(model_id, created=not self._is_alone(conn, model_id, links[0]))
        elif former is None:
            self._merge_into(conn, model_id, home[0])
            outcome = HashOutcome(home[0], created=False, gone=model_id)
        elif has_tensors and home is None and self._is_alone(conn, model_id, links[0]):
            assert former is not None
            self._rewrite(conn, model_id, links, former, sha256)
            outcome = HashOutcome(model_id, created=False, rewritten=True)
        else:
            goal = home[0] if home is not None else self._split(conn, model_id, sha256)
            marks = ", ".join("?" * len(links))
            conn.execute(f"UPDATE files SET model_id = ? WHERE id IN ({marks})", (goal, *links))
            self.keep_formers(conn, model_id, links)
            forget_former(conn, links)
            outcome = HashOutcome(goal, created=home is None)
        return outcome

    @staticmethod
    def _is_alone(conn: engine.Connection, model_id: int, file_id: int) -> bool:
        """Tell whether a model has no other file, links to this one aside, that may still hold its former bytes."""
        other = conn.execute(
            "SELECT 1 FROM files AS f, files AS this WHERE this.id = ? AND f.model_id = ? AND f.id <> this.id "
            "AND f.state <> 'missing' AND NOT (f.inode <> 0 AND f.inode = this.inode AND f.device = this.device)",
            (file_id, model_id),
        ).fetchone()
        return other is None

    @staticmethod
    def _rewrite(
        conn: engine.Connection, model_id: int, links: Sequence[int], former: str, sha256: str
    ) -> None:
        conn.execute("UPDATE models SET sha256 = ? WHERE id = ?", (sha256, model_id))
        for row_id in links:
            add_formers(conn, row_id, [former])

    def _forget_replaced(self, conn: engine.Connection, model_id: int, links: Sequence[int]) -> bool:
        """Forget one missing path of a model that is older than the file that has just joined it."""
        missing = self._missing.get(model_id)
        if missing is None:
            rows = conn.execute(
                "SELECT id FROM files WHERE model_id = ? AND state = 'missing' AND unit IS NULL ORDER BY id",
                (model_id,),
            )
            missing = deque(row_id for (row_id,) in rows)
            if self._to_refresh is not None:  # of a model of many copies all are looked at but once
                self._missing[model_id] = missing
        if not missing or missing[0] > min(links):
            return False
        former = missing.popleft()
        hand_down(conn, former, links[0])
        conn.execute("DELETE FROM files WHERE id = ?", (former,))
        return True

    def _merge_into(self, conn: engine.Connection, provisional: int, home: int) -> None:
        """Let a model whose content turned out to be that of another become a part of it."""
        moved = conn.execute(
            "UPDATE files SET model_id = ? WHERE model_id = ? RETURNING state", (home, provisional)
        )
        if (FileState.MISSING,) in moved.fetchall():
            self._missing.pop(home, None)
        conn.execute("UPDATE units SET model_id = ? WHERE model_id = ?", (home, provisional))
        conn.execute(
            "DELETE FROM records WHERE model_id = ? AND source = ? AND EXISTS (SELECT 1 FROM records AS r "
            "WHERE r.model_id = ? AND r.source = records.source AND r.payload_sha256 = records.payload_sha256)",
            (provisional, EMBEDDED, home),
        )
        self._join_values(conn, provisional, home)
        for table in ("records", "attachments"):
            conn.execute(f"UPDATE OR IGNORE {table} SET model_id = ? WHERE model_id = ?", (home, provisional))
        # What the home has already, to the byte, needs no second copy.
        conn.execute("DELETE FROM records WHERE model_id = ?", (provisional,))
        has_header = conn.execute("SELECT 1 FROM headers WHERE model_id = ?", (home,)).fetchone()
        if has_header is None:
            conn.execute("UPDATE headers SET model_id = ? WHERE model_id = ?", (home, provisional))
            conn.execute(
                "UPDATE models SET (format, danger) = (SELECT format, danger FROM models WHERE id = ?) WHERE id = ?",
                (provisional, home),
            )
        conn.execute("DELETE FROM models WHERE id = ?", (provisional,))

    @staticmethod
    def _join_values(conn: engine.Connection, provisional: int, home: int) -> None:
        """Let what the user said of two models be said of one: texts and lists join, else the later word counts."""
        rows = conn.execute(
            'SELECT "column", value, set_at FROM user_values WHERE model_id IN (?, ?) ORDER BY set_at, model_id = ?',
            (provisional, home, provisional),
        ).fetchall()
        said: dict[str, tuple[Any, int]] = {}
        for column, text, set_at in rows:
            value = json.loads(text)
            if column in said:
                value = _joined(column, said[column][0], value)
            said[column] = value, set_at
        texts = {column: json.dumps(value) for column, (value, _) in said.items()}
        had = conn.execute('SELECT "column", value FROM user_values WHERE model_id = ?', (home,)).fetchall()
        join_histories(conn, provisional, home, dict(had), texts)
        conn.execute("DELETE FROM user_values WHERE model_id = ?", (provisional,))
        conn.executemany(
            'INSERT OR REPLACE INTO user_values(model_id, "column", value, set_at) VALUES (?, ?, ?, ?)',
            [(home, column, texts[column], set_at) for column, (_, set_at) in said.items()],
        )

    def _clear_out(self, conn: engine.Connection, model_id: int, heir: int) -> None:
        """Let a model that has lost its last file to another, and was nothing but that file, go into it."""
        left = conn.execute("SELECT 1 FROM files WHERE model_id = ? LIMIT 1", (model_id,)).fetchone()
        if left is None:
            self._merge_into(conn, model_id, heir)

    @staticmethod
    def _split(conn: engine.Connection, model_id: int, sha256: str) -> int:
        cursor = conn.execute(
            "INSERT INTO models(sha256, name, type, size_bytes, tags, favorite, trigger_words, added_at, hash_state, "
            "file_state, search_text, file_count) SELECT ?, name, 'unknown', size_bytes, '[]', 0, '[]', ?, 'done', "
            "'present', '', 1 FROM models WHERE id = ?",
            (sha256, int(time.time()), model_id),
        )
        return int(cursor.lastrowid)

    def put_partial_hashes(self, path: str, hashes: Mapping[str, str]) -> None:
        """Keep the short hashes that were computed of a file as it is now (kind -> hex)."""
        with self.transaction() as writer:
            row = writer.execute_sql(
                "SELECT id, partial_hashes FROM files WHERE path = ?", (path_in(path),)
            ).fetchone()
            if row is not None:
                merged = (json.loads(row[1]) if row[1] else {}) | dict(hashes)
                writer.execute_sql(
                    "UPDATE files SET partial_hashes = ? WHERE id = ?", (json.dumps(merged), row[0])
                )
                put_hashes(writer.connection(), hashes_of_file(row[0], merged))

    def put_former_hash(self, path: str, sha256: str) -> None:
        """Remember a full hash that a file had before its header was rewritten; it is forgotten with the short ones."""
        known = self.known_file(path)
        former = self.former_hashes(known.model_id) if known is not None else frozenset()
        self.put_partial_hashes(path, {FORMER: " ".join(sorted(former | {sha256}))})

    @staticmethod
    def _member_hashes(conn: engine.Connection, unit_id: int) -> dict[str, str]:
        """Return the hash of each member of a unit, empty where it isn't known."""
        (place,) = conn.execute("SELECT path FROM units WHERE id = ?", (unit_id,)).fetchone()
        folder = path_out(place)
        hashes: dict[str, str] = {}
        own: set[str] = set()
        for member, path, sha256 in conn.execute(
            "SELECT member, path, CASE state WHEN 'present' THEN coalesce(sha256, '') ELSE '' END FROM files "
            "WHERE unit = ?",
            (unit_id,),
        ):
            # A link elsewhere may still stand for bytes that are no longer these.
            is_own = is_at_place(path_out(path), member, folder)
            if is_own or (member not in own and not hashes.get(member)):
                hashes[member] = sha256
            if is_own:
                own.add(member)
        return hashes

    def _settle_unit(self, conn: engine.Connection, unit_id: int) -> HashOutcome | None:
        """Give a unit its key and let it join the model of that key, if the hashes of all members are known."""
        model_id, former = conn.execute(
            "SELECT model_id, models.sha256 FROM units JOIN models ON models.id = model_id WHERE units.id = ?",
            (unit_id,),
        ).fetchone()
        members = self._member_hashes(conn, unit_id)
        if not members or not all(members.values()):
            return None
        sha256 = composite_sha256(members)
        conn.execute("UPDATE units SET sha256 = ? WHERE id = ?", (sha256, unit_id))
        home = conn.execute("SELECT id FROM models WHERE sha256 = ?", (sha256,)).fetchone()
        if former == sha256:
            return HashOutcome(model_id, created=False)
        others = conn.execute(
            "SELECT 1 FROM units WHERE model_id = ? AND id <> ?", (model_id, unit_id)
        ).fetchone()
        if others is None and former is not None and self._has_grown(conn, unit_id, former, members):
            former = None  # more of the same model has come
        if former is None and home is None:
            conn.execute("UPDATE models SET sha256 = ? WHERE id = ?", (sha256, model_id))
            return HashOutcome(model_id, created=False)
        if former is None and others is None:
            # A place that lacks parts may have told the former header.
            conn.execute(
                "DELETE FROM headers WHERE model_id = (SELECT id FROM models WHERE id = ? AND file_state <> 'present')",
                (home[0],),
            )
            self._merge_into(conn, model_id, home[0])
            return HashOutcome(home[0], created=False, gone=model_id)
        goal = home[0] if home is not None else self._split(conn, model_id, sha256)
        conn.execute("UPDATE files SET model_id = ? WHERE unit = ?", (goal, unit_id))
        conn.execute("UPDATE units SET model_id = ? WHERE id = ?", (goal, unit_id))
        self.refresh([model_id])
        return HashOutcome(goal, created=home is None)

    @staticmethod
    def _has_grown(conn: engine.Connection, unit_id: int, former: str, members: Mapping[str, str]) -> bool:
        """Tell whether the model of a former key had some of the members as they are, the first that were met."""
        names = conn.execute(
            "SELECT member, min(id) FROM files WHERE unit = ? GROUP BY member ORDER BY 2", (unit_id,)
        ).fetchall()
        had: dict[str, str] = {}
        for name, _ in names[:GROWING_PARTS]:
            had[name] = members[name]
            if composite_sha256(had) == former:
                return True
        return False


def _joined(column: str, former: Any, value: Any) -> Any:
    """Return what two values of one column, the later one last, amount to."""
    if isinstance(former, list) and isinstance(value, list):
        return list(dict.fromkeys([*former, *value]))
    if column == "favorite":
        return former or value
    if column == "notes" and isinstance(former, str) and isinstance(value, str):
        if value in former:
            return former
        return value if former in value else f"{former}\n\n{value}"
    return value


def composite_sha256(members: Mapping[str, str]) -> str:
    r"""Return the key of a model of several files: SHA-256 of the lines ``<sha256>  <relative path>\n`` by path."""
    lines = (f"{sha256}  {name}\n" for name, sha256 in sorted(members.items()))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def same_tensors(hashes: Hashes, tensor_quick: str | None, tensor_sha256: str | None) -> bool:
    """Tell whether a file's tensors are those that it had, by their hash where both are known, else by windows."""
    if hashes.tensor_sha256 is not None and tensor_sha256 is not None:
        return hashes.tensor_sha256 == tensor_sha256
    return hashes.tensor_quick is not None and hashes.tensor_quick == tensor_quick
