"""ComfyUI's asset databases: each revision, and what its rows may and may not claim."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.migration import detect
from modelmgr.migration.sources.comfyui_assets import ComfyuiAssets
from modelmgr.progress import Progress
from modelmgr.sqlite import driver
from modelmgr.values import Claims, Problem, Record
from tests.inbox import pending_in
from tests.migration.specimens.comfyui_assets import HASH, REVISIONS, TIME, Assets, place
from tests.migration.specimens.models import A

SOURCE = ComfyuiAssets()
LATER = REVISIONS[3:]


class Comfy:
    """A program folder of ComfyUI, its database in the making, and what is read from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "user" / "comfyui.db"
        self.lora = str(place(folder, "models/loras/inkwash_harbor.safetensors"))
        self.problems: list[Problem] = []

    def make(self, revision: str, name: str = "comfyui.db") -> Any:
        return closing(Assets(self.database.with_name(name), revision))

    def read(self) -> list[Record]:
        records: list[Record] = []
        found = detect.find(
            [str(self.folder)], library_folders=[], progress=Progress(), report=self.problems.append
        )
        for one in found:
            if one.source is not None and one.source.id == "comfyui-assets":
                assert one.container is not None
                records += SOURCE.records(one.container, Progress(), self.problems.append)
        for record in records:
            json.dumps(record.extra)
        assert len({(record.source_path, record.record_key) for record in records}) == len(records)
        return records

    def claims(self) -> list[Claims]:
        return [SOURCE.claims(record, frozenset()) for record in self.read()]

    def one(self, revision: str = "0006", **asset: Any) -> Claims:
        """Return the claims of the only asset of a new database."""
        with self.make(revision) as assets:
            assets.add("41d0", asset.pop("path", self.lora), **asset)
        (claims,) = self.claims()
        return claims


@pytest.fixture
def comfy(tmp_path: Path) -> Comfy:
    return Comfy(tmp_path / "ComfyUI")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        yield Library(catalog)


# --- revisions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", REVISIONS)
def test_each_revision_gives_the_person_s_words_and_finds_the_file(
    comfy: Comfy, library: Library, revision: str
) -> None:
    with comfy.make(revision) as assets:
        key = assets.add("41d0", comfy.lora, user='{"notes":  "favourite"}')
        assets.add(
            "7f11",
            str(place(comfy.folder, "output/a.png", b"PNG")),
            name="a.png",
            tags=("output",),
            digest="x",
        )

    library.import_paths([str(comfy.folder)], progress=Progress())

    (row,) = pending_in(library.catalog)
    assert (row.source, row.record_key, row.file_path, row.problem) == (
        "comfyui-assets",
        str(key),
        comfy.lora,
        None,
    )
    assert (row.name, row.type) == ("inkwash_harbor", "lora")
    (record,) = comfy.read()
    assert record.payload == b'{"notes":  "favourite"}'
    said = SOURCE.claims(record, frozenset())
    assert said.fields == {
        "name": "inkwash_harbor",
        "type": "lora",
        "tags": ("Harbor",),
        "notes": "favourite",
    }
    assert said.personal == {"tags", "notes"}
    assert said.partial_hashes == {"BLAKE3": A["BLAKE3"]}
    assert (said.sha256, said.size_bytes, said.time) == (None, 184, pytest.approx(1782901230.123456))
    assert record.extra is not None
    assert record.extra["container"]["revision"] == ("0001_assets" if revision == "0001_dev" else revision)
    related = record.extra["related"]
    content = related["asset_contents"] if revision.startswith("0007") else related["assets"]
    assert (content[0]["hash"], content[0]["size_bytes"]) == (HASH, 184)


def test_an_absent_revision_is_read_by_its_columns(comfy: Comfy) -> None:
    for statement in ("DELETE FROM alembic_version", "DROP TABLE alembic_version"):
        with comfy.make("0006") as assets:
            assets.add("41d0", comfy.lora)
            assets.connection.execute(statement)
        (record,) = comfy.read()
        assert (record.extra or {})["container"] == {"revision": ""}
        comfy.database.unlink()


