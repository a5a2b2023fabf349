"""Files and models: one row a content, whatever happens to its paths."""

from collections.abc import Callable

import pytest

from modelmgr.catalog import Catalog
from modelmgr.catalog.edit_store import NewEdit
from modelmgr.catalog.found import FoundModel
from modelmgr.catalog.scan_store import MANY_MODELS
from modelmgr.values import FileState, Hashes, ModelQuery, Origin

Found = Callable[..., FoundModel]
A, B = "a" * 64, "b" * 64


def only(catalog: Catalog, path: str) -> int:
    file = catalog.known_file(path)
    assert file is not None
    return file.id


def put_hash(catalog: Catalog, path: str, sha256: str) -> int:
    file = catalog.known_file(path)
    assert file is not None
    outcome = catalog.put_hash(file.id, file.size_bytes, file.mtime_ns, Hashes(sha256))
    assert outcome is not None
    return outcome.model_id


def test_two_files_of_one_content_become_one_model_when_their_hashes_are_known(
    catalog: Catalog, found: Found
) -> None:
    catalog.put_found([found("/m/a.gguf"), found("/n/a copy.gguf")])
    assert catalog.count(ModelQuery()) == 2
    put_hash(catalog, "/m/a.gguf", A)
    put_hash(catalog, "/n/a copy.gguf", A)
    (row,) = catalog.page(ModelQuery(), None)
    assert (row.sha256, row.file_count, row.path, row.hash_state) == (A, 2, "/m/a.gguf", "done")
    (group,) = catalog.duplicates()
    assert (group.size_bytes, group.reclaimable_bytes, len(group.files)) == (100, 100, 2)


def test_links_to_one_file_are_one_model_at_once_and_cost_nothing(catalog: Catalog, found: Found) -> None:
    catalog.put_found([found("/m/a.gguf", inode=7), found("/m/link.gguf", inode=7)])
    (row,) = catalog.page(ModelQuery(), None)
    assert row.file_count == 2
    put_hash(catalog, "/m/link.gguf", A)
    assert [file.sha256 for file in catalog.files_of(row.id)] == [A, A]
    assert [group.reclaimable_bytes for group in catalog.duplicates()] == [0]


def test_a_path_with_other_content_leaves_its_model_behind_as_missing(catalog: Catalog, found: Found) -> None:
    catalog.put_found([found("/m/a.gguf", name="Old")])
    old = put_hash(catalog, "/m/a.gguf", A)
    new = found("/m/a.gguf", size_bytes=999, name="New")
    catalog.put_found([new._replace(file_id=only(catalog, "/m/a.gguf"))])
    assert catalog.count(ModelQuery()) == 2
    details = catalog.details(A)
    assert details is not None
    assert (details.row.id, details.row.file_state, details.row.file_count) == (old, FileState.MISSING, 0)
    put_hash(catalog, "/m/a.gguf", B)
    replaced = catalog.details(B)
    assert replaced is not None
    assert replaced.row.name == "New"


def test_a_file_of_equal_size_that_turns_out_different_moves_to_its_own_model(
    catalog: Catalog, found: Found
) -> None:
    catalog.put_found([found("/m/a.gguf")])
    old = put_hash(catalog, "/m/a.gguf", A)
    catalog.touch_file(only(catalog, "/m/a.gguf"), 100, 2 * 10**18, 5, 1)
    assert catalog.rows([old])[0].hash_state == "none"
    file = catalog.known_file("/m/a.gguf")
    assert file is not None
    outcome = catalog.put_hash(file.id, 100, 2 * 10**18, Hashes(B))
    assert outcome is not None
    assert outcome.created
    assert {row.sha256: row.file_state for row in catalog.page(ModelQuery(), None)} == {
        A: "missing",
        B: "present",
    }


def test_a_hash_of_a_file_that_changed_meanwhile_counts_for_nothing(catalog: Catalog, found: Found) -> None:
    catalog.put_found([found("/m/a.gguf")])
    assert catalog.put_hash(only(catalog, "/m/a.gguf"), 101, 10**18, Hashes(A)) is None
    assert catalog.page(ModelQuery(), None)[0].sha256 is None


def test_each_of_many_copies_costs_the_same(catalog: Catalog, found: Found) -> None:
    def steps(number: int) -> int:
        """Return how many thousand steps SQLite takes to give so many copies their hashes."""
        taken = 0

        def count() -> int:
            nonlocal taken
            taken += 1
            return 0

        paths = [f"/{number}/{copy}.gguf" for copy in range(number)]
        catalog.put_found([found(path) for path in paths])
        with catalog.transaction() as writer:
            writer.connection().set_progress_handler(count, 1000)
            with catalog.refreshed_once():
                for path in paths:
                    put_hash(catalog, path, f"{number:064x}")
            writer.connection().set_progress_handler(None, 0)
        return taken

    few, many = steps(100), steps(1600)
    assert many < 32 * few


