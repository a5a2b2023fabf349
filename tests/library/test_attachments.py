"""Pictures of models: recorded with path and digest at promotion, copied only on wish, shown from a copy when gone."""

import base64
import hashlib
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from modelmgr import demo
from modelmgr.catalog import Catalog
from modelmgr.library import Library, attaching
from modelmgr.progress import Cancelled, Progress
from modelmgr.values import Attachment, ModelQuery, PromoteReport

PNG = b"\x89PNG\r\n\x1a\n picture of ink"
PNG_SHA256 = "a2fd0c3552f26a70e4fde9028c02d94cf653d39949d699fd39d23aafe248b90d"
OTHER = b"\x89PNG\r\n\x1a\n another one"
OTHER_SHA256 = "0280ca671e0d132441d31ae39a3e12c0326d76b66b2486223abc39b8568d97d0"
Write = Callable[..., Path]


def bring_in(library: Library, *folders: Path, keep: bool = False) -> PromoteReport:
    library.import_paths([str(folder) for folder in folders], progress=Progress())
    return library.promote(None, keep_previews=keep, progress=Progress())


def attachments(library: Library) -> list[Attachment]:
    return [
        found
        for model_id in library.catalog.order(ModelQuery())
        for found in library.catalog.attachments_of(model_id)
    ]


def shown(library: Library) -> str | None:
    (model_id,) = library.catalog.order(ModelQuery())
    return library.catalog.rows([model_id])[0].preview


def copies(library: Library) -> list[str]:
    root = Path(library.catalog.path + ".attachments")
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_all_pictures_of_a_file_are_recorded_with_size_time_and_digest(
    library: Library, models: Path, lora: Write, civitai_info: Callable[..., bytes]
) -> None:
    civitai_info(lora("ink.safetensors"))
    for name in (
        "ink.preview.png",
        "ink.png",
        "ink.mp4",
        "ink.example.0.jpeg",
        "ink.example.12.png",
        "ink_3.jpg",
    ):
        (models / name).write_bytes(PNG)
    for name in ("inkwell.png", "ink_3.png", "ink_a.jpg", "ink.example.x.png", "ink.svg", "other.png"):
        (models / name).write_bytes(PNG)
    os.utime(models / "ink.png", ns=(5, 1_700_000_000_123_456_789))
    assert bring_in(library, models).promoted == 1
    found = attachments(library)
    assert [(os.path.basename(each.path), each.kind) for each in found] == [
        ("ink.preview.png", "preview"),
        ("ink.png", "preview"),
        ("ink.mp4", "preview"),
        ("ink.example.0.jpeg", "example"),
        ("ink.example.12.png", "example"),
        ("ink_3.jpg", "example"),
    ]
    assert found[1] == Attachment(
        str(models / "ink.png"), "preview", 23, 1_700_000_000_123_456_789, PNG_SHA256, None, None
    )
    assert {each.sha256 for each in found} == {PNG_SHA256}
    assert not os.path.exists(library.catalog.path + ".attachments")


def test_a_numbered_picture_of_a_model_with_that_name_is_no_example(
    library: Library, models: Path, lora: Write, civitai_info: Callable[..., bytes]
) -> None:
    civitai_info(lora("ink.safetensors"))
    lora("ink_3.safetensors", 0x42)
    (models / "ink_3.jpg").write_bytes(PNG)
    bring_in(library, models)
    assert attachments(library) == []


def test_the_picture_that_a_record_names_counts_where_it_may_be_looked_at(
    library: Library, tmp_path: Path, models: Path, lora: Write
) -> None:
    inside = models / "covers" / "harbor.png"
    outside = tmp_path / "private" / "secret.png"
    for picture in (inside, outside):
        picture.parent.mkdir()
        picture.write_bytes(PNG)
    for name, picture, fill in (
        ("ink", inside, 1),
        ("copper", outside, 2),
        ("tin", models / "tin.safetensors", 3),
    ):
        path = lora(f"{name}.safetensors", fill)
        said = {
            "file_path": str(path),
            "model_name": name,
            "preview_url": str(picture),
            "from_civitai": False,
        }
        path.with_suffix(".metadata.json").write_text(json.dumps(said))
    assert bring_in(library, models).promoted == 3
    assert [(each.path, each.kind, each.sha256) for each in attachments(library)] == [
        (str(inside), "preview", PNG_SHA256)
    ]


