"""InvokeAI's model lists of 2.x and 3.x, stanza by stanza."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.migration import detect
from modelmgr.migration.sources.invokeai_yaml import InvokeaiYaml
from modelmgr.progress import Progress
from modelmgr.values import Claims, Problem, Record
from tests.inbox import pending_in
from tests.migration.specimens.invokeai import LIST_OF_2, LIST_OF_3, place

SOURCE = InvokeaiYaml()

LIST_OF_2_3 = b"""\
stable-copper:
  description: Copper, from the hub
  repo_id: sample-org/copper-diffusers
  vae:
    repo_id: sample-org/vae
  format: diffusers
local-copper:
  path: models/diffusers/copper
  description: Copper, a folder
  format: diffusers
v2-copper:
  weights: /data/ai/v2-copper.ckpt
  config: configs/stable-diffusion/v2-inference-v.yaml
  width: 768
"""


def found_in(root: Path, problems: list[Problem]) -> list[detect.Found]:
    found = detect.find([str(root)], library_folders=[], progress=Progress(), report=problems.append)
    return [one for one in found if one.source is not None and one.source.id == "invokeai-yaml"]


def read(root: Path) -> list[Record]:
    problems: list[Problem] = []
    records: list[Record] = []
    for found in found_in(root, problems):
        assert found.container is not None
        content = Path(found.path).read_bytes()
        for record in SOURCE.records(found.container, Progress(), problems.append):
            assert record.payload in content
            json.dumps(record.extra)
            records.append(record)
    assert problems == []
    return records


def listed(root: Path, content: bytes, name: str = "models.yaml") -> dict[str, Claims]:
    place(root, f"configs/{name}", content)
    return {record.record_key: SOURCE.claims(record, frozenset()) for record in read(root)}


# --- 3.x --------------------------------------------------------------------------------------------------


def test_a_stanza_of_3_is_kept_from_its_name_on(tmp_path: Path) -> None:
    place(tmp_path, "configs/models.yaml", LIST_OF_3)
    (record,) = read(tmp_path)
    assert record.record_key == "sdxl/main/copperleaf"
    assert record.payload == LIST_OF_3[LIST_OF_3.index(b"sdxl/main/copperleaf:") :]
    assert record.extra == {"metadata": {"version": "3.0.0"}, "name": "sdxl/main/copperleaf"}
    said = SOURCE.claims(record, frozenset())
    assert said.fields == {
        "name": "copperleaf",
        "type": "checkpoint",
        "base_model": "SDXL",
        "notes": "Copperleaf, warm metals",
    }
    assert said.personal == {"name", "notes"}
    assert said.path == str(tmp_path / "models/sdxl/main/copperleaf_xl.safetensors")
    assert str(tmp_path / "sdxl/main/copperleaf_xl.safetensors") in said.other_paths


def test_a_name_of_3_may_have_slashes(tmp_path: Path) -> None:
    content = (
        b"__metadata__:\n  version: 3.0.0\nsd-1/vae/mine/very: {path: a/b.safetensors, format: checkpoint}\n"
    )
    (said,) = listed(tmp_path, content).values()
    assert said.fields == {"name": "mine/very", "type": "vae", "base_model": "SD 1.x"}


@pytest.mark.parametrize(
    "relative", ["models/sdxl/main/copperleaf_xl.safetensors", "sdxl/main/copperleaf_xl.safetensors"]
)
def test_a_path_of_3_is_tried_in_the_models_folder_and_then_in_the_root(
    tmp_path: Path, relative: str
) -> None:
    root = tmp_path / "invokeai"
    file = place(root, relative)
    place(root, "configs/models.yaml", LIST_OF_3)
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        Library(catalog).import_paths([str(root)], progress=Progress())
        (row,) = pending_in(catalog)
    assert (row.source, row.file_path, row.problem) == ("invokeai-yaml", str(file), None)


def test_a_list_of_3_without_models_is_one_of_no_records(tmp_path: Path) -> None:
    place(tmp_path, "configs/models.yaml", b"__metadata__:\n  version: 3.0.0\n")
    assert len(found_in(tmp_path, [])) == 1
    assert read(tmp_path) == []


# --- 2.x --------------------------------------------------------------------------------------------------


def test_a_list_of_2_2_names_weights_from_the_root(tmp_path: Path) -> None:
    (said,) = listed(tmp_path, LIST_OF_2).values()
    assert said.fields == {
        "name": "copperleaf-1.5",
        "type": "checkpoint",
        "base_model": "SD 1.x",
        "notes": "Copperleaf, warm metals",
    }
    assert said.path == str(tmp_path / "models/ldm/copperleaf_xl.safetensors")


def test_a_list_of_2_3_names_repositories_and_folders_too(tmp_path: Path) -> None:
    said = listed(tmp_path, LIST_OF_2_3)
    assert said["stable-copper"].fields["source_url"] == "https://huggingface.co/sample-org/copper-diffusers"
    assert said["stable-copper"].path is None
    assert said["local-copper"].path == str(tmp_path / "models/diffusers/copper")
    assert said["local-copper"].flags == ("folder",)
    assert said["v2-copper"].fields["base_model"] == "SD 2.x"
    assert said["v2-copper"].path == "/data/ai/v2-copper.ckpt"


@pytest.mark.parametrize("cache", ["models/hub", "models/diffusers"])
def test_a_repository_that_2_3_fetched_is_bound_to_its_only_snapshot(tmp_path: Path, cache: str) -> None:
    snapshots = tmp_path / cache / "models--sample-org--copper-diffusers" / "snapshots"
    for part in ("vae", "unet"):
        place(snapshots / "c0ffee", f"{part}/diffusion_pytorch_model.safetensors", b"x")
    place(snapshots / "c0ffee", "model_index.json", b"{}")
    said = listed(tmp_path, LIST_OF_2_3)["stable-copper"]
    assert said.path == str(snapshots / "c0ffee/unet/diffusion_pytorch_model.safetensors")
    (snapshots / "decade").mkdir()
    assert listed(tmp_path, LIST_OF_2_3)["stable-copper"].path is None


# --- text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["models.yaml.bak", "models.yaml.orig", "MODELS.YAML"])
def test_lists_that_were_laid_aside_are_read_too(tmp_path: Path, name: str) -> None:
    assert list(listed(tmp_path, LIST_OF_3, name)) == ["sdxl/main/copperleaf"]


@pytest.mark.parametrize(
    ("codec", "word"),
    [
        ("utf-8", "küpfer"),
        ("utf-8-sig", "küpfer"),
        ("utf-16", "küpfer"),
        ("cp1252", "küpfer"),
        ("cp932", "銅、葉"),
    ],
)
def test_each_encoding_is_read_and_kept(tmp_path: Path, codec: str, word: str) -> None:
    text = f"# {word}\none:\n  weights: {word}.ckpt\n  description: {word}\n"
    text += f"two:\n  weights: b.ckpt\n  description: {word}\n"
    said = listed(tmp_path, text.encode(codec))
    assert [claims.fields["notes"] for claims in said.values()] == [word, word]
    assert said["one"].path == str(tmp_path / f"{word}.ckpt")


def test_a_stanza_that_leans_on_another_is_understood(tmp_path: Path) -> None:
    content = (
        b"one: &base\n  weights: a.ckpt\n  description: warm\ntwo: *base\nthree:\n  <<: *base\n  width: 512\n"
    )
    said = listed(tmp_path, content)
    assert said["two"].fields["notes"] == "warm"
    assert said["two"].path == said["one"].path


def test_a_name_that_comes_twice_is_two_records(tmp_path: Path) -> None:
    said = listed(tmp_path, b"one:\n  weights: a.ckpt\none:\n  weights: b.ckpt\n")
    assert [(key, claims.path) for key, claims in said.items()] == [
        ("one", str(tmp_path / "a.ckpt")),
        ("one#2", str(tmp_path / "b.ckpt")),
    ]


def test_an_entry_that_is_nothing_or_something_else_is_kept(tmp_path: Path) -> None:
    said = listed(tmp_path, b"one:\n  weights: a.ckpt\ntwo:\n")
    assert said["two"] == Claims(marker=True)


def test_a_flow_mapping_is_cut_where_its_values_end(tmp_path: Path) -> None:
    place(tmp_path, "configs/models.yaml", b"{one: {weights: a.ckpt}, two: {weights: b.ckpt}}\n...\n")
    assert [record.payload for record in read(tmp_path)] == [
        b"one: {weights: a.ckpt}",
        b"two: {weights: b.ckpt}",
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"- a\n- b\n",
        b"models:\n  - name: x\n    path: y\n",
        b"llama:\n  url: https://example.org\n  size: 7\n",
        b"x: 1\ny:\n  weights: a\n",
        b"sources:\n  raw:\n    path: data.csv\n",
        b"\x00\x01\x02",
    ],
)
def test_a_models_yaml_of_another_program_is_none(tmp_path: Path, content: bytes) -> None:
    place(tmp_path, "configs/models.yaml", content)
    assert found_in(tmp_path, []) == []


def test_the_settings_name_a_folder_and_are_no_record(tmp_path: Path) -> None:
    models = tmp_path / "ai"
    models.mkdir()
    place(
        tmp_path,
        "invokeai.yaml",
        b"schema_version: 4.0.2\nmodels_dir: ai\nremote_api_tokens:\n  - token: secret\n",
    )
    (found,) = found_in(tmp_path, [])
    assert found.container is not None
    (root,) = SOURCE.roots(found.container)
    assert (root.path, root.source, root.source_path) == (
        str(models),
        "invokeai-yaml",
        str(tmp_path / "invokeai.yaml"),
    )
    assert read(tmp_path) == []


NAMES = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stanzas=st.dictionaries(NAMES, NAMES, min_size=1, max_size=6), comment=NAMES)
def test_the_payloads_are_all_that_stands_below_the_comments(
    tmp_path: Path, stanzas: dict[str, str], comment: str
) -> None:
    head = f"# {comment}\n\n".encode()
    body = "".join(
        f'"{name}":\n  weights: "{path}.ckpt"\n  # {comment}\n' for name, path in stanzas.items()
    ).encode()
    place(tmp_path, "configs/models.yaml", head + body)
    records = read(tmp_path)
    assert b"".join(record.payload for record in records) == body
    assert [record.record_key for record in records] == list(stanzas)
    for record, path in zip(records, stanzas.values(), strict=True):
        assert SOURCE.claims(record, frozenset()).path == str(tmp_path / f"{path}.ckpt")
