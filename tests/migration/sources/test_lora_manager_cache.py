"""ComfyUI-Lora-Manager's databases: each version of the cache, and what is no model's."""

import base64
import json
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.migration import detect
from modelmgr.migration.sources.lora_manager_cache import LoraManagerCache
from modelmgr.progress import Progress
from modelmgr.sqlite import driver
from modelmgr.values import Claims, ModelQuery, Record
from tests.inbox import pending_in
from tests.migration.specimens import lora_manager as specimen
from tests.migration.specimens.models import A, B

SOURCE = LoraManagerCache()
FOREIGN = "D:/AI/loras/inkwash_harbor.safetensors"


class Cache:
    """A settings folder with a cache in it."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "default.sqlite"
        self.problems = []

    def write(self, *rows, **given):
        specimen.write_cache_of(self.path, *rows, **given)

    def run(self, *statements):
        with closing(driver.connect(self.path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def read(self):
        (found,) = detect.find(
            [str(self.path)], library_folders=[], progress=Progress(), report=self.problems.append
        )
        assert found.source is not None and found.source.id == "lora-manager-cache"
        records = list(found.source.records(found.container, Progress(), self.problems.append))
        assert len({record.record_key for record in records}) == len(records)
        return records

    def claims(self):
        return [SOURCE.claims(record, frozenset()) for record in self.read()]


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path)


# --- rows -------------------------------------------------------------------------------------------------


def test_a_row_gives_all_columns_that_it_has(cache):
    row = specimen.rows_of(
        FOREIGN,
        preview_url="/data/previews/inkwash_harbor.webp",
        civitai_model_type="LORA",
        license_flags=0b0100011,
        autov3=A["AutoV3"],
    )
    cache.write(row, tags=("style", "harbor"))
    (claims,) = cache.claims()
    assert claims == Claims(
        fields={
            "name": "Inkwash Harbor",
            "type": "lora",
            "base_model": "SDXL 1.0",
            "tags": ("style", "harbor"),
            "favorite": True,
            "notes": "best at 0.7",
            "trigger_words": ("inkwash harbor",),
            "preview": "/data/previews/inkwash_harbor.webp",
            "source_url": "https://civitai.com/models/880001?modelVersionId=990001",
            "license": "civitai:credit=optional;commercial=image;derivatives=yes;relicense=no",
        },
        personal=frozenset(("notes", "favorite")),
        sha256=A["sha256"],
        partial_hashes={"AutoV3": "d53eda7a637c"},
        size_hint_bytes=184,
        path=FOREIGN,
        time=1753000000.25,
    )


def test_a_record_is_named_by_kind_and_path_for_the_tool_writes_its_rows_anew(cache):
    cache.write(specimen.rows_of(FOREIGN), specimen.rows_of(FOREIGN, model_type="checkpoint"))
    before = [record.record_key for record in cache.read()]
    assert before == [f'["lora", "{FOREIGN}"]', f'["checkpoint", "{FOREIGN}"]']
    cache.run("UPDATE models SET rowid = rowid + 100")
    assert [record.record_key for record in cache.read()] == before


@pytest.mark.parametrize("added", range(len(specimen.ADDED_COLUMNS) + 1))
def test_each_version_of_the_schema_is_read(cache, added):
    cache.write(specimen.rows_of(FOREIGN), added=added)
    (record,) = cache.read()
    columns = record.extra["columns"]
    assert len(columns) == 22 + added
    assert json.loads(record.payload)["notes"] == "best at 0.7"
    claims = SOURCE.claims(record, frozenset())
    assert (claims.fields["name"], claims.sha256, claims.path) == ("Inkwash Harbor", A["sha256"], FOREIGN)
    assert claims.fields["tags"] == ("style",)
    assert "license" not in claims.fields
    assert cache.problems == []


def test_all_three_kinds_are_types(cache):
    cache.write(
        *(
            specimen.rows_of(f"/m/{kind}.safetensors", model_type=kind)
            for kind in ("lora", "checkpoint", "embedding")
        )
    )
    assert [claims.fields["type"] for claims in cache.claims()] == ["lora", "checkpoint", "embedding"]


def test_without_an_answer_of_civitai_hash_size_name_and_tags_are_the_tools_and_the_persons(cache):
    nothing = {"civitai_id": None, "civitai_model_id": None, "civitai_name": None, "trained_words": None}
    cache.write(specimen.rows_of(FOREIGN, model_name="My harbor", **nothing), tags=("mine",))
    (claims,) = cache.claims()
    assert (claims.sha256, claims.own_hash) == (A["sha256"], True)
    assert (claims.size_bytes, claims.size_hint_bytes) == (184, None)
    assert claims.personal == {"notes", "favorite", "name", "tags"}
    assert "source_url" not in claims.fields


@pytest.mark.parametrize(
    ("flags", "terms"),
    [
        (127, None),
        (113, None),  # "Sell" alone and everything allowed: what the tool takes Civitai's silence for
        (None, None),
        (-1, None),
        (512, None),
        (0, "civitai:credit=required;commercial=none;derivatives=no;relicense=no"),
        (0b1100000, "civitai:credit=required;commercial=none;derivatives=yes;relicense=yes"),
        (
            0b0011111,
            "civitai:credit=optional;commercial=image,rent,rentcivit,sell;derivatives=no;relicense=no",
        ),
    ],
)
def test_permissions_are_bits_and_the_defaults_say_nothing(cache, flags, terms):
    cache.write(specimen.rows_of(FOREIGN, license_flags=flags))
    (claims,) = cache.claims()
    assert claims.fields.get("license") == terms


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ('["a, b", "c"]', ("a, b", "c")),
        ("a, b", ("a, b",)),
        ("[broken", ("[broken",)),
        ("[]", None),
        (None, None),
    ],
)
def test_trained_words_are_a_list_or_one_text(cache, words, found):
    cache.write(specimen.rows_of(FOREIGN, trained_words=words))
    (claims,) = cache.claims()
    assert claims.fields.get("trigger_words") == found


@pytest.mark.parametrize("state", ["pending", "calculating", "failed"])
def test_a_hash_that_is_not_computed_to_the_end_is_none(cache, state):
    cache.write(specimen.rows_of(FOREIGN, hash_status=state))
    (claims,) = cache.claims()
    assert claims.sha256 is None


def test_what_the_person_hid_is_imported_and_says_so(cache):
    hidden = specimen.rows_of("/m/a.safetensors", exclude=1, civitai_deleted=1)
    cache.write(hidden, specimen.rows_of("/m/b.safetensors"))
    cache.run(
        "INSERT INTO excluded_models VALUES ('lora', '/m/b.safetensors'), ('lora', '/m/gone.safetensors')"
    )
    records = cache.read()
    claims = [SOURCE.claims(record, frozenset()) for record in records]
    assert set(claims[0].flags) == {"excluded", "deleted-from-catalogue"}
    assert claims[1].flags == ("excluded",)
    assert claims[2] == Claims(marker=True, flags=("no-model",))
    assert json.loads(records[2].payload) == [{"model_type": "lora", "file_path": "/m/gone.safetensors"}]


# --- nothing is lost ----------------------------------------------------------------------------------------


def test_an_index_that_only_repeats_is_left_out_and_one_that_says_more_is_kept(cache):
    cache.write(specimen.rows_of(FOREIGN, autov3=A["AutoV3"]))
    cache.run(f"INSERT INTO autov3_index VALUES ('lora', '{A['AutoV3']}', '{FOREIGN}')")
    assert len(cache.read()) == 1
    cache.run(f"INSERT INTO hash_index VALUES ('lora', '{B['sha256']}', '/m/gone.safetensors')")
    _, rest = cache.read()
    assert rest.extra["table"] == "hash_index"
    assert json.loads(rest.payload)[0]["file_path"] == "/m/gone.safetensors"
    cache.run("ALTER TABLE hash_index ADD COLUMN seen", "UPDATE hash_index SET seen = 'kept'")
    first, _ = cache.read()
    assert first.extra["related"]["hash_index"][0]["seen"] == "kept"


def test_unknown_tables_and_columns_are_kept(cache):
    cache.write(specimen.rows_of(FOREIGN))
    cache.run(
        "ALTER TABLE models ADD COLUMN mood", "UPDATE models SET mood = X'00FF'",
        "CREATE TABLE extra_notes (id INTEGER PRIMARY KEY, words TEXT)",
        "INSERT INTO extra_notes VALUES (1, 'kept')",
    )  # fmt: skip
    first, rest = cache.read()
    assert first.extra["columns"]["mood"] == {"storage": "blob", "value": {"base64": "AP8="}}
    assert (rest.record_key, json.loads(rest.payload)) == ("extra_notes/1", [{"id": 1, "words": "kept"}])
    assert SOURCE.claims(rest, frozenset()).marker


def test_text_that_is_no_utf8_is_exact_and_readable(cache):
    cache.write(specimen.rows_of(FOREIGN))
    cache.run(
        "UPDATE models SET notes = CAST(X'67FC74' AS TEXT)",
        "UPDATE model_tags SET tag = CAST(X'FC62' AS TEXT)",
    )
    (record,) = cache.read()
    assert record.extra["columns"]["notes"]["value"] == {"base64": "Z/x0", "storage": "text"}
    fields = SOURCE.claims(record, frozenset()).fields
    assert (fields["notes"], fields["tags"]) == ("güt", ("üb",))


@pytest.mark.parametrize(
    ("tables", "rows"),
    [
        (
            (
                "model_update_status (model_id INTEGER PRIMARY KEY, model_type TEXT, should_ignore_model INTEGER)",
                "model_update_versions (model_id INTEGER, version_id INTEGER, should_ignore INTEGER,"
                " PRIMARY KEY (model_id, version_id))",
            ),
            (
                "model_update_status VALUES (880001, 'lora', 1)",
                "model_update_versions VALUES (880001, 990001, 1)",
            ),
        ),
        (
            (
                "downloaded_model_versions (model_type TEXT, version_id INTEGER, model_id INTEGER,"
                " last_file_path TEXT, PRIMARY KEY (model_type, version_id))",
            ),
            ("downloaded_model_versions VALUES ('lora', 990001, 880001, 'D:/gone.safetensors')",),
        ),
    ],
)
def test_choices_about_updates_and_former_downloads_are_kept_and_fill_nothing(cache, tables, rows):
    cache.run(*(f"CREATE TABLE {table}" for table in tables), *(f"INSERT INTO {row}" for row in rows))
    records = cache.read()
    assert len(records) == len(rows)
    assert all(
        SOURCE.claims(record, frozenset()) == Claims(marker=True, flags=("no-model",)) for record in records
    )


@pytest.mark.parametrize(
    "tables",
    [
        ("models (model_type, file_path)",),
        ("models (sha256, name)", "model_tags (model_type, file_path, tag)"),
        ("Cache (rowid INTEGER PRIMARY KEY)", "Settings (key TEXT)"),
    ],
)
def test_other_databases_are_not_taken(cache, tables):
    cache.run(*(f"CREATE TABLE {table}" for table in tables))
    found = list(
        detect.find([str(cache.path)], library_folders=[], progress=Progress(), report=cache.problems.append)
    )
    assert [one.source.id for one in found if one.source] in ([], ["generic-sqlite"])


def test_many_tags_and_a_huge_one_stay_within_bounds(cache):
    cache.write(specimen.rows_of(FOREIGN), tags=())
    with closing(driver.connect(cache.path)) as connection, connection:
        tags = [f"{number:06}{'x' * 994}" for number in range(6000)]
        connection.executemany(
            f"INSERT INTO model_tags VALUES ('lora', '{FOREIGN}', ?)", [(tag,) for tag in tags]
        )
        connection.execute(f"INSERT INTO model_tags VALUES ('lora', '{FOREIGN}', ?)", ("y" * 3_000_000,))
    *dumps, _ = records = cache.read()
    taken = next(record for record in records if record.extra.get("made") and "columns" in record.extra)
    assert len(json.dumps(taken.extra["related"])) < 4_300_000
    kept = len(taken.extra["related"]["model_tags"])
    dumped = [
        row["tag"] for record in records if "table" in record.extra for row in json.loads(record.payload)
    ]
    assert kept + len(dumped) == 6001
    assert max(map(len, dumped)) == 3_000_000
    assert all(len(record.payload) < 5_000_000 for record in dumps)


STORED = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=20)
    | st.text(st.characters(codec="utf-8"), max_size=12)
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(("notes", "size", "sha256", "tag"), STORED)), max_size=4))
def test_any_row_is_kept_with_storage_class_and_value(tmp_path, rows):
    cache = Cache(tmp_path)
    cache.path.unlink(missing_ok=True)
    cache.write()
    with closing(driver.connect(cache.path)) as connection, connection:
        for number, row in enumerate(rows):
            connection.execute(
                "INSERT INTO models (model_type, file_path, notes, size, sha256) VALUES ('lora', ?, ?, ?, ?)",
                (f"/m/{number}", row["notes"], row["size"], row["sha256"]),
            )
        stored = connection.execute(
            "SELECT typeof(notes), notes, typeof(size), size, typeof(sha256), sha256 FROM models"
        ).fetchall()
    records = cache.read()
    assert len(records) == len(rows)
    for record, expected in zip(records, stored, strict=True):
        found = []
        for name in ("notes", "size", "sha256"):
            column = record.extra["columns"][name]
            value = column["value"]
            if isinstance(value, dict):
                value = base64.b64decode(value["base64"]) if "base64" in value else float(value["real"])
            found += [column["storage"], value]
        assert tuple(found) == expected
        assert isinstance(SOURCE.claims(record, frozenset()), Claims)


# --- with the sidecar ---------------------------------------------------------------------------------------


def test_the_sidecar_wins_field_by_field_and_what_the_person_took_back_stays_away(tmp_path):
    folder = tmp_path / "loras"
    folder.mkdir()
    said = {
        **specimen.SIDECAR,
        "favorite": False,
        "notes": "",
        "tags": ["new"],
        "hf_url": "",
        "sha256": A["sha256"],
    }
    specimen.write_sidecar(folder, **said)
    row = specimen.rows_of(str(folder / "inkwash_harbor.safetensors"), model_name="Old name", notes="old")
    specimen.write_cache_of(folder / "default.sqlite", row, tags=("old",))
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        report = library.import_paths([str(folder)], progress=Progress())
        assert (report.imported, report.failed) == (2, 0)
        assert library.promote(None, progress=Progress()).promoted == 2
        (row,) = catalog.page(ModelQuery(), None)
        assert (row.name, row.favorite, row.notes) == ("Inkwash Harbor", False, None)
        assert row.tags == ("new",)


def test_without_a_sidecar_the_row_is_all_there_is(tmp_path):
    folder = tmp_path / "loras"
    folder.mkdir()
    specimen.write_full_cache(folder)
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.import_paths([str(folder)], progress=Progress())
        assert library.promote(None, progress=Progress()).promoted == 1
        (row,) = catalog.page(ModelQuery(), None)
        assert (row.name, row.favorite, row.notes) == ("Inkwash Harbor", True, "best at 0.7")
        assert set(row.tags) == {"style", "harbor"}


def test_a_changed_tag_makes_a_new_version_though_the_row_is_the_same(tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    specimen.write_full_cache(folder)
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.import_paths([str(folder)], progress=Progress())
        with closing(driver.connect(folder / "default.sqlite")) as connection, connection:
            connection.execute("UPDATE model_tags SET tag = 'fog' WHERE tag = 'harbor'")
        assert library.import_paths([str(folder)], progress=Progress()).imported == 1
        assert library.import_paths([str(folder)], progress=Progress()).imported == 0
        assert len(pending_in(catalog)) == 2


def test_claims_of_anything_are_claims():
    odd = Record(
        "lora-manager-cache", "/a/default.sqlite", "1", b"\xff", {"columns": [], "related": {"model_tags": 5}}
    )
    assert SOURCE.claims(odd, frozenset()).fields == {}
    assert SOURCE.claims(Record("lora-manager-cache", "/a/x", "1", b"", None), frozenset()).fields == {}
