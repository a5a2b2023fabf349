"""Hugging Face's cache and downloads into plain folders."""

import json
import os
from pathlib import Path

import pytest

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.migration import repository
from modelmgr.migration.repository import models_of, page_of, repository_of, snapshot_of
from modelmgr.progress import Progress
from modelmgr.values import ModelQuery
from tests.inbox import pending_in
from tests.migration.sources.walk import walk
from tests.migration.specimens.huggingface import (
    CARD,
    CARD_BLOB,
    COMMIT,
    REPOSITORY,
    link,
    put,
    tree,
    write_copies,
    write_linked,
    write_local,
    write_pipeline,
)
from tests.migration.specimens.models import HERON, INKWASH, A, C

HEX = C["sha256"]
OTHER = "1" * 40


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("models--sample-org--tiny-heron-gguf", "sample-org/tiny-heron-gguf"),
        ("models--gpt2", "gpt2"),
        ("models--a--b--c", "a/b/c"),
        ("models--", None),
        ("datasets--a--b", None),
        ("spaces--a--b", None),
        ("models", None),
    ],
)
def test_the_repository_is_told_by_its_folder(folder: str, expected: str | None) -> None:
    assert repository_of(folder) == expected


def test_pages_are_of_repositories_only() -> None:
    assert page_of("sample-org/tiny.heron_1") == "https://huggingface.co/sample-org/tiny.heron_1"
    assert page_of("gpt2") == "https://huggingface.co/gpt2"
    assert [page_of(name) for name in ("", "a/b/c", "a b", "../x", "a/b\n", "é/x")] == [None] * 6


def test_a_snapshot_is_told_by_its_place() -> None:
    path = f"/cache/models--a--b/snapshots/{COMMIT}/unet/config.json"
    assert snapshot_of(path) == ("a/b", f"/cache/models--a--b/snapshots/{COMMIT}")
    assert snapshot_of(f"/cache/datasets--a--b/snapshots/{COMMIT}/README.md") is None


def test_shards_are_one_model_and_quantisations_are_several() -> None:
    assert models_of(
        [
            "README.md",
            "model-00002-of-00002.safetensors",
            "model-00001-of-00002.safetensors",
            "model.safetensors.index.json",
            "q/h-Q4-00001-of-00002.gguf",
            "q/h-Q4-00002-of-00002.gguf",
            "q/h-Q8.gguf",
            "optimizer.pt",
            "rng_state_0.pth",
            "training_args.bin",
        ]
    ) == [
        ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
        ("q/h-Q4-00001-of-00002.gguf", "q/h-Q4-00002-of-00002.gguf"),
        ("q/h-Q8.gguf",),
    ]


def test_the_parts_of_a_pipeline_are_one_model_beside_single_files() -> None:
    assert models_of(
        [
            "model_index.json",
            "vae/a.safetensors",
            "unet/a.safetensors",
            "text_encoder/model.safetensors",
            "xl.safetensors",
        ]
    ) == [
        ("unet/a.safetensors", "text_encoder/model.safetensors", "vae/a.safetensors"),
        ("xl.safetensors",),
    ]


def test_blobs_with_links(tmp_path: Path) -> None:
    root = write_linked(tmp_path)
    found = walk(tmp_path)
    record, claims = found.one("hf-cache")
    assert (record.source_path, record.record_key) == (str(root), "")
    assert record.extra == {"made": True}
    assert json.loads(record.payload) == {
        "repo_id": "sample-org/tiny-heron-gguf",
        "repo_type": "model",
        "commit": COMMIT,
        "refs": {"main": COMMIT},
        "snapshots": [COMMIT],
        "files": [{"path": "tiny-heron.gguf", "blob": HEX, "size": 24}],
        "other_files": [{"path": "README.md", "blob": CARD_BLOB, "size": 41}],
        "tree": "",
    }
    assert claims.fields == {
        "name": "tiny-heron-gguf",
        "source_url": "https://huggingface.co/sample-org/tiny-heron-gguf",
    }
    assert (claims.sha256, claims.own_hash) == (HEX, False)
    assert claims.path == str(root / "snapshots" / COMMIT / "tiny-heron.gguf")
    assert found.sources == ["hf-cache", "hf-model-card"]
    assert (found.ignored, found.problems) == ([], [])