@pytest.mark.parametrize("revision", ["e9c714da8d57", "565b08122d00", "2fb22c4fff36"])
def test_a_development_revision_is_kept_row_by_row(comfy: Comfy, revision: str) -> None:
    comfy.database.parent.mkdir()
    with closing(driver.connect(comfy.database)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
        connection.execute("CREATE TABLE model (type TEXT, path TEXT, title TEXT, PRIMARY KEY (type, path))")
        connection.execute("INSERT INTO model VALUES ('loras', 'ink.safetensors', 'Ink')")
        connection.execute("CREATE TABLE tag (id INTEGER PRIMARY KEY, name TEXT)")
    records = comfy.read()
    assert b'"title": "Ink"' in records[-1].payload
    assert [SOURCE.claims(record, frozenset()) for record in records] == [
        Claims(marker=True, flags=("no-model",))
    ] * len(records)


def test_a_database_of_another_program_with_alembic_is_none(comfy: Comfy) -> None:
    comfy.database.parent.mkdir()
    with closing(driver.connect(comfy.database)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.execute("INSERT INTO alembic_version VALUES ('0006')")
        connection.execute("CREATE TABLE model (id INTEGER PRIMARY KEY, name TEXT)")
    assert comfy.read() == []


def test_columns_count_and_not_the_revision_s_name(comfy: Comfy) -> None:
    with comfy.make("0007_record_content_split") as assets:
        assets.add("41d0", comfy.lora)
        assets.connection.execute("UPDATE alembic_version SET version_num = '0009_something'")
        assets.connection.execute("ALTER TABLE assets ADD COLUMN semantics_version INTEGER DEFAULT 2")
        assets.connection.execute("CREATE TABLE asset_meta (asset_id, key, val_str)")
        assets.put("asset_meta", asset_id="41d0", key="notes", val_str="x")
    (record,) = comfy.read()
    assert record.extra is not None
    assert record.extra["columns"]["semantics_version"] == {"storage": "integer", "value": 2}
    assert record.extra["related"]["asset_meta"] == [{"asset_id": "41d0", "key": "notes", "val_str": "x"}]


# --- payload ----------------------------------------------------------------------------------------------


def test_a_row_without_the_person_s_metadata_is_made_an_object(comfy: Comfy) -> None:
    with comfy.make("0006") as assets:
        assets.add("a", comfy.lora)
        assets.add("b", comfy.lora + "2", user="null")
        assets.add("c", comfy.lora + "3", user='{"notes": ')
    made, null, broken = comfy.read()
    assert json.loads(made.payload)["file_path"] == comfy.lora
    assert made.extra is not None and made.extra["made"] is True
    assert null.payload == b"null"
    assert broken.payload == b'{"notes": '
    said = [SOURCE.claims(record, frozenset()) for record in (made, null, broken)]
    assert [claims.problem for claims in said] == [None, None, "unparsed_payload"]
    assert [claims.marker for claims in said] == [False] * 3
    assert {claims.fields["name"] for claims in said} == {"inkwash_harbor"}


def test_a_tag_that_is_set_or_taken_makes_a_new_version(comfy: Comfy, library: Library) -> None:
    with comfy.make("0006") as assets:
        assets.add("41d0", comfy.lora)
    library.import_paths([str(comfy.folder)], progress=Progress())
    assert library.import_paths([str(comfy.folder)], progress=Progress()).imported == 0
    with closing(driver.connect(comfy.database)) as connection, connection:
        connection.execute("UPDATE asset_reference_tags SET tag_name = 'Sea' WHERE tag_name = 'Harbor'")
    report = library.import_paths([str(comfy.folder)], progress=Progress())
    assert (report.added, report.updated, report.unchanged) == (0, 1, 0)


def test_unknown_tables_are_kept_and_the_tool_s_own_are_not(comfy: Comfy) -> None:
    with comfy.make("0007_record_content_split") as assets:
        assets.add("41d0", comfy.lora)
        assets.put("tags", name="Harbor")
        assets.put("asset_system_state", key="scan", value="done")
        assets.connection.execute("CREATE TABLE keepsakes (words TEXT)")
        assets.put("keepsakes", words="kept")
    records = comfy.read()
    assert [record.record_key for record in records] == ["41d0", "keepsakes/1"]
    assert SOURCE.claims(records[1], frozenset()) == Claims(marker=True, flags=("no-model",))


# --- what is a model, and what isn't -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "name", "is_model"),
    [
        (("models", "loras"), "a.safetensors", True),
        (("model_type:loras",), "a.safetensors", True),
        ((), "a.safetensors", True),
        (("Harbor",), "a.safetensors", True),
        (("input",), "a.png", False),
        (("output", "Harbor"), "a.safetensors", False),
        (("temp",), "a.png", False),
        ((), "a.png", False),
        (("models", "missing"), "a.png", True),
    ],
)
@pytest.mark.parametrize("revision", ["0001_assets", "0006", "0007_record_content_split"])
def test_pictures_that_went_in_or_came_out_are_no_records(
    comfy: Comfy, revision: str, tags: tuple[str, ...], name: str, is_model: bool
) -> None:
    with comfy.make(revision) as assets:
        assets.add("a", f"/somewhere/{name}", tags=tags)
    assert len(comfy.read()) == is_model


def test_a_picture_that_lies_among_models_is_none(comfy: Comfy) -> None:
    with comfy.make("0006") as assets:
        assets.add("a", "/comfy/models/loras/ink.png", tags=())
        assets.add("b", "/comfy/models/loras/sea.webp", tags=("models", "loras"))
    (record,) = comfy.read()
    assert record.record_key == "b"
    assert "no-model" in SOURCE.claims(record, frozenset()).flags


def test_what_the_person_deleted_fills_nothing(comfy: Comfy) -> None:
    said = comfy.one(deleted_at=TIME, user={"notes": "mine"})
    assert (said.marker, said.path) == (True, comfy.lora)
    assert "deleted-there" in said.flags


def test_a_missing_one_keeps_its_last_path(comfy: Comfy, library: Library) -> None:
    said = comfy.one(path="/gone/ink.safetensors", is_missing=1, tags=("models", "loras", "missing", "Sea"))
    assert (said.path, said.fields["tags"]) == ("/gone/ink.safetensors", ("Sea",))
    assert "missing-there" in said.flags
    library.import_paths([str(comfy.folder)], progress=Progress())
    (row,) = pending_in(library.catalog)
    assert row.problem == "no_file"


# --- claims -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("digest", "partial"),
    [
        (None, {}),
        (HASH, {"BLAKE3": A["BLAKE3"]}),
        (A["BLAKE3"].upper(), {"BLAKE3": A["BLAKE3"]}),
        ("blake3:", {}),
        ("sha256:" + A["sha256"], {}),
        ("0" * 64, {}),
    ],
)
@pytest.mark.parametrize("revision", ["0001_assets", "0006", "0007_record_content_split"])
def test_a_hash_may_be_absent_or_without_its_prefix(
    comfy: Comfy, revision: str, digest: str | None, partial: dict[str, str]
) -> None:
    said = comfy.one(revision, digest=digest)
    assert (said.sha256, dict(said.partial_hashes)) == (None, partial)


