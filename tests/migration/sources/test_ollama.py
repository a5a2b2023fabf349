"""Ollama's store: manifests name what blobs are."""

import base64
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.migration.sources.ollama import Ollama
from modelmgr.progress import Progress
from modelmgr.values import ModelQuery, Record
from tests.inbox import pending_in
from tests.migration.sources.walk import walk
from tests.migration.specimens.models import HERON, INKWASH, C
from tests.migration.specimens.ollama import (
    CONFIG,
    LICENSE,
    PARAMS,
    STANDARD,
    TAG,
    TEMPLATE,
    blob,
    digest,
    layer,
    manifest,
    put_manifest,
    write,
    write_full,
)

HEX = C["sha256"]


def test_a_manifest_is_a_record_and_its_small_blobs_stand_beside_it(tmp_path: Path) -> None:
    write(tmp_path)
    found = walk(tmp_path)
    record, claims = found.one("ollama")
    assert record.source_path == str(tmp_path / "models")
    assert record.record_key == "registry.ollama.ai/library/tiny-heron/latest"
    assert record.payload == (tmp_path / "models/manifests" / TAG).read_bytes()
    assert record.extra == {
        "layers": [
            {
                "digest": "62083d25e8b1bfb2ab2b60ae52ec1fad997630c8648447f7a37a6b79ff2137f1",
                "kind": "config",
                "text": '{"model_format":"gguf","model_family":"llama"}',
            },
            {
                "digest": "b507b9c2f6ca642bffcd06665ea7c91f235fd32daeefdf875a0f938db05fb315",
                "kind": "template",
                "text": "{{ .Prompt }}",
            },
            {
                "digest": "31d33b6815f84ee57fd784c7a88333a776bd3df1532d650bfdad7305d9efbf35",
                "kind": "license",
                "text": "Apache-2.0\n",
            },
            {
                "digest": "719b3ec511271c7f3e3ccecdb57481df79a25d445498f1cb89fb0dd7a0ef0872",
                "kind": "params",
                "text": '{"temperature":0.7,"stop":["<|end|>"]}\n',
            },
        ]
    }
    assert claims.fields == {
        "name": "tiny-heron:latest",
        "type": "llm",
        "base_model": "llama",
        "license": "Apache-2.0",
    }
    assert claims.sha256 == HEX
    assert not claims.own_hash
    assert claims.size_bytes == 24
    assert claims.path == str(tmp_path / "models/blobs" / f"sha256-{HEX}")
    assert "guessed-page" in claims.flags
    assert (found.ignored, found.problems) == ([], [])


@pytest.mark.parametrize(
    ("tag", "name", "page"),
    [
        ("registry.ollama.ai/library/a/7b", "a:7b", None),
        ("registry.ollama.ai/Someone/a/latest", "Someone/a:latest", None),
        ("hf.co/Org/Repo-GGUF/Q8_0", "hf.co/Org/Repo-GGUF:Q8_0", "https://huggingface.co/Org/Repo-GGUF"),
        ("huggingface.co/o/r/latest", "huggingface.co/o/r:latest", "https://huggingface.co/o/r"),
        ("localhost:5000/me/a/v1", "localhost:5000/me/a:v1", None),
    ],
)
def test_the_name_leaves_out_what_is_the_default(
    tmp_path: Path, tag: str, name: str, page: str | None
) -> None:
    blob(tmp_path, HERON)
    put_manifest(tmp_path, manifest(*STANDARD), tag)
    record, claims = walk(tmp_path).one("ollama")
    assert record.record_key == tag
    assert claims.fields["name"] == name
    assert claims.fields.get("source_url") == page


def test_a_model_made_here_has_no_guessed_page(tmp_path: Path) -> None:
    blob(tmp_path, HERON)
    put_manifest(tmp_path, manifest(layer("model", HERON, **{"from": "/home/me/heron.gguf"})))
    _, claims = walk(tmp_path).one("ollama")
    assert "source_url" not in claims.fields
    assert "guessed-page" not in claims.flags
    assert claims.path is not None
    assert claims.path.endswith(f"/models/blobs/sha256-{HEX}")


def test_two_tags_of_one_blob_are_two_records_and_one_model(tmp_path: Path) -> None:
    write(tmp_path)
    put_manifest(tmp_path, manifest(*STANDARD[:1]), "registry.ollama.ai/library/tiny-heron/8b")
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.import_paths([str(tmp_path / "models")], progress=Progress())
        rows = pending_in(catalog)
        assert [row.problem for row in rows] == [None, None]
        assert {row.file_path for row in rows} == {str(tmp_path / "models/blobs" / f"sha256-{HEX}")}
        report = library.promote(None, progress=Progress())
        assert (report.promoted, report.stayed) == (2, 0)
        (model,) = catalog.page(ModelQuery(), None)
        assert (model.sha256, model.type, model.base_model) == (HEX, "llm", "llama")
        assert model.name in ("tiny-heron:latest", "tiny-heron:8b")
        assert len(catalog.details(HEX).records) == 2


