"""The fixture matrix: a good container of every source, bent and broken in every way that is met on people's disks.

Each specimen is written once for each bend into a folder of its own, and all folders are imported in one run: so
every case also proves that no neighbour is lost.
"""

import hashlib
import importlib
import json
import os
import pkgutil
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.migration.sources import BY_RECORD_ID, inline
from modelmgr.progress import Progress
from modelmgr.sqlite import driver
from modelmgr.values import Claims, ImportReport, InlineModel, PendingModel, Record
from tests.inbox import pending_in
from tests.migration import specimens
from tests.migration.specimens import Specimen

SPECIMENS: list[Specimen] = [
    specimen
    for module in pkgutil.iter_modules(specimens.__path__)
    if module.name != "models"
    for specimen in importlib.import_module(f"{specimens.__name__}.{module.name}").SPECIMENS
]

# Nobody's unless asked for by name.
WITHOUT_SPECIMEN = {"gguf-header", "api", "embedded", "modelmgr-export"}
# `api` and `embedded` are in no container, see below; exports are held against what was exported.

Bend = Callable[[bytes], bytes]

DEEP = b'{"a":' * 10_000 + b"1" + b"}" * 10_000


def with_first_member(member: bytes) -> Bend:
    """Put a member in front of an object's others."""
    return lambda good: good.replace(b"{", b"{" + member + b", ", 1) if good.lstrip()[:1] == b"{" else good


def first_key_twice(good: bytes) -> bytes:
    try:
        value = json.loads(good)
    except ValueError:
        return good
    if not isinstance(value, dict) or not value:
        return good
    return with_first_member(json.dumps(next(iter(value))).encode() + b': "the other"')(good)


def all_null(good: bytes) -> bytes:
    try:
        value = json.loads(good)
    except ValueError:
        return good
    return json.dumps(dict.fromkeys(value)).encode() if isinstance(value, dict) else good


# The value is still the tool's: every one of these is read as the good one is.
SAME_VALUE: dict[str, Bend] = {
    "good": lambda good: good,
    "with a byte order mark": lambda good: b"\xef\xbb\xbf" + good,
    "in UTF-16": lambda good: b"\xff\xfe" + good.decode().encode("utf-16-le"),
    "zero bytes at the end": lambda good: good + b"\0\0\0",
    "white space around": lambda good: b"\r\n  " + good + b"\n\n",
    "an unknown key": with_first_member(b'"zz_unknown": {"kept": [1, null, "\xc3\xa9"]}'),
    "not a number": with_first_member(b'"zz_seed": NaN, "zz_more": -Infinity'),
    "a huge integer": with_first_member(b'"zz_seed": 123456789012345678901234567890'),
    "a lone surrogate and NUL": with_first_member(b'"zz_text": "\\ud83d \\u0000 \\u202e"'),
    "a megabyte of text": with_first_member(b'"zz_text": "' + b"x" * 1_000_000 + b'"'),
    "a trailing comma": lambda good: good.rstrip()[:-1] + b",}" if good.rstrip()[-1:] == b"}" else good,
    "a comment": lambda good: b"/* by hand */ " + good if good.lstrip()[:1] == b"{" else good,
    "a key twice": first_key_twice,
}
# Whatever becomes of these, nothing else is harmed and every byte that is taken is exact.
RUBBISH: dict[str, Bend] = {
    "empty": lambda good: b"",
    "an empty object": lambda good: b"{}",
    "null": lambda good: b"null",
    "a list": lambda good: b"[]",
    "a text": lambda good: b'"text"',
    "only zeros": lambda good: b"\0" * 300,
    "all null": all_null,
    "cut in the middle": lambda good: good[: len(good) // 2],
    "cut at the last byte": lambda good: good[:-1],
    "10,000 deep": lambda good: DEEP,
    "in cp1252": lambda good: good.replace(b"o", b"\xf6"),
    "in cp932": lambda good: good.replace(b"o", b"\x83\x65"),
    "an error of a server": lambda good: b'{"error": "Model not found"}',
    "a web page": lambda good: b"<!DOCTYPE html><html><body>404</body></html>",
    "another's configuration": lambda good: b'{"_name_or_path": "x", "architectures": ["Heron"]}',
    "bytes": lambda good: bytes(range(256)) * 4,
}
ALIAS_BOMB = b"a: &a [x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (letter, letter, b", ".join([b"*%c" % (letter - 1)] * 9)) for letter in range(98, 107)
)
OF_YAML: dict[str, Bend] = {
    "good": lambda good: good,
    "Windows line ends": lambda good: good.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
    "with a byte order mark": lambda good: b"\xef\xbb\xbf" + good,
    "an alias bomb": lambda good: ALIAS_BOMB,
    "an object": lambda good: b"!!python/object/apply:os.system ['touch canary']\n" + good,
    "tabs": lambda good: b"\tname: x\n" + good,
    **{name: RUBBISH[name] for name in ("empty", "null", "cut in the middle", "bytes", "10,000 deep")},
}
OF_TEXT: dict[str, Bend] = {
    "good": lambda good: good,
    "Windows line ends": lambda good: good.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
    "with a byte order mark": lambda good: b"\xef\xbb\xbf" + good,
    "in UTF-16": lambda good: b"\xff\xfe" + good.decode("utf-8", "replace").encode("utf-16-le"),
    "a megabyte": lambda good: good + b"\n" + b"x" * 1_000_000,
    **{
        name: RUBBISH[name]
        for name in ("empty", "only zeros", "cut in the middle", "in cp1252", "in cp932", "bytes")
    },
}