def test_a_hash_that_the_tool_doubts_is_left_out(comfy: Comfy) -> None:
    said = comfy.one(needs_verify=1)
    assert (dict(said.partial_hashes), said.size_bytes) == ({}, None)
    assert "stale-hash" in said.flags


@pytest.mark.parametrize("revision", REVISIONS)
def test_two_records_of_one_content_are_two_records_of_one_file(
    comfy: Comfy, library: Library, revision: str
) -> None:
    with comfy.make(revision) as assets:
        first = assets.add("a", comfy.lora, name="One.safetensors")
        columns = {"content": f"content-{first}" if revision != "0001_dev" else "shared"}
        assets.add("b", None if 2 <= int(revision[:4]) < 7 else comfy.lora, name="Two.safetensors", **columns)
    library.import_paths([str(comfy.folder)], progress=Progress())
    rows = pending_in(library.catalog)
    assert [row.name for row in rows] == ["One", "Two"]
    assert [row.file_path for row in rows] == [comfy.lora, comfy.lora]


@pytest.mark.parametrize(
    ("tags", "kept"),
    [
        (("models", "loras", "Ink", "ink"), ("Ink", "ink")),
        (("models", "model_type:loras", "style:ink", "Model_Type:vae"), ("style:ink",)),
        (("models", "text-encoder", "encoder", "rescan", "latent_upscale_models"), None),
        (("models", "my loras", "checkpoint of mine"), ("my loras", "checkpoint of mine")),
    ],
)
def test_the_tool_s_own_tags_are_told_by_name(
    comfy: Comfy, tags: tuple[str, ...], kept: tuple[str, ...] | None
) -> None:
    said = comfy.one("0001_assets", tags=tags)
    assert set(said.fields.get("tags", ())) == set(kept or ())