def test_a_scan_finds_blobs_and_a_promotion_joins_them(tmp_path: Path) -> None:
    write_full(tmp_path)
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.scan([str(tmp_path / "models")], progress=Progress())
        named = {row.file_name: row.name for row in catalog.page(ModelQuery(), None)}
        assert f"sha256-{HEX}" in named
        assert digest(TEMPLATE).replace(":", "-") not in named
        library.import_paths([str(tmp_path / "models")], progress=Progress())
        library.promote(None, progress=Progress())
        rows = {row.sha256: row for row in catalog.page(ModelQuery(), None)}
        assert rows[HEX].name in ("tiny-heron:latest", "hf.co/sample-org/tiny-heron-GGUF:Q8_0")
        assert len(rows) == 2


def test_the_old_form_of_a_blobs_name(tmp_path: Path) -> None:
    blob(tmp_path, HERON, mark=":")
    very_old = {**layer("model", HERON), "digest": f"sha256-{HEX}"}
    put_manifest(tmp_path, manifest(very_old))
    _, claims = walk(tmp_path).one("ollama")
    assert claims.path == str(tmp_path / "models/blobs" / f"sha256-{HEX}")
    assert claims.other_paths == (str(tmp_path / "models/blobs" / f"sha256:{HEX}"),)
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        Library(catalog).import_paths([str(tmp_path / "models")], progress=Progress())
        (row,) = pending_in(catalog)
        assert row.file_path == str(tmp_path / "models/blobs" / f"sha256:{HEX}")


def test_a_missing_blob_leaves_a_record_without_file(tmp_path: Path) -> None:
    put_manifest(tmp_path, manifest(*STANDARD))
    (tmp_path / "models/blobs").mkdir()
    (tmp_path / "models/blobs" / f"sha256-{HEX}-partial").write_bytes(b"GG")
    (tmp_path / "models/blobs" / f"sha256-{HEX}-partial-0").write_bytes(b"{}")
    record, claims = walk(tmp_path).one("ollama")
    assert record.extra is not None
    assert HEX in record.extra["missing"]
    assert record.extra["partial"] == [HEX]
    assert {"missing", "partial"} <= set(claims.flags)
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        Library(catalog).import_paths([str(tmp_path / "models")], progress=Progress())
        (row,) = pending_in(catalog)
        assert (row.problem, row.sha256, row.name) == ("no_file", HEX, "tiny-heron:latest")


def test_half_a_blob_is_no_model(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "models/blobs" / f"sha256-{HEX}").write_bytes(HERON[:12])
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.import_paths([str(tmp_path / "models")], progress=Progress())
        report = library.promote(None, progress=Progress())
        assert [problem.code for problem in report.problems] == ["hash_mismatch"]


@pytest.mark.parametrize(
    "bad",
    [
        "sha256:../../../../etc/passwd",
        "sha256:" + "a" * 63,
        "sha256:" + "A" * 64,
        "sha256:" + "a" * 64 + "\n",
        "sha256:" + "a" * 60 + "/../",
        "/etc/passwd",
        "..\\..\\x",
        "md5:" + "a" * 64,
        7,
        None,
        ["sha256:" + "a" * 64],
    ],
)
def test_no_path_is_made_of_what_is_no_digest(tmp_path: Path, bad: object) -> None:
    put_manifest(
        tmp_path,
        manifest({**layer("model", HERON), "digest": bad}, {**layer("license", LICENSE), "digest": bad}),
    )
    (tmp_path / "models/blobs").mkdir()
    record, claims = walk(tmp_path).one("ollama")
    assert (claims.path, claims.other_paths, claims.sha256) == (None, (), None)
    assert record.extra == {"missing": [digest(CONFIG)[7:]]}


def test_projector_adapter_and_two_licences(tmp_path: Path) -> None:
    write_full(tmp_path)
    found = walk(tmp_path).of("ollama")
    record, claims = found["hf.co/sample-org/tiny-heron-GGUF/Q8_0"]
    assert claims.fields["type"] == "vlm"
    assert claims.fields["license"] == "Apache-2.0; MIT"
    assert claims.sha256 == HEX
    assert record.extra is not None
    kinds = [kept["kind"] for kept in record.extra["layers"]]
    assert kinds == ["config", "template", "license", "params", "system", "messages", "license"]
    assert record.extra["missing"] == [digest(b"absent")[7:]]
    _, claims = found["registry.ollama.ai/someone/heron-ink/latest"]
    assert claims.fields["type"] == "llm_adapter"
    assert claims.sha256 == digest(INKWASH)[7:]


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"capabilities": ["embedding"]}, "text_embedding_model"),
        ({"model_family": "nomic-bert"}, "text_embedding_model"),
        ({"model_families": ["bert"]}, "text_embedding_model"),
        ({"capabilities": ["completion", "vision"]}, "vlm"),
        ({"model_family": "llama"}, "llm"),
        ([], "llm"),
        ({"capabilities": 7, "model_families": {"a": 1}}, "llm"),
    ],
)
def test_the_type_is_what_the_configuration_tells(tmp_path: Path, config: object, kind: str) -> None:
    content = json.dumps(config).encode()
    blob(tmp_path, HERON)
    blob(tmp_path, content)
    put_manifest(tmp_path, manifest(layer("model", HERON), config=content))
    assert walk(tmp_path).one("ollama")[1].fields["type"] == kind


