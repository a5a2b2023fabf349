"""Models of several files: shards, folders."""

import os
import time
from collections.abc import Callable, Iterable, Sequence

from modelmgr.catalog import engine
from modelmgr.catalog.file_store import KnownFile, in_pieces, is_at_place
from modelmgr.catalog.found import EMBEDDED, FoundUnit, Member
from modelmgr.catalog.scan_store import Putting, ScanStore
from modelmgr.catalog.schema import path_in, path_out
from modelmgr.values import Changes, FileState


class UnitStore(ScanStore):
    """Writes about them. Each method joins the caller's transaction or makes its own."""

    def put_unit(
        self,
        found: FoundUnit,
        is_promised: Callable[[str], bool] = lambda _: True,
        links: set[int] | None = None,
    ) -> list[int]:
        """Write a place of a model of several files with its members.

        A member that was a model of its own becomes a part of this one, with all that was said of it. A missing
        member is forgotten if the model is whole without it, or never was known by its hash.

        Args:
            found: see above.
            is_promised: tells of a member that is missing whether the model lacks it.
            links: told the row ids of files that were models of their own, and are further paths to members now.

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
                model_id = self._new_model(conn, found)
                cursor = conn.execute(
                    "INSERT INTO units(model_id, path, kind) VALUES (?, ?, ?)",
                    (model_id, path_in(found.path), found.kind),
                )
                unit_id = int(cursor.lastrowid)
            else:
                unit_id, model_id = row
                conn.execute("UPDATE units SET kind = ? WHERE id = ?", (found.kind, unit_id))
            former = model_id
            is_as_large = self._is_as_large(conn, unit_id, found.members)
            absorbed = self._put_members(conn, unit_id, model_id, found.members, now, links)
            self._forget_parts(conn, unit_id, model_id, is_promised)
            is_shared = self._is_shared(conn, unit_id, model_id)
            if not is_as_large and self._is_another(conn, unit_id, model_id, is_shared):
                model_id, is_shared = self._new_model(conn, found), False
                conn.execute("UPDATE files SET model_id = ? WHERE unit = ?", (model_id, unit_id))
                conn.execute("UPDATE units SET model_id = ?, sha256 = NULL WHERE id = ?", (model_id, unit_id))
            outcome = self._settle_unit(conn, unit_id)
            if outcome is not None:
                model_id = outcome.model_id
            for part in absorbed:  # what was said of a part is said of the model that it belongs to now
                if part != model_id:
                    self._merge_into(conn, part, model_id)
            self.refresh([model_id, former])
            # Of a place whose parts nobody has hashed as they are, it may say what the model is not.
            is_own = not is_shared and (not is_as_large or self._has_no_key(conn, model_id))
            if outcome is not None or (row is not None and is_own):
                model = found.model
                self.put_header(model_id, model.format, model.header, model.facts, model.danger)
                self.put_embedded(model_id, found.path, model.mtime_ns, model.embedded)
        return list(dict.fromkeys((model_id, former)))

    def _new_model(self, conn: engine.Connection, found: FoundUnit) -> int:
        putting = Putting(self, conn, [])
        model_id = putting.new_model(found.model)
        putting.write()
        return model_id

    @staticmethod
    def _is_as_large(conn: engine.Connection, unit_id: int, members: Sequence[Member]) -> bool:
        """Tell whether some members changed, and all have the sizes that they had: they go on until they are hashed."""
        known = {
            name: facts
            for name, *facts in conn.execute(
                "SELECT member, size_bytes, mtime_ns, inode FROM files WHERE unit = ?", (unit_id,)
            )
        }
        facts = {member.name: [member.size_bytes, member.mtime_ns, member.inode] for member in members}
        sizes = {name: size_bytes for name, (size_bytes, *_) in known.items()}
        return known != facts and sizes == {name: size_bytes for name, (size_bytes, *_) in facts.items()}

    @staticmethod
    def _has_no_key(conn: engine.Connection, model_id: int) -> bool:
        """Tell whether nobody has hashed a model yet, whatever its parts were before."""
        (key,) = conn.execute("SELECT sha256 FROM models WHERE id = ?", (model_id,)).fetchone()
        return key is None

    @staticmethod
    def _is_shared(conn: engine.Connection, unit_id: int, model_id: int) -> bool:
        """Tell whether a model has other places."""
        row = conn.execute(
            "SELECT 1 FROM units WHERE model_id = ? AND id <> ?", (model_id, unit_id)
        ).fetchone()
        return row is not None

    def _is_another(self, conn: engine.Connection, unit_id: int, model_id: int, is_shared: bool) -> bool:
        """Tell whether a place, of parts that nobody has hashed as they are, may hold something else than its model.

        What is read of it then says nothing of that model: until its key is known it is one of its own.
        """
        (key,) = conn.execute("SELECT sha256 FROM models WHERE id = ?", (model_id,)).fetchone()
        (place,) = conn.execute("SELECT path FROM units WHERE id = ?", (unit_id,)).fetchone()
        files = conn.execute(
            "SELECT member, path, state, sha256 IS NULL FROM files WHERE unit = ?", (unit_id,)
        ).fetchall()
        is_opened = any(is_open and state == FileState.PRESENT for _, _, state, is_open in files)
        # A further path to a part may go without the part.
        has_lost = any(
            state == FileState.MISSING and is_at_place(path_out(path), member, path_out(place))
            for member, path, state, _ in files
        )
        if key is None or not is_opened or has_lost:  # what lacks parts has no key
            return False
        return is_shared or not self._has_grown(conn, unit_id, key, self._member_hashes(conn, unit_id))

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

    def forget_lost_links(self, file_ids: Iterable[int]) -> list[int]:
        """Forget those of some files that were further paths to parts which are at their places, and went.

        Returns:
            Their models.
        """
        lost = [file for file in self.files_with_ids(list(file_ids)) if file.state == FileState.MISSING]
        changed: list[int] = []
        if not any(file.unit is not None for file in lost):
            return changed
        with self.transaction(Changes(models=True)) as writer:
            conn = writer.connection()
            for file in lost:
                if file.unit is not None and self._is_aside(conn, file):
                    conn.execute("DELETE FROM files WHERE id = ?", (file.id,))
                    changed.append(file.model_id)
            self.refresh(changed)
        return changed

    @staticmethod
    def _is_aside(conn: engine.Connection, file: KnownFile) -> bool:
        """Tell whether a path to a part lies elsewhere, and the part is at its place."""
        (place,) = conn.execute("SELECT path FROM units WHERE id = ?", (file.unit,)).fetchone()
        folder, member = path_out(place), file.member or ""
        others = conn.execute(
            "SELECT path FROM files WHERE unit = ? AND member = ? AND state = 'present'", (file.unit, member)
        )
        return not is_at_place(file.path, member, folder) and any(
            is_at_place(path_out(path), member, folder) for (path,) in others
        )

    def give_up(self, files: Sequence[KnownFile]) -> None:
        """Let files be missing at which nobody will look again; forget those of which no hash is known."""
        with self.transaction(Changes(models=True)) as writer:
            conn = writer.connection()
            for file in files:
                if file.sha256 is None:
                    conn.execute("DELETE FROM files WHERE id = ?", (file.id,))
                else:
                    conn.execute("UPDATE files SET state = 'missing' WHERE id = ?", (file.id,))
            self.refresh(file.model_id for file in files)

    def _put_members(
        self,
        conn: engine.Connection,
        unit_id: int,
        model_id: int,
        members: Sequence[Member],
        now: int,
        links: set[int] | None,
    ) -> list[int]:
        folders = self._folder_ids(conn, [member.path for member in members])
        own = {member.path for member in members}
        left: set[int] = set()
        for member in members:
            facts = (member.size_bytes, member.mtime_ns, member.inode, member.device)
            link_target = None if member.link_target is None else path_in(member.link_target)
            row = conn.execute(
                "SELECT id, model_id, state = 'present' AND device = ?, size_bytes, mtime_ns, inode FROM files "
                "WHERE path = ?",
                (member.device, path_in(member.path)),
            ).fetchone()
            if row is None:
                conn.execute(
                    "INSERT INTO files(model_id, path, size_bytes, mtime_ns, inode, device, state, seen_at, "
                    "scanned_folder, unit, member, link_target) VALUES (?, ?, ?, ?, ?, ?, 'present', ?, ?, ?, ?, ?)",
                    (model_id, path_in(member.path), *facts, now, folders[os.path.dirname(member.path)],
                     unit_id, member.name, link_target),
                )  # fmt: skip
            else:
                row_id, its_model, is_there, *known = row
                conn.execute(
                    "UPDATE files SET model_id = ?, unit = ?, member = ?, link_target = ? WHERE id = ?",
                    (model_id, unit_id, member.name, link_target, row_id),
                )
                is_same = known == [*facts[:3]]
                if not (is_there and is_same):  # else its folder stays known
                    conn.execute(
                        "UPDATE files SET size_bytes = ?, mtime_ns = ?, inode = ?, device = ?, state = 'present' "
                        "WHERE id = ?",
                        (*facts, row_id),
                    )
                if not is_same:
                    conn.execute(
                        "UPDATE files SET sha256 = NULL, partial_hashes = NULL WHERE id = ?", (row_id,)
                    )
                left.add(its_model)
            # Another path to the same bytes (a blob behind a link) belongs where they belong.
            twins = conn.execute(
                "SELECT id, model_id, sha256, path, unit FROM files WHERE inode = ? AND device = ? AND size_bytes = ? "
                "AND mtime_ns = ? AND inode <> 0 AND (unit IS NULL OR (unit = ? AND member <> ?))",
                (member.inode, member.device, member.size_bytes, member.mtime_ns, unit_id, member.name),
            ).fetchall()
            for twin, its_model, sha256, path, its_unit in twins:
                if path_out(path) in own:
                    continue
                if links is not None and its_unit is None:
                    links.add(twin)
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
                    if outcome.created:
                        self._tell_as(conn, row[0], outcome.model_id)
            self.refresh(dict.fromkeys(changed))
        return changed

    @staticmethod
    def _tell_as(conn: engine.Connection, model_id: int, goal: int) -> None:
        """Let a new model say of itself what another one says: the whole was read when its parts were met."""
        conn.execute(
            "INSERT INTO records(model_id, source, source_path, record_key, payload_sha256, extra_sha256, "
            "size_bytes, imported_at, container_mtime, binding, chief, extra, meta_json) "
            "SELECT ?, source, source_path, record_key, payload_sha256, extra_sha256, size_bytes, imported_at, "
            "container_mtime, binding, chief, extra, meta_json FROM records WHERE id = "
            "(SELECT max(id) FROM records WHERE model_id = ? AND source = ?)",
            (goal, model_id, EMBEDDED),
        )
        conn.execute(
            "INSERT INTO headers(model_id, header, facts) SELECT ?, header, facts FROM headers WHERE model_id = ?",
            (goal, model_id),
        )
        conn.execute(
            "UPDATE models SET (format, danger) = (SELECT format, danger FROM models WHERE id = ?) WHERE id = ?",
            (model_id, goal),
        )

    def unit_parts(self, unit_id: int) -> tuple[str, list[str]] | None:
        """Return the place of a unit and the names of the members that are there now; None if there is no such unit."""
        with engine.translated(self.path):
            row = self._question().execute_sql("SELECT path FROM units WHERE id = ?", (unit_id,)).fetchone()
        if row is None:
            return None
        place = path_out(row[0])
        files = self._files_where("files.unit = ? AND files.state = 'present'", [unit_id])
        found = (file.member for file in files if is_at_place(file.path, file.member or "", place))
        return place, sorted(member for member in found if member)

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
