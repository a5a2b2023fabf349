"""Moves, copies, rewritten headers, models of several files: whatever happens on disk, what was said stays."""

import contextlib
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from modelmgr import demo
from modelmgr.discovery import IgnoreRules
from modelmgr.errors import ModelmgrError, NotFound
from modelmgr.library import Library
from modelmgr.library.root_scan import SMALL_BYTES
from modelmgr.progress import Cancelled, Progress
from modelmgr.readers import read_header
from modelmgr.values import Changes, ModelDetails, ModelQuery, ModelRow, ScanOptions, ScanReport
from tests.library.identity_world import Stopping

Lora = Callable[..., Path]
Sha256 = Callable[[Path], str]
LARGE = SMALL_BYTES // 2 // 64 + 1  # rows of 64 halves that make a file too large to be hashed on the way
WORDS = {"ss_output_name": "ink", "modelspec.title": "Ink"}


def scan(library: Library, *paths: Path, hash_files: bool = True) -> ScanReport:
    report = library.scan([str(path) for path in paths], hash_files=hash_files, progress=Progress())
    assert report.seen == report.added + report.updated + report.unchanged + report.ignored + report.failed
    return report


def only(library: Library) -> ModelRow:
    (row,) = library.catalog.page(ModelQuery(), None)
    return row


def details(library: Library, row: ModelRow) -> ModelDetails:
    found = library.catalog.details(row.sha256 or row.id)
    assert found is not None
    return found


def write(path: Path, metadata: dict[str, str], rows: int = 16, fill: bytes = b"ink") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {
        "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_down.weight": ("F16", (4, 2048)),
        "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_up.weight": ("F16", (640, 4)),
        "pad.lora_down.weight": ("F16", (64, rows)),
    }
    demo.write_safetensors(path, tensors, metadata, fill)
    return path


def edit(library: Library, row: ModelRow) -> None:
    library.edit([row.id], "notes", "keep me")
    library.edit([row.id], "base_model", "Pony")


SIZES = pytest.mark.parametrize("rows", [16, LARGE], ids=["small", "large"])


# --- moves ------------------------------------------------------------------------------------------------


@SIZES
@pytest.mark.parametrize("across_disks", [False, True], ids=["rename", "other inode"])
def test_a_moved_file_takes_everything_along(
    library: Library, models: Path, rows: int, across_disks: bool
) -> None:
    path = write(models / "a" / "ink.safetensors", WORDS, rows)
    scan(library, models)
    before = only(library)
    edit(library, before)
    goal = models / "b" / "renamed.safetensors"
    goal.parent.mkdir()
    if across_disks:
        shutil.copy(path, goal)  # other inode, other time
        path.unlink()
    else:
        path.rename(goal)
    report = scan(library)
    assert (report.moved, report.missing, report.added) == (1, 0, 1)
    after = only(library)
    assert (after.id, after.sha256, after.path) == (before.id, before.sha256, str(goal))
    assert (after.file_state, after.file_count, after.hash_state) == ("present", 1, "done")
    assert (after.notes, after.base_model) == ("keep me", "Pony")
    assert [file.path for file in details(library, after).files] == [str(goal)]
    assert scan(library).unchanged == 1


def test_a_large_file_that_was_moved_is_known_before_it_is_hashed(library: Library, models: Path) -> None:
    path = write(models / "ink.safetensors", WORDS, LARGE)
    scan(library, models)
    before = only(library)
    edit(library, before)
    shutil.copy(path, models / "elsewhere.safetensors")
    path.unlink()

    class StopsAtTheHash(Progress):
        def step(self, done: int, total: int | None, text: str = "", unit: str = "files") -> None:
            if total == before.size_bytes:
                self.cancel()
            super().step(done, total, text, unit)

    assert library.scan(progress=StopsAtTheHash()).cancelled
    row = only(library)
    assert (row.id, row.path, row.notes) == (before.id, str(models / "elsewhere.safetensors"), "keep me")
    assert row.hash_state == "hashing"
    report = library.hash_waiting(Progress())
    assert (report.hashed, report.moved) == (1, 1)
    assert (only(library).hash_state, only(library).file_count) == ("done", 1)


def test_a_file_of_equal_size_and_other_bytes_is_no_move(library: Library, models: Path) -> None:
    path = write(models / "ink.safetensors", WORDS, LARGE)
    scan(library, models)
    edit(library, only(library))
    write(models / "other.safetensors", WORDS, LARGE, b"fog")
    path.unlink()
    report = scan(library)
    assert (report.moved, report.missing) == (0, 1)
    states = {row.notes: row.file_state for row in library.catalog.page(ModelQuery(), None)}
    assert states == {"keep me": "missing", None: "present"}