def test_a_model_of_many_tensors_has_no_single_file(tmp_path: Path) -> None:
    blob(tmp_path, HERON)
    put_manifest(tmp_path, manifest(layer("tensor", HERON, name="a"), layer("tensor", INKWASH, name="b")))
    _, claims = walk(tmp_path).one("ollama")
    assert (claims.path, claims.sha256, claims.marker) == (None, None, False)
    assert "several-parts" in claims.flags


def test_a_model_that_runs_elsewhere_is_a_marker(tmp_path: Path) -> None:
    config = b'{"remote_host":"https://ollama.com","remote_model":"big:1t"}'
    blob(tmp_path, config)
    put_manifest(tmp_path, manifest(config=config).replace(b"[]", b"null"))
    _, claims = walk(tmp_path).one("ollama")
    assert claims.marker
    assert claims.flags == ("remote-model", "no-model")


def test_bytes_that_are_no_text_are_kept_exactly(tmp_path: Path) -> None:
    odd = b"\xff\xfe\x00 not UTF-8"
    blob(tmp_path, HERON)
    blob(tmp_path, odd)
    put_manifest(tmp_path, manifest(layer("model", HERON), layer("license", odd), layer("license", odd)))
    record, _ = walk(tmp_path).one("ollama")
    assert record.extra is not None
    (kept,) = record.extra["layers"]
    assert base64.b64decode(kept["base64"]) == odd


def test_a_damaged_small_blob_says_so(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "models/blobs" / digest(LICENSE).replace(":", "-")).write_bytes(b"MIT")
    record, _ = walk(tmp_path).one("ollama")
    assert record.extra is not None
    assert [kept["kind"] for kept in record.extra["layers"] if kept.get("damaged")] == ["license"]


def test_large_layers_are_not_kept(tmp_path: Path) -> None:
    large = b"x" * (1024 * 1024 + 1)
    blob(tmp_path, large)
    blob(tmp_path, PARAMS)
    put_manifest(tmp_path, manifest(layer("license", large, size=3), layer("params", PARAMS)))
    record, _ = walk(tmp_path).one("ollama")
    assert record.extra is not None
    assert [kept["kind"] for kept in record.extra["layers"]] == ["params"]


def test_the_layers_of_one_manifest_have_a_bound(tmp_path: Path) -> None:
    many = [bytes([65 + number]) * 1024 * 1024 for number in range(20)]
    for content in many:
        blob(tmp_path, content)
    put_manifest(tmp_path, manifest(*(layer("license", content) for content in many)))
    found = walk(tmp_path)
    record, _ = found.one("ollama")
    assert record.extra is not None
    assert len(record.extra["layers"]) == 16
    # The others are told of.
    assert [(problem.code, problem.kept) for problem in found.problems] == [("too_large", True)] * 4


@pytest.mark.parametrize(
    "content", [b"", b"null", b"{}", b"[1", b"\xff\xff", b'{"layers": 7}', b'{"layers": [7, null]}']
)
def test_a_broken_manifest_is_kept_and_harms_no_other(tmp_path: Path, content: bytes) -> None:
    write(tmp_path)
    put_manifest(tmp_path, content, "registry.ollama.ai/library/broken/latest")
    found = walk(tmp_path).of("ollama")
    record, claims = found["registry.ollama.ai/library/broken/latest"]
    assert record.payload == content
    assert claims.path is None
    assert claims.marker or claims.problem == "unparsed_payload"
    assert found[TAG][1].sha256 == HEX


def test_duplicate_keys_are_told(tmp_path: Path) -> None:
    write(tmp_path)
    put_manifest(tmp_path, b'{"schemaVersion": 1, ' + manifest(*STANDARD)[1:])
    assert "duplicate-keys" in walk(tmp_path).one("ollama")[1].flags


def test_a_folder_of_another_program_is_none(tmp_path: Path) -> None:
    (tmp_path / "x/blobs").mkdir(parents=True)
    put = tmp_path / "x/manifests/a/b/c/d"
    put.parent.mkdir(parents=True)
    put.write_bytes(b'{"name": "x"}')
    found = walk(tmp_path)
    assert found.records == []
    assert found.ignored == ["x/manifests/a/b/c/d"]


