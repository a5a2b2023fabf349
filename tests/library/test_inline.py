"""Models that a program hands over: kept to the byte, read like rows, bound by path or hash."""

import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.values import (
    ImportReport,
    InlineModel,
    ModelDetails,
    ModelQuery,
    ModelRow,
    PendingModel,
    PromoteReport,
)
from tests.inbox import pending_in

NO_BYTES = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
UNKNOWN_HASH = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"

Lora = Callable[..., Path]
Hash = Callable[[Path], str]


def put(library: Library, *models: InlineModel, paths: Sequence[str] = ()) -> ImportReport:
    report = library.import_paths(paths, models=models, progress=Progress())
    assert report.seen == report.imported + report.unchanged + report.ignored + report.failed
    return report


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.seen, report.added, report.updated, report.unchanged


def promote(library: Library, **options: bool) -> PromoteReport:
    return library.promote(None, progress=Progress(), **options)


def pending(library: Library) -> list[PendingModel]:
    return pending_in(library.catalog)


def only(library: Library) -> PendingModel:
    (row,) = pending(library)
    return row


def model_of(library: Library) -> ModelRow:
    (row,) = library.catalog.page(ModelQuery(), None)
    return row


def details_of(library: Library, sha256: str) -> ModelDetails:
    details = library.catalog.details(sha256)
    assert details is not None
    return details


def payload_of(library: Library, row: PendingModel) -> bytes:
    record = library.catalog.pending_record(row.id)
    assert record is not None
    return record.payload


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder that is no library folder and is never imported."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


# --- kept to the byte -------------------------------------------------------------------------------------

PAYLOADS = [
    b'{\n\t"b" :1 , "a":\t[ ]\r\n}',
    b'{"a":1,"a":2,"\\u0061":3}',
    b'{"rating":1e400,"size":123456789012345678901234567890}',
    b'{"name":"\\ud800","notes":"\\ud83d\\ude00 \xf0\x9f\x98\x80 \\u0000"}',
    b"[" * 3_000 + b"]" * 3_000,
    b'{"a":' * 3_000 + b"0" + b"}" * 3_000,
    b"null",
    b"{}",
    b"[]",
    b'""',
    b'"a text"',
    b'"{\\"baseModel\\":\\"Pony\\"}"',
    b"true",
    b"-0",
    b"1.50",
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=[payload[:24].decode("latin-1") for payload in PAYLOADS])
def test_every_value_is_kept_as_it_stood(library: Library, payload: bytes) -> None:
    report = put(library, InlineModel(payload, name="ink"))
    assert counts(report) == (1, 1, 0, 0)
    row = only(library)
    assert payload_of(library, row) == payload
    assert (row.source, row.source_path, row.record_key, row.name) == ("api", "", "ink", "ink")
    assert (row.payload_sha256, row.size_bytes) == (hashlib.sha256(payload).hexdigest(), len(payload))
    assert counts(put(library, InlineModel(payload, name="ink"))) == (1, 0, 0, 1)


def test_five_megabytes_are_kept(library: Library) -> None:
    payload = b'{"filler": "' + b"x" * 5 * 1024 * 1024 + b'", "baseModel": "Pony"}'
    put(library, InlineModel(payload, sha256=UNKNOWN_HASH))
    row = only(library)
    assert payload_of(library, row) == payload
    assert row.base_model == "Pony"


def test_what_is_nested_too_deeply_is_kept_and_said_so(library: Library) -> None:
    payload = b"[" * 3_000 + b"]" * 3_000
    report = put(library, InlineModel(payload, name="deep"))
    assert [
        (problem.path, problem.code, problem.record_key, problem.kept) for problem in report.problems
    ] == [("", "too_deep", "deep", True)]
    assert only(library).problem == "too_deep"


# --- what a record is -------------------------------------------------------------------------------------


def test_the_key_is_the_hash_else_the_path_else_the_name(library: Library) -> None:
    put(
        library,
        InlineModel(b"{}", name="a", sha256=UNKNOWN_HASH.upper(), path="/nowhere/a.safetensors"),
        InlineModel(b"{}", name="b", path="/nowhere/b.safetensors"),
        InlineModel(b"{}", name="c", type="LORA"),
        InlineModel(b'{"baseModel": "Pony"}'),
    )
    assert [(row.record_key, row.name, row.type) for row in pending(library)] == [
        (UNKNOWN_HASH, "a", "unknown"),
        ("/nowhere/b.safetensors", "b", "unknown"),
        ("c", "c", "lora"),
        ("", "unknown", "unknown"),
    ]
    record = library.catalog.pending_record(pending(library)[0].id)
    assert record is not None
    assert record.extra == {
        "columns": {
            "name": {"storage": "text", "value": "a"},
            "sha256": {"storage": "text", "value": UNKNOWN_HASH.upper()},
            "path": {"storage": "text", "value": "/nowhere/a.safetensors"},
        }
    }