# --- databases --------------------------------------------------------------------------------------------


def _tables(connection: Any) -> list[str]:
    rows = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    return [row[0] for row in rows]


def _stored_columns(connection: Any, table: str) -> list[tuple[str, str]]:
    rows = connection.execute(f'PRAGMA table_xinfo("{table}")').fetchall()
    return [(row[1], row[2]) for row in rows if row[6] == 0 and row[5] == 0]


def _on_all(statement: Callable[[str, str], str]) -> Callable[[Path], None]:
    """Run a statement for each column of each table that takes it."""

    def change(path: Path) -> None:
        with closing(driver.connect(path)) as connection:
            connection.execute("PRAGMA foreign_keys=OFF")
            for table in _tables(connection):
                for column, _kind in _stored_columns(connection, table):
                    with suppress(driver.Error):
                        connection.execute(statement(table, column))
            connection.commit()

    return change


def _without_rows(path: Path) -> None:
    with closing(driver.connect(path)) as connection:
        for table in _tables(connection):
            if "migration" not in table and "alembic" not in table:
                connection.execute(f'DELETE FROM "{table}"')
        connection.commit()


def _with_more(path: Path) -> None:
    with closing(driver.connect(path)) as connection:
        for table in _tables(connection):
            connection.execute(f'ALTER TABLE "{table}" ADD COLUMN zz_unknown')
            connection.execute(f'UPDATE "{table}" SET zz_unknown = ?', (b"\x00\xff kept",))
        connection.execute("CREATE TABLE zz_keepsakes(id INTEGER PRIMARY KEY, words TEXT)")
        connection.execute("INSERT INTO zz_keepsakes VALUES (1, 'kept as well')")
        connection.commit()


def _cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for at in range(200, len(content), 97):
        content[at] ^= 0x55
    path.write_bytes(content)


def _in_log(path: Path) -> None:
    """Leave the last change in a -wal file that nobody has folded in: as after a crash of the tool."""
    connection = driver.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("CREATE TABLE zz_in_log(id INTEGER PRIMARY KEY)")
    connection.commit()
    kept = {name: Path(f"{path}{name}").read_bytes() for name in ("", "-wal")}
    connection.close()
    for name, content in kept.items():
        Path(f"{path}{name}").write_bytes(content)
    with suppress(FileNotFoundError):
        os.unlink(f"{path}-shm")


OF_SQLITE: dict[str, Callable[[Path], None]] = {
    "good": lambda path: None,
    "an unknown column and table": _with_more,
    "its log not folded in": _in_log,
    "zero rows": _without_rows,
    "all NULL": _on_all(lambda table, column: f'UPDATE "{table}" SET "{column}" = NULL'),
    "all numbers": _on_all(lambda table, column: f'UPDATE "{table}" SET "{column}" = 12345678901234567'),
    "all BLOBs": _on_all(lambda table, column: f'UPDATE "{table}" SET "{column}" = CAST("{column}" AS BLOB)'),
    "text that is no UTF-8": _on_all(
        lambda table, column: f"""UPDATE "{table}" SET "{column}" = CAST(X'F65C00FF' AS TEXT)"""
    ),
    "broken JSON": _on_all(lambda table, column: f"""UPDATE "{table}" SET "{column}" = '{{"a": [1, ' """),
    "JSON with a key twice": _on_all(
        lambda table, column: (
            f"""UPDATE "{table}" SET "{column}" = '{{"name": "a", "name": "b", "x": NaN}}'"""
        )
    ),
    "cut in the middle": _cut,
    "flipped bytes": _flipped,
}


