"""What the library knows of one model as the sidecar of another tool, to the letter as that tool would write it.

Pure: takes what is known, gives bytes. A sidecar that was once imported and of which the user has edited nothing since
is given back byte for byte; that other tools say more or otherwise is no edit. Else a document is made: the original
with the values set that changed, every other key kept; or, where there is none, a new one, with Civitai's own answer in
it if any record holds that. A format says what it has words for; what it has none for stays in the library.
"""

import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from modelmgr import payload
from modelmgr.migration import sources as legacy_sources
from modelmgr.migration.beside import stem_of, suffix_of
from modelmgr.migration.hashes import sha256_of_hashes
from modelmgr.migration.mapping import BOUND, PERSONAL, normal_form
from modelmgr.migration.sources.civitai import (
    has_default_license,
    is_version,
    list_of,
    mapping_of,
)
from modelmgr.payload import clean_name, clean_text
from modelmgr.values import Origin, Record, iso_time
from modelmgr.vocabulary import canonical_base, collapsed_base, family_of, type_of_part


@dataclass(frozen=True, slots=True)
class Known:
    """What the library knows of a model, for the sidecar of one of its files.

    Attributes:
        path: of the file, absolute.
        size_bytes: of the file; `added_at`: when the library first saw the model, Unix seconds.
        hashes: computed ones, kind (``sha256``, ``AutoV3`` ...) -> lower-case hex.
        fields: the light columns; `origins`: where they came from.
        edited: the columns that the user set.
        records: the active records of the model, in the order in which they are to be heard.
        fitting: those of them that don't speak of another file.
    """

    path: str
    size_bytes: int
    added_at: int
    hashes: Mapping[str, str]
    fields: Mapping[str, Any]
    origins: Mapping[str, Origin] = field(default_factory=dict)
    edited: frozenset[str] = frozenset()
    records: Sequence[Record] = ()
    fitting: Sequence[Record] = ()

    @property
    def file_name(self) -> str:
        """The file's name."""
        return os.path.basename(self.path)


@dataclass(frozen=True, slots=True)
class SidecarFile:
    """The bytes of a sidecar, and whether they are those that were imported."""

    content: bytes
    is_original: bool


NOT_HELD: Final = object()
"""What a format has no words for."""

Document = dict[str, Any]


class Format(ABC):
    """The sidecars of one tool.

    Attributes:
        id: the word for it on the command line.
        source: the record source id of what it writes.
        ending: of the sidecar's name, after the stem of the model.
        columns: the light columns that it can say.
    """

    id: ClassVar[str]
    source: ClassVar[str]
    ending: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]

    def sidecar(self, known: Known) -> SidecarFile:
        """Return the sidecar of a model's file."""
        original = self._original(known)
        document: Document | None = None
        wanted = set(self.columns)
        if original is not None:
            if not self._differing(original, known, known.edited & wanted):
                return SidecarFile(original.payload, True)
            document = self.taken_up(payload.parse(original.payload).value)
            # What only the file itself or its folder tells the tool finds there, too.
            wanted &= {column for column in self.columns if _is_said(column, known)}
        if document is None:
            document, wanted = self.made(known), set(self.columns)
        record = Record(self.source, self.place(known), "", self.written(document))
        for column in self._differing(record, known, wanted):
            self.say(document, column, self.held(column, known.fields.get(column), known), known)
        return SidecarFile(self.written(_masked("", document)), False)

    @abstractmethod
    def made(self, known: Known) -> Document:
        """Return a new document, as the tool writes one for a file of which it knows nothing but what we set."""

    @abstractmethod
    def say(self, document: Document, column: str, value: Any, known: Known) -> None:
        """Say a light value, as `held` gave it, in the tool's words."""

    @abstractmethod
    def written(self, document: Document) -> bytes:
        """Return the bytes of a document in the tool's own style."""

    def held(self, column: str, value: Any, known: Known) -> Any:
        """Return the light value that a reader of this format would get back, or `NOT_HELD`."""
        return NOT_HELD if column == "nsfw" and value is None else value

    def taken_up(self, value: Any) -> Document | None:
        """Return a parsed original as the base of a document, None if it is no such object."""
        return value if isinstance(value, dict) else None

    def _original(self, known: Known) -> Record | None:
        """Return the record of this format to go by: one that lies beside the file before another one.

        A mark of "asked, no answer" is none where another record holds the answer.
        """
        own = [record for record in known.records if record.source == self.source and not _is_backup(record)]
        answers = [record for record in own if not self._claims(record, known).marker]
        if not answers and _answer_in(known) is not None:
            return None
        return min(answers or own, key=lambda record: record.source_path != self.place(known), default=None)

    def place(self, known: Known) -> str:
        """Return where the sidecar would lie beside its model."""
        return os.path.join(os.path.dirname(known.path), stem_of(known.file_name) + self.ending)

    def _differing(self, record: Record, known: Known, columns: set[str] | frozenset[str]) -> list[str]:
        """Return those of the columns that a record says otherwise than the library, as far as it could say them."""
        if not columns:
            return []
        said = self._claims(record, known).fields
        found: list[str] = []
        for column in self.columns:
            if column in columns:
                held = self.held(column, known.fields.get(column), known)
                if held is not NOT_HELD and normal_form(column, held) != normal_form(
                    column, said.get(column)
                ):
                    found.append(column)
        return found

    def _claims(self, record: Record, known: Known) -> Any:
        return legacy_sources.BY_RECORD_ID[record.source].claims(
            record, frozenset((known.file_name,)), known.hashes.get("sha256")
        )