def test_two_files_change_their_names_with_each_other(library: Library, models: Path, lora: Lora) -> None:
    one, two = lora("one.safetensors", 1), lora("two.safetensors", 2)
    scan(library, models)
    before = {row.path: row.id for row in library.catalog.page(ModelQuery(), None)}
    one.rename(models / "x")
    two.rename(one)
    (models / "x").rename(two)
    scan(library)
    after = {row.path: row.id for row in library.catalog.page(ModelQuery(), None)}
    assert after == {str(one): before[str(two)], str(two): before[str(one)]}
    assert {row.file_state for row in library.catalog.page(ModelQuery(), None)} == {"present"}


def test_many_copies_that_moved_are_each_moved_once(library: Library, models: Path) -> None:
    first = write(models / "a" / "0.safetensors", WORDS)
    for number in range(1, 1200):
        shutil.copy(first, models / "a" / f"{number}.safetensors")
    scan(library, models)
    (models / "b").mkdir()
    for number in range(700):
        shutil.copy(first, models / "b" / f"{number}.safetensors")
    shutil.rmtree(models / "a")
    report = scan(library)
    assert (report.added, report.moved, report.missing) == (700, 700, 500)
    assert len(details(library, only(library)).files) == 1200
    assert (scan(library).missing, scan(library).missing) == (500, 500)


def test_a_file_that_is_found_again_later_has_moved(library: Library, models: Path) -> None:
    path = write(models / "a" / "ink.safetensors", WORDS)
    write(models / "a" / "other.safetensors", {"ss_output_name": "other"}, fill=b"fog")
    scan(library, models)
    away = path.rename(models / "ink.txt")
    for _ in range(3):
        assert scan(library).missing == 1
    away.rename(models / "ink.safetensors")
    report = scan(library)
    assert (report.moved, report.missing) == (1, 0)


def test_a_file_that_was_replaced_before_it_was_hashed_leaves_nothing(library: Library, models: Path) -> None:
    path = write(models / "ink.safetensors", WORDS)
    scan(library, models, hash_files=False)
    write(path, {"ss_output_name": "other"}, rows=32)
    scan(library)
    assert only(library).hash_state == "done"


def test_what_was_said_of_two_copies_is_said_of_the_model(library: Library, models: Path) -> None:
    path = write(models / "ink.safetensors", WORDS)
    shutil.copy(path, models / "copy.safetensors")
    scan(library, models, hash_files=False)
    one, two = library.catalog.page(ModelQuery(), None)
    for row, number in ((one, 1), (two, 2)):
        library.edit([row.id], "notes", f"note {number}")
        library.edit([row.id], "tags", ["both", f"tag {number}"])
        library.edit([row.id], "rating", number)
        library.edit([row.id], "favorite", number == 1)
    library.hash_waiting(Progress())
    row = only(library)
    assert sorted(row.notes.split("\n\n") if row.notes else []) == ["note 1", "note 2"]
    assert sorted(row.tags) == ["both", "tag 1", "tag 2"]
    assert row.favorite
    assert row.rating in (1, 2)


# --- rewritten headers ------------------------------------------------------------------------------------


def test_what_a_header_says_is_told_whole_whichever_of_its_versions_it_is(
    library: Library, models: Path
) -> None:
    tags = {"ss_tag_frequency": json.dumps({"10_ink": {"ink": 7, "wash": 3}}), "ss_steps": "1500"}
    for words in (WORDS, WORDS | tags, WORDS | {"modelspec.title": "Ink and wash"}):
        path = write(models / "ink.safetensors", words)
        library.scan([str(models)], progress=Progress())
        header = details(library, only(library)).header
        assert header == json.loads(json.dumps(read_header(str(path)).as_json()))
        assert header is not None
        assert ("training_tags" in header) == ("ss_steps" in words)
        assert header["shown"]


@SIZES
@pytest.mark.parametrize("kinds", ["sha256", "all"])
def test_a_rewritten_header_leaves_the_model_what_it_was(
    library: Library, models: Path, rows: int, kinds: str, sha256: Sha256
) -> None:
    options = ScanOptions(kinds)  # type: ignore[arg-type]
    path = write(models / "ink.safetensors", WORDS, rows)
    library.scan([str(models)], options=options, progress=Progress())
    before = only(library)
    edit(library, before)
    former = sha256(path)
    write(path, WORDS | {"modelspec.title": "Ink, with a longer title"}, rows)
    report = library.scan(options=options, progress=Progress())
    assert (report.rewritten, report.missing, report.updated) == (1, 0, 1)
    row = only(library)
    assert (row.id, row.sha256, row.notes) == (before.id, sha256(path), "keep me")
    found = details(library, row)
    assert found.header is not None
    assert found.header["metadata"]["modelspec.title"] == "Ink, with a longer title"
    assert [json.loads(record.payload or b"")["modelspec.title"] for record in found.records] == [
        "Ink, with a longer title",
        "Ink",
    ]
    assert ("SHA256", former, "former") in found.hashes
    (match,) = library.catalog.by_hash(former)
    assert match.model is not None
    assert match.model.id == row.id