# --- one run for each specimen ----------------------------------------------------------------------------


@dataclass
class Bent:
    """All bends of one specimen, imported.

    Attributes:
        rows: folder -> pending rows of the specimen's source that came from it.
        before, after: every file below with digest and times, before and after both imports.
    """

    specimen: Specimen
    root: Path
    library: Library
    first: ImportReport
    second: ImportReport
    before: dict[str, tuple[str, int]]
    after: dict[str, tuple[str, int]]
    cases: dict[str, Path]
    rows: dict[str, list[PendingModel]] = field(default_factory=dict)

    def records(self, case: str) -> list[Record]:
        records = [self.library.catalog.pending_record(row.id) for row in self.rows[case]]
        return [record for record in records if record is not None]


def tree_state(root: Path) -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for folder, folders, names in os.walk(root):
        for name in [*folders, *names]:
            path = Path(folder, name)
            facts = path.lstat()
            digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[str(path)] = (digest, facts.st_mtime_ns)
    return found


def bend(specimen: Specimen, root: Path) -> dict[str, Path]:
    """Write the specimen once for each bend; return bend -> folder."""
    bends: dict[str, Any] = {
        "json": {**SAME_VALUE, **RUBBISH},
        "map": {**SAME_VALUE, **RUBBISH},
        "text": OF_TEXT,
        "yaml": OF_YAML,
        "sqlite": OF_SQLITE,
        "folder": {"good": None},
    }[specimen.kind]
    cases: dict[str, Path] = {}
    for number, (name, change) in enumerate(bends.items()):
        folder = root / f"{number:02}"
        folder.mkdir(parents=True)
        specimen.write(folder)
        container = folder / specimen.container
        if specimen.kind == "sqlite":
            change(container)
        elif change is not None:
            container.write_bytes(change(container.read_bytes()))
        cases[name] = folder
    if specimen.full is not None:
        cases["every field"] = root / "full"
        cases["every field"].mkdir()
        specimen.full(cases["every field"])
    cases["without its model"] = root / "without"
    cases["without its model"].mkdir()
    specimen.write(cases["without its model"])
    _take_models_away(cases["without its model"])
    return cases


def _take_models_away(folder: Path) -> None:
    for path in folder.rglob("*"):
        if not path.is_file() or path.is_symlink():
            continue
        if path.suffix in (".safetensors", ".gguf", ".ckpt") or path.read_bytes()[:4] == b"GGUF":
            path.unlink()


@pytest.fixture(scope="module", params=SPECIMENS, ids=str)
def bent(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bent]:
    specimen: Specimen = request.param
    base = tmp_path_factory.mktemp("matrix")
    root = base / "disk"
    cases = bend(specimen, root)
    paths = [str(root)]
    if specimen.named:
        paths += [str(folder / specimen.container) for folder in cases.values()]
    with Catalog.open(base / "catalog.sqlite") as catalog:
        library = Library(catalog)
        if BY_RECORD_ID[specimen.source].enriches:
            library.scan([str(root)], progress=Progress())
        before = tree_state(root)
        first = library.import_paths(paths, progress=Progress())
        rows = pending_in(catalog)
        second = library.import_paths(paths, progress=Progress())
        assert pending_in(catalog) == rows
        made = Bent(specimen, root, library, first, second, before, tree_state(root), cases)
        for case, folder in cases.items():
            made.rows[case] = [
                row
                for row in rows
                if row.source == specimen.source and Path(row.source_path).is_relative_to(folder)
            ]
        yield made
    shutil.rmtree(base, ignore_errors=True)


# --- what holds for each ----------------------------------------------------------------------------------


def test_the_good_one_gives_its_records(bent):
    assert len(bent.rows["good"]) == bent.specimen.records


def test_the_good_one_finds_its_model(bent):
    bound = [row for row in bent.rows["good"] if row.file_path is not None]
    assert bool(bound) == bent.specimen.binds
    for row in bound:
        assert Path(row.file_path).is_relative_to(bent.cases["good"])
        assert row.problem is None