def test_a_linked_file_and_its_blob_are_one_model(tmp_path: Path) -> None:
    root = write_linked(tmp_path / "hub")
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.scan([str(tmp_path / "hub")], progress=Progress())
        library.import_paths([str(tmp_path / "hub")], progress=Progress())
        library.promote(None, progress=Progress())
        (model,) = catalog.page(ModelQuery(), None)
        assert (model.sha256, model.name, model.license) == (HEX, "tiny-heron-gguf", "apache-2.0")
        assert model.source_url == "https://huggingface.co/sample-org/tiny-heron-gguf"
        assert model.path == str(root / "snapshots" / COMMIT / "tiny-heron.gguf")
        details = catalog.details(HEX)
        assert details is not None
        assert {record.source for record in details.records} == {"hf-cache", "hf-model-card"}
        assert {record.payload for record in details.records} >= {CARD}


def test_a_git_blob_proves_no_whole_file_hash(tmp_path: Path) -> None:
    root = write_linked(tmp_path)
    link(root / "snapshots" / COMMIT / "tiny.bin", f"../../blobs/{CARD_BLOB}")
    found = walk(tmp_path).of("hf-cache")
    assert found["tiny.bin"][1].sha256 is None
    assert found["tiny-heron.gguf"][1].sha256 == HEX


def test_copies_without_links_have_their_hash_in_the_list(tmp_path: Path) -> None:
    write_copies(tmp_path)
    record, claims = walk(tmp_path).one("hf-cache")
    assert (claims.sha256, claims.size_bytes) == (HEX, 24)
    said = json.loads(record.payload)
    assert said["tree"] == (tmp_path / REPOSITORY / f"trees/{COMMIT}.json").read_text()
    assert said["files"][0]["tree"]["xet_hash"] == "9" * 64


def test_copies_without_list_have_no_hash(tmp_path: Path) -> None:
    write_copies(tmp_path)
    (tmp_path / REPOSITORY / f"trees/{COMMIT}.json").unlink()
    _, claims = walk(tmp_path).one("hf-cache")
    assert (claims.sha256, claims.size_bytes) == (None, None)
    assert claims.path is not None


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", '{"files": 7}', '{"files": {"tiny-heron.gguf": 7}}', "{", '{"files": {"tiny-heron.gguf": '
     '{"lfs_sha256": "x", "lfs_size": "many"}}}', '{"a":' * 10_000],
)  # fmt: skip
def test_a_broken_list_is_kept_and_says_nothing(tmp_path: Path, text: str) -> None:
    write_copies(tmp_path)
    put(tmp_path / REPOSITORY / f"trees/{COMMIT}.json", text)
    record, claims = walk(tmp_path).one("hf-cache")
    assert json.loads(record.payload)["tree"] == text
    assert (claims.sha256, claims.size_bytes) == (None, None)


def test_a_half_moved_download_is_no_model(tmp_path: Path) -> None:
    root = tmp_path / REPOSITORY
    put(root / "refs/main", COMMIT)
    put(root / f"blobs/{HEX}.incomplete", HERON[:10])
    put(root / f"blobs/{HEX}.0a1b2c3d.incomplete", HERON[:12])
    (root / "snapshots" / COMMIT).mkdir(parents=True)
    assert walk(tmp_path).records == []


def test_a_broken_off_second_download_is_told(tmp_path: Path) -> None:
    root = write_linked(tmp_path)
    put(root / f"blobs/{HEX}.0a1b2c3d.incomplete", b"GG")
    record, claims = walk(tmp_path).one("hf-cache")
    assert record.extra == {"made": True, "unfinished": [HEX]}
    assert claims.flags == ("unfinished-download",)


def test_half_a_blob_is_told_by_its_hash(tmp_path: Path) -> None:
    root = write_linked(tmp_path)
    (root / "blobs" / HEX).write_bytes(HERON[:12])
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.import_paths([str(root)], source="hf-cache", progress=Progress())
        report = library.promote(None, progress=Progress())
        assert [problem.code for problem in report.problems] == ["hash_mismatch"]