def test_what_is_said_beside_the_payload_comes_before_what_that_says(library: Library) -> None:
    payload = {
        "name": "Other",
        "type": "checkpoint",
        "base_model": "SDXL 1.0",
        "tags": ["ink", "wash"],
        "notes": "mine",
        "path": "C:\\models\\other.safetensors",
    }
    put(library, InlineModel(json.dumps(payload).encode(), name="Ink", type="LoCon", sha256=UNKNOWN_HASH))
    row = only(library)
    assert (row.name, row.type, row.base_model, row.sha256) == ("Ink", "lora", "SDXL 1.0", UNKNOWN_HASH)
    assert promote(library, allow_missing=True).promoted == 1
    model = model_of(library)
    assert (model.name, model.type, model.tags) == ("Ink", "lora", ("ink", "wash"))
    (light,) = library.catalog.rows([model.id])
    assert light.path is None


def test_a_civitai_answer_is_read_by_the_rules_of_civitai(library: Library) -> None:
    payload = json.dumps(
        {
            "id": 990001,
            "modelId": 880001,
            "name": "v1.2",
            "trainedWords": ["inkwash harbor"],
            "baseModel": "Flux.1 D",
            "model": {"name": "Inkwash", "type": "LORA", "nsfw": False},
            "files": [
                {"name": "ink.safetensors", "primary": True, "hashes": {"SHA256": UNKNOWN_HASH.upper()}}
            ],
        }
    ).encode()
    put(library, InlineModel(payload))
    row = only(library)
    assert (row.record_key, row.name, row.type) == ("", "Inkwash - v1.2", "lora")
    assert (row.base_model, row.sha256) == ("Flux.1 D", UNKNOWN_HASH)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"baseModel": "Pony", "notes": "mine"}, ("Pony", "mine", ())),
        ({"base_model": "Pony", "trigger_words": ["ink"], "stars": 4}, ("Pony", None, ("ink",))),
        ({"meta": {"baseModel": "Pony", "trainedWords": ["ink"]}}, ("Pony", None, ("ink",))),
        (
            {
                "model_name": "x",
                "civitai": {"trainedWords": ["ink"]},
                "usage_tips": "{}",
                "base_model": "Pony",
            },
            ("Pony", None, ("ink",)),
        ),
        ({"sd version": "SD1", "activation text": "ink", "notes": "mine"}, ("SD 1.x", "mine", ("ink",))),
        ('{"base": "Pony", "notes": "in a text"}', ("Pony", "in a text", ())),
        (["Pony"], (None, None, ())),
    ],
)
def test_a_payload_is_read_as_its_tool_wrote_it_or_as_columns(
    library: Library, payload: object, expected: tuple[str | None, str | None, tuple[str, ...]]
) -> None:
    put(library, InlineModel(json.dumps(payload).encode(), name="Ink", sha256=UNKNOWN_HASH))
    assert promote(library, allow_missing=True).promoted == 1
    row = details_of(library, UNKNOWN_HASH).row
    assert row.name == "Ink"
    assert (row.base_model, row.notes, row.trigger_words) == expected


def test_a_changed_payload_or_name_is_a_new_version_and_the_newest_is_heard(
    library: Library, lora: Lora
) -> None:
    path = str(lora("ink.safetensors"))
    first = InlineModel(b'{"notes": "one", "license": "MIT"}', path=path)
    second = InlineModel(b'{"notes": "two"}', path=path)
    assert counts(put(library, first)) == (1, 1, 0, 0)
    assert counts(put(library, second)) == (1, 0, 1, 0)
    assert counts(put(library, second, first)) == (2, 0, 0, 2)
    assert counts(put(library, InlineModel(second.payload, path=path, name="Ink"))) == (1, 0, 1, 0)
    assert promote(library).promoted == 3
    details = details_of(library, model_of(library).sha256 or "")
    assert (details.row.name, details.row.notes, details.row.license) == ("Ink", "two", "MIT")


