"""Models of several files: shards, folders."""

import os
import time
from collections.abc import Callable, Iterable, Sequence

from modelmgr.catalog import engine
from modelmgr.catalog.file_store import KnownFile, in_pieces
from modelmgr.catalog.found import FoundUnit, Member
from modelmgr.catalog.identity_store import is_at_place
from modelmgr.catalog.scan_store import Putting, ScanStore
from modelmgr.catalog.schema import path_in, path_out
from modelmgr.values import Changes, FileState


class UnitStore(ScanStore):
    """Writes about them. Each method joins the caller's transaction or makes its own."""

    def put_unit(self, found: FoundUnit, is_promised: Callable[[str], bool] = lambda _: True) -> list[int]:
        """Write a place of a model of several files with its members.

        A member that was a model of its own becomes a part of this one, with all that was said of it. A missing
        member is forgotten if the model is whole without it, or never was known by its hash.

        Args:
            found: see above.
            is_promised: tells of a member that is missing whether the model lacks it.

        Returns:
            The models whose light columns may follow from something else now, that of the unit first.
        """
        with self.transaction(Changes(models=True)) as writer:
            conn = writer.connection()
            now = int(time.time())
            row = conn.execute(
                "SELECT id, model_id FROM units WHERE path = ?", (path_in(found.path),)
            ).fetchone()
            if row is None:
                putting = Putting(self, conn, [])
                model_id = putting.new_model(found.model)
                putting.write()
                cursor = conn.execute(
                    "INSERT INTO units(model_id, path, kind) VALUES (?, ?, ?)",
                    (model_id, path_in(found.path), found.kind),
                )
                unit_id = int(cursor.lastrowid)
            else:
                unit_id, model_id = row
                conn.execute("UPDATE units SET kind = ? WHERE id = ?", (found.kind, unit_id))
            former = model_id
            absorbed = self._put_members(conn, unit_id, model_id, found.members, now)
            self._forget_parts(conn, unit_id, model_id, is_promised)
            outcome = self._settle_unit(conn, unit_id)
            if outcome is not None:
                model_id = outcome.model_id
            for part in absorbed:  # what was said of a part is said of the model that it belongs to now
                if part != model_id:
                    self._merge_into(conn, part, model_id)
            self.refresh([model_id, former])
            if row is not None or outcome is not None:
                model = found.model
                self.put_header(model_id, model.format, model.header, model.facts, model.danger)
                self.put_embedded(model_id, found.path, model.mtime_ns, model.embedded)
        return list(dict.fromkeys((model_id, former)))

    @staticmethod
    def _forget_parts(
        conn: engine.Connection, unit_id: int, model_id: int, is_promised: Callable[[str], bool]
    ) -> None:
        (sha256,) = conn.execute("SELECT sha256 FROM models WHERE id = ?", (model_id,)).fetchone()
        missing = conn.execute(
            "SELECT id, member FROM files WHERE unit = ? AND state = 'missing'", (unit_id,)
        )
        conn.executemany(
            "DELETE FROM files WHERE id = ?",
            [(row_id,) for row_id, member in missing.fetchall() if sha256 is None or not is_promised(member)],
        )

    def strays(self, units: Iterable[int], root: str) -> list[KnownFile]:
        """Return the present files of units that are neither at a member's place nor links to one that is there.

        A member on a disk that is away now is there.

        Args:
            units: row ids of units.
            root: the units at and below this folder are asked too.
        """
        wanted = list(dict.fromkeys([*units, *self.units_below(root).values()]))
        found: list[KnownFile] = []
        for some in in_pieces(wanted):
            marks = ", ".join("?" * len(some))
            with engine.translated(self.path):
                places = {
                    row_id: path_out(path)
                    for row_id, path in self._question().execute_sql(
                        f"SELECT id, path FROM units WHERE id IN ({marks})", some
                    )
                }
            files = list(
                self._files_where(f"files.unit IN ({marks}) AND files.state IN ('present', 'offline')", some)
            )
            bodies: set[tuple[int | None, int, int]] = set()
            aside: list[KnownFile] = []
            for file in files:
                if is_at_place(file.path, file.member or "", places[file.unit or 0]):
                    bodies.add((file.unit, file.inode, file.device))
                elif file.state == FileState.PRESENT:
                    aside.append(file)
            found += [file for file in aside if (file.unit, file.inode, file.device) not in bodies]
        return found

    def _put_members(
        self, conn: engine.Connection, unit_id: int, model_id: int, members: Sequence[Member], now: int
    ) -> list[int]:
        folders = self._folder_ids(conn, [member.path for member in members])
        own = {member.path for member in members}
        left: set[int] = set()
        for member in members:
            facts = (member.size_bytes, member.mtime_ns, member.inode, member.device)
            link_target = None if member.link_target is None else path_in(member.link_target)
            row = conn.execute(
                "SELECT id, model_id, size_bytes, mtime_ns, inode FROM files WHERE path = ?",
                (path_in(member.path),),
            ).fetchone()
            if row is None:
                conn.execute(
                    "INSERT INTO files(model_id, path, size_bytes, mtime_ns, inode, device, state, seen_at, "
                    "scanned_folder, unit, member, link_target) VALUES (?, ?, ?, ?, ?, ?, 'present', ?, ?, ?, ?, ?)",
                    (model_id, path_in(member.path), *facts, now, folders[os.path.dirname(member.path)],
                     unit_id, member.name, link_target),
                )  # fmt: skip
            else:
                conn.execute(
                    "UPDATE files SET model_id = ?, size_bytes = ?, mtime_ns = ?, inode = ?, device = ?, "
                    "state = 'present', unit = ?, member = ?, link_target = ? WHERE id = ?",
                    (model_id, *facts, unit_id, member.name, link_target, row[0]),
                )
                if row[2:] != facts[:3]:
                    conn.execute(
                        "UPDATE files SET sha256 = NULL, partial_hashes = NULL WHERE id = ?", (row[0],)
                    )
                left.add(row[1])
            # Another path to the same bytes (a blob behind a link) belongs where they belong.
            twins = conn.execute(
                "SELECT id, model_id, sha256, path FROM files WHERE inode = ? AND device = ? AND size_bytes = ? "
                "AND mtime_ns = ? AND inode <> 0 AND (unit IS NULL OR (unit = ? AND member <> ?))",
                (member.inode, member.device, member.size_bytes, member.mtime_ns, unit_id, member.name),
            ).fetchall()
            for twin, its_model, sha256, path in twins:
                if path_out(path) in own:
                    continue
                conn.execute(
                    "UPDATE files SET model_id = ?, unit = ?, member = ? WHERE id = ?",
                    (model_id, unit_id, member.name, twin),
                )
                conn.execute(
                    "UPDATE files SET sha256 = coalesce(sha256, ?) WHERE path = ?",
                    (sha256, path_in(member.path)),
                )
                left.add(its_model)
        left.discard(model_id)
        gone = [
            other
            for other in left
            if conn.execute("SELECT 1 FROM files WHERE model_id = ? LIMIT 1", (other,)).fetchone() is None
        ]
        self.refresh(left - set(gone))
        return gone

    def settle_units(self, units: Iterable[int]) -> list[int]:
        """Give units their keys as they are now; return the models whose light columns may follow from something else.

        Args:
            units: row ids, also of units that are no more.
        """
        changed: list[int] = []
        with self.transaction(Changes(models=True)) as writer:
            conn = writer.connection()
            for unit_id in dict.fromkeys(units):
                row = conn.execute("SELECT model_id FROM units WHERE id = ?", (unit_id,)).fetchone()
                outcome = None if row is None else self._settle_unit(conn, unit_id)
                if outcome is not None:
                    changed += [row[0], outcome.model_id]
            self.refresh(dict.fromkeys(changed))
        return changed

    def release_members(self, file_ids: Sequence[int]) -> None:
        """Take files out of the unit they were in; each waits to be identified on its own.

        A unit that has no member left goes; its model stays if anybody has said something of it.
        """
        with self.transaction(Changes(models=True)) as writer:
            conn = writer.connection()
            for some in in_pieces(file_ids):
                marks = ", ".join("?" * len(some))
                units = conn.execute(
                    f"SELECT DISTINCT unit FROM files WHERE id IN ({marks})", some
                ).fetchall()
                conn.execute(
                    "UPDATE files SET unit = NULL, member = NULL, tensor_quick = NULL, tensor_sha256 = NULL "
                    f"WHERE id IN ({marks})",
                    some,
                )
                conn.executemany(
                    "DELETE FROM units WHERE id = ? AND NOT EXISTS (SELECT 1 FROM files WHERE unit = units.id)",
                    units,
                )
