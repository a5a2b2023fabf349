"""Model cards: front matter beside weights, and what is none."""

import os
from pathlib import Path

import pytest

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.migration.sources.hf_model_card import HfModelCard
from modelmgr.progress import Progress
from modelmgr.values import Claims, Record
from tests.inbox import pending_in
from tests.migration.sources.walk import walk
from tests.migration.specimens.huggingface import (
    CARD,
    COMMIT,
    REPOSITORY,
    put,
    write_card,
    write_card_full,
    write_pipeline,
)
from tests.migration.specimens.models import HERON, INKWASH


def claims_of(text: str, *siblings: str) -> Claims:
    record = Record(
        "hf-model-card", "/m/README.md", "", f"---\n{text}\n---\n".encode(), {"files": ["x.gguf"]}
    )
    return HfModelCard().claims(record, frozenset(siblings))


def test_a_card_beside_a_model(tmp_path: Path) -> None:
    write_card(tmp_path)
    record, claims = walk(tmp_path).one("hf-model-card")
    assert (record.payload, record.record_key) == (CARD, "")
    assert claims.path == "tiny-heron.gguf"
    assert claims.fields == {"license": "apache-2.0"}


def test_every_field(tmp_path: Path) -> None:
    write_card_full(tmp_path)
    _, claims = walk(tmp_path).one("hf-model-card")
    assert claims.fields == {
        "name": "Inkwash Harbor",
        "type": "lora",
        "base_model": "SDXL 1.0",
        "tags": ("lora", "ink", "not-for-all-audiences"),
        "trigger_words": ("inkwash harbor, ink style",),
        "license": "heron-licence",
        "nsfw": True,
        "preview": str(tmp_path / "harbour.png"),
    }
    assert claims.personal == frozenset()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("pipeline_tag: text-generation", "llm"),
        ("pipeline_tag: image-text-to-text", "vlm"),
        ("pipeline_tag: sentence-similarity", "text_embedding_model"),
        ("library_name: sentence-transformers", "text_embedding_model"),
        ("pipeline_tag: text-ranking", "reranker"),
        ("pipeline_tag: text-to-speech", "audio"),
        ("pipeline_tag: text-to-image", None),
        ("pipeline_tag: text-to-image\ntags: [lora]", "lora"),
        ("tags: lora", "lora"),
        ("pipeline_tag: text-generation\nbase_model_relation: adapter", "llm_adapter"),
        ("library_name: peft\ntags: [text-generation]", "llm_adapter"),
        ("library_name: diffusers\ntags: [controlnet]", "controlnet"),
        ("tags: [textual_inversion]", "embedding"),
        ("pipeline_tag: image-classification", None),
        ("pipeline_tag: 7", None),
        ("pipeline_tag: [text-generation]", None),
    ],
)
def test_the_type(text: str, kind: str | None) -> None:
    assert claims_of(text).fields.get("type") == kind


def test_a_picture_model_in_a_pipelines_folder_is_whole() -> None:
    assert claims_of("pipeline_tag: text-to-image", "model_index.json").fields["type"] == "checkpoint"


@pytest.mark.parametrize(
    ("text", "license"),
    [
        ("license: mit", "mit"),
        ("license: other\nlicense_name: flux-1-dev\nlicense_link: LICENSE.md", "flux-1-dev"),
        ("license: other\nlicense_link: https://example.com/l", "https://example.com/l"),
        ("license: other", "other"),
        ("license: [mit, apache-2.0]", "mit, apache-2.0"),
        ("license: {a: b}", None),
        ("license:", None),
        ("license: 1.0", "1.0"),
    ],
)
def test_the_license(text: str, license: str | None) -> None:
    assert claims_of(text).fields.get("license") == license


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("base_model: stabilityai/stable-diffusion-xl-base-1.0", "SDXL 1.0"),
        ("base_model: [black-forest-labs/FLUX.1-dev, x/y]", "Flux.1 D"),
        ("base_model: sample-org/Heron-7B", "sample-org/Heron-7B"),
        ("base_model:\n- {a: b}", None),
        ("base_model: no", "no"),
    ],
)
def test_the_base_is_a_repository(text: str, base: str | None) -> None:
    assert claims_of(text).fields.get("base_model") == base


def test_traps_of_yaml() -> None:
    claims = claims_of("language: no\ntags:\n- 1.0\n- no\n- [x]\n- ok\nlicense: mit\nlicense: cc0")
    assert claims.fields["tags"] == ("1.0", "no", "ok")
    assert claims.fields["license"] == "cc0"
    assert "duplicate-keys" in claims.flags
    assert claims_of("thumbnail: https://example.com/x.png", "x.png").fields == {}
    assert claims_of("thumbnail: ../x.png", "x.png").fields == {}


