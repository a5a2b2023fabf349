"""InvokeAI's databases: each schema version, and what a row may and may not claim."""

import base64
import hashlib
import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.migration import detect
from modelmgr.migration.sources.invokeai import InvokeaiDatabase
from modelmgr.progress import Progress
from modelmgr.sqlite import driver
from modelmgr.values import Claims, ImportReport, Problem, Record
from tests.inbox import pending_in
from tests.migration.specimens.invokeai import (
    KEY_A,
    KEY_B,
    TIME,
    VERSIONS,
    config,
    lora,
    place,
    write_database,
)
from tests.migration.specimens.models import A, B

SOURCE = InvokeaiDatabase()
MOVED = f"{KEY_B}/copperleaf_xl.safetensors"


class Root:
    """A folder of InvokeAI, and what is read from the databases in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "databases" / "invokeai.db"
        self.problems: list[Problem] = []

    def found(self, *named: Path) -> list[detect.Found]:
        paths = [str(path) for path in named or (self.folder,)]
        found = detect.find(paths, library_folders=[], progress=Progress(), report=self.problems.append)
        return [one for one in found if one.source is not None and one.source.id == "invokeai-db"]

    def read(self, *named: Path) -> list[Record]:
        records: list[Record] = []
        for found in self.found(*named):
            assert found.container is not None
            records += SOURCE.records(found.container, Progress(), self.problems.append)
        for record in records:
            json.dumps(record.extra)
        assert len({(record.source_path, record.record_key) for record in records}) == len(records)
        return records

    def record(self, *configs: dict[str, Any] | str | bytes, version: int = 24) -> Record:
        write_database(self.database, version, *configs)
        (record,) = self.read()
        return record

    def claims(self, *configs: dict[str, Any] | str | bytes, version: int = 24) -> Claims:
        return SOURCE.claims(self.record(*configs, version=version), frozenset())


@pytest.fixture
def root(tmp_path: Path) -> Root:
    folder = tmp_path / "invokeai"
    folder.mkdir()
    return Root(folder)


def imported(root: Root, *paths: Path, folders: tuple[Path, ...] = ()) -> tuple[ImportReport, list[Any]]:
    with Catalog.open(root.folder.parent / "catalog.sqlite") as catalog:
        library = Library(catalog)
        if folders:
            library.scan([str(folder) for folder in folders], progress=Progress())
        report = library.import_paths([str(path) for path in paths or (root.folder,)], progress=Progress())
        return report, [row for row in pending_in(catalog) if row.source == "invokeai-db"]


# --- schema versions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_each_schema_version_gives_the_stored_json_and_finds_the_file(root: Root, version: int) -> None:
    relative = MOVED if version >= 24 else "sdxl/main/copperleaf_xl.safetensors"
    file = place(root.folder, f"models/{relative}")
    said = config(path=relative)
    write_database(root.database, version, said)

    report, (row,) = imported(root)

    key = KEY_B if version >= 7 else f"model_config/{KEY_B}"
    assert (row.record_key, row.file_path, row.problem) == (key, str(file), None)
    assert (row.name, row.type, row.base_model) == ("Copperleaf XL", "checkpoint", "SDXL")
    assert (report.seen, report.imported) == (report.imported + report.ignored, 1)
    (record,) = root.read()
    assert record.payload == json.dumps(said).encode()
    assert record.extra is not None
    assert record.extra["container"] == {"schema_version": version}
    assert record.extra["columns"]["created_at"] == {"storage": "text", "value": TIME}
    assert ("name" in record.extra["columns"]) == (version < 3)
    assert SOURCE.claims(record, frozenset()).time == pytest.approx(1772360430.456)


def test_the_table_of_3_is_read_beside_that_of_4_and_by_its_columns_where_the_json_is_silent(
    root: Root,
) -> None:
    write_database(root.database, 1, {**lora(), "key": "old"})
    with closing(driver.connect(root.database)) as connection, connection:
        connection.execute("UPDATE model_config SET config = '{}'")
        connection.execute("CREATE TABLE models (id TEXT PRIMARY KEY, config TEXT, created_at, updated_at)")
        connection.execute("INSERT INTO models VALUES (?, ?, NULL, NULL)", (KEY_B, json.dumps(config())))
    newer, older = root.read()
    assert (newer.record_key, older.record_key) == (KEY_B, "model_config/old")
    said = SOURCE.claims(older, frozenset())
    assert said.fields == {"name": "Inkwash Harbor", "type": "lora", "base_model": "SDXL"}
    assert not said.marker
    assert older.payload == b"{}"


def test_generated_columns_may_be_absent_or_have_become_stored_ones(root: Root) -> None:
    root.database.parent.mkdir()
    with closing(driver.connect(root.database)) as connection, connection:
        connection.execute("CREATE TABLE migrations (version INTEGER)")
        connection.execute("CREATE TABLE models (id TEXT, config TEXT, name TEXT, note BLOB)")
        row = (KEY_B, json.dumps(config(name="From JSON")), "From column", b"\0\xff")
        connection.execute("INSERT INTO models VALUES (?, ?, ?, ?)", row)
    (record,) = root.read()
    assert SOURCE.claims(record, frozenset()).fields["name"] == "From JSON"
    assert record.record_key == "1"  # no key is declared
    assert record.extra is not None
    stored = record.extra["columns"]["note"]
    assert (stored["storage"], base64.b64decode(stored["value"]["base64"])) == ("blob", b"\0\xff")
    assert "schema_version" not in record.extra.get("container", {})


def test_one_malformed_row_hides_no_other(root: Root) -> None:
    # SQLite takes no such row where a generated column is there already, so that comes last.
    root.database.parent.mkdir()
    with closing(driver.connect(root.database)) as connection, connection:
        connection.execute("CREATE TABLE migrations (version INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE models (id TEXT PRIMARY KEY, config TEXT, created_at, updated_at)")
        rows = [
            ("a", '{"name": "A"}'),
            ("b", '{"name": "B", '),
            ("c", '{"name": "C"}'),
            ("d", None),
            ("e", ""),
        ]
        connection.executemany("INSERT INTO models(id, config) VALUES (?, ?)", rows)
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = 'CREATE TABLE models (id TEXT PRIMARY KEY, config TEXT, created_at,"
            " updated_at, name TEXT GENERATED ALWAYS AS (json_extract(config, ''$.name'')) VIRTUAL)'"
            " WHERE name = 'models'"
        )
    with closing(driver.connect(root.database)) as connection, pytest.raises(driver.Error):
        connection.execute("SELECT * FROM models").fetchall()
    records = root.read()
    said = [SOURCE.claims(record, frozenset()) for record in records]
    assert [record.record_key for record in records] == ["a", "b", "c", "d", "e"]
    assert records[1].payload == b'{"name": "B", '
    assert [claims.problem for claims in said] == [None, "unparsed_payload", None, None, None]
    assert [claims.fields.get("name") for claims in said] == ["A", None, "C", None, None]
    assert records[3].extra is not None and records[3].extra["made"] is True
    assert json.loads(records[3].payload) == {
        "id": "d",
        "config": None,
        "created_at": None,
        "updated_at": None,
    }
    assert said[4].marker


def test_of_equal_keys_the_last_counts_though_sqlite_shows_the_first(root: Root) -> None:
    text = json.dumps(config()).replace('"name": "Copperleaf XL"', '"name": "First", "name": "Last"')
    said = root.claims(text)
    assert said.fields["name"] == "Last"
    assert "duplicate-keys" in said.flags


def test_a_database_in_utf_16_keeps_its_bytes(root: Root) -> None:
    root.database.parent.mkdir()
    with closing(driver.connect(root.database)) as connection, connection:
        connection.execute("PRAGMA encoding = 'UTF-16le'")
        connection.execute("CREATE TABLE migrations (version INTEGER)")
        connection.execute("CREATE TABLE models (id TEXT PRIMARY KEY, config TEXT)")
        connection.execute("INSERT INTO models VALUES ('k', ?)", (json.dumps(config(name="Küpfer")),))
    (record,) = root.read()
    assert record.payload == json.dumps(config(name="Küpfer")).encode("utf-16-le")
    assert SOURCE.claims(record, frozenset()).fields["name"] == "Küpfer"


def test_relations_go_with_both_models_and_the_tool_s_other_business_with_none(root: Root) -> None:
    write_database(root.database, 32, config(), lora())
    with closing(driver.connect(root.database)) as connection, connection:
        connection.execute("INSERT INTO model_relationships VALUES (?, ?, ?)", (KEY_A, KEY_B, TIME))
        connection.execute("CREATE TABLE keepsakes (words TEXT)")
        connection.execute("INSERT INTO keepsakes VALUES ('kept')")
        connection.execute("CREATE TABLE users (name TEXT, password_hash TEXT)")
        connection.execute("INSERT INTO users VALUES ('me', 'do not take')")
    records = root.read()
    related = [(record.extra or {}).get("related") for record in records]
    row = {"model_key_1": KEY_A, "model_key_2": KEY_B, "created_at": TIME}
    assert related[:2] == [{"model_relationships": [row]}] * 2
    assert [record.record_key for record in records[2:]] == ["keepsakes/1"]
    assert SOURCE.claims(records[2], frozenset()) == Claims(marker=True, flags=("no-model",))
    everything = json.dumps([[record.payload.decode(), record.extra] for record in records])
    assert "do not take" not in everything
    assert "of the pictures" not in everything


def test_relations_of_models_that_are_gone_are_kept(root: Root) -> None:
    write_database(root.database, 24, config())
    with closing(driver.connect(root.database)) as connection, connection:
        connection.execute("INSERT INTO model_relationships VALUES ('gone-1', 'gone-2', NULL)")
    records = root.read()
    assert [record.record_key.partition("/")[0] for record in records] == [KEY_B, "model_relationships"]
    assert b"gone-1" in records[1].payload


# --- paths ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "place_of_file"),
    [
        ("sdxl/main/copperleaf_xl.safetensors", "models/sdxl/main/copperleaf_xl.safetensors"),
        ("sdxl\\main\\copperleaf_xl.safetensors", "models/sdxl/main/copperleaf_xl.safetensors"),
        ("sdxl/main/copperleaf_xl.safetensors", f"models/{MOVED}"),
        (MOVED, f"models/{MOVED}"),
        (MOVED, "models/sdxl/main/copperleaf_xl.safetensors"),
        ("D:\\invokeai\\models\\sdxl\\main\\copperleaf_xl.safetensors", f"models/{MOVED}"),
    ],
)
def test_a_file_is_found_on_either_side_of_the_move_into_folders_by_key(
    root: Root, said: str, place_of_file: str
) -> None:
    file = place(root.folder, place_of_file)
    write_database(root.database, 20, config(path=said))
    _, (row,) = imported(root)
    assert (row.file_path, row.problem) == (str(file), None)


def test_an_absolute_path_is_followed_into_library_folders_and_else_told_as_outside(root: Root) -> None:
    file = place(root.folder.parent, "data/copperleaf_xl.safetensors")
    write_database(root.database, 24, config(path=str(file)))
    _, (row,) = imported(root)
    assert row.problem == "outside"
    (root.folder.parent / "catalog.sqlite").unlink()
    _, (row,) = imported(root, folders=(file.parent,))
    assert (row.file_path, row.problem) == (str(file), None)


def test_a_path_that_climbs_out_is_not_followed(root: Root) -> None:
    place(root.folder.parent, "outside.safetensors")
    write_database(root.database, 24, config(path="../../outside.safetensors"))
    _, (row,) = imported(root)
    assert row.problem == "outside"


@pytest.mark.parametrize(
    "written",
    [
        "schema_version: 4.0.2\nmodels_dir: {0}\n",
        "InvokeAI:\n  Paths:\n    models_dir: {0}\n    outdir: x\n",
        "schema_version: 4.0.2\nmodels_dir: ../elsewhere/ai\n",
    ],
)
def test_the_folder_of_models_may_be_named_by_the_settings(root: Root, written: str) -> None:
    models = root.folder.parent / "elsewhere" / "ai"
    file = place(models, MOVED)
    (root.folder / "invokeai.yaml").write_text(written.format(models))
    write_database(root.database, 24, config())
    _, (row,) = imported(root, folders=(models,))
    assert row.file_path == str(file)
    (found,) = root.found()
    assert found.container is not None
    (named,) = SOURCE.roots(found.container)
    assert (named.path, named.type) == (str(models), "unknown")


def test_settings_outside_what_the_user_named_are_not_opened(root: Root) -> None:
    (root.folder / "invokeai.yaml").write_text("schema_version: 4.0.2\nmodels_dir: /elsewhere\n")
    write_database(root.database, 24, config())
    for named in (root.database, root.database.parent):
        (record,) = root.read(named)
        assert "models_dir" not in (record.extra or {})
    (record,) = root.read(root.folder)
    assert (record.extra or {})["models_dir"] == "/elsewhere"


def test_a_folder_model_claims_neither_size_nor_hash(root: Root) -> None:
    said = root.claims(config(path=KEY_B, format="diffusers", hash=f"sha256:{B['sha256']}", file_size=5_000))
    assert (said.sha256, dict(said.partial_hashes), said.size_bytes) == (None, {}, None)
    assert "folder" in said.flags
    assert said.path == str(root.folder / "models" / KEY_B)


@pytest.mark.parametrize("inside", [True, False])
def test_a_folder_model_is_bound_to_its_chief_weights(root: Root, inside: bool) -> None:
    folder = root.folder / "models" / KEY_B if inside else root.folder.parent / "hub" / "copper"
    place(folder, "model_index.json", b"{}")
    place(folder, "vae/diffusion_pytorch_model.safetensors", b"v")
    unet = place(folder, "unet/diffusion_pytorch_model.safetensors", b"u")
    said = config(path=KEY_B if inside else str(folder), format="diffusers", file_size=2)
    write_database(root.database, 24, said)
    _, (row,) = imported(root, folders=() if inside else (folder,))
    assert (row.file_path, row.problem, row.name) == (str(unet), None, "Copperleaf XL")


def test_no_folder_elsewhere_is_listed_for_a_row(root: Root) -> None:
    folder = root.folder.parent / "private"
    place(folder, "diary.safetensors", b"x")
    said = root.claims(config(path=str(folder), format="diffusers"))
    assert not any("diary" in path for path in said.other_paths)


# --- what a row claims ------------------------------------------------------------------------------------


def test_every_column_comes_from_where_the_tool_keeps_it(root: Root) -> None:
    cover = place(root.folder, f"models/model_images/{KEY_A}.webp", b"RIFF")
    card = json.dumps({"cardData": {"license": "other", "license_name": "harbor-1"}})
    said = root.claims(
        lora(description="soft edges", source_api_response=card, cover_image="http://127.0.0.1:9090/x"),
        version=25,
    )
    assert said.fields == {
        "name": "Inkwash Harbor",
        "type": "lora",
        "base_model": "SDXL",
        "notes": "soft edges",
        "trigger_words": ("harbor", "inkwash"),
        "preview": str(cover),
        "source_url": "https://huggingface.co/sample-org/inkwash",
        "license": "harbor-1",
    }
    assert said.personal == {"name", "notes", "trigger_words"}
    assert said.size_bytes == 184
    assert said.partial_hashes == {"BLAKE3": A["BLAKE3"]}
    assert said.path == str(root.folder / "models" / KEY_A / "inkwash_harbor.safetensors")


@pytest.mark.parametrize(
    ("digest", "sha256", "partial"),
    [
        (f"sha256:{B['sha256'].upper()}", B["sha256"], {}),
        (f"blake3:{B['BLAKE3']}", None, {"BLAKE3": B["BLAKE3"]}),
        (f"random:{B['sha256']}", None, {}),
        ("md5:0123456789abcdef0123456789abcdef", None, {}),
        (f"sha3_256:{B['sha256']}", None, {}),
        (f"blake2s:{B['sha256']}", None, {}),
        (B["sha256"], None, {}),
        ("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", None, {}),
        ("", None, {}),
    ],
)
def test_the_prefix_tells_what_a_hash_is(
    root: Root, digest: Any, sha256: str | None, partial: dict[str, str]
) -> None:
    said = root.claims(config(hash=digest))
    assert (said.sha256, dict(said.partial_hashes)) == (sha256, partial)
    assert said.own_hash == bool(sha256 or partial)


@pytest.mark.parametrize(
    ("description", "notes"),
    [
        ("sdxl main model Copperleaf XL", None),
        ("sdxl main model A former name", None),
        ("sd-1 lora model ", None),
        ("any clip_vision model of mine", None),
        ("my main model Copperleaf", "my main model Copperleaf"),
        ("sdxl main models", "sdxl main models"),
        ("warm metals", "warm metals"),
        ("", None),
        (None, None),
    ],
)
def test_a_description_that_the_tool_wrote_is_no_note(
    root: Root, description: Any, notes: str | None
) -> None:
    assert root.claims(config(description=description)).fields.get("notes") == notes


@pytest.mark.parametrize(
    ("base", "variant", "kind", "form", "expected"),
    [
        ("sd-1", "inpaint", "main", "checkpoint", ("SD 1.x", "checkpoint")),
        ("flux", "dev", "main", "gguf_quantized", ("Flux.1 D", "diffusion_model")),
        ("flux", "dev_fill", "main", "bnb_quantized_nf4b", ("Flux.1 D", "diffusion_model")),
        ("flux2", "klein_4b", "main", "checkpoint", ("Flux.2 Klein 4B", "checkpoint")),
        ("z-image", "turbo", "main", "checkpoint", ("ZImageTurbo", "checkpoint")),
        ("wan", "a14b", "lora", "lycoris", ("Wan Video", "lora")),
        ("any", None, "t5_encoder", "t5_encoder", (None, "text_encoder")),
        ("unknown", None, "unknown", "unknown", (None, None)),
        ("sdxl", None, "spandrel_image_to_image", "checkpoint", ("SDXL", "upscaler")),
    ],
)
def test_type_and_base_are_ours(
    root: Root, base: str, variant: str | None, kind: str, form: str, expected: tuple[str | None, str | None]
) -> None:
    said = root.claims(config(base=base, variant=variant, type=kind, format=form))
    assert (said.fields.get("base_model"), said.fields.get("type")) == expected


@pytest.mark.parametrize(
    ("changes", "page"),
    [
        ({"source_url": "https://civitai.red/models/8?token=secret"}, "https://civitai.com/models/8"),
        ({}, None),  # a download address is no page
        (
            {"source": "https://example.org/ink.safetensors?token=a&x=1#top"},
            "https://example.org/ink.safetensors",
        ),
        ({"source_type": "hf_repo_id", "source": "org/ink:fp16:a+b"}, "https://huggingface.co/org/ink"),
        ({"source_type": "hf_repo_id", "source": "nonsense"}, None),
        ({"source_type": "path", "source": "/data/x.safetensors"}, None),
    ],
)
def test_the_page_is_named_or_told_by_where_it_came_from(
    root: Root, changes: dict[str, Any], page: str | None
) -> None:
    assert root.claims(config(**changes)).fields.get("source_url") == page


def test_a_token_in_the_address_is_kept_and_marked(root: Root) -> None:
    record = root.record(config(source="https://civitai.com/api/download/models/9?token=abc"))
    assert b"token=abc" in record.payload
    assert "contains-secret" in SOURCE.claims(record, frozenset()).flags


@pytest.mark.parametrize(
    "changes", [{"source_type": "external"}, {"format": "external_api"}, {"base": "external"}]
)
def test_a_model_of_a_server_elsewhere_is_kept_but_is_no_model(root: Root, changes: dict[str, str]) -> None:
    said = root.claims(config(**changes))
    assert (said.marker, said.fields) == (True, {"name": "Copperleaf XL"})
    assert (said.flags, said.path, said.sha256) == (("external", "no-model"), None, None)


def test_a_name_that_is_the_file_s_was_not_typed(root: Root) -> None:
    assert "name" not in root.claims(config(name="copperleaf_xl")).personal


def test_a_cover_that_is_not_there_is_no_preview(root: Root) -> None:
    assert "preview" not in root.claims(config(cover_image="http://127.0.0.1:9090/x")).fields


# --- backups, false positives, exactness ------------------------------------------------------------------


def test_backups_are_read_too_and_rank_after_the_live_one(root: Root) -> None:
    file = place(root.folder, f"models/{MOVED}")
    write_database(root.database, 24, config(name="Newer"))
    backup = root.database.with_name("invokeai_backup_20260214-120000.db")
    write_database(backup, 22, config(name="Older", description="only there"), lora())
    os.utime(backup, (4_000_000_000, 4_000_000_000))
    with Catalog.open(root.folder.parent / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.scan([str(root.folder / "models")], progress=Progress())
        library.import_paths([str(root.folder)], progress=Progress())
        library.promote(None, progress=Progress())
        (known,) = [found for found in [catalog.known_file(str(file))] if found is not None]
        (row,) = catalog.rows([known.model_id])
    assert row.name == "Newer"
    assert row.notes is not None and "only there" in row.notes


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE models (id TEXT PRIMARY KEY, config TEXT)",
        "CREATE TABLE migrations (version INTEGER)",
        "CREATE TABLE model_config (id TEXT PRIMARY KEY)",
    ],
)
def test_half_of_the_tables_make_no_invokeai(root: Root, statement: str) -> None:
    root.database.parent.mkdir()
    with closing(driver.connect(root.database)) as connection, connection:
        connection.execute(statement)
    assert root.read() == []


def test_the_source_stays_as_it_was(root: Root) -> None:
    write_database(root.database, 32, config(), lora())
    before = (hashlib.sha256(root.database.read_bytes()).digest(), root.database.stat().st_mtime_ns)
    imported(root)
    after = (hashlib.sha256(root.database.read_bytes()).digest(), root.database.stat().st_mtime_ns)
    assert after == before
    assert os.listdir(root.database.parent) == ["invokeai.db"]


STORED = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.binary(max_size=40)
    | st.text(st.characters(codec="utf-8"), max_size=20)
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(STORED, STORED), max_size=8))
def test_every_column_is_kept_in_class_and_value(tmp_path: Path, rows: list[tuple[Any, Any]]) -> None:
    path = tmp_path / "any.db"
    path.unlink(missing_ok=True)
    with closing(driver.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE migrations (version INTEGER)")
        connection.execute("CREATE TABLE models (id INTEGER PRIMARY KEY, config, other)")
        connection.executemany("INSERT INTO models(config, other) VALUES (?, ?)", rows)
    records = Root(tmp_path).read()
    assert len(records) == len(rows)
    for record, (said, other) in zip(records, rows, strict=True):
        assert record.extra is not None
        if isinstance(said, str | bytes):
            assert record.payload == (said.encode() if isinstance(said, str) else said)
        else:
            assert record.extra["columns"]["config"]["value"] == said
        kept = record.extra["columns"]["other"]["value"]
        assert (base64.b64decode(kept["base64"]) if isinstance(kept, dict) else kept) == other
        SOURCE.claims(record, frozenset())