@SIZES
def test_every_former_hash_leads_to_the_model_and_none_to_another(
    library: Library, models: Path, rows: int, sha256: Sha256
) -> None:
    path = write(models / "ink.safetensors", WORDS, rows)
    former: list[str] = []
    options = ScanOptions("all")
    for number in range(3):
        write(path, WORDS | {"modelspec.title": f"Ink {number}"}, rows)
        library.scan([str(models)], options=options, progress=Progress())
        former.append(sha256(path))
    row = only(library)
    for digits in former:
        assert [match.model and match.model.id for match in library.catalog.by_hash(digits)] == [row.id]
    short = [digits for kind, digits, _ in details(library, row).hashes if kind in ("CRC32", "BLAKE3")]
    edit(library, row)
    write(path, WORDS, rows, b"fog")
    library.scan([str(models)], options=options, progress=Progress())
    (other,) = library.catalog.page(ModelQuery(states=("present",)), None)
    for digits in (*former, *short):
        matches = library.catalog.by_hash(digits)
        assert other.id not in [match.model.id for match in matches if match.model], digits


@SIZES
@pytest.mark.parametrize("other_rows", [0, 1], ids=["equal sizes", "other sizes"])
def test_former_hashes_go_along_when_files_change_places(
    library: Library, models: Path, rows: int, other_rows: int, sha256: Sha256
) -> None:
    options = ScanOptions("all")
    one = write(models / "one.safetensors", WORDS, rows)
    two = write(models / "two.safetensors", WORDS, rows + other_rows, b"fog")
    library.scan([str(models)], options=options, progress=Progress())
    former = {path: sha256(path) for path in (one, two)}
    for path, fill, its_rows in ((one, b"ink", rows), (two, b"fog", rows + other_rows)):
        write(path, WORDS | {"modelspec.title": "Other"}, its_rows, fill)
    assert library.scan(options=options, progress=Progress()).rewritten == 2
    one.rename(models / "x")
    two.rename(one)
    (models / "x").rename(two)
    library.scan(options=options, progress=Progress())
    for path, digits in former.items():
        (match,) = library.catalog.by_hash(digits)
        assert match.model is not None
        assert match.model.path == str({one: two, two: one}[path])


def test_a_link_goes_on_under_a_new_header_when_its_fellow_is_gone(library: Library, models: Path) -> None:
    path = write(models / "a.safetensors", WORDS)
    link = models / "b.safetensors"
    link.hardlink_to(path)
    scan(library, models)
    before = only(library)
    edit(library, before)
    path.unlink()
    scan(library)
    write(link, WORDS | {"modelspec.title": "Other"})
    assert scan(library).rewritten == 1
    row = only(library)
    assert (row.id, row.path, row.file_state, row.notes) == (before.id, str(link), "present", "keep me")


def test_a_header_rewritten_beside_a_copy_makes_another_model(
    library: Library, models: Path, sha256: Sha256
) -> None:
    path = write(models / "ink.safetensors", WORDS)
    shutil.copy(path, models / "copy.safetensors")
    scan(library, models)
    edit(library, only(library))
    write(path, WORDS | {"modelspec.title": "Other"})
    assert scan(library).rewritten == 0
    notes = {row.sha256: row.notes for row in library.catalog.page(ModelQuery(), None)}
    assert notes == {sha256(path): None, sha256(models / "copy.safetensors"): "keep me"}


def test_other_tensors_under_the_same_name_are_another_model(library: Library, models: Path) -> None:
    path = write(models / "ink.safetensors", WORDS)
    scan(library, models)
    edit(library, only(library))
    write(path, WORDS, fill=b"fog")
    assert scan(library).rewritten == 0
    states = {row.notes: row.file_state for row in library.catalog.page(ModelQuery(), None)}
    assert states == {"keep me": "missing", None: "present"}


# --- what the file says itself ----------------------------------------------------------------------------


def test_the_metadata_of_a_file_are_a_record_of_their_own_once(library: Library, models: Path) -> None:
    path = write(models / "ink.safetensors", WORDS)
    shutil.copy(path, models / "copy.safetensors")
    scan(library, models)
    path.rename(models / "moved.safetensors")
    scan(library)
    (record,) = details(library, only(library)).records
    length = int.from_bytes((models / "copy.safetensors").read_bytes()[:8], "little")
    header = (models / "copy.safetensors").read_bytes()[8 : 8 + length]
    assert record.source == "embedded"
    assert record.payload is not None
    assert record.payload in header
    assert json.loads(record.payload) == WORDS


