"""ComfyUI-Lora-Manager's sidecars."""

import os
from collections.abc import Sequence
from typing import Any

from modelmgr.migration.beside import stem_of
from modelmgr.migration.sidecar_files.civitai import (
    civitai_ids,
    held_by_civitai,
    member_of,
    permissions,
    set_ids,
    set_in_version,
    set_type,
)
from modelmgr.migration.sidecar_files.format import NOT_HELD, Document, Format, Known, answer_in
from modelmgr.migration.sidecar_files.styles import indented
from modelmgr.migration.sources.civitai import has_default_license, mapping_of
from modelmgr.payload import clean_name
from modelmgr.vocabulary import canonical_base, collapsed_base

_WITHOUT_SUB_TYPE = frozenset(("lora", "unknown"))


class LoraManagerFiles(Format):
    """``<stem>.metadata.json``: two blanks of indent, characters as they are."""

    id = source = "lora-manager"
    ending = ".metadata.json"
    columns = (
        "name",
        "type",
        "base_model",
        "tags",
        "favorite",
        "nsfw",
        "notes",
        "trigger_words",
        "preview",
        "license",
        "source_url",
    )

    def made(self, known: Known) -> Document:
        """Return what the tool writes for a new file, with Civitai's answer where a record holds it."""
        answer = answer_in(known)
        sha256, path = known.hashes.get("sha256", ""), known.path
        document = {
            "file_name": stem_of(known.file_name),
            "model_name": stem_of(known.file_name),
            "file_path": path.replace("\\", "/") if os.sep == "\\" else path,
            "size": known.size_bytes,
            "modified": float(known.added_at),
            "sha256": sha256,
            "base_model": "Unknown",
            "preview_url": "",
            "preview_nsfw_level": 0,
            "notes": "",
            "from_civitai": answer is not None,
            "civitai": answer or {},
            "tags": [],
            "modelDescription": "",
            "civitai_deleted": False,
            "favorite": False,
            "exclude": False,
            "db_checked": False,
            "skip_metadata_refresh": False,
            "metadata_source": "civitai_api" if answer is not None else None,
            "last_checked_at": 0,
            "hash_status": "completed" if sha256 else "pending",
            "trainedWords": [],
        }
        if known.fields.get("type") == "lora":
            document["usage_tips"] = "{}"
        if tensors := known.hashes.get("AutoV3"):
            document["autov3"] = tensors
        return document

    def say(self, document: Document, column: str, value: Any, known: Known) -> None:
        """See `Format.say`."""
        if column == "name":
            document["model_name"] = value
        elif column == "notes":
            document["notes"] = value or ""
        elif column == "favorite":
            document["favorite"] = bool(value)
        elif column == "preview":
            document["preview_url"] = value or ""
        elif column == "type":
            self._set_type(document, value, known)
        elif column == "base_model":
            self._set_base(document, value)
        elif column == "tags":
            document["tags"] = list(value)
            about = mapping_of(mapping_of(document.get("civitai")).get("model"))
            if not value and about.get("tags"):
                member_of(member_of(document, "civitai"), "model")["tags"] = []
        elif column == "trigger_words":
            self._set_words(document, value)
        elif column == "source_url" and civitai_ids(value) is None and value:
            document["hf_url"] = value
        elif column == "source_url" and not value:
            document.pop("hf_url", None)
            set_ids(member_of(document, "civitai"), None)
        else:  # what the tool keeps only in its copy of Civitai's answer
            set_in_version(member_of(document, "civitai"), column, value, known)

    def held(self, column: str, value: Any, known: Known) -> Any:
        """See `Format.held`; for a LoRA the tool has no word, and defaults of a licence are its own."""
        if column == "type" and value in _WITHOUT_SUB_TYPE:
            return value if value == "lora" and answer_in(known) is not None else NOT_HELD
        if column == "license":
            said = permissions(value)
            return NOT_HELD if said is None or has_default_license(said) else value
        if column == "source_url" and value and not value.startswith("https://huggingface.co/"):
            return held_by_civitai(column, value)
        return super().held(column, value, known)

    def written(self, document: Document) -> bytes:
        """See `Format.written`."""
        return indented(document, 2)

    @staticmethod
    def _set_type(document: Document, kind: str, known: Known) -> None:
        if kind in _WITHOUT_SUB_TYPE:
            document.pop("sub_type", None)
            document.pop("model_type", None)
            set_type(member_of(document, "civitai"), kind, known)
            return
        document["sub_type"] = kind
        if "model_type" in document:
            document["model_type"] = kind

    @staticmethod
    def _set_base(document: Document, base: str | None) -> None:
        document["base_model"] = base or "Unknown"
        theirs = clean_name(mapping_of(document.get("civitai")).get("baseModel"))
        # Where ours is only what the tool's table would make of Civitai's word, that one would be believed.
        if theirs and (not base or canonical_base(collapsed_base(theirs)) == base):
            member_of(document, "civitai")["baseModel"] = base or "Other"

    @staticmethod
    def _set_words(document: Document, words: Sequence[str]) -> None:
        civitai = document.get("civitai")
        if isinstance(civitai, dict) and civitai:
            civitai["trainedWords"] = list(words)
            if document.get("trainedWords"):
                document["trainedWords"] = []
        else:
            document["trainedWords"] = list(words)
