"""The library as sidecars of other tools: the original bytes where nothing was edited, else as the tool writes them."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelmgr import demo
from modelmgr.catalog import Catalog
from modelmgr.catalog.file_store import EMBEDDED
from modelmgr.errors import ModelmgrError
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.values import ModelQuery, ModelRow, SidecarReport, StoredRecord
from tests.migration.specimens.models import A, B

INKWASH, COPPERLEAF = "inkwash_harbor.safetensors", "copperleaf_xl.safetensors"

CIVITAI_INFO = b"""{
    "id": 990001, "modelId": 880001, "name": "v1.2",
    "status": "Published", "trainedWords": ["inkwash harbor", "fog, wet cobblestones, inkwash harbor"],
    "baseModel": "SDXL 1.0", "description": "<p>Sharper masts &amp; less fog.</p>", "nsfwLevel": 1,
    "model": {"name": "Inkwash Harbor", "type": "LORA", "nsfw": false, "poi": false, "tags": ["style"],
        "allowNoCredit": true, "allowCommercialUse": ["Image"], "allowDerivatives": true},
    "files": [{"id": 770001, "sizeKB": 0.1796875, "name": "inkwash_harbor_v12.safetensors", "type": "Model",
      "primary": true, "hashes": {"AutoV2": "9548C2EB51",
        "SHA256": "9548C2EB5134C9387290EE3B2F0E230918611259B79E46847AEAAEF625B8445B"}}],
    "images": [{"url": "https://image.civitai.com/x/width=450/1.jpeg", "hash": "U9F="}],
    "downloadUrl": "https://civitai.com/api/download/models/990001?token=abcdef123"
}"""

LORA_MANAGER = b"""{
  "file_name": "inkwash_harbor", "model_name": "Inkwash by night",
  "size": 184, "modified": 1753000000.25,
  "sha256": "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b",
  "base_model": "SDXL 1.0", "preview_url": "", "notes": "best at 0.7", "from_civitai": true,
  "civitai": {"id": 990001, "modelId": 880001, "name": "v1.2", "baseModel": "SDXL Lightning",
    "trainedWords": ["inkwash harbor"], "model": {"name": "Inkwash Harbor", "type": "LORA", "nsfw": false,
    "tags": ["style"]}, "customImages": []},
  "tags": ["style", "harbor"], "favorite": true, "my own key": [1, 2], "usage_tips": "{\\"strength\\": 0.7}"
}"""

USER_JSON = """{
    "description": "Fog and masts.",
    "sd version": "SDXL",
    "activation text": "inkwash harbor, fog",
    "preferred weight": 0.75,
    "negative text": "",
    "notes": "lower to 0.5 with ControlNet – gut für Häfen"
}""".encode()

CM_INFO = (
    rb'{"ModelId":880002,"ModelName":"Copperleaf XL","ModelDescription":"\u003Cp\u003EWarm metals.\u003C/p\u003E",'
    rb'"Nsfw":false,"Tags":["base model","metal"],"ModelType":"Checkpoint","VersionId":990002,'
    rb'"VersionName":"v3 fp16","VersionDescription":null,"AuthorUsername":"sample_author","BaseModel":"SDXL 1.0",'
    rb'"RemoteFileName":"copperleafXL_v3.safetensors","RemoteFileId":770002,'
    rb'"FileMetadata":{"fp":"fp16","size":"pruned","format":"SafeTensor"},'
    rb'"ImportedAt":"2025-03-02T18:04:11.1234567+00:00",'
    rb'"Hashes":{"SHA256":"F6FC015F5CEE804BA65DF8A2DA7DB5D375C30B5072A05768E58C9598AA7EC0E6","CRC32":"51E8DE80",'
    rb'"BLAKE3":"9C21623064335E9541F5F2559EDDA31BDED56524ECFB182E8E150CCC0B4BA008"},"TrainedWords":[],"Stats":null,'
    rb'"UserTitle":"My copper base","ThumbnailImageUrl":null,'
    rb'"InferenceDefaults":{"Sampler":{"Name":"euler"},"Scheduler":null,"Steps":28,"CfgScale":5.5},'
    rb'"Source":0,"SourceUrl":null}'
)

ENDINGS = {
    "civitai-info": ".civitai.info",
    "lora-manager": ".metadata.json",
    "a1111": ".json",
    "stability-matrix": ".cm-info.json",
}


@pytest.fixture
def loras(models: Path) -> Path:
    folder = models / "loras"
    folder.mkdir()
    (folder / INKWASH).write_bytes(A["bytes"])
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def known(library: Library, *paths: Path) -> None:
    library.scan([str(path) for path in paths], progress=Progress())
    library.import_paths([str(path) for path in paths], progress=Progress())
    library.promote(None, progress=Progress())


def export(library: Library, kind: str, out: Path, *, overwrite: bool = False) -> SidecarReport:
    report = library.export_sidecars(kind, str(out), overwrite=overwrite, progress=Progress())
    assert not list(out.rglob("*.part"))
    return report


def counts(report: SidecarReport) -> tuple[int, int, int, int, list[str]]:
    codes = [problem.code for problem in report.problems]
    return report.models, report.files, report.originals, report.skipped, codes


def one(library: Library, name: str = INKWASH) -> ModelRow:
    return next(row for row in library.catalog.page(ModelQuery(), None) if row.file_name == name)


def said(records: list[StoredRecord]) -> list[StoredRecord]:
    """What other tools said, without what the file says of itself."""
    return [record for record in records if record.source != EMBEDDED]


def written(out: Path) -> list[str]:
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def edit(library: Library, file_name: str = INKWASH, /, **values: Any) -> None:
    for column, value in values.items():
        library.edit([one(library, file_name).id], column, value)


# --- the original bytes -----------------------------------------------------------------------------------


def test_what_was_imported_and_not_edited_comes_out_byte_for_byte_though_all_tools_spoke_at_once(
    library: Library, loras: Path, models: Path, out: Path
) -> None:
    originals = {
        "civitai-info": CIVITAI_INFO,
        "lora-manager": LORA_MANAGER,
        "a1111": USER_JSON,
        "stability-matrix": CM_INFO.replace(B["sha256"].upper().encode(), A["sha256"].upper().encode()),
    }
    for kind, content in originals.items():
        (loras / f"inkwash_harbor{ENDINGS[kind]}").write_bytes(content)
    known(library, models)
    assert len(said(library.catalog.records_of(one(library).id))) == 4
    for kind, content in originals.items():
        assert counts(export(library, kind, out / kind)) == (1, 1, 1, 0, [])
        assert written(out / kind) == [f"loras/inkwash_harbor{ENDINGS[kind]}"]
        assert (out / kind / "loras" / f"inkwash_harbor{ENDINGS[kind]}").read_bytes() == content


@pytest.mark.parametrize("content", [b"{}", b"\xef\xbb\xbf{ }\r\n", b"{broken", b"[]"])
def test_marks_and_what_cannot_be_parsed_come_out_too(
    library: Library, loras: Path, out: Path, content: bytes
) -> None:
    (loras / "inkwash_harbor.civitai.info").write_bytes(content)
    known(library, loras)
    assert export(library, "civitai-info", out).originals == 1
    assert (out / "inkwash_harbor.civitai.info").read_bytes() == content


def test_an_edit_that_the_format_has_no_words_for_changes_no_byte(
    library: Library, loras: Path, out: Path, tmp_path: Path
) -> None:
    (loras / "inkwash_harbor.civitai.info").write_bytes(CIVITAI_INFO)
    (loras / "inkwash_harbor.json").write_bytes(USER_JSON)
    demo.write_png(tmp_path / "somewhere.png", "mine", 8, 8)
    known(library, loras)
    edit(library, rating=5, favorite=True, preview=str(tmp_path / "somewhere.png"))
    edit(library, tags=["style"], base_model="SDXL 1.0")  # said again what the sidecar says
    assert export(library, "civitai-info", out).originals == 1
    assert export(library, "a1111", out).originals == 1
    edit(library, base_model="Pony")  # the card has one word for both
    assert export(library, "a1111", out, overwrite=True).originals == 1
    assert export(library, "civitai-info", out, overwrite=True).originals == 0


def test_of_a_sidecar_that_changed_the_newest_counts(library: Library, loras: Path, out: Path) -> None:
    path = loras / "inkwash_harbor.civitai.info"
    for content in (CIVITAI_INFO, CIVITAI_INFO.replace(b"v1.2", b"v1.3")):
        path.write_bytes(content)
        known(library, loras)
    assert export(library, "civitai-info", out).originals == 1
    assert (out / path.name).read_bytes() == content


# --- edited originals -------------------------------------------------------------------------------------


def test_an_edited_version_keeps_all_other_keys_and_loses_the_secret(
    library: Library, loras: Path, out: Path
) -> None:
    (loras / "inkwash_harbor.civitai.info").write_bytes(CIVITAI_INFO)
    known(library, loras)
    edit(library, name="My harbor - v1.2", tags=["ink", "Häfen"], license="")
    assert counts(export(library, "civitai-info", out)) == (1, 1, 0, 0, [])
    expected = json.loads(CIVITAI_INFO)
    expected["model"] = {
        "name": "My harbor",
        "type": "LORA",
        "nsfw": False,
        "poi": False,
        "tags": ["ink", "Häfen"],
    }
    expected["downloadUrl"] = "https://civitai.com/api/download/models/990001?token=•••••••••"
    assert (out / "inkwash_harbor.civitai.info").read_bytes() == json.dumps(expected, indent=4).encode()


def test_an_edited_sidecar_of_lora_manager_keeps_all_other_keys(
    library: Library, loras: Path, out: Path
) -> None:
    (loras / "inkwash_harbor.metadata.json").write_bytes(LORA_MANAGER)
    known(library, loras)
    edit(library, notes="schöner bei 0.6", base_model="SDXL 1.0", trigger_words=["harbor"], favorite=False)
    assert export(library, "lora-manager", out).originals == 0
    expected = json.loads(LORA_MANAGER)
    expected |= {"notes": "schöner bei 0.6", "favorite": False}
    expected["civitai"] |= {"baseModel": "SDXL 1.0", "trainedWords": ["harbor"]}
    made = (out / "inkwash_harbor.metadata.json").read_bytes()
    assert made == json.dumps(expected, indent=2, ensure_ascii=False).encode()


def test_an_edited_card_keeps_its_spelling_of_the_keys(library: Library, loras: Path, out: Path) -> None:
    card = {"activation_text": "ink", "sd version": "SD1", "preferred weight": 0.4, "vae": None, "notes": "a"}
    (loras / "inkwash_harbor.json").write_text(json.dumps(card))
    known(library, loras)
    edit(library, trigger_words=["ink", "fog, masts"], notes="")
    assert export(library, "a1111", out).originals == 0
    assert (out / "inkwash_harbor.json").read_text() == (
        "{\n"
        '    "activation_text": "ink || fog, masts",\n'
        '    "sd version": "SD1",\n'
        '    "preferred weight": 0.4,\n'
        '    "vae": null,\n'
        '    "notes": ""\n'
        "}"
    )


def test_an_edited_record_of_stability_matrix_differs_in_nothing_else(
    library: Library, models: Path, out: Path
) -> None:
    (models / COPPERLEAF).write_bytes(B["bytes"])
    (models / "copperleaf_xl.cm-info.json").write_bytes(CM_INFO)
    known(library, models)
    edit(library, COPPERLEAF, name='Kupfer & "Blatt" 你', trigger_words=["a+b"])
    assert export(library, "stability-matrix", out).originals == 0
    assert (out / "copperleaf_xl.cm-info.json").read_bytes() == CM_INFO.replace(
        b'"My copper base"', rb'"Kupfer \u0026 \u0022Blatt\u0022 \u4F60"'
    ).replace(b'"TrainedWords":[]', rb'"TrainedWords":["a\u002Bb"]')


def test_a_file_that_is_no_object_is_made_anew_once_something_was_edited(
    library: Library, loras: Path, out: Path
) -> None:
    (loras / "inkwash_harbor.civitai.info").write_bytes(b"{broken")
    known(library, loras)
    edit(library, name="Ink")
    assert export(library, "civitai-info", out).originals == 0
    assert json.loads((out / "inkwash_harbor.civitai.info").read_bytes())["model"]["name"] == "Ink"


# --- made documents ---------------------------------------------------------------------------------------


def test_documents_of_what_the_library_knows_of_the_file_and_by_the_user(
    library: Library, loras: Path, out: Path
) -> None:
    library.scan([str(loras)], progress=Progress())
    with library.catalog.transaction() as writer:
        writer.execute_sql("UPDATE models SET added_at = 1753000000")
    edit(
        library,
        name="Tinte – v2",
        base_model="SDXL",
        tags=["ink"],
        trigger_words=["ink", "fog, masts"],
        notes="weich",
        favorite=True,
        source_url="https://civitai.com/models/880001?modelVersionId=990001",
    )
    for kind in ENDINGS:
        assert counts(export(library, kind, out)) == (1, 1, 0, 0, [])
    assert (out / "inkwash_harbor.civitai.info").read_text("utf-8") == (
        """{
    "id": 990001,
    "modelId": 880001,
    "name": "",
    "trainedWords": [
        "ink",
        "fog, masts"
    ],
    "baseModel": "SDXL",
    "model": {
        "name": "Tinte \\u2013 v2",
        "type": "LORA",
        "tags": [
            "ink"
        ]
    },
    "files": [
        {
            "sizeKB": 0.1796875,
            "name": "inkwash_harbor.safetensors",
            "type": "Model",
            "primary": true,
            "metadata": {
                "fp": null,
                "size": null,
                "format": "SafeTensor"
            },
            "hashes": {
                "AutoV2": "9548C2EB51",
                "SHA256": "9548C2EB5134C9387290EE3B2F0E230918611259B79E46847AEAAEF625B8445B"
            }
        }
    ],
    "images": []
}"""
    )
    assert (out / "inkwash_harbor.metadata.json").read_text("utf-8") == (
        """{
  "file_name": "inkwash_harbor",
  "model_name": "Tinte – v2",
  "file_path": "%s",
  "size": 184,
  "modified": 1753000000.0,
  "sha256": "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b",
  "base_model": "SDXL",
  "preview_url": "",
  "preview_nsfw_level": 0,
  "notes": "weich",
  "from_civitai": false,
  "civitai": {
    "id": 990001,
    "modelId": 880001
  },
  "tags": [
    "ink"
  ],
  "modelDescription": "",
  "civitai_deleted": false,
  "favorite": true,
  "exclude": false,
  "db_checked": false,
  "skip_metadata_refresh": false,
  "metadata_source": null,
  "last_checked_at": 0,
  "hash_status": "completed",
  "trainedWords": [
    "ink",
    "fog, masts"
  ],
  "usage_tips": "{}"
}"""
        % (loras / INKWASH)
    )
    assert (out / "inkwash_harbor.json").read_text("utf-8") == (
        """{
    "description": "",
    "sd version": "SDXL",
    "activation text": "ink || fog, masts",
    "preferred weight": 0,
    "negative text": "",
    "notes": "weich"
}"""
    )
    assert (out / "inkwash_harbor.cm-info.json").read_text("utf-8") == (
        r'{"ModelId":880001,"ModelName":"Tinte \u2013 v2","ModelDescription":"","Tags":["ink"],'
        r'"ModelType":"LORA","VersionId":990001,"VersionName":"","VersionDescription":null,"AuthorUsername":null,'
        r'"BaseModel":"SDXL","RemoteFileName":null,"RemoteFileId":null,'
        r'"FileMetadata":{"fp":null,"size":null,"format":"SafeTensor"},'
        r'"ImportedAt":"2025-07-20T08:26:40.0000000+00:00",'
        r'"Hashes":{"SHA256":"9548C2EB5134C9387290EE3B2F0E230918611259B79E46847AEAAEF625B8445B","CRC32":null,'
        r'"BLAKE3":null},"TrainedWords":["ink","fog, masts"],"Stats":null,'
        r'"UserTitle":"Tinte \u2013 v2","ThumbnailImageUrl":null,"InferenceDefaults":null,"Source":0,"SourceUrl":null}'
    )


def test_civitais_answer_goes_from_tool_to_tool_whole(library: Library, loras: Path, out: Path) -> None:
    (loras / "inkwash_harbor.metadata.json").write_bytes(LORA_MANAGER)
    known(library, loras)
    export(library, "civitai-info", out)
    version = json.loads((out / "inkwash_harbor.civitai.info").read_bytes())
    assert (version["id"], version["modelId"], version["customImages"]) == (990001, 880001, [])
    assert version["model"] == {
        "name": "Inkwash by night",
        "type": "LORA",
        "nsfw": False,
        "tags": ["style", "harbor"],
    }
    os.remove(loras / "inkwash_harbor.metadata.json")
    with Catalog.open(out.with_suffix(".sqlite")) as catalog:
        second = Library(catalog)
        (loras / "inkwash_harbor.civitai.info").write_bytes(CIVITAI_INFO)
        known(second, loras)
        export(second, "lora-manager", out)
        export(second, "stability-matrix", out)
    sidecar = json.loads((out / "inkwash_harbor.metadata.json").read_bytes())
    masked = CIVITAI_INFO.replace(b"abcdef123", "•••••••••".encode())
    assert sidecar["civitai"] == json.loads(masked)
    assert (sidecar["from_civitai"], sidecar["metadata_source"]) == (True, "civitai_api")
    record = json.loads((out / "inkwash_harbor.cm-info.json").read_bytes())
    assert (record["ModelName"], record["VersionName"]) == ("Inkwash Harbor", "v1.2")
    assert (record["RemoteFileName"], record["RemoteFileId"]) == ("inkwash_harbor_v12.safetensors", 770001)
    assert record["VersionDescription"] == "<p>Sharper masts &amp; less fog.</p>"


def test_a_mark_of_no_answer_does_not_hide_the_answer_of_another_record(
    library: Library, loras: Path, out: Path
) -> None:
    (loras / "inkwash_harbor.civitai.info").write_bytes(b"{}")
    (loras / "inkwash_harbor.metadata.json").write_bytes(LORA_MANAGER)
    known(library, loras)
    assert export(library, "civitai-info", out).originals == 0
    assert json.loads((out / "inkwash_harbor.civitai.info").read_bytes())["id"] == 990001


# --- there and back again ---------------------------------------------------------------------------------

HELD = {
    "civitai-info": "name type base_model tags nsfw trigger_words license source_url",
    "lora-manager": "name type base_model tags favorite nsfw notes trigger_words license source_url",
    "a1111": "type base_model notes trigger_words",
    "stability-matrix": "name type base_model tags nsfw trigger_words source_url",
}
EDITS: dict[str, dict[str, Any]] = {
    "unedited": {},
    "renamed": {"name": "Ink - fog - v9", "tags": ["Ä b", "c"], "notes": "zwei\nZeilen", "favorite": True},
    "edited": {
        "name": 'Quote " \\ & <b> \U0001f600',
        "base_model": "SDXL",
        "trigger_words": ["one, two", "three"],
        "nsfw": True,
        "license": "civitai:credit=required;commercial=none;derivatives=no;relicense=no",
        "source_url": "https://civitai.com/models/5?modelVersionId=6",
    },
    "emptied": {"tags": [], "trigger_words": [], "notes": "", "license": "", "source_url": ""},
}


WITNESSES: dict[str, bytes] = {
    "civitai-info": CIVITAI_INFO,
    "lora-manager": LORA_MANAGER,
    "a1111": USER_JSON,
    "stability-matrix": CM_INFO.replace(B["sha256"].upper().encode(), A["sha256"].upper().encode())
    .replace(b'"Checkpoint"', b'"LORA"')
    .replace(b'"TrainedWords":[]', b'"TrainedWords":["leaf"]'),
}


@pytest.mark.parametrize("kind", ENDINGS)
def test_what_a_format_can_say_is_the_same_after_a_second_import(
    library: Library, models: Path, tmp_path: Path, out: Path, kind: str
) -> None:
    cases = [(witness, edits) for witness in ["none", *WITNESSES] for edits in EDITS]
    for number, (witness, edits) in enumerate(cases):
        folder = models / f"{witness} {edits}" / "loras"
        folder.mkdir(parents=True)
        content = A["bytes"] + bytes([number])
        (folder / INKWASH).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        sidecar = WITNESSES.get(witness, b"").replace(A["sha256"].encode(), digest.encode())
        sidecar = sidecar.replace(A["sha256"].upper().encode(), digest.upper().encode())
        sidecar = sidecar.replace(b'"AutoV2": "9548C2EB51",', b"").replace(b"184", b"185")
        if sidecar:
            (folder / f"inkwash_harbor{ENDINGS[witness]}").write_bytes(sidecar)
    known(library, models)
    for row in library.catalog.page(ModelQuery(), None):
        assert row.folder is not None
        edits = Path(row.folder).parent.name.partition(" ")[2]
        for column, value in EDITS[edits].items():
            library.edit([row.id], column, value)
        if kind == "a1111" and row.base_model:
            library.edit([row.id], "base_model", "SDXL")  # the card knows families only
    assert export(library, kind, out).files == len(cases)
    for folder in models.iterdir():
        shutil.copy(folder / "loras" / INKWASH, out / folder.name / "loras")
    with Catalog.open(tmp_path / "second.sqlite") as catalog:
        second = Library(catalog)
        known(second, out)
        rows = {row.sha256: row for row in second.catalog.page(ModelQuery(), None)}
        assert [len(said(catalog.records_of(row.id))) for row in rows.values()] == [1] * len(cases)
    for former in library.catalog.page(ModelQuery(), None):
        now = rows[former.sha256]._asdict()
        for column in HELD[kind].split():
            expected = former._asdict()[column]
            if column == "notes" and kind == "a1111" and "a1111 emptied" in str(former.folder):
                expected = "Fog and masts."  # the card's description, which stands where there are no notes
            assert now[column] == expected, (former.folder, column)


@pytest.mark.parametrize("kind", ["civitai-info", "lora-manager", "stability-matrix"])
def test_sidecars_that_lie_apart_find_their_models_by_hash_or_path(
    library: Library, loras: Path, tmp_path: Path, out: Path, kind: str
) -> None:
    library.scan([str(loras)], progress=Progress())
    edit(library, **EDITS["edited"])
    export(library, kind, out)
    with Catalog.open(tmp_path / "second.sqlite") as catalog:
        second = Library(catalog)
        second.scan([str(loras)], progress=Progress())
        second.import_paths([str(out)], progress=Progress())
        assert second.promote(None, progress=Progress()).promoted == 1
        former, now = one(library)._asdict(), one(second)._asdict()
    assert [now[column] for column in HELD[kind].split()] == [former[column] for column in HELD[kind].split()]


# --- where they are written -------------------------------------------------------------------------------


def test_folders_stand_as_in_the_library_and_several_library_folders_beside_each_other(
    library: Library, tmp_path: Path, out: Path
) -> None:
    first, second, loose = tmp_path / "a" / "models", tmp_path / "b" / "Models", tmp_path / "loose" / "deep"
    for number, folder in enumerate((first / "loras", first, second / "loras", loose)):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / INKWASH).write_bytes(A["bytes"] + bytes([number]))
    library.scan([str(first)], progress=Progress())
    assert counts(export(library, "a1111", out / "1")) == (2, 2, 0, 0, [])
    assert written(out / "1") == ["inkwash_harbor.json", "loras/inkwash_harbor.json"]
    library.scan([str(second), str(loose / INKWASH)], progress=Progress())
    assert counts(export(library, "a1111", out / "2")) == (4, 4, 0, 0, [])
    assert written(out / "2") == [
        "Models (2)/loras/inkwash_harbor.json",
        "deep/inkwash_harbor.json",
        "models/inkwash_harbor.json",
        "models/loras/inkwash_harbor.json",
    ]


def test_every_copy_has_its_sidecar_and_a_lost_one_none(library: Library, models: Path, out: Path) -> None:
    for name in ("one.safetensors", "two.safetensors", "three.safetensors"):
        (models / name).write_bytes(A["bytes"])
    library.scan([str(models)], progress=Progress())
    os.remove(models / "three.safetensors")
    library.scan([str(models)], progress=Progress())
    assert counts(export(library, "lora-manager", out / "1")) == (1, 2, 0, 0, [])
    assert written(out / "1") == ["one.metadata.json", "two.metadata.json"]
    names = [json.loads(path.read_bytes())["file_name"] for path in sorted((out / "1").iterdir())]
    assert names == ["one", "two"]
    for name in ("one.safetensors", "two.safetensors"):
        os.remove(models / name)
    library.scan([str(models)], progress=Progress())
    assert counts(export(library, "lora-manager", out / "2")) == (1, 3, 0, 0, [])


def test_two_models_of_one_stem_have_two_sidecars_the_plain_one_where_the_original_lay(
    library: Library, models: Path, out: Path
) -> None:
    (models / "inkwash_harbor.ckpt").write_bytes(b"\x80\x02 no model at all")
    library.scan([str(models)], progress=Progress())
    (models / INKWASH).write_bytes(A["bytes"])
    assert counts(export(library, "civitai-info", out / "1")) == (1, 1, 0, 0, [])
    (models / "inkwash_harbor.civitai.info").write_bytes(CIVITAI_INFO)
    known(library, models)
    report = export(library, "civitai-info", out / "2")
    assert counts(report) == (2, 2, 1, 0, ["same_stem"])
    assert written(out / "2") == ["inkwash_harbor.civitai.info", "inkwash_harbor.ckpt.civitai.info"]
    assert (out / "2" / "inkwash_harbor.civitai.info").read_bytes() == CIVITAI_INFO
    assert report.problems[0].kept


def test_names_that_differ_in_case_alone_have_two_sidecars_on_any_disk(
    library: Library, models: Path, out: Path
) -> None:
    for number, name in enumerate(("Ink.safetensors", "ink.safetensors", "INK.ckpt")):
        (models / name).write_bytes(A["bytes"] + bytes([number]))
    if len(os.listdir(models)) < 3:
        pytest.skip("this disk doesn't tell them apart")
    library.scan([str(models)], progress=Progress())
    report = export(library, "a1111", out)
    assert (report.files, report.skipped) == (3, 0)
    names = written(out)
    assert len({name.casefold() for name in names}) == 3


def test_a_model_without_file_is_told(library: Library, tmp_path: Path, out: Path) -> None:
    folder = tmp_path / "sidecars"
    folder.mkdir()
    (folder / "inkwash_harbor.civitai.info").write_bytes(CIVITAI_INFO)
    library.import_paths([str(folder)], progress=Progress())
    library.promote(None, allow_missing=True, progress=Progress())
    assert counts(export(library, "civitai-info", out)) == (1, 0, 0, 1, ["no_file"])


def test_an_empty_library_writes_nothing(library: Library, out: Path) -> None:
    assert counts(export(library, "a1111", out)) == (0, 0, 0, 0, [])
    assert written(out) == []


# --- files that are there ---------------------------------------------------------------------------------


def test_a_file_that_is_there_stays_unless_it_is_told(library: Library, loras: Path, out: Path) -> None:
    library.scan([str(loras)], progress=Progress())
    out.mkdir()
    there = out / "inkwash_harbor.json"
    there.write_bytes(b"mine")
    report = export(library, "a1111", out)
    assert counts(report) == (1, 0, 0, 1, ["exists"])
    assert report.problems[0].path == str(there)
    assert there.read_bytes() == b"mine"
    assert counts(export(library, "a1111", out, overwrite=True)) == (1, 1, 0, 0, [])
    assert json.loads(there.read_bytes())["notes"] == ""
    assert counts(export(library, "a1111", out)) == (1, 0, 0, 1, [])  # the same bytes


def test_a_link_is_a_file_that_is_there_and_is_replaced_itself(
    library: Library, loras: Path, out: Path, tmp_path: Path
) -> None:
    library.scan([str(loras)], progress=Progress())
    out.mkdir()
    precious, link = tmp_path / "precious", out / "inkwash_harbor.json"
    precious.write_bytes(b"mine")
    link.symlink_to(precious)
    (out / "dangling").mkdir()
    assert export(library, "a1111", out).skipped == 1
    assert export(library, "a1111", out, overwrite=True).files == 1
    assert precious.read_bytes() == b"mine"
    assert not link.is_symlink()


def test_one_file_that_cannot_be_written_hides_no_other(library: Library, models: Path, out: Path) -> None:
    for number, name in enumerate(("a.safetensors", "b.safetensors", f"{'l' * 243}.safetensors")):
        (models / name).write_bytes(A["bytes"] + bytes([number]))
    library.scan([str(models)], progress=Progress())
    (out / "a.metadata.json").mkdir(parents=True)
    report = export(library, "lora-manager", out, overwrite=True)
    assert (report.models, report.files, report.skipped) == (3, 1, 2)
    assert [problem.code for problem in report.problems] == ["unwritable", "unwritable"]
    assert written(out) == ["b.metadata.json"]


def test_the_catalog_is_never_replaced(loras: Path, tmp_path: Path) -> None:
    (loras / INKWASH).rename(loras / "catalog.safetensors")
    with Catalog.open(tmp_path / "catalog.json") as catalog:
        library = Library(catalog)
        library.scan([str(loras)], progress=Progress())
        assert counts(export(library, "a1111", tmp_path, overwrite=True)) == (1, 0, 0, 1, ["exists"])
        assert library.check(Progress()) == []


def test_a_folder_that_cannot_be_made_is_an_error(library: Library, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelmgrError) as caught:
        export(library, "a1111", tmp_path / "file" / "out")
    assert caught.value.code == "unwritable"


def test_a_cancelled_export_leaves_whole_files(library: Library, models: Path, out: Path) -> None:
    for number in range(3):
        (models / f"m{number}.safetensors").write_bytes(A["bytes"] + bytes([number]))
    library.scan([str(models)], progress=Progress())
    progress = Progress(lambda step: progress.cancel())
    report = library.export_sidecars("a1111", str(out), progress=progress)
    assert report.cancelled
    assert (report.models, report.files, len(written(out))) == (1, 1, 1)


def test_names_that_are_no_unicode_and_lone_surrogates_come_out_as_valid_text(
    library: Library, models: Path, out: Path, sha256: Callable[[Path], str]
) -> None:
    name = os.fsdecode(b"ink\x80.safetensors")
    try:
        (models / name).write_bytes(A["bytes"])
    except OSError:
        pytest.skip("this disk has Unicode names only")
    (models / os.fsdecode(b"ink\x80.metadata.json")).write_bytes(
        rb'{"file_path": "x", "base_model": "Pony", "odd": "\ud83d", "size": NaN}'
    )
    known(library, models)
    library.edit([library.catalog.page(ModelQuery(), None)[0].id], "notes", "soft")
    for kind in ENDINGS:
        assert export(library, kind, out).files == 1
    for path in out.iterdir():
        path.read_bytes().decode("utf-8")
    found = json.loads((out / os.fsdecode(b"ink\x80.metadata.json")).read_bytes())
    assert (found["odd"], found["notes"]) == ("\ud83d", "soft")
