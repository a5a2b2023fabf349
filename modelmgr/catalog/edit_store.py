"""The user's own values and their history: what was set, when and through which door, and the way back.

The values are the layer that no scan, import or refresh touches; every change of it is a row of the history, in the
same transaction.
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from modelmgr.catalog import engine, query
from modelmgr.catalog.connections import Connections
from modelmgr.catalog.library_view import ROWS_A_STATEMENT
from modelmgr.values import MIB, Door, Edit, EditGroup, Skipped

HISTORY_GROUPS = 50_000
HISTORY_BYTES = 256 * MIB
"""Beyond these the oldest edits are forgotten (the values stay), down to nine tenths."""
_ROW_BYTES = 64
_KEPT_SHARE = 0.9


class NewEdit(NamedTuple):
    """A value of the user that becomes another: JSON, None for none."""

    model_id: int
    column: str
    before: str | None
    after: str | None


class EditStore(Connections):
    """Writes and questions about edits. Writes join the caller's transaction."""

    def user_layers(self, model_ids: Sequence[int]) -> dict[int, dict[str, str]]:
        """Return the user's own values of these models: id -> column -> JSON."""
        found: dict[int, dict[str, str]] = {}
        with engine.translated(self.path):
            for start in range(0, len(model_ids), ROWS_A_STATEMENT):
                some = list(model_ids[start : start + ROWS_A_STATEMENT])
                for model_id, column, text in self._question().execute_sql(
                    'SELECT model_id, "column", value FROM user_values '
                    f"WHERE model_id IN ({', '.join('?' * len(some))})",
                    some,
                ):
                    found.setdefault(model_id, {})[column] = text
        return found

    def begin_edits(self, door: str, note: str) -> int:
        """Begin a group of edits; return its number. What was undone before can be redone by its number only."""
        with self.transaction() as writer:
            conn = writer.connection()
            conn.execute("UPDATE edit_groups SET undone = 0 WHERE undone > 0")
            return new_group(conn, door, note)

    def put_edits(self, group: int, edits: Sequence[NewEdit]) -> None:
        """Set values of the user, and write that into the history."""
        with self.transaction() as writer:
            conn = writer.connection()
            _set_values(conn, [(edit.model_id, edit.column, edit.after) for edit in edits])
            write_history(conn, group, edits)

    def forget_old_edits(self) -> None:
        """Forget the oldest groups if there are too many, or too much in them; the newest one always stays."""
        with self.transaction() as writer:
            conn = writer.connection()
            count, size_bytes, newest = conn.execute(
                "SELECT count(*), coalesce(sum(size_bytes), 0), max(id) FROM edit_groups"
            ).fetchone()
            if count > HISTORY_GROUPS or size_bytes > HISTORY_BYTES:
                conn.execute(
                    "DELETE FROM edit_groups WHERE id <> ? AND id IN (SELECT id FROM (SELECT id, "
                    "row_number() OVER (ORDER BY id DESC) AS place, sum(size_bytes) OVER (ORDER BY id DESC) AS held "
                    "FROM edit_groups) WHERE place > ? OR held > ?)",
                    (newest, int(HISTORY_GROUPS * _KEPT_SHARE), int(HISTORY_BYTES * _KEPT_SHARE)),
                )

    # --- questions --------------------------------------------------------------------------------------

    def edits_of(self, model_id: int, limit: int = 500) -> list[Edit]:
        """Return the history of a model, the newest edit first."""
        with engine.translated(self.path):
            rows = self._question().execute_sql(
                'SELECT g.id, made_at, door, note, "column", before, after, e.undone FROM edits AS e '
                "JOIN edit_groups AS g ON g.id = group_id WHERE model_id = ? ORDER BY e.id DESC LIMIT ?",
                (model_id, limit),
            )
            return [
                Edit(group, made_at, door, note, column, value_of(before), value_of(after), bool(undone))
                for group, made_at, door, note, column, before, after, undone in rows.fetchall()
            ]

    def next_undo(self) -> EditGroup | None:
        """Return the edit that an undo would take back: the newest one in force, whichever door it came through."""
        return self._group(
            f"undone IS NULL AND door <> '{Door.MERGE}' AND EXISTS "
            "(SELECT 1 FROM edits WHERE group_id = g.id AND NOT undone) ORDER BY id DESC"
        )

    def next_redo(self) -> EditGroup | None:
        """Return the edit that a redo would bring back: the last one undone, unless another edit came since."""
        return self._group(
            "undone > 0 AND EXISTS (SELECT 1 FROM edits WHERE group_id = g.id AND edits.undone) "
            "ORDER BY g.undone DESC"
        )

    def edit_group(self, number: int) -> EditGroup | None:
        """Return an edit by its number, None if there is none or it is forgotten."""
        return self._group("id = ?", (number,)) if number <= query.GREATEST_INTEGER else None

    def _group(self, condition: str, parameters: Sequence[Any] = ()) -> EditGroup | None:
        with engine.translated(self.path):
            reader = self._question()
            row = reader.execute_sql(
                f"SELECT id, made_at, door, note, undone FROM edit_groups AS g WHERE {condition} LIMIT 1",
                parameters,
            ).fetchone()
            if row is None:
                return None
            number, made_at, door, note, undone = row
            rows = reader.execute_sql(
                'SELECT DISTINCT "column" FROM edits WHERE group_id = ? AND undone = ? ORDER BY 1',
                (number, undone is not None),
            ).fetchall()
            models, one = reader.execute_sql(
                "SELECT count(DISTINCT model_id), min(model_id) FROM edits WHERE group_id = ? AND undone = ?",
                (number, undone is not None),
            ).fetchone()
            named = reader.execute_sql("SELECT name FROM models WHERE id = ?", (one,)).fetchone()
        name = named[0] if named is not None and models == 1 else ""
        columns = tuple(column for (column,) in rows)
        return EditGroup(number, made_at, door, note, columns, models, undone is not None, name)

    # --- the way back -----------------------------------------------------------------------------------

    def revert_some(
        self, group: int, *, undo: bool, place: int | None, limit: int
    ) -> tuple[list[tuple[int, str]], list[Skipped], int | None]:
        """Take back the next edits of a group, or bring them back, as far as nothing has changed them since.

        Args:
            group: its number.
            undo: False to redo.
            place: what the former call returned.
            limit: how many to look at.

        Returns:
            Models and columns that changed, the values that were left as they are, and where to go on; None at the end.
        """
        changed: list[tuple[int, str]] = []
        skipped: list[Skipped] = []
        step, order = ("<", "DESC") if undo else (">", "ASC")
        with self.transaction() as writer:
            conn = writer.connection()
            rows = conn.execute(
                'SELECT e.id, model_id, e."column", before, after, sha256, name, (SELECT value FROM user_values AS v '
                'WHERE v.model_id = e.model_id AND v."column" = e."column"), EXISTS (SELECT 1 FROM edits AS later '
                'WHERE later.model_id = e.model_id AND later."column" = e."column" AND later.id > e.id '
                "AND NOT later.undone) FROM edits AS e JOIN models ON models.id = model_id "
                f"WHERE group_id = ? AND e.undone = ? AND (? IS NULL OR e.id {step} ?) ORDER BY e.id {order} LIMIT ?",
                (group, not undo, place, place, limit),
            ).fetchall()
            for row_id, model_id, column, before, after, sha256, name, current, is_overtaken in rows:
                is_from, goal = (after, before) if undo else (before, after)
                if is_overtaken or current != is_from:
                    skipped.append(Skipped(model_id, sha256, name, column, value_of(current), value_of(goal)))
                    continue
                _set_values(conn, [(model_id, column, goal)])
                conn.execute("UPDATE edits SET undone = ? WHERE id = ?", (undo, row_id))
                changed.append((model_id, column))
        return changed, skipped, rows[-1][0] if len(rows) == limit else None

    def mark_reverted(self, group: int, *, undo: bool) -> None:
        """Note that a group is undone, as the last one, or in force again."""
        with self.transaction() as writer:
            writer.execute_sql(
                "UPDATE edit_groups SET undone = iif(?, (SELECT coalesce(max(undone), 0) + 1 FROM edit_groups), NULL) "
                "WHERE id = ?",
                (undo, group),
            )