def _is_said(column: str, known: Known) -> bool:
    """Tell whether a person or a record says a column, and not only the file itself."""
    origin = known.origins.get(column)
    witnessed = origin is not None and origin.rank <= BOUND and origin.source not in ("header", "file")
    return column in known.edited or witnessed


def _is_by_person(column: str, known: Known) -> bool:
    origin = known.origins.get(column)
    return origin is not None and origin.rank <= PERSONAL


def _is_backup(record: Record) -> bool:
    return record.source_path.lower().endswith((".bak", ".tmp"))


def _masked(key: str, value: Any) -> Any:
    """Return a JSON value without secrets, which a made document must not spread."""
    if isinstance(value, str):
        return payload.masked_value(key, value)
    if isinstance(value, Mapping):
        return {name: _masked(str(name), member) for name, member in value.items()}
    return [_masked(key, member) for member in value] if isinstance(value, list) else value


# --- JSON as Python's and .NET's programs write it --------------------------------------------------------

_SURROGATE = re.compile("[\ud800-\udfff]")
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"')
_NET_TIME = re.compile(r'"\d{4}-\d\d-\d\dT[\d:.]+[+-]\d\d:\d\d"')
_NET_ESCAPED = re.compile(r"\\(?:u[0-9a-f]{4}|.)|[<>&'+`\x7f]")


def _indented(document: Document, indent: int) -> bytes:
    """Return JSON with characters as they are; lone surrogates, which UTF-8 has not, as escapes."""
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _as_net_writes(document: Document) -> bytes:
    """Return JSON in one line as System.Text.Json writes it by default: all but plain ASCII escaped."""
    text = json.dumps(document, separators=(",", ":"))
    return _STRING.sub(_net_string, text).encode()


def _net_string(found: re.Match[str]) -> str:
    """Return a JSON string with .NET's escapes; a time is written there as it is, its plus sign too."""
    if _NET_TIME.fullmatch(found[0]):
        return found[0]
    return f'"{_NET_ESCAPED.sub(_net_escape, found[0][1:-1])}"'


def _net_escape(found: re.Match[str]) -> str:
    escaped = found[0]
    if len(escaped) == 1:
        return f"\\u{ord(escaped):04X}"
    if escaped == '\\"':
        return "\\u0022"
    return "\\u" + escaped[2:].upper() if escaped.startswith("\\u") else escaped


# --- Civitai's words --------------------------------------------------------------------------------------

