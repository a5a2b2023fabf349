"""Civitai's words, and its own answer as Civitai Helper keeps it."""

import json
import re
from collections.abc import Mapping
from typing import Any

from modelmgr.migration.beside import suffix_of
from modelmgr.migration.hashes import sha256_of_hashes
from modelmgr.migration.sidecar_files.format import NOT_HELD, Document, Format, Known, answer_in
from modelmgr.migration.sources.civitai import list_of, mapping_of
from modelmgr.payload import clean_name, clean_text
from modelmgr.vocabulary import type_of_part

CIVITAI_TYPES: Mapping[str, str] = {
    "checkpoint": "Checkpoint",
    "diffusion_model": "Checkpoint",
    "lora": "LORA",
    "embedding": "TextualInversion",
    "hypernetwork": "Hypernetwork",
    "aesthetic_gradient": "AestheticGradient",
    "controlnet": "Controlnet",
    "upscaler": "Upscaler",
    "motion_module": "MotionModule",
    "vae": "VAE",
    "pose": "Poses",
    "wildcard": "Wildcards",
    "workflow": "Workflows",
    "detector": "Detection",
    "other": "Other",
}
# What Civitai says by the kind of the file, and not by that of the model.
_CIVITAI_PARTS: Mapping[str, str] = {"diffusion_model": "Diffusion Model", "text_encoder": "Text Encoder"}
_WHOLE = "Model"
_FORMATS: Mapping[str, str] = {
    ".safetensors": "SafeTensor",
    ".sft": "SafeTensor",
    ".gguf": "GGUF",
    ".ckpt": "PickleTensor",
    ".pt": "PickleTensor",
    ".pth": "PickleTensor",
    ".bin": "PickleTensor",
}
_USES: Mapping[str, str] = {"image": "Image", "rentcivit": "RentCivit", "rent": "Rent", "sell": "Sell"}
_LICENSE_KEYS = ("allowNoCredit", "allowCommercialUse", "allowDerivatives", "allowDifferentLicense")
_PAGE = re.compile(r"https://civitai\.com/models/([1-9][0-9]{0,17})(?:\?modelVersionId=([1-9][0-9]{0,17}))?")


def civitai_ids(url: Any) -> tuple[int | None, int | None] | None:
    """Return the ids of model and version in a page's address, None for a page of another site."""
    found = _PAGE.fullmatch(url) if isinstance(url, str) else None
    return (int(found[1]), int(found[2]) if found[2] else None) if found else None


def permissions(license_: Any) -> dict[str, Any] | None:
    """Return Civitai's four keys for a licence in our one line, none for no licence; None for another licence."""
    if not license_:
        return {}
    if not isinstance(license_, str) or not license_.startswith("civitai:"):
        return None
    terms = dict(term.partition("=")[::2] for term in license_.removeprefix("civitai:").split(";"))
    said: dict[str, Any] = {}
    if "credit" in terms:
        said["allowNoCredit"] = terms["credit"] == "optional"
    if "commercial" in terms:
        uses = [use for use in terms["commercial"].split(",") if use and use != "none"]
        said["allowCommercialUse"] = [_USES.get(use, use) for use in uses]
    if "derivatives" in terms:
        said["allowDerivatives"] = terms["derivatives"] == "yes"
    if "relicense" in terms:
        said["allowDifferentLicense"] = terms["relicense"] == "yes"
    return said


def halves(name: str) -> tuple[str, str]:
    """Return a name as model and version: what stands before and after the last dash between blanks."""
    model, dash, version = name.rpartition(" - ")
    return (
        (model, version)
        if dash and model.strip() == model and version.strip() == version != ""
        else (name, "")
    )


def member_of(document: Document, key: str) -> Document:
    """Return an object within a document, made if there is none."""
    if not isinstance(document.get(key), dict):
        document[key] = {}
    member: Document = document[key]
    return member


def set_in_version(version: Document, column: str, value: Any, known: Known) -> None:
    """Say a light value in one of Civitai's version objects."""
    if column == "name":
        about, named = member_of(version, "model"), clean_name(version.get("name"))
        if named and value.endswith(f" - {named}"):
            about["name"] = value[: -len(f" - {named}")]
        else:
            about["name"], version["name"] = halves(value)
    elif column == "type":
        set_type(version, value, known)
    elif column == "base_model":
        version["baseModel"] = value or "Other"
    elif column == "tags":
        member_of(version, "model")["tags"] = list(value)
        if "tags" in version:
            version["tags"] = list(value)
    elif column == "nsfw":
        member_of(version, "model")["nsfw"] = value
    elif column == "trigger_words":
        version["trainedWords"] = list(value)
    elif column == "license":
        _set_license(version, value)
    elif column == "source_url":
        set_ids(version, value)