def test_each_of_many_copies_takes_the_place_of_one_that_is_missing(catalog: Catalog, found: Found) -> None:
    catalog.put_found([found(path) for path in ("/m/a.gguf", "/m/b.gguf", "/m/c.gguf")])
    for path in ("/m/a.gguf", "/m/b.gguf", "/m/c.gguf"):
        put_hash(catalog, path, A)
    catalog.mark_files(dict.fromkeys([only(catalog, "/m/a.gguf"), only(catalog, "/m/b.gguf")], "missing"))
    catalog.put_found([found(path) for path in ("/n/d.gguf", "/n/e.gguf", "/n/f.gguf")])
    with catalog.refreshed_once():
        for path in ("/n/d.gguf", "/n/e.gguf", "/n/f.gguf"):
            put_hash(catalog, path, A)
    assert sorted(catalog.known_files()) == ["/m/c.gguf", "/n/d.gguf", "/n/e.gguf", "/n/f.gguf"]
    (row,) = catalog.page(ModelQuery(), None)
    assert (row.file_count, row.path) == (4, "/m/c.gguf")


def test_a_moved_file_joins_its_model_with_the_users_values(catalog: Catalog, found: Found) -> None:
    catalog.put_found([found("/m/a.gguf")])
    model = put_hash(catalog, "/m/a.gguf", A)
    catalog.put_edits(catalog.begin_edits("cli", ""), [NewEdit(model, "notes", None, '"mine"')])
    catalog.mark_files({only(catalog, "/m/a.gguf"): FileState.MISSING})
    assert catalog.rows([model])[0].file_state == "missing"
    catalog.put_found([found("/elsewhere/b.gguf")])
    assert put_hash(catalog, "/elsewhere/b.gguf", A) == model
    (row,) = catalog.page(ModelQuery(), None)
    assert (row.id, row.path, row.file_state, row.file_count) == (model, "/elsewhere/b.gguf", "present", 1)
    assert catalog.user_values(model) == {"notes": "mine"}


def test_removing_a_folder_keeps_models_about_which_something_was_said(
    catalog: Catalog, found: Found
) -> None:
    catalog.add_folder("/m", 1)
    catalog.add_folder("/n", 1)
    catalog.put_found([found("/m/plain.gguf"), found("/m/edited.gguf"), found("/n/other.gguf")])
    edited = catalog.page(ModelQuery(search="edited"), None)[0]
    catalog.put_edits(catalog.begin_edits("cli", ""), [NewEdit(edited.id, "rating", None, "5")])
    assert catalog.remove_folder("/m") == (1, 1)
    assert {row.name for row in catalog.page(ModelQuery(), None)} == {"edited", "other"}
    assert [folder.path for folder in catalog.folders()] == ["/n"]


def test_light_columns_hold_any_text_and_say_where_it_came_from(catalog: Catalog, found: Found) -> None:
    (model,) = catalog.put_found([found("/m/a.gguf")])
    catalog.put_light(
        model,
        {
            "name": "lone \ud83d and \0 nul",
            "type": "lora",
            "tags": ["A", "a", "b"],
            "nsfw": False,
            "rating": 3,
        },
        {"name": Origin("civitai-info", 3, 12), "rating": Origin("user", 1)},
    )
    details = catalog.details(model)
    assert details is not None
    assert details.row.name == "lone \ufffd and  nul"
    assert (details.row.nsfw, details.row.rating) == (False, 3)
    assert details.provenance == {"name": Origin("civitai-info", 3, 12), "rating": Origin("user", 1)}
    assert catalog.facets(ModelQuery()).tags == {"A": 1, "b": 1}


def test_payloads_can_not_be_rewritten(catalog: Catalog) -> None:
    with pytest.raises(Exception, match="append-only"), catalog.transaction() as writer:
        batch = catalog.begin_batch(["/m"], None)
        writer.execute_sql(
            "INSERT INTO pending_models(batch_id, source, source_path, record_key, payload_sha256, extra_sha256, "
            "size_bytes, name, type, located, state, message, candidates, imported_at, meta_json) "
            "VALUES (?, 's', 'p', '', ?, '', 1, 'n', 't', 0, 'pending', '', '[]', 0, x'00')",
            (batch, A),
        )
        writer.execute_sql("UPDATE pending_models SET meta_json = x'01'")


def test_a_batch_of_new_models_is_found_like_single_ones(catalog: Catalog, found: Found) -> None:
    triggers = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name"
    before = catalog._reader.execute_sql(triggers).fetchall()
    catalog.put_found([found("/m/before.gguf")])
    ids = catalog.put_found([found(f"/m/ink {number:03}.gguf") for number in range(2 * MANY_MODELS)])
    catalog.put_found([found("/m/ink after.gguf")])
    assert catalog._reader.execute_sql(triggers).fetchall() == before
    assert catalog.count(ModelQuery(search="ink")) == len(ids) + 1
    assert catalog.count(ModelQuery(search="ink 042")) == 1
    with catalog.transaction() as writer:  # raises where index and text differ
        writer.execute_sql("INSERT INTO model_search(model_search, rank) VALUES ('integrity-check', 1)")