def new_group(conn: engine.Connection, door: str, note: str = "") -> int:
    """Begin a group of edits; return its number."""
    cursor = conn.execute(
        "INSERT INTO edit_groups(made_at, door, note, size_bytes) VALUES (?, ?, ?, 0)",
        (int(time.time()), door, note),
    )
    return int(cursor.lastrowid)


def write_history(conn: engine.Connection, group: int, edits: Sequence[NewEdit]) -> None:
    """Write edits into the history, and nothing else."""
    conn.executemany(
        'INSERT INTO edits(group_id, model_id, "column", before, after, undone) VALUES (?, ?, ?, ?, ?, 0)',
        [(group, *edit) for edit in edits],
    )
    size_bytes = sum(_ROW_BYTES + len(edit.before or "") + len(edit.after or "") for edit in edits)
    conn.execute("UPDATE edit_groups SET size_bytes = size_bytes + ? WHERE id = ?", (size_bytes, group))


def join_histories(
    conn: engine.Connection, provisional: int, home: int, before: Mapping[str, str], joined: Mapping[str, str]
) -> None:
    """Give the history of a model that becomes a part of another to that one.

    Args:
        conn: in a transaction.
        provisional: the model that goes.
        home: the one that stays.
        before: the user's own values of `home` before, as JSON.
        joined: those of both. One that differs from what `home` had is an edit of its own, so that no undo of an
            older one takes away what was said of the other.
    """
    # What one deed did to both is one edit now.
    conn.execute(
        "DELETE FROM edits WHERE model_id = ? AND EXISTS (SELECT 1 FROM edits AS own WHERE own.model_id = ? "
        'AND own.group_id = edits.group_id AND own."column" = edits."column")',
        (provisional, home),
    )
    conn.execute("UPDATE edits SET model_id = ? WHERE model_id = ?", (home, provisional))
    changed = [
        NewEdit(home, column, before[column], text)
        for column, text in joined.items()
        if column in before and before[column] != text
    ]
    if changed:
        write_history(conn, new_group(conn, Door.MERGE), changed)


def _set_values(conn: engine.Connection, values: Sequence[tuple[int, str, str | None]]) -> None:
    """Set values of the user, as JSON; None takes one back."""
    now = int(time.time())
    conn.executemany(
        'DELETE FROM user_values WHERE model_id = ? AND "column" = ?',
        [(model_id, column) for model_id, column, text in values if text is None],
    )
    conn.executemany(
        'INSERT INTO user_values(model_id, "column", value, set_at) VALUES (?, ?, ?, ?) '
        'ON CONFLICT(model_id, "column") DO UPDATE SET value = excluded.value, set_at = excluded.set_at',
        [(model_id, column, text, now) for model_id, column, text in values if text is not None],
    )


def value_of(text: str | None) -> Any:
    """Return the value that a JSON text of the user's layer holds, None for none."""
    return None if text is None else json.loads(text)