def test_the_same_key_twice_in_one_call(library: Library) -> None:
    one, two = InlineModel(b'{"a": 1}', name="ink"), InlineModel(b'{"a": 2}', name="ink")
    report = library.preview([], models=[one, two, one], progress=Progress())
    assert counts(report) == (3, 1, 1, 1)
    assert counts(put(library, one, two, one)) == (3, 1, 1, 1)
    assert [payload_of(library, row) for row in pending(library)] == [b'{"a": 1}', b'{"a": 2}']
    assert counts(put(library, one, two, one)) == (3, 0, 0, 3)


def test_without_any_key_every_payload_is_a_record_and_says_what_it_says(
    library: Library, lora: Lora, sha256: Hash
) -> None:
    digest = sha256(lora("ink.safetensors"))
    library.scan([str(lora("ink.safetensors").parent)], progress=Progress())
    put(
        library,
        InlineModel(json.dumps({"sha256": digest, "notes": "one"}).encode()),
        InlineModel(json.dumps({"sha256": digest, "tags": ["ink"]}).encode()),
    )
    assert promote(library).promoted == 2
    model = details_of(library, digest).row
    assert (model.notes, model.tags) == ("one", ("ink",))


# --- claims and files -------------------------------------------------------------------------------------


def test_a_true_hash_finds_a_known_file(library: Library, models: Path, lora: Lora, sha256: Hash) -> None:
    path = lora("ink.safetensors")
    library.scan([str(models)], progress=Progress())
    report = put(library, InlineModel(b'{"baseModel": "Pony"}', sha256=sha256(path)))
    assert report.problems == []
    assert (only(library).file_path, only(library).problem) == (str(path), None)
    assert promote(library).promoted == 1
    assert (model_of(library).path, model_of(library).base_model) == (str(path), "Pony")


def test_a_false_hash_stays_until_the_user_says_otherwise(library: Library, lora: Lora, sha256: Hash) -> None:
    path = lora("ink.safetensors")
    put(library, InlineModel(b"{}", sha256=UNKNOWN_HASH, path=str(path), name="Ink"))
    report = promote(library)
    assert (report.promoted, [problem.code for problem in report.problems]) == (0, ["hash_mismatch"])
    assert (only(library).problem, only(library).file_path) == ("hash_mismatch", str(path))
    assert promote(library, attach_anyway=True).promoted == 1
    assert (model_of(library).sha256, model_of(library).name) == (sha256(path), "Ink")


def test_a_hash_that_nobody_has_waits_or_makes_a_model_without_file(library: Library) -> None:
    put(library, InlineModel(b"{}", sha256=UNKNOWN_HASH, type="vae"))
    assert [problem.code for problem in promote(library).problems] == ["no_file"]
    assert promote(library, allow_missing=True).promoted == 1
    model = model_of(library)
    assert (model.sha256, model.type, model.path, model.hash_state) == (UNKNOWN_HASH, "vae", None, "none")


@pytest.mark.parametrize("said", ["", "abc", "g" * 64, NO_BYTES])
def test_what_is_no_hash_claims_nothing(library: Library, said: str) -> None:
    put(library, InlineModel(b"{}", sha256=said, name="ink"))
    assert (only(library).sha256, only(library).record_key) == (None, said or "ink")
    assert [problem.code for problem in promote(library, allow_missing=True).problems] == ["no_file"]


def test_an_absolute_path_may_lie_anywhere(
    library: Library, elsewhere: Path, lora: Lora, sha256: Hash
) -> None:
    path = lora("ink.safetensors", folder=elsewhere)
    report = put(library, InlineModel(b"{}", path=str(path)))
    assert (report.outside_folders, report.problems) == ({}, [])
    assert (only(library).name, only(library).file_path, only(library).problem) == ("ink", str(path), None)
    assert promote(library).promoted == 1
    assert (model_of(library).path, model_of(library).sha256) == (str(path), sha256(path))
    before = pending(library)
    assert library.undo_promotion([before[0].id], Progress()).undone == 1
    assert (only(library).state, only(library).problem, only(library).file_path) == (
        "pending",
        None,
        str(path),
    )
    assert promote(library).promoted == 1


def test_a_path_may_be_named_before_the_file_is_there(library: Library, elsewhere: Path, lora: Lora) -> None:
    path = elsewhere / "ink.safetensors"
    put(library, InlineModel(b"{}", path=str(path)))
    assert (only(library).file_path, only(library).problem) == (None, "no_file")
    assert promote(library).promoted == 0
    lora("ink.safetensors", folder=elsewhere)
    assert promote(library).promoted == 1
    assert model_of(library).path == str(path)