def test_a_record_from_an_export_can_not_claim_to_be_from_where_nothing_was_named(
    library: Library, tmp_path: Path, models: Path, lora: Write, sha256: Callable[[Path], str]
) -> None:
    secret = tmp_path / "private" / "secret.png"
    secret.parent.mkdir()
    secret.write_bytes(PNG)
    path = lora("ink.safetensors")
    library.scan([str(models)], progress=Progress())
    said = {"file_path": str(path), "sha256": sha256(path), "model_name": "Ink", "preview_url": str(secret)}
    payload = json.dumps(said | {"from_civitai": False}).encode()
    line = {
        "source": "lora-manager",
        "source_path": str(secret.with_name("ink.metadata.json")),
        "record_key": "",
        "payload_sha256": hashlib.sha256(payload).hexdigest(),
        "payload_base64": base64.b64encode(payload).decode(),
    }
    (tmp_path / "export.jsonl").write_text(json.dumps(line) + "\n")
    assert bring_in(library, tmp_path / "export.jsonl", keep=True).promoted == 1
    assert attachments(library) == []
    assert copies(library) == []
    assert [row.preview for row in library.catalog.page(ModelQuery(), None)] == [None]


@pytest.mark.parametrize("name", ["\ud800.png", "a\0b.png", "x" * 5000 + ".png", "..", "", 7, ["a.png"], {}])
def test_odd_names_of_pictures_do_no_harm(library: Library, models: Path, lora: Write, name: object) -> None:
    path = lora("ink.safetensors")
    picture = f"{models}/{name}" if isinstance(name, str) else name
    said = {"file_path": str(path), "model_name": "Ink", "preview_url": picture, "from_civitai": False}
    path.with_suffix(".metadata.json").write_text(json.dumps(said))
    report = bring_in(library, models, keep=True)
    assert (report.promoted, report.problems) == (1, [])
    assert attachments(library) == []


def test_a_link_that_leads_out_and_what_is_no_regular_file_are_left_alone(
    library: Library, tmp_path: Path, models: Path, lora: Write, civitai_info: Callable[..., bytes]
) -> None:
    civitai_info(lora("ink.safetensors"))
    outside = tmp_path / "secret.png"
    outside.write_bytes(PNG)
    (models / "pictures").mkdir()
    (models / "pictures" / "p.png").write_bytes(PNG)
    (models / "ink.png").symlink_to(outside)
    (models / "ink.jpg").symlink_to(models / "pictures" / "p.png")
    (models / "ink.webp").symlink_to("/dev/zero")
    os.mkfifo(models / "ink.gif")
    (models / "ink.bmp").mkdir()
    bring_in(library, models, keep=True)
    assert [each.path for each in attachments(library)] == [str(models / "ink.jpg")]
    assert copies(library) == [f"{PNG_SHA256[:2]}/{PNG_SHA256}.jpg"]


def test_what_is_unchanged_is_not_read_again_what_changed_is_and_what_is_gone_stays(
    library: Library, models: Path, lora: Write, civitai_info: Callable[..., bytes]
) -> None:
    path = lora("ink.safetensors")
    civitai_info(path)
    for name in ("ink.png", "ink.jpg", "ink.webp"):
        (models / name).write_bytes(PNG)
        os.utime(models / name, ns=(1, 1))
    bring_in(library, models)
    # The same size and time: only a second reading could tell.
    (models / "ink.png").write_bytes(PNG.upper())
    os.utime(models / "ink.png", ns=(1, 1))
    (models / "ink.jpg").write_bytes(OTHER)
    (models / "ink.webp").unlink()
    path.with_suffix(".txt").write_text("Notes on ink.")
    assert bring_in(library, models).promoted == 1
    found = {os.path.basename(each.path): each for each in attachments(library)}
    assert found["ink.png"].sha256 == found["ink.webp"].sha256 == PNG_SHA256
    assert (found["ink.jpg"].size_bytes, found["ink.jpg"].sha256) == (20, OTHER_SHA256)