def test_a_file_that_says_nothing_has_no_record(library: Library, models: Path) -> None:
    write(models / "ink.safetensors", {"format": "pt"})
    scan(library, models)
    assert details(library, only(library)).records == ()


# --- links and copies -------------------------------------------------------------------------------------


def test_links_are_not_read_and_say_where_they_lead(library: Library, models: Path) -> None:
    path = write(models / "a" / "ink.safetensors", WORDS)
    (models / "b").mkdir()
    (models / "b" / "link.safetensors").symlink_to(path)
    (models / "c").symlink_to(models / "a")
    os.link(path, models / "hard.safetensors")
    report = scan(library, models)
    assert report.bytes_hashed == path.stat().st_size
    links = {file.path: file.link_target for file in details(library, only(library)).files}
    assert links[str(models / "b" / "link.safetensors")] == str(path)
    assert links[str(models / "hard.safetensors")] is None
    (group,) = library.catalog.duplicates()
    assert (len(group.files), group.reclaimable_bytes) == (3, 0)


# --- models of several files ------------------------------------------------------------------------------


def shards(folder: Path, count: int = 3, fill: str = "x") -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(1, count + 1):
        path = folder / f"story-{number:05}-of-{count:05}.safetensors"
        tensors = {f"model.layers.{number}.self_attn.q_proj.weight": ("F16", (64, 64))}
        demo.write_safetensors(path, tensors, {"format": "pt"}, f"{fill}{number}".encode())
        paths.append(path)
    return paths


def key_of(files: Sequence[tuple[str, Path]]) -> str:
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for name, path in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def test_shards_are_one_model_with_a_key_of_their_own(library: Library, models: Path) -> None:
    parts = shards(models / "story")
    report = scan(library, models)
    assert (report.seen, report.added, report.hashed) == (3, 3, 3)
    row = only(library)
    assert row.sha256 == key_of([(path.name, path) for path in parts])
    assert (row.path, row.file_count, row.hash_state) == (str(parts[0]), 3, "done")
    assert row.size_bytes == sum(path.stat().st_size for path in parts)
    assert library.catalog.duplicates() == []
    files = details(library, row).files
    assert [file.member for file in files] == [path.name for path in parts]
    assert [file.sha256 for file in files] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in parts
    ]
    again = scan(library)
    assert (again.unchanged, again.hashed) == (3, 0)
    (found,) = library.catalog.page(ModelQuery(search=files[1].sha256 or ""), None)
    assert found.id == row.id
    (match,) = library.catalog.by_hash(files[1].sha256 or "")
    assert (match.model, match.trust) == (found, "computed")


def test_shards_that_come_one_by_one_become_one_model(library: Library, models: Path) -> None:
    parts = shards(models / "story")
    aside = models / "aside"
    for part in parts[1:]:
        part.rename(f"{part}.part")
    assert not aside.exists()
    scan(library, models)
    first = only(library)
    library.edit([first.id], "notes", "keep me")
    for part in parts[1:]:
        Path(f"{part}.part").rename(part)
    scan(library)
    row = only(library)
    assert (row.file_count, row.notes) == (3, "keep me")
    parts[2].unlink()
    scan(library)
    assert (only(library).file_state, only(library).notes) == ("missing", "keep me")


def test_a_copy_of_shards_is_one_model_in_two_places(library: Library, models: Path) -> None:
    parts = shards(models / "story")
    shutil.copytree(models / "story", models / "copy")
    scan(library, models)
    row = only(library)
    assert row.file_count == 6
    (group,) = library.catalog.duplicates()
    assert (len(group.files), group.reclaimable_bytes) == (6, sum(path.stat().st_size for path in parts))
    assert library.catalog.count(ModelQuery(states=("duplicate",))) == 1
    shutil.rmtree(models / "story")
    scan(library)
    assert (only(library).id, only(library).file_state, only(library).path) == (
        row.id,
        "present",
        str(models / "copy" / parts[0].name),
    )