def test_every_field_filled_gives_records_too(bent):
    if bent.specimen.full is not None:
        assert bent.rows["every field"]
        assert {row.problem for row in bent.rows["every field"]} <= {None, "no_file", "no_model"}


def test_the_same_value_in_another_guise_is_the_same_record(bent):
    if bent.specimen.kind not in ("json", "map"):
        return
    good = [(row.name, row.type, row.base_model, row.sha256) for row in bent.rows["good"]]
    for case in SAME_VALUE:
        rows = [(row.name, row.type, row.base_model, row.sha256) for row in bent.rows[case]]
        if case in ("zero bytes at the end", "a key twice", "a comment", "a trailing comma") and not rows:
            assert bent.specimen.kind == "map", case  # an export that is no JSON is nobody's
            continue
        if case == "a key twice":
            assert len(rows) == len(good), case
            continue
        assert rows[: len(good)] == good, case


def test_every_payload_is_exact(bent):
    for case, folder in bent.cases.items():
        container = folder / bent.specimen.container
        for record in bent.records(case):
            if bent.specimen.kind in ("json", "text") or (
                bent.specimen.kind == "yaml" and not record.record_key
            ):
                assert record.payload == container.read_bytes(), case
            elif bent.specimen.kind in ("map", "yaml") and not (record.extra or {}).get("made"):
                assert record.payload in container.read_bytes(), case


def test_a_name_that_one_tool_alone_writes_is_a_record_even_if_it_is_rubbish(bent):
    if not bent.specimen.owns_name:
        return
    for case in ("cut in the middle", "10,000 deep", "bytes"):
        (row,) = bent.rows[case]
        assert row.problem in ("unparsed_payload", "too_deep"), case
        assert bent.records(case)[0].payload == (bent.cases[case] / bent.specimen.container).read_bytes()


def test_rubbish_claims_no_hash_and_no_other_folder(bent):
    if BY_RECORD_ID[bent.specimen.source].enriches:
        return  # its records find the files that are held by their hash, wherever they lie
    for case, folder in bent.cases.items():
        for row in bent.rows[case]:
            if row.file_path is not None and row.problem != "outside":
                assert Path(row.file_path).is_relative_to(folder), case


def test_without_its_model_a_record_waits(bent):
    if BY_RECORD_ID[bent.specimen.source].enriches:
        return  # another copy of the file is held
    for row in bent.rows["without its model"]:
        assert row.file_path is None
        assert row.problem in ("no_file", "no_model", "unparsed_payload", None)
        assert row.problem is not None or bent.specimen.kind in ("folder", "map", "sqlite")


def test_the_totals_add_up_and_each_failure_is_a_problem(bent):
    for report in (bent.first, bent.second):
        assert report.seen == report.imported + report.unchanged + report.ignored + report.failed
        assert len([problem for problem in report.problems if not problem.kept]) == report.failed
        for problem in report.problems:
            assert problem.path.startswith(str(bent.root))
            assert problem.message.endswith((".", ")")), problem.message
            assert "Traceback" not in problem.message


def test_a_second_import_adds_nothing(bent):
    assert bent.second.imported == 0
    assert bent.second.unchanged == bent.first.imported + bent.first.unchanged
    assert (bent.second.ignored, bent.second.failed) == (bent.first.ignored, bent.first.failed)


def test_nothing_of_the_source_has_changed(bent):
    assert bent.after == bent.before


def test_a_database_keeps_unknown_columns_and_tables(bent):
    if bent.specimen.kind != "sqlite":
        return
    records = bent.records("an unknown column and table")
    kept = json.dumps([[record.extra, record.payload.decode("utf-8", "replace")] for record in records])
    assert "zz_unknown" in kept
    assert "AP8ga2VwdA==" in kept  # the base64 of what stood in it
    assert "kept as well" in kept


def test_what_a_log_holds_is_not_lost(bent):
    if bent.specimen.kind == "sqlite":
        assert [row.name for row in bent.rows["its log not folded in"]] == [
            row.name for row in bent.rows["good"]
        ]


def test_a_promotion_of_all_of_it_harms_nothing(bent):
    """Verdicts on all of it end in promoted or stayed; nothing raises, every record stays whole."""
    before = {row.id: record.payload for case in bent.rows for row, record in _with_records(bent, case)}
    report = bent.library.promote(None, progress=Progress())
    assert report.promoted + report.stayed >= len(before)
    assert {row_id: bent.library.catalog.pending_record(row_id).payload for row_id in before} == before