def test_a_giant_is_recorded_without_a_digest_and_not_copied(
    library: Library, models: Path, lora: Write, civitai_info: Callable[..., bytes]
) -> None:
    civitai_info(lora("ink.safetensors"))
    with (models / "ink.mp4").open("wb") as file:
        file.truncate(256 * 1024 * 1024 + 1)
    report = bring_in(library, models, keep=True)
    (found,) = attachments(library)
    assert (found.size_bytes, found.sha256, found.kept) == (268_435_457, None, None)
    assert report.promoted == 1
    assert [(each.path, each.code, each.kept) for each in report.problems] == [
        (str(models / "ink.mp4"), "not_kept", True)
    ]
    assert copies(library) == []


def test_copies_are_made_on_wish_alone_once_for_equal_bytes_and_for_the_owner_only(
    library: Library, models: Path, lora: Write, civitai_info: Callable[..., bytes]
) -> None:
    for name, fill in (("ink", 1), ("copper", 2)):
        civitai_info(lora(f"{name}.safetensors", fill))
        (models / f"{name}.PNG").write_bytes(PNG)
    (models / "ink.example.1.png").write_bytes(OTHER)
    before = {path.name: path.stat().st_mtime_ns for path in models.iterdir()}
    assert bring_in(library, models, keep=True).promoted == 2
    assert copies(library) == [
        f"{OTHER_SHA256[:2]}/{OTHER_SHA256}.png",
        f"{PNG_SHA256[:2]}/{PNG_SHA256}.png",
    ]
    copy = Path(library.catalog.copy_path(f"{PNG_SHA256}.png"))
    assert copy.read_bytes() == PNG
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    found = attachments(library)
    assert [each.kept for each in found].count(f"{PNG_SHA256}.png") == 2
    assert len({each.path for each in found}) == 3
    assert {path.name: path.stat().st_mtime_ns for path in models.iterdir()} == before


def test_a_copy_that_was_damaged_or_cut_short_is_made_anew(
    library: Library, models: Path, lora: Write, civitai_info: Callable[..., bytes]
) -> None:
    civitai_info(lora("ink.safetensors"))
    (models / "ink.png").write_bytes(PNG)
    target = Path(library.catalog.copy_path(f"{PNG_SHA256}.png"))
    target.parent.mkdir(parents=True)
    target.write_bytes(b"cut")
    bring_in(library, models, keep=True)
    assert target.read_bytes() == PNG
    assert copies(library) == [f"{PNG_SHA256[:2]}/{PNG_SHA256}.png"]


def test_bytes_that_are_not_those_of_the_digest_get_no_name(tmp_path: Path) -> None:
    picture, target = tmp_path / "p.png", tmp_path / "kept" / "aa" / "copy.png"
    target.parent.parent.mkdir()
    picture.write_bytes(OTHER)
    with pytest.raises(OSError, match="changed while it was copied"):
        attaching._copy(str(picture), str(target), PNG_SHA256, len(OTHER), Progress())
    stopped = Progress()
    stopped.cancel()
    with pytest.raises(Cancelled):
        attaching._copy(str(picture), str(target), OTHER_SHA256, len(OTHER), stopped)
    assert list(target.parent.iterdir()) == []


def test_where_no_copy_can_be_made_that_is_told_and_the_record_promoted(
    library: Library, models: Path, lora: Write, civitai_info: Callable[..., bytes]
) -> None:
    civitai_info(lora("ink.safetensors"))
    (models / "ink.png").write_bytes(PNG)
    Path(library.catalog.path + ".attachments").write_text("a file in its place")
    report = bring_in(library, models, keep=True)
    assert (report.promoted, [each.code for each in report.problems]) == (1, ["not_kept"])
    (found,) = attachments(library)
    assert (found.sha256, found.kept) == (PNG_SHA256, None)