def pipeline(folder: Path) -> list[tuple[str, Path]]:
    folder.mkdir(parents=True)
    index = {
        "_class_name": "StableDiffusionXLPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "EulerDiscreteScheduler"],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    files = []
    for part, tensor in (("unet", "conv_in.weight"), ("vae", "encoder.conv_in.weight")):
        path = folder / part / "diffusion_pytorch_model.safetensors"
        path.parent.mkdir()
        (folder / part / "config.json").write_text('{"_class_name": "X"}')
        demo.write_safetensors(path, {tensor: ("F16", (320, 4, 3, 3))}, {"format": "pt"}, part.encode())
        files.append((f"{part}/{path.name}", path))
    (folder / "scheduler").mkdir()
    return files


def test_a_diffusers_folder_is_one_model(library: Library, models: Path) -> None:
    files = pipeline(models / "sdxl")
    demo.write_safetensors(models / "sdxl" / "single.safetensors", {"emb_params": ("F16", (4, 768))}, None, 1)
    report = scan(library, models)
    assert (report.seen, report.added) == (3, 3)
    rows = {row.path: row for row in library.catalog.page(ModelQuery(), None)}
    assert set(rows) == {str(models / "sdxl"), str(models / "sdxl" / "single.safetensors")}
    row = rows[str(models / "sdxl")]
    assert (row.format, row.sha256, row.file_count) == ("diffusers-folder", key_of(files), 2)
    (models / "sdxl" / "README.md").write_text("new words")
    assert scan(library).updated == 0
    demo.write_safetensors(files[0][1], {"conv_in.weight": ("F16", (320, 4, 3, 3))}, None, b"other")
    library.edit([row.id], "notes", "keep me")
    scan(library)
    states = {row.sha256: (row.file_state, row.notes) for row in library.catalog.page(ModelQuery(), None)}
    assert states[row.sha256] == ("missing", "keep me")
    assert states[key_of(files)] == ("present", None)


@pytest.mark.parametrize("steps", range(8))
def test_a_cancelled_scan_hides_no_part_and_no_loss(library: Library, models: Path, steps: int) -> None:
    parts = shards(models / "story")
    library.scan([str(models)], progress=Stopping(steps))
    scan(library)
    assert only(library).sha256 == key_of([(path.name, path) for path in parts])
    parts[0].unlink()
    library.scan(progress=Stopping(steps))
    scan(library)
    assert only(library).file_state == "missing"


def test_what_was_said_of_some_parts_is_said_of_the_whole(library: Library, models: Path) -> None:
    parts = shards(models / "story")
    for part in parts[1:]:
        part.rename(f"{part}.part")
    for part in parts[1:]:
        scan(library, models)
        library.edit([only(library).id], "notes", "keep me")
        Path(f"{part}.part").rename(part)
    scan(library)
    row = only(library)
    assert (row.sha256, row.notes) == (key_of([(path.name, path) for path in parts]), "keep me")


def test_a_link_to_a_part_that_was_replaced_is_a_model_of_its_own(library: Library, models: Path) -> None:
    parts = shards(models / "story")
    link = models / "other.safetensors"
    os.link(parts[0], link)
    scan(library, models)
    assert len(library.catalog.page(ModelQuery(), None)) == 1
    parts[0].unlink()
    shards(models / "story", fill="y")
    scan(library)
    rows = {row.path: row.sha256 for row in library.catalog.page(ModelQuery(states=("present",)), None)}
    assert rows == {
        str(parts[0]): key_of([(path.name, path) for path in parts]),
        str(link): hashlib.sha256(link.read_bytes()).hexdigest(),
    }


def test_without_its_index_a_pipeline_is_files(library: Library, models: Path) -> None:
    files = pipeline(models / "sdxl")
    scan(library, models)
    (models / "sdxl" / "model_index.json").unlink()
    scan(library)
    rows = {row.path for row in library.catalog.page(ModelQuery(states=("present",)), None)}
    assert rows == {str(path) for _, path in files}


def test_a_pipeline_is_whole_without_a_variant_but_not_without_a_part(library: Library, models: Path) -> None:
    files = pipeline(models / "sdxl")
    half = models / "sdxl" / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    demo.write_safetensors(half, {"conv_in.weight": ("F16", (320, 4, 3, 3))}, None, b"half")
    scan(library, models)
    half.unlink()
    scan(library)
    (row,) = library.catalog.page(ModelQuery(states=("present",)), None)
    assert row.sha256 == key_of(files)
    files[0][1].unlink()
    scan(library)
    assert library.catalog.page(ModelQuery(states=("present",)), None) == []


# --- what the user knows ----------------------------------------------------------------------------------


def test_a_lost_file_is_located_and_another_one_is_refused(
    library: Library, models: Path, tmp_path: Path
) -> None:
    path = write(models / "ink.safetensors", WORDS)
    scan(library, models)
    row = only(library)
    edit(library, row)
    away = tmp_path / "away.safetensors"
    path.rename(away)
    (models / "x.txt").touch()
    scan(library)
    assert only(library).file_state == "missing"
    other = write(tmp_path / "other.safetensors", WORDS, fill=b"fog")
    with pytest.raises(ModelmgrError, match="another file"):
        library.locate_model(row.id, str(other), Progress())
    with pytest.raises(NotFound):
        library.locate_model(row.id, str(tmp_path / "nowhere"), Progress())
    assert only(library).file_state == "missing"
    report = library.locate_model(row.id, str(away), Progress())
    assert (report.hashed, report.moved) == (1, 1)
    found = only(library)
    assert (found.id, found.path, found.file_state, found.notes) == (row.id, str(away), "present", "keep me")


def test_a_lost_file_may_come_back_under_another_header(
    library: Library, models: Path, tmp_path: Path
) -> None:
    path = write(models / "ink.safetensors", WORDS)
    scan(library, models)
    row = only(library)
    path.unlink()
    (models / "x.txt").touch()
    scan(library)
    other = write(tmp_path / "other.safetensors", WORDS | {"modelspec.title": "Another title"})
    report = library.locate_model(row.id, str(other), Progress())
    assert (report.rewritten, only(library).id, only(library).file_state) == (1, row.id, "present")


def test_a_file_that_was_replaced_since_is_located_as_it_is_now(
    library: Library, models: Path, sha256: Sha256
) -> None:
    path, other = write(models / "ink.safetensors", WORDS), write(models / "other.safetensors", {})
    scan(library, models, hash_files=False)
    rows = {row.path: row for row in library.catalog.page(ModelQuery(), None)}
    library.compute_hashes([rows[str(other)].id], Progress())
    edit(library, rows[str(path)])
    path.unlink()
    scan(library, hash_files=False)
    write(other, WORDS, fill=b"fog")
    library.locate_model(rows[str(path)].id, str(other), Progress())
    found = {row.id: (row.sha256, row.path, row.notes) for row in library.catalog.page(ModelQuery(), None)}
    assert found[rows[str(path)].id] == (sha256(other), str(other), "keep me")
    file = library.catalog.known_file(str(other))
    assert file is not None
    assert (file.sha256, file.size_bytes) == (sha256(other), other.stat().st_size)


def test_a_further_path_to_a_part_is_not_what_was_lost(
    library: Library, models: Path, tmp_path: Path
) -> None:
    path = write(models / "ink.safetensors", WORDS)
    parts = shards(models)
    scan(library, models, hash_files=False)
    lost = next(row for row in library.catalog.page(ModelQuery(), None) if row.path == str(path))
    edit(library, lost)
    path.unlink()
    scan(library)
    link = tmp_path / "elsewhere.safetensors"
    link.hardlink_to(parts[0])
    before = library.catalog.known_files()
    with pytest.raises(ModelmgrError, match="part of another"):
        library.locate_model(lost.id, str(link), Progress())
    assert library.catalog.known_files() == before


def test_one_file_is_not_a_lost_model_of_several(library: Library, models: Path, tmp_path: Path) -> None:
    shards(models)
    scan(library, models, hash_files=False)
    row = only(library)
    other = write(tmp_path / "other.safetensors", WORDS)
    with pytest.raises(ModelmgrError, match="another file"):
        library.locate_model(row.id, str(other), Progress())


@pytest.mark.parametrize("way", ["renamed", "copied"])
def test_a_folder_that_moved_brings_everything_along(
    library: Library, models: Path, lora: Lora, tmp_path: Path, way: str
) -> None:
    lora("a/one.safetensors", 1)
    shards(models / "story")
    pipeline(models / "sdxl")
    scan(library, models)
    before = {row.sha256: row.id for row in library.catalog.page(ModelQuery(), None)}
    goal = tmp_path / "elsewhere"
    if way == "renamed":
        models.rename(goal)
    else:
        shutil.copytree(models, goal)
        shutil.rmtree(models)
    scan(library)
    assert {row.file_state for row in library.catalog.page(ModelQuery(), None)} == {"offline"}
    told = library.move_folder(str(models), str(goal), Progress(), dry_run=True)
    assert (told.found, told.changed, told.absent) == (6, 0, 0)
    assert [folder.path for folder in library.catalog.folders()] == [str(models)]
    assert library.move_folder(str(models), str(goal), Progress()).found == 6
    assert [folder.path for folder in library.catalog.folders()] == [str(goal)]
    report = scan(library)
    assert report.hashed == (0 if way == "renamed" else 6)
    assert {row.sha256: row.id for row in library.catalog.page(ModelQuery(), None)} == before
    assert {row.file_state for row in library.catalog.page(ModelQuery(), None)} == {"present"}
    assert all(
        row.path and row.path.startswith(str(goal)) for row in library.catalog.page(ModelQuery(), None)
    )


def test_another_place_is_not_taken_for_the_folder_that_is_away(library: Library, models: Path) -> None:
    write(models / "ink.safetensors", WORDS)
    scan(library, models)
    away = models.rename(models.with_name("away"))
    models.mkdir()
    for _ in range(3):
        assert scan(library).offline == 1
        assert library.catalog.folders()[0].state == "offline"
    models.rmdir()
    away.rename(models)
    scan(library)
    assert (only(library).file_state, library.catalog.folders()[0].state) == ("present", "present")


# --- searches ---------------------------------------------------------------------------------------------


def test_any_hash_leads_to_its_model_in_a_search(library: Library, models: Path, lora: Lora) -> None:
    write(models / "ink.safetensors", WORDS, LARGE)
    lora("other.safetensors")
    library.scan([str(models)], options=ScanOptions("all"), progress=Progress())
    ink = next(row for row in library.catalog.page(ModelQuery(), None) if row.file_name == "ink.safetensors")
    hashes = {kind: digits for kind, digits, _ in details(library, ink).hashes}
    assert set(hashes) == {"SHA256", "AutoV1", "AutoV2", "AutoV3", "CRC32", "BLAKE3", "tensors"}
    for kind, digits in hashes.items():
        if kind != "tensors":
            (found,) = library.catalog.page(ModelQuery(search=digits.upper()), None)
            assert found.id == ink.id, kind
            assert library.catalog.count(ModelQuery(search=digits)) == 1


# --- quick checks and the watch ---------------------------------------------------------------------------


def test_a_quick_check_looks_at_changed_folders_only(library: Library, models: Path, lora: Lora) -> None:
    for name in ("a/one", "a/b/two", "c/three"):
        lora(f"{name}.safetensors", len(name))
    scan(library, models)
    settle(library)
    assert library.quick_check(Progress()).seen == 0
    lora("a/b/four.safetensors", 4)
    lora("new/deep/five.safetensors", 5)
    (models / "c" / "three.safetensors").rename(models / "a" / "three.safetensors")
    shutil.rmtree(models / "a" / "b")
    lora("a/b/four.safetensors", 4)
    report = library.quick_check(Progress())
    assert (report.added, report.moved, report.missing) == (3, 1, 1)
    states = {row.file_name: row.file_state for row in library.catalog.page(ModelQuery(), None)}
    assert states == {
        "one.safetensors": "present",
        "two.safetensors": "missing",
        "three.safetensors": "present",
        "four.safetensors": "present",
        "five.safetensors": "present",
    }
    assert scan(library).unchanged == 4


def test_a_quick_check_sees_a_part_of_a_pipeline_come(library: Library, models: Path) -> None:
    files = pipeline(models / "sdxl")
    scan(library, models)
    settle(library)
    path = models / "sdxl" / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    demo.write_safetensors(path, {"conv_in.weight": ("F16", (320, 4, 3, 3))}, None, b"half")
    assert library.quick_check(Progress()).added == 1
    rows = {row.file_state: row for row in library.catalog.page(ModelQuery(), None)}
    assert rows["present"].sha256 == key_of([*files, (f"unet/{path.name}", path)])


def settle(library: Library) -> None:
    """Wait until the folders' times are older than a tick of the clock, and have them remembered."""
    while not all(folder.mtime_ns for folder in library.catalog.scanned_folders("/").values()):
        scan(library)


def test_the_watch_brings_in_what_comes(library: Library, models: Path, lora: Lora) -> None:
    lora("a/one.safetensors", 1)
    scan(library, models)
    arrived = threading.Event()

    def hear(_: Changes) -> None:
        if library.catalog.count(ModelQuery()) == 2:
            arrived.set()

    library.catalog.subscribe(hear)
    progress = Progress()
    watching = threading.Thread(target=watch, args=(library, progress))
    watching.start()
    try:
        lora("a/two.safetensors", 2)
        assert arrived.wait(20)
    finally:
        progress.cancel()
        watching.join(5)
    assert not watching.is_alive()


def watch(library: Library, progress: Progress) -> None:
    with contextlib.suppress(Cancelled):
        library.watch(progress)


def test_bytes_that_changed_where_no_window_looks_are_no_rewritten_header(
    library: Library, models: Path
) -> None:
    path = write(models / "ink.safetensors", WORDS)
    scan(library, models)
    edit(library, only(library))
    before = only(library)
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1  # the same header, and the samples of the tensors are the same
    path.write_bytes(content)
    assert scan(library).rewritten == 0
    states = {row.notes: (row.file_state, row.sha256) for row in library.catalog.page(ModelQuery(), None)}
    assert states["keep me"] == ("missing", before.sha256)
    assert states[None][0] == "present"


def test_the_file_itself_stands_before_the_links_to_it(library: Library, models: Path) -> None:
    path = write(models / "ink.safetensors", WORDS)
    (models / "a link.safetensors").symlink_to(path)
    scan(library, models)
    assert only(library).path == str(path)


def test_a_quick_check_tells_that_a_folder_is_away_and_back(
    library: Library, models: Path, lora: Lora
) -> None:
    lora("one.safetensors")
    scan(library, models)
    models.rename(models.with_name("away"))
    assert library.quick_check(Progress()).offline == 1
    assert only(library).file_state == "offline"
    models.with_name("away").rename(models)
    library.quick_check(Progress())
    assert only(library).file_state == "present"


def test_a_model_that_is_away_keeps_the_picture_that_lies_beside_its_file(
    library: Library, models: Path
) -> None:
    path = write(models / "ink.safetensors", WORDS)
    picture = path.with_suffix(".preview.png")
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    scan(library, models)
    models.rename(models.with_name("away"))
    assert library.quick_check(Progress()).offline == 1
    library.relight(only(library).id)
    assert only(library).preview == str(picture)
    models.with_name("away").rename(models)
    picture.unlink()
    library.quick_check(Progress())
    library.relight(only(library).id)
    assert only(library).preview is None


@pytest.mark.parametrize("is_away", [True, False])
def test_a_model_is_there_whatever_becomes_of_a_link_to_one_of_its_parts(
    library: Library, models: Path, tmp_path: Path, is_away: bool
) -> None:
    files = pipeline(models / "sdxl")
    other = tmp_path / "other"
    other.mkdir()
    (other / "words.txt").touch()
    os.link(files[0][1], other / "part.safetensors")
    scan(library, models)
    scan(library, other)
    if is_away:
        other.rename(tmp_path / "away")
    else:
        (other / "part.safetensors").unlink()
    report = scan(library)
    assert (report.offline, report.missing) == (int(is_away), 0)
    assert only(library).file_state == "present"
    assert len(library.catalog.known_files()) == len(files) + is_away


def test_a_model_that_was_only_claimed_gets_what_its_file_says(
    library: Library, models: Path, sha256: Sha256
) -> None:
    path = write(models / "ink.safetensors", WORDS)
    with library.catalog.transaction():
        model_id, _ = library.catalog.ensure_model(sha256(path), "Claimed", 5)
    scan(library, models)
    assert only(library).id == model_id
    found = details(library, only(library))
    assert [record.source for record in found.records] == ["embedded"]
    assert found.header is not None
    assert (found.row.type, found.row.path) == ("lora", str(path))


def test_a_change_in_a_folder_that_is_left_out_is_not_looked_at(
    library: Library, models: Path, lora: Lora
) -> None:
    lora("a/one.safetensors", 1)
    lora("two.safetensors", 2)
    scan(library, models)
    library.set_folder_rules(str(models), IgnoreRules(("a/",)))
    scan(library)
    lora("a/three.safetensors", 3)
    told = [str(models / "a"), str(models)]
    assert library.look_at_changed(told, Progress()).added == 0
    assert library.quick_check(Progress()).added == 0
    assert library.catalog.count(ModelQuery()) == 2


def test_a_part_that_is_replaced_does_not_speak_for_the_whole(library: Library, models: Path) -> None:
    files = pipeline(models / "sdxl")
    scan(library, models)
    former = only(library)
    demo.write_safetensors(files[0][1], {"conv_in.weight": ("F16", (320, 4, 3, 3))}, None, b"other")
    scan(library)
    (row,) = library.catalog.page(ModelQuery(states=("present",)), None)
    assert row.id != former.id
    assert (row.format, row.type) == ("diffusers-folder", former.type)
    now, before = details(library, row).header, details(library, former).header
    assert now is not None
    assert before is not None
    assert {key: now[key] for key in ("format", "type", "components", "tensor_count")} == {
        key: before[key] for key in ("format", "type", "components", "tensor_count")
    }
    assert (now["metadata"], before["metadata"]) == ({}, {"format": "pt"})  # each says what its own bytes do


def test_a_blob_that_is_no_model_any_more_is_missing(library: Library, models: Path) -> None:
    blob = models / "blobs" / ("sha256-" + "a" * 64)
    blob.parent.mkdir()
    demo.write_gguf(blob, {"general.architecture": "llama"}, {"token_embd.weight": ("F32", (4, 4))})
    scan(library, models)
    blob.write_text("{}")
    report = scan(library)
    assert (report.ignored, only(library).file_state) == (1, "missing")


@SIZES
def test_a_moved_file_keeps_its_hashes_and_those_it_had(
    library: Library, models: Path, rows: int, sha256: Sha256
) -> None:
    path = write(models / "ink.safetensors", WORDS, rows)
    library.scan([str(models)], options=ScanOptions("all"), progress=Progress())
    former = sha256(path)
    write(path, WORDS | {"modelspec.title": "Other"}, rows)
    library.scan(options=ScanOptions("all"), progress=Progress())
    before = details(library, only(library)).hashes
    assert {"CRC32", "BLAKE3", "AutoV3", "tensors"} <= {kind for kind, _, _ in before}
    assert ("SHA256", former, "former") in before
    shutil.copy(path, models / "moved.safetensors")
    path.unlink()
    library.scan(options=ScanOptions("sha256"), progress=Progress())
    assert sorted(details(library, only(library)).hashes) == sorted(before)
    (match,) = library.catalog.by_hash(former)
    assert match.model is not None