def test_bad_yaml_in_a_snapshot_is_kept(tmp_path: Path) -> None:
    root = tmp_path / REPOSITORY
    card = b"---\nlicense: apache-2.0\n\ttags: [x\n---\n# Heron\n"
    put(root / f"snapshots/{COMMIT}/tiny-heron.gguf", HERON)
    put(root / f"snapshots/{COMMIT}/README.md", card)
    record, claims = walk(tmp_path).one("hf-model-card")
    assert record.payload == card
    assert claims.problem == "unparsed_payload"
    assert claims.path == "tiny-heron.gguf"


@pytest.mark.parametrize(
    "text",
    [
        "# My models\n",
        "",
        "---\nlicense: mit\n",
        "---\ntitle: A page\nlayout: post\n---\n",
        "---\n- a\n---\n",
        "\n---\nlicense: mit\n---\n",
        "---\nlicense: [\n---\n",
        "----\nlicense: mit\n----\n",
    ],
)
def test_another_readme_is_no_record(tmp_path: Path, text: str) -> None:
    put(tmp_path / "x.safetensors", INKWASH)
    put(tmp_path / "README.md", text)
    found = walk(tmp_path)
    assert (found.records, found.ignored) == ([], ["README.md"])


def test_a_card_without_a_model_is_no_record(tmp_path: Path) -> None:
    put(tmp_path / "README.md", CARD)
    assert walk(tmp_path).records == []


def test_in_a_repository_it_speaks_of_every_model(tmp_path: Path) -> None:
    root = tmp_path / REPOSITORY / "snapshots" / COMMIT
    for name in ("heron-Q4_K_M.gguf", "q8/heron-Q8_0.gguf"):
        put(root / name, HERON + name.encode())
    put(root / "README.md", b"---\nlicense: mit\nmodel_name: Heron\n---\n")
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.import_paths([str(tmp_path / REPOSITORY)], source="hf-model-card", progress=Progress())
        rows = {row.record_key: row for row in pending_in(catalog)}
        assert {key: row.file_path for key, row in rows.items()} == {
            "heron-Q4_K_M.gguf": str(root / "heron-Q4_K_M.gguf"),
            "q8/heron-Q8_0.gguf": str(root / "q8/heron-Q8_0.gguf"),
        }
        assert {row.name for row in rows.values()} == {"heron-Q4_K_M", "heron-Q8_0"}
        assert library.promote(None, progress=Progress()).promoted == 2


def test_among_loose_models_it_may_speak_of_any(tmp_path: Path) -> None:
    for name in ("a.safetensors", "b.safetensors"):
        put(tmp_path / "Lora" / name, INKWASH + name.encode())
    put(tmp_path / "Lora/README.md", CARD)
    _, claims = walk(tmp_path / "Lora").one("hf-model-card")
    assert claims.stem_names == ("a.safetensors", "b.safetensors")
    assert "several-files" in claims.flags
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        Library(catalog).import_paths([str(tmp_path / "Lora")], progress=Progress())
        (row,) = pending_in(catalog)
        assert (row.problem, len(row.candidates)) == ("ambiguous", 2)


def test_traces_of_a_download_make_a_folder_a_repository(tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        put(tmp_path / name, HERON + name.encode())
    put(tmp_path / "README.md", CARD)
    (tmp_path / ".cache/huggingface").mkdir(parents=True)
    assert list(walk(tmp_path).of("hf-model-card")) == ["a.gguf", "b.gguf"]


def test_beside_a_pipeline_it_speaks_of_the_whole(tmp_path: Path) -> None:
    write_pipeline(tmp_path)
    put(tmp_path / "copperleaf/README.md", "---\npipeline_tag: text-to-image\n---\n")
    _, claims = walk(tmp_path).one("hf-model-card")
    assert claims.path == "unet/diffusion_pytorch_model.safetensors"
    assert claims.fields["type"] == "checkpoint"


def test_a_secret_in_a_card_is_told() -> None:
    assert "contains-secret" in claims_of("license_link: https://example.com/x?token=abc").flags


def test_windows_line_ends_and_a_mark(tmp_path: Path) -> None:
    write_card(tmp_path)
    content = b"\xef\xbb\xbf" + CARD.replace(b"\n", b"\r\n")
    put(tmp_path / "README.md", content)
    record, claims = walk(tmp_path).one("hf-model-card")
    assert record.payload == content
    assert claims.fields["license"] == "apache-2.0"


def test_a_link_that_leads_out_is_told(tmp_path: Path) -> None:
    put(tmp_path / "in/x.gguf", HERON)
    put(tmp_path / "out.md", CARD)
    os.symlink(tmp_path / "out.md", tmp_path / "in/README.md")
    found = walk(tmp_path / "in")
    assert found.records == []
    assert [problem.code for problem in found.problems] == ["outside"]