def test_a_preview_that_is_gone_is_shown_from_its_copy_and_keeps_its_provenance(
    library: Library, models: Path, lora: Write, civitai_info: Callable[..., bytes]
) -> None:
    civitai_info(lora("ink.safetensors"))
    picture = models / "ink.preview.png"
    picture.write_bytes(PNG)
    (models / "ink.png").write_bytes(OTHER)
    bring_in(library, models, keep=True)
    assert shown(library) == str(picture)
    (model_id,) = library.catalog.order(ModelQuery())
    origin = library.catalog.details(model_id).provenance["preview"]
    picture.unlink()
    copy = library.catalog.copy_path(f"{PNG_SHA256}.png")
    details = library.catalog.details(model_id)
    assert (details.row.preview, details.provenance["preview"]) == (copy, origin)
    library.relight(model_id)
    assert shown(library) == copy
    assert library.catalog.details(model_id).provenance["preview"] == origin
    picture.write_bytes(PNG)
    library.relight(model_id)
    assert shown(library) == str(picture)
    picture.unlink()
    os.unlink(copy)
    library.relight(model_id)
    assert shown(library) == str(models / "ink.png")


def test_a_named_picture_that_is_gone_is_shown_from_its_copy(
    library: Library, models: Path, lora: Write
) -> None:
    path = lora("ink.safetensors")
    picture = models / "covers" / "harbor.png"
    picture.parent.mkdir()
    picture.write_bytes(PNG)
    (models / "ink.png").write_bytes(OTHER)
    said = {"file_path": str(path), "model_name": "Ink", "preview_url": str(picture), "from_civitai": False}
    path.with_suffix(".metadata.json").write_text(json.dumps(said))
    bring_in(library, models, keep=True)
    picture.unlink()
    (model_id,) = library.catalog.order(ModelQuery())
    library.relight(model_id)
    assert shown(library) == library.catalog.copy_path(f"{PNG_SHA256}.png")
    assert library.catalog.details(model_id).provenance["preview"].source == "lora-manager"
    path.unlink()
    library.scan([str(models)], progress=Progress())
    library.relight(model_id)
    assert shown(library) == library.catalog.copy_path(f"{PNG_SHA256}.png")


def test_without_a_copy_a_gone_preview_is_none(
    library: Library, models: Path, lora: Write, civitai_info: Callable[..., bytes]
) -> None:
    civitai_info(lora("ink.safetensors"))
    (models / "ink.png").write_bytes(PNG)
    bring_in(library, models)
    (models / "ink.png").unlink()
    (model_id,) = library.catalog.order(ModelQuery())
    library.relight(model_id)
    assert shown(library) is None


def test_an_undo_leaves_what_lies_beside_the_file_and_forgets_what_only_the_record_named(
    library: Library, models: Path, lora: Write
) -> None:
    path = lora("ink.safetensors")
    picture = models / "covers" / "harbor.png"
    picture.parent.mkdir()
    for place in (picture, models / "ink.png"):
        place.write_bytes(PNG)
    said = {"file_path": str(path), "model_name": "Ink", "preview_url": str(picture), "from_civitai": False}
    path.with_suffix(".metadata.json").write_text(json.dumps(said))
    report = bring_in(library, models, keep=True)
    assert [each.path for each in attachments(library)] == [str(picture), str(models / "ink.png")]
    (models / "ink.png").unlink()
    assert library.undo_promotion(report.pending_ids, Progress()).undone == 1
    assert [(each.path, each.sha256) for each in attachments(library)] == [
        (str(models / "ink.png"), PNG_SHA256)
    ]
    assert shown(library) == library.catalog.copy_path(f"{PNG_SHA256}.png")


def test_a_model_that_goes_takes_its_rows_and_leaves_the_copies(
    library: Library, models: Path, lora: Write, civitai_info: Callable[..., bytes]
) -> None:
    civitai_info(lora("ink.safetensors"))
    (models / "ink.png").write_bytes(PNG)
    library.scan([str(models)], progress=Progress())
    report = bring_in(library, models, keep=True)
    library.undo_promotion(report.pending_ids, Progress())
    assert library.remove_folder(str(models)) == {"removed_models": 1, "kept_models": 0}
    with library.catalog.transaction() as writer:
        assert writer.execute_sql("SELECT count(*) FROM attachments").fetchone() == (0,)
    assert copies(library) == [f"{PNG_SHA256[:2]}/{PNG_SHA256}.png"]