def set_type(version: Document, kind: str, known: Known) -> None:
    """Say the type of a model in one of Civitai's version objects, and of its file where that tells more."""
    member_of(version, "model")["type"] = CIVITAI_TYPES.get(kind, "Other")
    entries, own = file_entries(version, known)
    chosen = own or (entries if len(entries) == 1 else [])
    refined = [type_of_part(clean_text(entry.get("type"))) for entry in chosen or entries]
    if kind not in _CIVITAI_PARTS and all(word in (None, kind) for word in refined):
        return
    if not chosen:  # nothing tells a reader which entry is ours, so it gets one of its own
        chosen = [file_entry(known)]
        version["files"] = [*list_of(version.get("files")), *chosen]
    for entry in chosen:
        entry["type"] = _CIVITAI_PARTS.get(kind, _WHOLE)


def _set_license(version: Document, license_: Any) -> None:
    about = member_of(version, "model")
    for place in (about, version):
        for key in _LICENSE_KEYS:
            place.pop(key, None)
    about.update(permissions(license_) or {})


def set_ids(version: Document, url: Any) -> None:
    """Set the ids of model and version that a page's address holds; for a page of another site there are none."""
    ids = civitai_ids(url) or (None, None)
    for key, number in (("id", ids[1]), ("modelId", ids[0])):
        if number is not None:
            version[key] = number
        else:
            version.pop(key, None)


def held_by_civitai(column: str, value: Any) -> Any:
    """Return `value` if Civitai has words for it, else `NOT_HELD`."""
    if column == "type" and value not in CIVITAI_TYPES and value not in _CIVITAI_PARTS:
        return NOT_HELD
    if column == "license" and permissions(value) is None:
        return NOT_HELD
    if column == "source_url" and value and civitai_ids(value) is None:
        return NOT_HELD
    return value


def file_entries(version: Document, known: Known) -> tuple[list[Document], list[Document]]:
    """Return the entries of ``files``, and those of them whose hash is this very file's."""
    entries = [entry for entry in list_of(version.get("files")) if isinstance(entry, dict)]
    sha256 = known.hashes.get("sha256")
    if not sha256:
        return entries, []
    return entries, [
        entry for entry in entries if sha256_of_hashes(mapping_of(entry.get("hashes"))) == sha256
    ]


def file_entry(known: Known) -> Document:
    """Return an entry of ``files`` for a file that Civitai may never have seen: what was computed of it."""
    hashes = {kind: digits.upper() for kind, digits in known.hashes.items() if kind != "sha256"}
    if sha256 := known.hashes.get("sha256"):
        hashes = {"AutoV2": sha256[:10].upper(), "SHA256": sha256.upper(), **hashes}
    return {
        "sizeKB": known.size_bytes / 1024,
        "name": known.file_name,
        "type": _WHOLE,
        "primary": True,
        "metadata": {"fp": None, "size": None, "format": _FORMATS.get(suffix_of(known.file_name), "Other")},
        "hashes": hashes,
    }


class CivitaiHelperFiles(Format):
    """``<stem>.civitai.info``: one of Civitai's versions, four blanks of indent, all but ASCII escaped."""

    id = source = "civitai-info"
    ending = ".civitai.info"
    columns = ("name", "type", "base_model", "tags", "nsfw", "trigger_words", "license", "source_url")

    def made(self, known: Known) -> Document:
        """Return Civitai's answer where a record holds it, else a version with the file's own facts."""
        version = answer_in(known)
        if version is None:
            version = {}
            set_ids(version, known.fields.get("source_url"))
            version |= {
                "name": "",
                "trainedWords": [],
                "baseModel": "Other",
                "model": {"name": "", "type": "Other"},
            }
        if not list_of(version.get("files")):
            version["files"] = [file_entry(known)]
        version.setdefault("images", [])
        return version

    def say(self, document: Document, column: str, value: Any, known: Known) -> None:
        """See `Format.say`."""
        set_in_version(document, column, value, known)

    def held(self, column: str, value: Any, known: Known) -> Any:
        """See `Format.held`."""
        return held_by_civitai(column, super().held(column, value, known))

    def taken_up(self, value: Any) -> Document | None:
        """Return a version; the answer for a whole model is none that could say something of one file."""
        document = super().taken_up(value)
        return document if document is not None and "modelVersions" not in document else None

    def written(self, document: Document) -> bytes:
        """See `Format.written`."""
        return json.dumps(document, indent=4).encode()