def test_a_link_that_leads_nowhere_is_a_missing_file(tmp_path: Path) -> None:
    root = write_linked(tmp_path)
    (root / "blobs" / HEX).unlink()
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.import_paths([str(root)], source="hf-cache", progress=Progress())
        (row,) = pending_in(catalog)
        assert (row.problem, row.sha256, row.file_path) == ("no_file", HEX, None)
        record = catalog.pending_record(row.id)
        assert record is not None
        assert json.loads(record.payload)["files"] == [{"path": "tiny-heron.gguf", "blob": HEX, "size": None}]


def test_other_branches_are_kept_but_not_read(tmp_path: Path) -> None:
    root = write_linked(tmp_path)
    put(root / "refs/refs/pr/1", OTHER)
    put(root / f"snapshots/{OTHER}/changed.gguf", HERON)
    os.utime(root / f"snapshots/{OTHER}", (4_000_000_000, 4_000_000_000))
    record, claims = walk(tmp_path).one("hf-cache")
    said = json.loads(record.payload)
    assert said["commit"] == COMMIT
    assert said["refs"] == {"main": COMMIT, "refs/pr/1": OTHER}
    assert said["snapshots"] == sorted([COMMIT, OTHER])
    assert claims.path is not None
    assert claims.path.endswith("tiny-heron.gguf")


def test_without_main_the_newest_snapshot_counts(tmp_path: Path) -> None:
    root = tmp_path / REPOSITORY
    for commit, time in ((COMMIT, 1_000), (OTHER, 2_000)):
        put(root / f"snapshots/{commit}/tiny-heron.gguf", HERON)
        os.utime(root / f"snapshots/{commit}", (time, time))
    assert json.loads(walk(tmp_path).one("hf-cache")[0].payload)["commit"] == OTHER


def test_main_without_weights_gives_way(tmp_path: Path) -> None:
    root = tmp_path / REPOSITORY
    put(root / "refs/main", COMMIT)
    put(root / f"snapshots/{COMMIT}/config.json", "{}")
    put(root / f"snapshots/{OTHER}/tiny-heron.gguf", HERON)
    assert json.loads(walk(tmp_path).one("hf-cache")[0].payload)["commit"] == OTHER


def test_quantisations_are_models_of_their_own(tmp_path: Path) -> None:
    root = tmp_path / REPOSITORY
    put(root / "refs/main", COMMIT)
    for name in ("heron-Q4_K_M.gguf", "q8/heron-Q8_0.gguf", "mmproj-heron.gguf", "onnx/model.onnx"):
        put(root / f"snapshots/{COMMIT}/{name}", HERON + name.encode())
    found = walk(tmp_path).of("hf-cache")
    assert {key: claims.fields["name"] for key, (_, claims) in found.items()} == {
        "heron-Q4_K_M.gguf": "heron-Q4_K_M",
        "mmproj-heron.gguf": "mmproj-heron",
        "onnx/model.onnx": "tiny-heron-gguf onnx/model",
        "q8/heron-Q8_0.gguf": "heron-Q8_0",
    }
    paths = [claims.path for _, claims in found.values()]
    assert all(path is not None and os.path.isfile(path) for path in paths)


def test_shards_are_one_record(tmp_path: Path) -> None:
    root = tmp_path / REPOSITORY
    for number in (1, 2):
        put(root / f"snapshots/{COMMIT}/model-0000{number}-of-00002.safetensors", INKWASH + bytes(number))
    put(root / f"snapshots/{COMMIT}/model.safetensors.index.json", "{}")
    record, claims = walk(tmp_path).one("hf-cache")
    assert [file["path"] for file in json.loads(record.payload)["files"]] == [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ]
    assert claims.fields["name"] == "tiny-heron-gguf"
    assert claims.flags == ("several-parts",)


def test_a_pipeline_in_the_cache(tmp_path: Path) -> None:
    root = tmp_path / "models--sample-org--copperleaf"
    write_pipeline(root / "snapshots")
    os.rename(root / "snapshots/copperleaf", root / "snapshots" / COMMIT)
    put(root / f"snapshots/{COMMIT}/copperleaf_xl.safetensors", INKWASH)
    found = walk(tmp_path)
    assert list(found.of("hf-cache")) == ["copperleaf_xl.safetensors", "model_index.json"]
    _, claims = found.one("diffusers-folder")
    assert claims.fields == {
        "name": "copperleaf",
        "type": "checkpoint",
        "base_model": "SDXL",
        "source_url": "https://huggingface.co/sample-org/copperleaf",
    }