def test_pictures_follow_a_model_into_the_one_of_the_same_content(library: Library, models: Path) -> None:
    with library.catalog.transaction() as writer:
        conn = writer.connection()
        for name in ("home", "provisional"):
            conn.execute(
                "INSERT INTO models(name, type, size_bytes, file_count, tags, favorite, trigger_words, added_at, "
                "hash_state, file_state, search_text) "
                "VALUES (?, 'lora', 1, 0, '[]', 0, '[]', 1, 'none', 'present', '')",
                (name,),
            )
    same = Attachment("/m/same.png", "preview", 1, 1, PNG_SHA256)
    library.catalog.put_attachments(1, [same])
    library.catalog.put_attachments(2, [same, Attachment("/m/other.png", "example", 1, 1, OTHER_SHA256)])
    with library.catalog.transaction() as writer:
        library.catalog._merge_into(writer.connection(), 2, 1)
    assert [each.path for each in library.catalog.attachments_of(1)] == ["/m/same.png", "/m/other.png"]


def test_paths_that_are_no_unicode_come_back(
    library: Library, models: Path, lora: Write, civitai_info: Callable[..., bytes]
) -> None:
    path = lora("ink.safetensors", folder=models / os.fsdecode(b"sea\xff"))
    civitai_info(path)
    path.with_suffix(".png").write_bytes(PNG)
    bring_in(library, models)
    assert [each.path for each in attachments(library)] == [str(path.with_suffix(".png"))]


def test_an_export_tells_of_them_and_is_taken_back(
    library: Library, tmp_path: Path, models: Path, lora: Write, civitai_info: Callable[..., bytes]
) -> None:
    civitai_info(lora("ink.safetensors"))
    (models / "ink.png").write_bytes(PNG)
    bring_in(library, models, keep=True)
    out = tmp_path / "all.jsonl"
    with out.open("w") as file:
        library.export_library(file, "jsonl", Progress())
    (line,) = out.read_text().splitlines()
    assert json.loads(line)["attachments"] == [
        {
            "path": str(models / "ink.png"),
            "kind": "preview",
            "size": 23,
            "sha256": PNG_SHA256,
            "kept": library.catalog.copy_path(f"{PNG_SHA256}.png"),
        }
    ]
    with Catalog.open(tmp_path / "second.sqlite") as catalog:
        report = Library(catalog).import_paths([str(out)], progress=Progress())
    assert (report.imported, report.failed) == (1, 0)


def with_thumbnail(path: Path, thumbnail: str) -> Path:
    demo.write_safetensors(path, {"emb_params": ("F16", (4, 768))}, {"modelspec.thumbnail": thumbnail})
    return path


def data_url(data: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def test_the_picture_that_a_header_carries_is_shown_where_there_is_no_other(
    library: Library, models: Path
) -> None:
    path = with_thumbnail(models / "ink.safetensors", data_url(PNG))
    library.scan([str(models)], progress=Progress())
    assert Path(shown(library) or "").read_bytes() == PNG
    assert copies(library) == [f"{PNG_SHA256[:2]}/{PNG_SHA256}.png"]

    beside = path.with_name("ink.preview.png")
    beside.write_bytes(OTHER)
    (model_id,) = library.catalog.order(ModelQuery())
    library.relight(model_id)
    assert shown(library) == str(beside)
    beside.unlink()
    library.relight(model_id)
    assert Path(shown(library) or "").read_bytes() == PNG

    again = Path(with_thumbnail(path, data_url(OTHER)))
    library.scan([], progress=Progress())
    assert again.exists() and Path(shown(library) or "").read_bytes() == OTHER


@pytest.mark.parametrize(
    "thumbnail",
    [
        "",
        "https://example.org/a.png",
        "data:image/svg+xml;base64," + base64.b64encode(b"<svg/>").decode(),
        data_url(b"<html>"),
        "data:image/png;base64,####",
        "data:image/png;base64," + "A" * 7,
        data_url(PNG + bytes(2 * 1024 * 1024)),
        data_url(b"GIF89a" + bytes(20)),
    ],
)
def test_what_is_no_small_picture_in_a_header_is_none(library: Library, models: Path, thumbnail: str) -> None:
    with_thumbnail(models / "ink.safetensors", thumbnail)
    library.scan([str(models)], progress=Progress())
    assert shown(library) is None
    assert copies(library) == []
