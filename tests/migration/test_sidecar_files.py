"""Sidecars made of any original and any edit: never a crash, always what the tool's reader reads back."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmgr.migration.normal_form import normal_form
from modelmgr.migration.sidecar_files import FORMATS, NOT_HELD, Known
from modelmgr.migration.sources import BY_RECORD_ID
from modelmgr.values import Origin, Record

SHA256 = "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b"
PATH = "/models/loras/inkwash_harbor.safetensors"

KEYS = [
    "id", "modelId", "name", "model", "files", "images", "trainedWords", "baseModel", "tags", "type", "nsfw",
    "allowNoCredit", "allowCommercialUse", "hashes", "SHA256", "civitai", "model_name", "base_model", "notes",
    "favorite", "sub_type", "model_type", "preview_url", "hf_url", "sd version", "sd_version_str",
    "activation text", "activation_text", "description", "ModelId", "ModelName", "VersionName", "Tags", "Nsfw",
    "ModelType", "UserTitle", "BaseModel", "Hashes", "TrainedWords", "Source", "SourceUrl", "downloadUrl", "air",
]  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=True)
    | st.text(max_size=12)
    | st.sampled_from(
        ["", "LORA", "Model", "VAE", "SDXL 1.0", "https://x/?token=abc", "a - b", SHA256, "\ud83d"]
    )
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=10)
LINES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20).map(str.strip)
WORDS = st.lists(LINES.filter(lambda line: line and "||" not in line), max_size=3, unique=True).map(tuple)
EDITS = st.fixed_dictionaries(
    {"name": LINES.filter(bool)},
    optional={
        "type": st.sampled_from(
            ["lora", "checkpoint", "diffusion_model", "vae", "embedding", "text_encoder", "llm"]
        ),
        "base_model": st.sampled_from(["SDXL", "SDXL 1.0", "Pony", "Flux.1", "Something new"]),
        "tags": WORDS,
        "trigger_words": WORDS,
        "nsfw": st.booleans(),
        "favorite": st.booleans(),
        "notes": LINES.filter(bool),
        "license": st.sampled_from(
            ["", "mit", "civitai:credit=required;commercial=image,sell;derivatives=yes;relicense=no"]
        ),
        "source_url": st.sampled_from(
            [
                "",
                "https://civitai.com/models/5?modelVersionId=6",
                "https://huggingface.co/a/b",
                "https://x.org/y",
            ]
        ),
    },
)


def known(fields: dict[str, Any], *records: Record) -> Known:
    fields = {"name": "inkwash_harbor", "tags": (), "trigger_words": (), "favorite": False} | fields
    return Known(
        path=PATH,
        size_bytes=184,
        added_at=1_753_000_000,
        hashes={"sha256": SHA256},
        fields=fields,
        origins={column: Origin("user", 1) for column in fields},
        edited=frozenset(fields),
        records=records,
        fitting=records,
    )


def said(kind: str, content: bytes) -> dict[str, Any]:
    form = FORMATS[kind]
    record = Record(form.source, PATH.replace(".safetensors", form.ending), "", content)
    siblings = frozenset(("inkwash_harbor.safetensors",))
    return dict(BY_RECORD_ID[form.source].claims(record, siblings, SHA256).fields)


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(original=OBJECTS, answer=OBJECTS, fields=EDITS)
def test_any_original_takes_any_edit(
    kind: str, original: dict[str, Any], answer: dict[str, Any], fields: dict[str, Any]
) -> None:
    form = FORMATS[kind]
    own = Record(form.source, "/elsewhere/x" + form.ending, "", json.dumps(original).encode())
    other = Record("civitai-json", "/elsewhere/x.json", "", json.dumps(answer).encode())
    for records in ((), (own,), (other,), (own, other)):
        model = known(fields, *records)
        made = form.sidecar(model)
        made.content.decode("utf-8")
        assert made.is_original == (made.content == own.payload and own in records)
        found = said(kind, made.content)
        for column in fields:
            held = form.held(column, fields[column], model) if column in form.columns else NOT_HELD
            if held is not NOT_HELD and held not in (None, "", ()):
                assert normal_form(column, found.get(column)) == normal_form(column, held), column
        if not made.is_original:
            assert b"token=abc" not in made.content
            assert isinstance(json.loads(made.content), dict)


@pytest.mark.parametrize("kind", FORMATS)
def test_keys_of_no_meaning_are_kept_in_their_order(kind: str) -> None:
    form = FORMATS[kind]
    original = {
        "zz": 1,
        "ModelName": "x",
        "model_name": "x",
        "notes": "n",
        "modelId": 5,
        "id": 6,
        "aa": [None],
    }
    own = Record(form.source, "/x" + form.ending, "", json.dumps(original).encode())
    made = json.loads(form.sidecar(known({"name": "Ink", "notes": "other"}, own)).content)
    assert [key for key in made if key in original] == list(original)
    assert (made["zz"], made["aa"], made["id"]) == (1, [None], 6)


def test_among_files_of_which_none_is_ours_a_kind_that_civitai_tells_by_the_file_gets_an_entry_of_its_own() -> (
    None
):
    entries = [{"name": f"{number}.safetensors", "type": "Model", "hashes": {}} for number in range(2)]
    original = {"id": 1, "modelId": 2, "model": {"name": "x", "type": "Checkpoint"}, "files": entries}
    record = Record(
        "civitai-info", PATH.replace(".safetensors", ".civitai.info"), "", json.dumps(original).encode()
    )
    made = json.loads(FORMATS["civitai-info"].sidecar(known({"type": "text_encoder"}, record)).content)
    assert [entry["type"] for entry in made["files"]] == ["Model", "Model", "Text Encoder"]
    assert made["files"][2]["hashes"]["SHA256"] == SHA256.upper()
