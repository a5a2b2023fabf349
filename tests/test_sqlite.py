"""What the driver makes of the values that it is handed."""

from typing import Any

import pytest

from modelmgr.catalog.connecting import Connection, connect
from modelmgr.values import FileState, HashState


@pytest.fixture
def conn() -> Connection:
    return connect(":memory:", "mode=memory")


@pytest.mark.parametrize(
    ("value", "kind", "kept"),
    [
        (None, "null", None),
        (True, "integer", 1),
        (False, "integer", 0),
        (b"", "blob", b""),
        (b"a\0\xff", "blob", b"a\0\xff"),
        (FileState.MISSING, "text", "missing"),
        (HashState.DONE, "text", "done"),
    ],
)
def test_values_are_kept_as_what_they_are(conn: Connection, value: Any, kind: str, kept: object) -> None:
    conn.execute("CREATE TABLE things(value)")
    conn.execute("INSERT INTO things VALUES (?)", (value,))
    conn.executemany("INSERT INTO things VALUES (:value)", [{"value": value}])
    assert conn.execute("SELECT typeof(value), value FROM things").fetchall() == [(kind, kept)] * 2