def test_only_four_levels_count(tmp_path: Path) -> None:
    write(tmp_path)
    put_manifest(tmp_path, manifest(*STANDARD), "registry.ollama.ai/library/.DS_Store")
    put_manifest(tmp_path, manifest(*STANDARD), "registry.ollama.ai/library/deep/er/latest")
    put_manifest(tmp_path, manifest(*STANDARD), "registry.ollama.ai/library/tiny-heron/.DS_Store")
    assert list(walk(tmp_path).of("ollama")) == [TAG]


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "store")
    (tmp_path / "secret").write_bytes(b'{"layers": ["secret"]}')
    folder = tmp_path / "store/models/manifests/registry.ollama.ai/library/tiny-heron"
    (folder / "stolen").symlink_to(tmp_path / "secret")
    (tmp_path / "store/models/manifests/registry.ollama.ai/up").symlink_to(tmp_path / "store")
    (tmp_path / "store/models/blobs" / digest(LICENSE).replace(":", "-")).unlink()
    (tmp_path / "store/models/blobs" / digest(LICENSE).replace(":", "-")).symlink_to(tmp_path / "secret")
    found = walk(tmp_path, [tmp_path / "store"])
    record, _ = found.one("ollama")
    assert record.record_key == TAG
    assert b"secret" not in record.payload
    assert "secret" not in json.dumps(record.extra)
    assert [(problem.code, problem.record_key) for problem in found.problems if problem.record_key] == [
        ("outside", TAG),
        ("outside", "registry.ollama.ai/library/tiny-heron/stolen"),
    ]
    assert [problem.kept for problem in found.problems if problem.record_key] == [True, False]


def test_blobs_may_lie_on_another_disk(tmp_path: Path) -> None:
    write(tmp_path)
    os.rename(tmp_path / "models/blobs", tmp_path / "large")
    (tmp_path / "models/blobs").symlink_to(tmp_path / "large")
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.import_paths([str(tmp_path / "models")], progress=Progress())
        (row,) = pending_in(catalog)
        assert row.problem is None
        assert row.file_path == str(tmp_path / "models/blobs" / f"sha256-{HEX}")
        record = catalog.pending_record(row.id)
        assert record is not None
        assert record.extra is not None
        assert len(record.extra["layers"]) == 4


def test_names_of_any_bytes(tmp_path: Path) -> None:
    write(tmp_path)
    put_manifest(tmp_path, manifest(*STANDARD), os.fsdecode(b"registry.ollama.ai/library/\xff/a b\n"))
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        report = library.import_paths([str(tmp_path / "models")], progress=Progress())
        assert (report.imported, report.failed) == (2, 0)
        again = library.import_paths([str(tmp_path / "models")], progress=Progress())
        assert (again.imported, again.unchanged) == (0, 2)


@pytest.mark.parametrize(
    "extra", [None, {}, {"layers": 7}, {"layers": [7, {"kind": "license", "base64": "?"}]}]
)
def test_claims_stand_without_what_stood_around(extra: dict[str, object] | None) -> None:
    record = Record("ollama", "/store", "a/b", manifest(*STANDARD), extra)
    claims = Ollama().claims(record, frozenset())
    assert claims.sha256 == HEX
    assert "name" not in claims.fields


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=10,
    ),
    field=st.sampled_from(["layers", "config", "mediaType", "zz"]),
)
def test_the_payload_is_the_manifest_whatever_it_says(tmp_path: Path, said: object, field: str) -> None:
    write(tmp_path)
    content = json.dumps({**json.loads(manifest(*STANDARD)), field: said}, ensure_ascii=False)
    content_bytes = content.encode("utf-8", "surrogatepass")
    put_manifest(tmp_path, content_bytes, "hf.co/any/thing/latest")
    record, claims = walk(tmp_path).of("ollama")["hf.co/any/thing/latest"]
    assert record.payload == content_bytes
    assert claims.path in (None, str(tmp_path / "models/blobs" / f"sha256-{HEX}"))


def test_its_models_are_counted_as_models_though_their_names_say_nothing(tmp_path):
    store = tmp_path / "models"
    (store / "blobs").mkdir(parents=True)
    (store / "manifests").mkdir()
    (store / "blobs" / f"sha256-{C['sha256']}").write_bytes(C["bytes"])
    (store / "blobs" / f"sha256-{'1' * 64}").write_bytes(b"{{ .Prompt }}")
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        report = Library(catalog).preview([str(store)], progress=Progress())
    assert report.model_paths == [str(store / "blobs" / f"sha256-{C['sha256']}")]
    assert (report.seen, report.ignored) == (1, 1)  # no manifest, so the text is of no store