def test_a_path_that_is_gone_leaves_the_hash(
    library: Library, models: Path, elsewhere: Path, lora: Lora, sha256: Hash
) -> None:
    path, copy = lora("ink.safetensors", folder=elsewhere), lora("copy.safetensors")
    put(library, InlineModel(b"{}", path=str(path), sha256=sha256(copy)))
    path.unlink()
    other = lora("other.safetensors", 0x42)
    copy.replace(models / "kept.safetensors")
    library.scan([str(models)], progress=Progress())
    assert other.exists()
    # Their headers name different outputs, so the contents differ: only the kept one has the hash.
    assert promote(library).promoted == 1
    assert details_of(library, sha256(models / "kept.safetensors")).records[0].source == "api"


def test_a_path_in_the_payload_is_followed_as_any_records(
    library: Library, elsewhere: Path, lora: Lora
) -> None:
    path = lora("ink.safetensors", folder=elsewhere)
    report = put(library, InlineModel(json.dumps({"path": str(path)}).encode(), name="ink"))
    assert report.outside_folders == {str(elsewhere): 1}
    assert only(library).problem == "outside"
    assert [problem.code for problem in promote(library).problems] == ["outside"]


def test_nothing_is_looked_for_where_the_program_runs(
    library: Library, elsewhere: Path, lora: Lora, monkeypatch: pytest.MonkeyPatch
) -> None:
    lora("ink.safetensors", folder=elsewhere)
    (elsewhere / "ink.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    monkeypatch.chdir(elsewhere)
    said = {"preview": "ink.png", "file_name": "ink", "civitai": {}, "usage_tips": "{}"}
    put(
        library,
        InlineModel(b"{}", path="ink.safetensors"),
        InlineModel(b"{}", path="./ink.safetensors", sha256=UNKNOWN_HASH),
        InlineModel(b"{}", name="ink"),
        InlineModel(json.dumps({"path": "ink.safetensors"}).encode(), name="in the payload"),
        InlineModel(json.dumps(said).encode(), name="a tool's", path="sub/../ink.safetensors"),
        InlineModel(b'{"preview": "ink.png", "path": "ink.safetensors"}', sha256="a" * 64),
    )
    assert {(row.file_path, row.problem, row.candidates) for row in pending(library)} == {
        (None, "no_file", ())
    }
    report = promote(library, allow_missing=True)
    assert (report.promoted, report.stayed) == (2, 4)
    assert [row.preview for row in library.catalog.page(ModelQuery(), None)] == [None, None]


@pytest.mark.skipif(sys.platform == "win32", reason="files of POSIX systems")
@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "nul", "surrogate", "missing", "proc", "link"])
def test_a_path_that_is_no_file_leads_nowhere(library: Library, elsewhere: Path, kind: str) -> None:
    os.mkfifo(elsewhere / "fifo.safetensors")
    (elsewhere / "link.safetensors").symlink_to("/proc/self/status")
    path = {
        "fifo": str(elsewhere / "fifo.safetensors"),
        "device": "/dev/zero",
        "folder": str(elsewhere),
        "nul": f"{elsewhere}/a\0b.safetensors",
        "surrogate": f"{elsewhere}/\ud800.safetensors",
        "missing": str(elsewhere / "missing.safetensors"),
        "proc": "/proc/self/status",
        "link": str(elsewhere / "link.safetensors"),
    }[kind]
    put(library, InlineModel(b"{}", path=path))
    assert only(library).record_key == path
    report = promote(library)
    expected = "outside" if kind in ("proc", "link") else "no_file"
    assert [problem.code for problem in report.problems] == [expected]
    assert library.catalog.count(ModelQuery()) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no Unicode")
def test_a_path_of_any_bytes_is_found(library: Library, elsewhere: Path, lora: Lora) -> None:
    lora("ink.safetensors", folder=elsewhere)
    path = os.fsdecode(os.fsencode(elsewhere) + b"/ink\x80.safetensors")
    os.rename(elsewhere / "ink.safetensors", path)
    put(library, InlineModel(b"{}", path=path))
    assert (only(library).record_key, only(library).file_path) == (path, path)
    assert promote(library).promoted == 1
    assert model_of(library).path == path


