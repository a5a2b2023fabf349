"""Stability Matrix' sidecars."""

from collections.abc import Mapping
from typing import Any

from modelmgr.migration.sidecar_files.civitai import (
    CIVITAI_TYPES,
    civitai_ids,
    file_entries,
    file_entry,
    halves,
    held_by_civitai,
)
from modelmgr.migration.sidecar_files.format import (
    NOT_HELD,
    Document,
    Format,
    Known,
    answer_in,
    is_named_by_person,
)
from modelmgr.migration.sidecar_files.styles import as_net_writes
from modelmgr.migration.sources.civitai import mapping_of
from modelmgr.payload import clean_name, clean_text
from modelmgr.values import iso_time

_MATRIX_TYPES: Mapping[str, str] = {
    kind: word
    for kind, word in CIVITAI_TYPES.items()
    if kind not in ("diffusion_model", "detector")  # the tool's list is that of Civitai some years ago
}
_FROM_CIVITAI, _FROM_OPEN_MODEL_DB, _FROM_CIV_ARCHIVE, _FROM_OTHER = range(4)
_SITES: Mapping[str, int] = {
    "https://openmodeldb.info/": _FROM_OPEN_MODEL_DB,
    "https://civarchive.com/": _FROM_CIV_ARCHIVE,
}


class StabilityMatrixFiles(Format):
    """``<stem>.cm-info.json``: one line as .NET writes it."""

    id = source = "stability-matrix"
    ending = ".cm-info.json"
    columns = ("name", "type", "base_model", "tags", "nsfw", "trigger_words", "preview", "source_url")

    def made(self, known: Known) -> Document:
        """Return a record with all keys but ``Nsfw``, which has no null to say that nobody knows."""
        answer = answer_in(known) or {}
        about = mapping_of(answer.get("model"))
        author = mapping_of(answer.get("creator")) or mapping_of(about.get("creator"))
        _, own = file_entries(answer, known)
        entry = own[0] if own else file_entry(known)
        named = clean_name(about.get("name"))
        model, version = (named, clean_name(answer.get("name"))) if named else halves(known.fields["name"])
        hashes = {kind.upper(): digits.upper() for kind, digits in known.hashes.items()}
        return {
            "ModelId": None,
            "ModelName": model,
            "ModelDescription": clean_text(about.get("description")),
            "Tags": [],
            "ModelType": "Unknown",
            "VersionId": None,
            "VersionName": version,
            "VersionDescription": clean_text(answer.get("description")) or None,
            "AuthorUsername": clean_name(author.get("username")) or None,
            "BaseModel": None,
            "RemoteFileName": clean_name(entry.get("name")) if own else None,
            "RemoteFileId": entry.get("id") if own and isinstance(entry.get("id"), int) else None,
            "FileMetadata": {
                key: mapping_of(entry.get("metadata")).get(key) for key in ("fp", "size", "format")
            },
            "ImportedAt": f"{(iso_time(known.added_at) or '1970-01-01T00:00:00Z')[:-1]}.0000000+00:00",
            "Hashes": {kind: hashes.get(kind) for kind in ("SHA256", "CRC32", "BLAKE3")},
            "TrainedWords": [],
            "Stats": None,
            "UserTitle": known.fields["name"] if is_named_by_person(known) else None,
            "ThumbnailImageUrl": None,
            "InferenceDefaults": None,
            "Source": _FROM_OTHER,
            "SourceUrl": None,
        }

    def say(self, document: Document, column: str, value: Any, known: Known) -> None:
        """See `Format.say`; a name that a person gave is the title, another one that of model and version."""
        if column == "name":
            if clean_name(document.get("UserTitle")) or is_named_by_person(known):
                document["UserTitle"] = value
            else:
                document["ModelName"], document["VersionName"] = halves(value)
        elif column == "type":
            document["ModelType"] = _MATRIX_TYPES[value]
        elif column == "nsfw":
            _put_before(document, "Tags", "Nsfw", value)
        elif column == "source_url":
            self._set_page(document, value)
        elif column == "tags":
            document["Tags"] = list(value)
        elif column == "trigger_words":
            document["TrainedWords"] = list(value)
        else:
            document["BaseModel" if column == "base_model" else "ThumbnailImageUrl"] = value or None

    def held(self, column: str, value: Any, known: Known) -> Any:
        """See `Format.held`."""
        if column == "type" and value not in _MATRIX_TYPES:
            return NOT_HELD
        if column == "source_url" and value and not value.startswith(tuple(_SITES)):
            return held_by_civitai(column, value)
        return super().held(column, value, known)

    def written(self, document: Document) -> bytes:
        """See `Format.written`."""
        return as_net_writes(document)

    @staticmethod
    def _set_page(document: Document, url: str | None) -> None:
        site = next((site for site in _SITES if url and url.startswith(site)), None)
        model_id, version_id = civitai_ids(url) or (None, None)
        document["ModelId"], document["VersionId"] = model_id, version_id
        document["Source"] = _SITES[site] if site else _FROM_CIVITAI if model_id else _FROM_OTHER
        document["SourceUrl"] = url.removeprefix(site.rstrip("/")) if site and url else None


def _put_before(document: Document, before: str, key: str, value: Any) -> None:
    """Set a key, a new one at the place where the tool has it."""
    rest: Document = {}
    if key not in document and before in document:
        for name in list(document)[list(document).index(before) :]:
            rest[name] = document.pop(name)
    document[key] = value
    document.update(rest)