_CIVITAI_TYPES: Mapping[str, str] = {
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
# Sources whose payload is one of Civitai's versions; ComfyUI-Lora-Manager keeps one within.
_VERSIONS = ("civitai-info", "civitai-json")
_KEEPS_VERSION = "lora-manager"


def _answer_in(known: Known) -> Document | None:
    """Return Civitai's version object for the model, from the first record that holds one."""
    for record in known.fitting:
        if record.source in _VERSIONS or record.source == _KEEPS_VERSION:
            value = payload.parse(record.payload).value
            found = mapping_of(value).get("civitai") if record.source == _KEEPS_VERSION else value
            if isinstance(found, dict) and is_version(found):
                return found
    return None


def _civitai_ids(url: Any) -> tuple[int | None, int | None] | None:
    """Return the ids of model and version in a page's address, None for a page of another site."""
    found = _PAGE.fullmatch(url) if isinstance(url, str) else None
    return (int(found[1]), int(found[2]) if found[2] else None) if found else None


def _permissions(license_: Any) -> dict[str, Any] | None:
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


def _halves(name: str) -> tuple[str, str]:
    """Return a name as model and version: what stands before and after the last dash between blanks."""
    model, dash, version = name.rpartition(" - ")
    return (
        (model, version)
        if dash and model.strip() == model and version.strip() == version != ""
        else (name, "")
    )


def _member(document: Document, key: str) -> Document:
    """Return an object within a document, made if there is none."""
    if not isinstance(document.get(key), dict):
        document[key] = {}
    member: Document = document[key]
    return member


def _set_in_version(version: Document, column: str, value: Any, known: Known) -> None:
    """Say a light value in one of Civitai's version objects."""
    if column == "name":
        about, named = _member(version, "model"), clean_name(version.get("name"))
        if named and value.endswith(f" - {named}"):
            about["name"] = value[: -len(f" - {named}")]
        else:
            about["name"], version["name"] = _halves(value)
    elif column == "type":
        _set_type(version, value, known)
    elif column == "base_model":
        version["baseModel"] = value or "Other"
    elif column == "tags":
        _member(version, "model")["tags"] = list(value)
        if "tags" in version:
            version["tags"] = list(value)
    elif column == "nsfw":
        _member(version, "model")["nsfw"] = value
    elif column == "trigger_words":
        version["trainedWords"] = list(value)
    elif column == "license":
        _set_license(version, value)
    elif column == "source_url":
        _set_ids(version, "modelId", "id", value)


def _set_type(version: Document, kind: str, known: Known) -> None:
    _member(version, "model")["type"] = _CIVITAI_TYPES.get(kind, "Other")
    entries = [entry for entry in list_of(version.get("files")) if isinstance(entry, dict)]
    sha256 = known.hashes.get("sha256")
    own = [
        entry for entry in entries if sha256 and sha256_of_hashes(mapping_of(entry.get("hashes"))) == sha256
    ]
    chosen = own or (entries if len(entries) == 1 else [])
    refined = [type_of_part(clean_text(entry.get("type"))) for entry in chosen or entries]
    if kind not in _CIVITAI_PARTS and all(word in (None, kind) for word in refined):
        return
    if not chosen:  # nothing tells a reader which entry is ours, so it gets one of its own
        chosen = [_file_entry(known)]
        version["files"] = [*list_of(version.get("files")), *chosen]
    for entry in chosen:
        entry["type"] = _CIVITAI_PARTS.get(kind, _WHOLE)


def _set_license(version: Document, license_: Any) -> None:
    about = _member(version, "model")
    for place in (about, version):
        for key in _LICENSE_KEYS:
            place.pop(key, None)
    about.update(_permissions(license_) or {})


def _set_ids(document: Document, model_key: str, version_key: str, url: Any) -> None:
    ids = _civitai_ids(url) or (None, None)
    for key, number in ((version_key, ids[1]), (model_key, ids[0])):
        if number is not None:
            document[key] = number
        else:
            document.pop(key, None)


def _held_by_civitai(column: str, value: Any) -> Any:
    """Return `value` if Civitai has words for it, else `NOT_HELD`."""
    if column == "type" and value not in _CIVITAI_TYPES and value not in _CIVITAI_PARTS:
        return NOT_HELD
    if column == "license" and _permissions(value) is None:
        return NOT_HELD
    if column == "source_url" and value and _civitai_ids(value) is None:
        return NOT_HELD
    return value


def _file_entry(known: Known) -> Document:
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
        version = _answer_in(known)
        if version is None:
            version = {}
            _set_ids(version, "modelId", "id", known.fields.get("source_url"))
            version |= {
                "name": "",
                "trainedWords": [],
                "baseModel": "Other",
                "model": {"name": "", "type": "Other"},
            }
        if not list_of(version.get("files")):
            version["files"] = [_file_entry(known)]
        version.setdefault("images", [])
        return version

    def say(self, document: Document, column: str, value: Any, known: Known) -> None:
        """See `Format.say`."""
        _set_in_version(document, column, value, known)

    def held(self, column: str, value: Any, known: Known) -> Any:
        """See `Format.held`."""
        return _held_by_civitai(column, super().held(column, value, known))

    def taken_up(self, value: Any) -> Document | None:
        """Return a version; the answer for a whole model is none that could say something of one file."""
        document = super().taken_up(value)
        return document if document is not None and "modelVersions" not in document else None

    def written(self, document: Document) -> bytes:
        """See `Format.written`."""
        return json.dumps(document, indent=4).encode()


# --- ComfyUI-Lora-Manager ---------------------------------------------------------------------------------

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
        answer = _answer_in(known)
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
                _member(_member(document, "civitai"), "model")["tags"] = []
        elif column == "trigger_words":
            self._set_words(document, value)
        elif column == "source_url" and _civitai_ids(value) is None and value:
            document["hf_url"] = value
        elif column == "source_url" and not value:
            document.pop("hf_url", None)
            _set_ids(_member(document, "civitai"), "modelId", "id", None)
        else:  # what the tool keeps only in its copy of Civitai's answer
            _set_in_version(_member(document, "civitai"), column, value, known)

    def held(self, column: str, value: Any, known: Known) -> Any:
        """See `Format.held`; for a LoRA the tool has no word, and defaults of a licence are its own."""
        if column == "type" and value in _WITHOUT_SUB_TYPE:
            return value if value == "lora" and _answer_in(known) is not None else NOT_HELD
        if column == "license":
            permissions = _permissions(value)
            return NOT_HELD if permissions is None or has_default_license(permissions) else value
        if column == "source_url" and value and not value.startswith("https://huggingface.co/"):
            return _held_by_civitai(column, value)
        return super().held(column, value, known)

    def written(self, document: Document) -> bytes:
        """See `Format.written`."""
        return _indented(document, 2)

    @staticmethod
    def _set_type(document: Document, kind: str, known: Known) -> None:
        if kind in _WITHOUT_SUB_TYPE:
            document.pop("sub_type", None)
            document.pop("model_type", None)
            _set_type(_member(document, "civitai"), kind, known)
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
            _member(document, "civitai")["baseModel"] = base or "Other"

    @staticmethod
    def _set_words(document: Document, words: Sequence[str]) -> None:
        civitai = document.get("civitai")
        if isinstance(civitai, dict) and civitai:
            civitai["trainedWords"] = list(words)
            if document.get("trainedWords"):
                document["trainedWords"] = []
        else:
            document["trainedWords"] = list(words)


# --- AUTOMATIC1111 and Forge ------------------------------------------------------------------------------

_SD_VERSIONS: Mapping[str | None, str] = {
    "SD 1.x": "SD1",
    "SD 2.x": "SD2",
    "SDXL": "SDXL",
    "SD 3.x": "SD3",
    "Flux.1": "Flux",
}
_JOINT = " || "  # as an extension of the web UI joins several entries in its one field


class A1111Files(Format):
    """``<stem>.json``, the person's card: four blanks of indent, characters as they are."""

    id = "a1111"
    source = "a1111-user-json"
    ending = ".json"
    columns = ("base_model", "trigger_words", "notes")

    def made(self, known: Known) -> Document:
        """Return the card as its dialog saves it for the first time; only a LoRA's has words to type."""
        kind = known.fields.get("type")
        document: Document = {"description": ""}
        if kind == "lora":
            document |= {
                "sd version": "Unknown",
                "activation text": "",
                "preferred weight": 0,
                "negative text": "",
            }
        document["notes"] = ""
        if kind in ("checkpoint", "diffusion_model"):
            document["sd_version_str"] = "SdVersion.Unknown"
        return document

    def say(self, document: Document, column: str, value: Any, known: Known) -> None:
        """See `Format.say`."""
        if column == "notes":
            document[_spelt(document, "notes")] = value or ""
        elif column == "trigger_words":
            document[_spelt(document, "activation text")] = _JOINT.join(value)
        else:
            word = _sd_version(value)
            of_checkpoint = _spelt(document, "sd_version_str")
            if of_checkpoint in document and _spelt(document, "sd version") not in document:
                document[of_checkpoint] = f"SdVersion.{word}"
            else:
                document[_spelt(document, "sd version")] = word

    def held(self, column: str, value: Any, known: Known) -> Any:
        """See `Format.held`; of base models the card knows the families alone."""
        if column == "base_model":
            return canonical_base(_sd_version(value))
        if column == "trigger_words" and known.fields.get("type") != "lora" and not value:
            return NOT_HELD
        return super().held(column, value, known)

    def written(self, document: Document) -> bytes:
        """See `Format.written`."""
        return _indented(document, 4)


def _sd_version(base: Any) -> str:
    return _SD_VERSIONS.get(family_of(base) if isinstance(base, str) else None, "Unknown")


def _spelt(document: Document, key: str) -> str:
    """Return a key as a document spells it: with blanks, ``_`` or ``-``; of two spellings the last is read."""
    return next((found for found in reversed(document) if _plain(found) == _plain(key)), key)


def _plain(key: str) -> str:
    return key.replace("_", " ").replace("-", " ").strip().lower()


# --- Stability Matrix -------------------------------------------------------------------------------------

_MATRIX_TYPES: Mapping[str, str] = {
    kind: word
    for kind, word in _CIVITAI_TYPES.items()
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
        answer = _answer_in(known) or {}
        about = mapping_of(answer.get("model"))
        author = mapping_of(answer.get("creator")) or mapping_of(about.get("creator"))
        entries = [entry for entry in list_of(answer.get("files")) if isinstance(entry, dict)]
        sha256 = known.hashes.get("sha256")
        own = [
            entry
            for entry in entries
            if sha256 and sha256_of_hashes(mapping_of(entry.get("hashes"))) == sha256
        ]
        entry = own[0] if own else _file_entry(known)
        named = clean_name(about.get("name"))
        model, version = (named, clean_name(answer.get("name"))) if named else _halves(known.fields["name"])
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
            "UserTitle": known.fields["name"] if _is_by_person("name", known) else None,
            "ThumbnailImageUrl": None,
            "InferenceDefaults": None,
            "Source": _FROM_OTHER,
            "SourceUrl": None,
        }

    def say(self, document: Document, column: str, value: Any, known: Known) -> None:
        """See `Format.say`; a name that a person gave is the title, another one that of model and version."""
        if column == "name":
            if clean_name(document.get("UserTitle")) or _is_by_person("name", known):
                document["UserTitle"] = value
            else:
                document["ModelName"], document["VersionName"] = _halves(value)
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
            return _held_by_civitai(column, value)
        return super().held(column, value, known)

    def written(self, document: Document) -> bytes:
        """See `Format.written`."""
        return _as_net_writes(document)

    @staticmethod
    def _set_page(document: Document, url: str | None) -> None:
        site = next((site for site in _SITES if url and url.startswith(site)), None)
        model_id, version_id = _civitai_ids(url) or (None, None)
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


FORMATS: Mapping[str, Format] = {
    form.id: form for form in (CivitaiHelperFiles(), LoraManagerFiles(), A1111Files(), StabilityMatrixFiles())
}
"""The word on the command line -> the format."""