def test_the_user_may_name_another_file(library: Library, elsewhere: Path, lora: Lora) -> None:
    named, chosen = lora("a.safetensors", folder=elsewhere), lora("b.safetensors", 0x42, folder=elsewhere)
    put(library, InlineModel(b"{}", path=str(named)))
    library.locate(only(library).id, str(chosen))
    assert promote(library).promoted == 1
    assert model_of(library).path == str(chosen)


def test_another_root_is_looked_under(library: Library, models: Path, lora: Lora) -> None:
    lora("ink.safetensors")
    put(library, InlineModel(b"{}", path="D:\\AI\\ink.safetensors"))
    assert library.map_root("D:\\AI", str(models), Progress()) == 1
    assert promote(library).promoted == 1


# --- dry run, one batch with paths, other deeds -------------------------------------------------------------


def test_a_dry_run_says_it_all_and_writes_nothing(library: Library, elsewhere: Path, lora: Lora) -> None:
    path = lora("ink.safetensors", folder=elsewhere)
    given = [InlineModel(b'{"baseModel" : "Pony"}', path=str(path)), InlineModel(b"null")]
    report = library.preview([], models=given, progress=Progress())
    assert (report.dry_run, report.batch_id, counts(report)) == (True, None, (2, 2, 0, 0))
    assert (report.by_source["api"]["imported"], report.bound) == (2, {"api": 1})
    assert [(one.source, one.source_path, one.record_key, one.raw_text) for one in report.samples] == [
        ("api", "", str(path), '{"baseModel" : "Pony"}'),
        ("api", "", "", "null"),
    ]
    assert report.samples[0].fields["base_model"] == "Pony"
    assert (pending(library), library.catalog.batches()) == ([], [])


def test_paths_and_models_are_one_batch(library: Library, models: Path, lora: Lora) -> None:
    (models / "list.json").write_text('[{"name": "one"}, {"name": "two"}]')
    report = put(library, InlineModel(b"{}", name="three"), paths=[str(models / "list.json")])
    assert (counts(report), report.batch_id) == ((3, 3, 0, 0), 1)
    assert {source: found["imported"] for source, found in report.by_source.items()} == {
        "api": 1,
        "generic-json": 2,
    }
    (batch,) = library.catalog.batches()
    assert (batch.paths, batch.state, batch.seen, batch.imported) == (
        (str(models / "list.json"),),
        "done",
        3,
        3,
    )
    assert {row.batch_id for row in pending(library)} == {1}