def test_blobs_alone(tmp_path: Path) -> None:
    root = tmp_path / REPOSITORY
    put(root / "blobs" / HEX, HERON)
    put(root / "blobs" / CARD_BLOB, CARD)
    _, claims = walk(tmp_path).one("hf-cache")
    assert (claims.sha256, claims.path) == (HEX, str(root / "blobs" / HEX))
    put(root / "blobs" / A["sha256"], INKWASH)
    record, claims = walk(tmp_path).one("hf-cache")
    assert (claims.sha256, claims.path) == (None, None)
    assert len(json.loads(record.payload)["files"]) == 2


@pytest.mark.parametrize("kind", ["datasets", "spaces"])
def test_data_sets_and_spaces_are_none_of_ours(tmp_path: Path, kind: str) -> None:
    root = tmp_path / f"{kind}--sample-org--herons"
    put(root / "refs/main", COMMIT)
    put(root / f"snapshots/{COMMIT}/README.md", CARD)
    put(root / f"snapshots/{COMMIT}/weights.bin", HERON)
    assert walk(tmp_path).records == []


def test_what_was_asked_and_not_there_is_nothing(tmp_path: Path) -> None:
    root = write_linked(tmp_path)
    put(root / f".no_exist/{COMMIT}/model.safetensors", b"")
    found = walk(tmp_path)
    record, _ = found.one("hf-cache")
    assert "model.safetensors" not in record.payload.decode()


def test_links_out_of_the_cache_are_looked_at_and_never_read(tmp_path: Path) -> None:
    root = write_linked(tmp_path / "hub")
    secret = put(tmp_path / "secret", "token")
    link(root / "refs/stolen", str(secret))
    link(root / "snapshots" / OTHER, str(tmp_path))
    link(root / f"trees/{COMMIT}.json", str(secret))
    link(root / "snapshots" / COMMIT / "stolen.gguf", str(secret))
    found = walk(tmp_path, [tmp_path / "hub"])
    assert "token" not in "".join(record.payload.decode() for record in found.records)
    assert found.of("hf-cache")["stolen.gguf"][1].sha256 is None
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        Library(catalog).import_paths([str(tmp_path / "hub")], source="hf-cache", progress=Progress())
        problems = {row.name: row.problem for row in pending_in(catalog)}
        assert problems == {"tiny-heron": None, "stolen": "outside"}


def test_names_of_any_bytes(tmp_path: Path) -> None:
    root = tmp_path / REPOSITORY
    put(root / "snapshots" / COMMIT / "README.md", CARD)
    put(root / "snapshots" / COMMIT / os.fsdecode(b"\xff\n.gguf"), HERON)
    put(root / "snapshots" / COMMIT / "x.gguf", HERON)
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        for imported, unchanged in ((4, 0), (0, 4)):
            report = library.import_paths([str(root)], progress=Progress())
            assert (report.imported, report.unchanged, report.failed) == (imported, unchanged, 0)
        assert all(row.file_path for row in pending_in(catalog))


def test_long_lists_are_not_kept_with_each_of_many_models(tmp_path: Path) -> None:
    root = tmp_path / REPOSITORY
    names = [f"checkpoint-{number}.bin" for number in range(400)]
    for name in names:
        put(root / "snapshots" / COMMIT / name, b"x")
    files = {
        name: {"size": 1, "lfs_sha256": f"{number + 1:064x}", "pad": "x" * 400}
        for number, name in enumerate(names)
    }
    put(root / f"trees/{COMMIT}.json", tree(**files))
    walked = walk(tmp_path)
    found = walked.of("hf-cache")
    assert len(found) == 400
    assert sum(len(record.payload) for record, _ in found.values()) < 1024 * 1024
    assert found["checkpoint-7.bin"][1].sha256 == f"{8:064x}"
    assert [(problem.code, problem.kept) for problem in walked.problems] == [("too_large", True)]