def _with_records(bent: Bent, case: str) -> list[tuple[PendingModel, Record]]:
    return list(zip(bent.rows[case], bent.records(case), strict=True))


# --- claims -----------------------------------------------------------------------------------------------

ODD = [
    None,
    True,
    -1,
    2**70,
    1e300,
    "",
    "x",
    "0" * 64,
    "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
    "C:\\AI\\models\\x.safetensors",
    "\\\\server\\share\\x.safetensors",
    "../../../outside.safetensors",
    "a\0b\ud83d\u202e",
    "a, b",
    [],
    ["x", None, 3, {"y": 1}],
    {},
    {"name": ["x"], "id": "7"},
]


def check_types(claims: Claims) -> None:
    """Hold what claims may be, whatever the payload says."""
    assert isinstance(claims, Claims)
    texts = ("name", "type", "base_model", "notes", "preview", "license", "source_url")
    for column, value in claims.fields.items():
        if column in texts:
            assert isinstance(value, str), (column, value)
        elif column in ("tags", "trigger_words"):
            assert all(isinstance(entry, str) for entry in value), (column, value)
        elif column in ("favorite", "nsfw"):
            assert isinstance(value, bool), (column, value)
        else:
            assert column == "rating"
            assert isinstance(value, int | float), (column, value)
    assert claims.personal <= claims.fields.keys()
    for digits in (claims.sha256, *claims.sibling_sha256):
        assert digits is None or (len(digits) == 64 and digits == digits.lower() and digits.strip("0"))
        assert digits != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert claims.size_bytes is None or (isinstance(claims.size_bytes, int) and claims.size_bytes >= 0)
    for path in (claims.path, *claims.other_paths):
        assert path is None or (isinstance(path, str) and "\0" not in path)
    assert claims.time is None or isinstance(claims.time, float | int)


def _variants(value: Any, depth: int = 0) -> Iterator[Any]:
    """Yield the value with each of its members replaced by each odd one."""
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value[:2]))
    for key, member in items[:60]:
        for odd in ODD if depth < 3 else ():
            made = value.copy()
            made[key] = odd
            yield made
        for inner in _variants(member, depth + 1) if depth < 3 else ():
            made = value.copy()
            made[key] = inner
            yield made


def test_claims_keep_their_types_whatever_the_values(bent):
    source = BY_RECORD_ID[bent.specimen.source]
    case = "every field" if bent.specimen.full is not None else "good"
    count = 0
    for record in bent.records(case)[:2]:
        check_types(source.claims(record, frozenset()))
        try:
            value = json.loads(record.payload)
        except ValueError:
            continue
        for count, variant in enumerate(_variants(value)):
            payload = json.dumps(variant).encode()
            made = Record(record.source, record.source_path, record.record_key, payload, record.extra)
            check_types(source.claims(made, frozenset(["x.safetensors"])))
            if count > 3000:
                break
    assert count or bent.specimen.kind in ("text", "yaml", "folder", "sqlite", "map")


ANY_PAYLOAD = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    ).map(lambda value: json.dumps(value).encode()),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(payload=ANY_PAYLOAD)
def test_claims_of_any_payload_are_claims(bent, payload):
    source = BY_RECORD_ID[bent.specimen.source]
    for record in bent.records("good")[:1]:
        for extra in (record.extra, None, {"columns": 3}, {"made": True, "columns": {"name": {"value": 3}}}):
            made = Record(record.source, record.source_path, record.record_key, payload, extra)
            check_types(source.claims(made, frozenset(["x.safetensors"])))


@settings(max_examples=200, deadline=None)
@given(payload=ANY_PAYLOAD, said=st.none() | st.text(), path=st.none() | st.text() | st.just("/a\0b"))
def test_claims_of_what_is_handed_over_are_claims(payload, said, path):
    made = inline.record_of(InlineModel(payload, name=said, type=said, sha256=said, path=path))
    for extra in (made.extra, None, {"columns": 3}, {"columns": {"path": {"value": 3}, "sha256": {}}}):
        claims = BY_RECORD_ID["api"].claims(replace(made, extra=extra), frozenset(["x.safetensors"]))
        check_types(claims)
        assert claims.stem_names == ()


def test_every_source_has_a_specimen():
    assert BY_RECORD_ID.keys() - {specimen.source for specimen in SPECIMENS} - WITHOUT_SPECIMEN == set()