def test_nothing_that_stands_nowhere_is_ever_gone(
    library: Library, elsewhere: Path, lora: Lora, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(elsewhere)
    lora("ink.safetensors", folder=elsewhere)
    put(library, InlineModel(b"{}", path=str(elsewhere / "ink.safetensors")), InlineModel(b"{}", name="b"))
    promote(library)
    (elsewhere / "list.json").write_text('[{"name": "one"}]')
    for paths in ([str(elsewhere)], [str(elsewhere / "list.json")], ["."]):
        assert library.import_paths(paths, progress=Progress()).gone == 0
    assert put(library, InlineModel(b"{}", name="c")).gone == 0
    assert list(library.catalog.known_below("/")) == list(library.catalog.known_below(str(elsewhere)))
    assert {row.gone_at for row in pending(library)} == {None}


def test_dismissed_restored_and_cleared(library: Library, lora: Lora) -> None:
    put(library, InlineModel(b"{}", path=str(lora("ink.safetensors"))), InlineModel(b"{}", name="b"))
    first, second = pending(library)
    assert library.dismiss([second.id]) == 1
    assert promote(library).promoted == 1
    assert library.restore_dismissed([second.id]) == 1
    assert library.clear_promoted() == 1
    assert [row.id for row in pending(library)] == [second.id]
    # The active copy knows the record still; what was cleared comes again if it is sent again.
    assert put(library, InlineModel(b"{}", path=first.record_key)).seen == 1
    assert library.check(Progress()) == []


def test_pending_and_active_records_come_back_from_an_export(
    library: Library, tmp_path: Path, elsewhere: Path, lora: Lora
) -> None:
    path = lora("ink.safetensors", folder=elsewhere)
    odd = os.fsdecode(b"/nowhere/\x80.safetensors") if sys.platform != "win32" else "C:\\nowhere.safetensors"
    put(
        library,
        InlineModel(b'{"a" : 1,"a":2}', path=str(path), name="Ink", type="LORA"),
        InlineModel(b"null"),
        InlineModel(b'"\\ud800"', name="\ud800", sha256=UNKNOWN_HASH),
        InlineModel(b"[ ]", path=odd),
        InlineModel(b"1e400", name="\ud800"),
    )
    first = only_exported(library, tmp_path / "pending.jsonl")
    assert first["source_path"] == {""}
    assert promote(library, allow_missing=True).promoted == 2
    with (tmp_path / "active.jsonl").open("w", encoding="ascii") as out:
        assert library.export_library(out, "jsonl", Progress()) == (2, 2)

    def identities(of: Library) -> set[tuple[str, ...]]:
        found = set()
        for row in pending(of):
            record = of.catalog.pending_record(row.id)
            assert record is not None
            extra = json.dumps(record.extra)
            found.add((row.source, row.source_path, row.record_key, record.payload.decode(), extra))
        return found

    before = identities(library)
    assert len(before) == 5
    for name, number in (("pending", 5), ("active", 2)):
        with Catalog.open(tmp_path / f"{name}.sqlite") as catalog:
            other = Library(catalog)
            again = other.import_paths([str(tmp_path / f"{name}.jsonl")], progress=Progress())
            assert (again.imported, again.problems) == (number, [])
            assert identities(other) <= before
            assert len(identities(other)) == number
            # A stranger's export does not open the whole disk.
            (row,) = (row for row in pending(other) if row.record_key == str(path))
            assert (row.problem, row.name) == ("outside", "Ink")
            once_more = other.import_paths([str(tmp_path / f"{name}.jsonl")], progress=Progress())
            assert (once_more.imported, once_more.unchanged, once_more.gone) == (0, number, 0)


def only_exported(library: Library, path: Path) -> dict[str, set[str]]:
    """Export what is pending to a file; return the different values of each field that is text."""
    out = io.StringIO()
    library.export_pending(out, Progress())
    path.write_text(out.getvalue(), encoding="ascii")
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    return {field: {str(line[field]) for line in lines} for field in ("source", "source_path", "state")}


# --- stopped and killed -----------------------------------------------------------------------------------


class _StopsAt(Progress):
    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def step(self, done: int, total: int | None, text: str = "", unit: str = "files") -> None:
        if done == self._number:
            self.cancel()
        super().step(done, total, text, unit)


def test_cancelled_it_keeps_what_it_had_read(library: Library) -> None:
    models = [InlineModel(b"{}", name=f"m{number}") for number in range(100)]
    report = library.import_paths([], models=models, progress=_StopsAt(40))
    assert (report.cancelled, report.imported) == (True, 40)
    assert [row.name for row in pending(library)] == [f"m{number}" for number in range(40)]
    assert counts(put(library, *models)) == (100, 60, 0, 40)


KILLED = """
import os, signal, sys
from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.values import InlineModel

class Deadly(tuple):
    def __iter__(self):
        for number, model in enumerate(tuple.__iter__(self)):
            if number == 1_700:
                os.kill(os.getpid(), signal.SIGKILL)
            yield model

models = Deadly(InlineModel(b'{"n": %d, "filler": "%s"}' % (n, b"x" * n), name=f"m{n}") for n in range(2_000))
with Catalog.open(sys.argv[1]) as catalog:
    Library(catalog).import_paths(sys.argv[2:], models=models, progress=Progress())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems")
@pytest.mark.parametrize("with_paths", [False, True])
def test_killed_it_leaves_whole_records_and_only_paths_are_resumed(tmp_path: Path, with_paths: bool) -> None:
    listed = tmp_path / "list.json"
    listed.write_text('[{"name": "one"}, {"name": "two"}]')
    paths = [str(listed)] if with_paths else []
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "c.sqlite"), *paths], check=False)
    assert killed.returncode == -9
    with Catalog.open(tmp_path / "c.sqlite") as catalog:
        library = Library(catalog)
        rows = pending(library)
        assert 500 <= len(rows) <= 1_700
        for number, row in enumerate(rows):
            assert row.name == f"m{number}"
            assert payload_of(library, row) == b'{"n": %d, "filler": "%s"}' % (number, b"x" * number)
        assert [batch.paths for batch in library.interrupted()] == [tuple(paths)] * with_paths
        report = library.resume(Progress())
        assert (report.batch_id, report.imported) == ((1, 2) if with_paths else (None, 0))
        assert library.interrupted() == []
        models = [
            InlineModel(b'{"n": %d, "filler": "%s"}' % (number, b"x" * number), name=f"m{number}")
            for number in range(2_000)
        ]
        assert counts(put(library, *models)) == (2_000, 2_000 - len(rows), 0, len(rows))
        assert library.check(Progress()) == []