def test_a_repository_of_very_many_files_is_listed_to_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "FILES_LIMIT", 50)
    for number in range(60):
        put(tmp_path / REPOSITORY / "snapshots" / COMMIT / f"{number:03}.bin", b"x")
    found = walk(tmp_path)
    assert len(found.of("hf-cache")) == 50
    assert [(problem.code, problem.kept) for problem in found.problems] == [("too_large", True)]


# --- a plain folder ---------------------------------------------------------------------------------------


def test_a_download_into_a_plain_folder(tmp_path: Path) -> None:
    write_local(tmp_path)
    put(tmp_path / ".cache/huggingface/download/README.md.metadata", f"{COMMIT}\n{CARD_BLOB}\n1760000000.0\n")
    put(tmp_path / ".cache/huggingface/download/tiny-heron.gguf.lock", b"")
    found = walk(tmp_path)
    record, claims = found.one("hf-local-dir")
    assert record.payload == f"{COMMIT}\n{HEX}\n1760000000.5\n".encode()
    assert (claims.sha256, claims.own_hash) == (HEX, False)
    assert claims.path == str(tmp_path / "tiny-heron.gguf")
    assert claims.time == 1760000000.5
    assert claims.fields == {}


def test_in_a_subfolder_and_with_a_list(tmp_path: Path) -> None:
    put(tmp_path / "q8/heron.gguf", HERON)
    os.utime(tmp_path / "q8/heron.gguf", (1, 1))
    put(
        tmp_path / ".cache/huggingface/download/q8/heron.gguf.metadata",
        f'{COMMIT}\nW/"{CARD_BLOB}"\n1760000000\n',
    )
    entry = {"size": 135, "lfs_sha256": HEX, "lfs_size": 24}
    put(tmp_path / f".cache/huggingface/trees/{COMMIT}.json", tree(**{"q8/heron.gguf": entry}))
    record, claims = walk(tmp_path).one("hf-local-dir")
    assert record.extra == {"tree_entry": json.dumps(entry, sort_keys=True)}
    assert (claims.sha256, claims.size_bytes) == (None, 24)
    assert claims.path == str(tmp_path / "q8/heron.gguf")


def test_a_file_that_was_written_later_is_not_proved(tmp_path: Path) -> None:
    write_local(tmp_path)
    os.utime(tmp_path / "tiny-heron.gguf", (1_760_000_002, 1_760_000_002))
    record, claims = walk(tmp_path).one("hf-local-dir")
    assert record.extra == {"newer_file": True}
    assert (claims.sha256, claims.flags) == (None, ("stale-hash",))
    os.utime(tmp_path / "tiny-heron.gguf", (1_760_000_001, 1_760_000_001))
    assert walk(tmp_path).one("hf-local-dir")[1].sha256 == HEX


@pytest.mark.parametrize(
    "text", ["", "x", f"{COMMIT}\n{HEX}\n", f"{COMMIT}\n{HEX}\nnow\n", f"\n\n\n{HEX}", "\0" * 300]
)
def test_broken_metadata_is_kept(tmp_path: Path, text: str) -> None:
    write_local(tmp_path)
    put(tmp_path / ".cache/huggingface/download/tiny-heron.gguf.metadata", text)
    record, claims = walk(tmp_path).one("hf-local-dir")
    assert record.payload == text.encode()
    assert claims.problem == "unparsed_payload"
    assert claims.path == str(tmp_path / "tiny-heron.gguf")


def test_an_odd_list_is_stored_and_says_nothing(tmp_path: Path) -> None:
    write_local(tmp_path)
    odd = '{"lfs_size": NaN, "x": "\\ud83d", "y": 123456789012345678901234567890}'
    put(tmp_path / f".cache/huggingface/trees/{COMMIT}.json", f'{{"files": {{"tiny-heron.gguf": {odd}}}}}')
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        assert library.import_paths([str(tmp_path)], progress=Progress()).imported == 1
        assert library.promote(None, progress=Progress()).promoted == 1


def test_metadata_elsewhere_is_another_programs(tmp_path: Path) -> None:
    put(tmp_path / "x/tiny-heron.gguf.metadata", f"{COMMIT}\n{HEX}\n1760000000.0\n")
    assert walk(tmp_path).records == []