@pytest.mark.parametrize(
    ("tags", "path", "kind"),
    [
        (("models", "model_type:text_encoders"), "/x/a.safetensors", "text_encoder"),
        (("models", "unet"), "/x/a.safetensors", "diffusion_model"),
        (("models", "text-encoder"), "/x/a.safetensors", "text_encoder"),
        (("models", "frame_interpolation"), "/x/a.safetensors", "other"),
        (("models",), "/x/models/upscale_models/a.safetensors", "upscaler"),
        (("models", "model_type:my_own"), "/x/a.safetensors", None),
    ],
)
def test_the_type_is_that_of_a_tag_or_of_the_folder(
    comfy: Comfy, tags: tuple[str, ...], path: str, kind: str | None
) -> None:
    assert comfy.one(tags=tags, path=path).fields.get("type") == kind


@pytest.mark.parametrize("revision", LATER)
def test_what_the_scanner_found_is_told_from_what_the_person_wrote(comfy: Comfy, revision: str) -> None:
    said = comfy.one(
        revision,
        user={"trained_words": ["inkwash"], "repo_url": "https://huggingface.co/sample-org/ink"},
        system={"base_model": "sdxl_base_v1-0", "trained_words": ["1girl"], "source_hash": A["addnet"]},
    )
    assert said.fields["trigger_words"] == ("inkwash",)
    assert said.fields["base_model"] == "SDXL"
    assert said.fields["source_url"] == "https://huggingface.co/sample-org/ink"
    assert said.personal == {"tags", "trigger_words"}


def test_before_0003_training_tags_among_the_person_s_words_are_no_trigger_words(comfy: Comfy) -> None:
    said = comfy.one("0002", user={"trained_words": ["1girl"], "base_model": "sd_v1"})
    assert "trigger_words" not in said.fields
    assert said.fields["base_model"] == "SD 1.x"
    assert said.personal == {"tags"}


@pytest.mark.parametrize(
    ("name", "path", "typed"),
    [
        ("Harbor in ink.safetensors", "/x/a.safetensors", True),
        ("a.safetensors", "/x/a.safetensors", False),
        ("a", "/x/a.safetensors", False),
        ("Harbor.safetensors", f"/x/{A['BLAKE3']}.safetensors", False),
    ],
)
def test_a_name_that_differs_from_the_file_s_was_typed(
    comfy: Comfy, name: str, path: str, typed: bool
) -> None:
    said = comfy.one(name=name, path=path)
    assert said.fields["name"] == name.removesuffix(".safetensors")
    assert ("name" in said.personal) == typed


# --- previews ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_preview_is_the_file_of_the_record_that_is_named(comfy: Comfy, revision: str) -> None:
    picture = place(comfy.folder, "output/harbor.png", b"PNG")
    with comfy.make(revision) as assets:
        key = assets.add(
            "7f11", str(picture), name="harbor.png", tags=("output",), digest="blake3:ff", size_bytes=3
        )
        by_content = {"0001_dev": "blake3:ff", "0001_assets": "content-7f11", "0002": "content-7f11"}
        assets.add("41d0", comfy.lora, preview=by_content.get(revision, key))
    (said,) = comfy.claims()
    assert said.fields["preview"] == str(picture)


@pytest.mark.parametrize("change", ["deleted_at = 'now'", "file_path = '/gone.png'", "id = 'other'"])
def test_a_preview_that_is_gone_is_none(comfy: Comfy, change: str) -> None:
    picture = place(comfy.folder, "output/harbor.png", b"PNG")
    with comfy.make("0006") as assets:
        assets.add("7f11", str(picture), tags=("output",))
        assets.add("41d0", comfy.lora, preview="7f11")
        assets.connection.execute(f"UPDATE asset_references SET {change} WHERE id = '7f11'")
    (said, *_) = [claims for claims in comfy.claims() if not claims.marker]
    assert "preview" not in said.fields


# --- backups and logs -------------------------------------------------------------------------------------


def test_the_backup_alone_is_read(comfy: Comfy) -> None:
    with comfy.make("0006", "comfyui.db.bkp") as assets:
        assets.add("41d0", comfy.lora, user={"notes": "only here"})
    (said,) = comfy.claims()
    assert said.fields["notes"] == "only here"


def test_what_an_upgrade_threw_away_comes_from_the_backup(comfy: Comfy, library: Library) -> None:
    with comfy.make("0007_record_content_split") as assets:
        assets.add("new", comfy.lora, name="Newer name.safetensors", tags=("models", "model_type:loras"))
    with comfy.make("0006", "comfyui.db.bkp") as assets:
        assets.add("old", comfy.lora, name="Older name.safetensors", user={"notes": "favourite"})
    os.utime(comfy.database.with_name("comfyui.db.bkp"), (4_000_000_000, 4_000_000_000))
    library.scan([str(comfy.folder / "models")], progress=Progress())
    library.import_paths([str(comfy.folder)], progress=Progress())
    library.promote(None, progress=Progress())
    known = library.catalog.known_file(comfy.lora)
    assert known is not None
    (row,) = library.catalog.rows([known.model_id])
    assert (row.name, row.notes, row.tags) == ("Newer name", "favourite", ("Harbor",))


def test_a_log_that_is_not_folded_in_counts_and_stays(comfy: Comfy, tmp_path: Path) -> None:
    with comfy.make("0006") as assets:
        assets.add("41d0", comfy.lora, user={"notes": "old"})
    writer = driver.connect(comfy.database)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("PRAGMA wal_autocheckpoint=0")
    writer.execute('UPDATE asset_references SET user_metadata = \'{"notes": "newest"}\'')
    writer.commit()
    kept = {ending: Path(f"{comfy.database}{ending}").read_bytes() for ending in ("", "-wal")}
    writer.close()
    for ending, content in kept.items():
        Path(f"{comfy.database}{ending}").write_bytes(content)
    before = state(comfy.database.parent)

    (said,) = comfy.claims()

    assert said.fields["notes"] == "newest"
    assert state(comfy.database.parent) == before


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.name: (hashlib.sha256(path.read_bytes()).digest(), path.stat().st_mtime_ns)
        for path in folder.iterdir()
    }


# --- size -------------------------------------------------------------------------------------------------


def test_many_assets_without_any_index_take_no_square_of_time(comfy: Comfy) -> None:
    count = 4_000
    comfy.database.parent.mkdir()
    with closing(driver.connect(comfy.database)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num)")
        connection.execute("CREATE TABLE assets (id, hash, size_bytes)")
        connection.execute(
            "CREATE TABLE asset_references (id, asset_id, file_path, name, preview_id, user_metadata)"
        )
        connection.execute("CREATE TABLE asset_reference_tags (asset_reference_id, tag_name)")
        numbers = [(f"{number:05}",) for number in range(count)]
        connection.executemany("INSERT INTO assets VALUES ('c' || ?1, NULL, 1)", numbers)
        connection.executemany(
            "INSERT INTO asset_references VALUES ('r' || ?1, 'c' || ?1, '/m/loras/' || ?1, ?1, 'r' || ?1, NULL)",
            numbers,
        )
        connection.executemany("INSERT INTO asset_reference_tags VALUES ('r' || ?1, 'models')", numbers)
    records = comfy.read()
    assert len(records) == count
    assert all(len((record.extra or {})["related"]) == 2 for record in records)


def test_many_references_to_one_content_take_no_square_of_time(comfy: Comfy) -> None:
    count = 4_000
    with comfy.make("0006") as assets:
        assets.add("first", comfy.lora)
        rows = [(f"r{number}", f"/m/loras/{number}.safetensors") for number in range(count)]
        assets.connection.executemany(
            "INSERT INTO asset_references(id, asset_id, file_path, preview_id) VALUES (?, 'content-first', ?, 'first')",
            rows,
        )
    records = comfy.read()
    assert len(records) == count + 1
    assert sum(len(json.dumps(record.extra)) for record in records) < 2_000 * count


def test_rows_of_one_key_on_both_sides_are_not_multiplied(comfy: Comfy) -> None:
    comfy.database.parent.mkdir()
    with closing(driver.connect(comfy.database)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num)")
        connection.execute("CREATE TABLE asset_references (id, file_path, name)")
        connection.execute("CREATE TABLE asset_reference_tags (asset_reference_id, tag_name)")
        rows = [(str(number),) for number in range(3_000)]
        connection.executemany("INSERT INTO asset_references VALUES ('x', '/m/a.safetensors', ?)", rows)
        connection.executemany("INSERT INTO asset_reference_tags VALUES ('x', ?)", rows)
    records = comfy.read()
    assert len(records) == 3_000 + 1
    assert records[-1].payload.count(b"tag_name") == 3_000
    assert [problem.kept for problem in comfy.problems] == [True]
