"""Civitai's JSON: the sidecars that Civitai Helper and others write, and the objects that many sources hold.

A *version object* describes one version of a model with its files (developer.civitai.com, "Model versions"); a
*model object* all versions of one model. Which of the two lies there decides what ``id`` means.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelmgr import payload
from modelmgr.migration.beside import (
    FORMAT_SUFFIXES,
    alike,
    is_model_name,
    models_beside,
    preferred,
    same_name,
    stem_of,
    suffix_of,
)
from modelmgr.migration.hashes import partial_hashes, sha256_of_hashes
from modelmgr.migration.reading.container import read_container
from modelmgr.migration.source import Container, LegacySource, Report
from modelmgr.payload import (
    boolean_of,
    clean_name,
    clean_text,
    integer_of,
    list_of_text,
    number_of,
    seconds_of,
)
from modelmgr.values import Claims, Record
from modelmgr.vocabulary import (
    UNKNOWN,
    base_of_air,
    canonical_base,
    canonical_type,
    is_companion,
    type_of_part,
)

UNPARSED = "unparsed_payload"
SEVERAL_FILES = "several-files"
MEMBERS_SKIPPED = "members-skipped"
CONTAINS_SECRET = "contains-secret"  # noqa: S105 - the name of a flag

_SUFFIX = ".civitai.info"
_SUFFIXES = (_SUFFIX, ".civitai.full.json", ".civitai.json")

_VERSION_KEYS = frozenset(("modelId", "files", "trainedWords", "baseModel", "images", "model"))
_ERROR_KEYS = frozenset(("error", "message", "detail", "details", "code", "status"))
_LICENSE_KEYS = ("allowNoCredit", "allowCommercialUse", "allowDerivatives", "allowDifferentLicense")
_LICENSE_KEYS_SET = frozenset(_LICENSE_KEYS)
_HASHES_LIMIT = 1_000


class CivitaiInfo(LegacySource):
    """``<stem>.civitai.info``: whatever lies under that name is a record, also a mark that Civitai knew nothing."""

    id = "civitai-info"
    record_ids = ("civitai-info",)

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower().endswith(_SUFFIXES)

    def probe(self, container: Container, report: Report) -> bool:
        """Tell whether it is a record; only names that other programs may use too are looked into."""
        if container.name.lower().endswith(_SUFFIX):
            return True
        found = payload.parse(read_container(container.path))
        return found.ok and _is_sidecar(found.value)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the sidecar says."""
        stem, names = _speaks_of(record.source_path, siblings)
        found = payload.parse(record.payload)
        if not found.ok:
            return unparsed_claims(record, found, names)
        said = civitai_claims(found.value, names, stem=stem, sha256=sha256)
        flags = flags_of(record, found, said.flags)
        return said if flags == said.flags else replace(said, flags=flags)


def unparsed_claims(record: Record, found: payload.Parsed, names: tuple[str, ...]) -> Claims:
    """Return the claims of a payload that can't be read: none but its place."""
    return Claims(
        stem_names=names,
        problem=UNPARSED,
        message=found.message,
        flags=flags_of(record, found, several_files(names)),
    )


def flags_of(record: Record, found: payload.Parsed, said: Iterable[str]) -> tuple[str, ...]:
    """Return all doubts about a record: of its text, of what it says, and whether it holds a secret."""
    secret = (CONTAINS_SECRET,) if payload.contains_secret(record.payload) else ()
    return tuple(dict.fromkeys((*found.flags, *said, *secret)))


def several_files(names: Sequence[str]) -> tuple[str, ...]:
    """Return the flag for a sidecar that may speak of more than one file."""
    return (SEVERAL_FILES,) if len(names) > 1 else ()


def _speaks_of(path: str, siblings: frozenset[str]) -> tuple[str, tuple[str, ...]]:
    """Return the stem of a sidecar, and the model files beside it that it may speak of."""
    name = path.replace("\\", "/").rpartition("/")[2]
    ending = next((suffix for suffix in _SUFFIXES if name.lower().endswith(suffix)), "")
    stem = name[: len(name) - len(ending)]
    if is_model_name(stem):
        whole = alike(stem, siblings)
        if whole and (whole[0] == stem or len(whole) == 1):
            return stem_of(stem), whole[:1]
    return stem, models_beside(stem, siblings)


def _is_sidecar(value: Any) -> bool:
    if value is None or value == {}:
        return True
    return isinstance(value, Mapping) and (
        is_version(value) or is_model(value) or _is_skeleton(value) or _is_error(value)
    )


# --- the shapes -------------------------------------------------------------------------------------------


def is_model(value: Mapping[Any, Any]) -> bool:
    """Tell whether an object of Civitai describes a model with all its versions."""
    return "modelVersions" in value


def is_version(value: Mapping[Any, Any]) -> bool:
    """Tell whether an object is one of Civitai's versions."""
    return integer_of(value.get("id")) is not None and not _VERSION_KEYS.isdisjoint(value)


def _is_skeleton(value: Mapping[Any, Any]) -> bool:
    """Tell whether a fork of Civitai Helper noted that Civitai does not know the file."""
    helper = mapping_of(mapping_of(value.get("extensions")).get("sd_civitai_helper"))
    if boolean_of(value.get("skeleton_file")) or boolean_of(helper.get("skeleton_file")):
        return True
    return isinstance(value.get("id"), str) and not value["id"].strip()


def _is_error(value: Mapping[Any, Any]) -> bool:
    keys = {str(key).lower() for key in value}
    return keys <= _ERROR_KEYS and not keys.isdisjoint(("error", "message", "detail"))


# --- what they claim --------------------------------------------------------------------------------------


def civitai_claims(
    value: Any,
    names: Sequence[str] = (),
    *,
    stem: str = "",
    sha256: str | None = None,
    version_id: int | None = None,
) -> Claims:
    """Return what any JSON of Civitai says about one file; marks of "asked, no answer" say nothing.

    Args:
        value: a parsed payload, or the part of one that holds Civitai's answer.
        names: the model files that it may speak of.
        stem: of the file, to find its entry by name where no file is there.
        sha256: of the file, if known: it tells which version and entry are meant.
        version_id: the version that another tool says the file is.
    """
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or value in ({}, ""):
        return Claims(marker=True, stem_names=tuple(names), flags=several_files(names))
    if not isinstance(value, Mapping):
        return Claims(stem_names=tuple(names), flags=("unexpected-shape", *several_files(names)))
    if is_model(value):
        return model_claims(value, names, stem=stem, sha256=sha256, version_id=version_id)
    if _is_error(value) or _is_skeleton(value):
        return Claims(marker=True, stem_names=tuple(names), flags=several_files(names))
    return version_claims(value, names, stem=stem, sha256=sha256)


def version_claims(
    version: Mapping[Any, Any],
    names: Sequence[str] = (),
    *,
    stem: str = "",
    sha256: str | None = None,
    parent: Mapping[Any, Any] | None = None,
) -> Claims:
    """Return what a version object says about the file that is meant; arguments as `civitai_claims`.

    Args:
        version: the object.
        names: see there.
        stem: see there.
        sha256: see there.
        parent: the model object in which the version stood; else its own ``model`` tells of that.
    """
    about = mapping_of(version.get("model")) if parent is None else parent
    files = [entry for entry in list_of(version.get("files")) if isinstance(entry, Mapping)]
    entry = _entry_for(files, names, stem, sha256)
    fields, flags = _model_fields(about, version)
    version_name = clean_name(version.get("name"))
    if "name" in fields and version_name:
        fields["name"] = f"{fields['name']} - {version_name}"
    urn = clean_text(version.get("air"))
    base = canonical_base(clean_name(version.get("baseModel"))) or base_of_air(urn)
    if base:
        fields["base_model"] = base
    words = version.get("trainedWords")
    if trigger_words := list_of_text(words, commas=False):
        fields["trigger_words"] = trigger_words
    if payload.has_other_members(words):
        flags = (*flags, MEMBERS_SKIPPED)
    model_id, version_id = _ids(version, about if parent is not None else {})
    if url := page_of(model_id, version_id):
        fields["source_url"] = url
    hashes: Mapping[Any, Any] = {}
    if entry is not None:
        part = clean_text(entry.get("type"))
        hashes = mapping_of(entry.get("hashes"))
        if (refined := type_of_part(part)) is not None:
            fields["type"] = refined
        elif is_companion(part):
            fields.pop("type", None)
            flags = (*flags, "companion")
    claimed, partial = sha256_of_hashes(hashes), partial_hashes(hashes)
    siblings = _distinct((_sha256_of(other) for other in files if other is not entry), claimed)
    meant = _meant(names, files, _is_of_fork(version))
    if claimed or partial or siblings:
        # A hash decides between files of one stem before any name does: where the record claims one, the other
        # files stay listed, after those that it means.
        meant = (*meant, *(name for name in names if name not in meant))
    return Claims(
        fields=fields,
        sha256=claimed,
        partial_hashes=partial,
        sibling_sha256=siblings,
        size_hint_bytes=_size_hint(entry),
        stem_names=meant,
        time=_time_of(version),
        flags=(*flags, *several_files(meant)),
    )


def model_claims(
    model: Mapping[Any, Any],
    names: Sequence[str] = (),
    *,
    stem: str = "",
    sha256: str | None = None,
    version_id: int | None = None,
) -> Claims:
    """Return what a model object says about one file; arguments as `civitai_claims`.

    What belongs to a version (base model, trigger words, hashes) is said only if the version is certain: the first
    of the list is the newest, and need not be the file's.
    """
    versions = [entry for entry in list_of(model.get("modelVersions")) if isinstance(entry, Mapping)]
    version = _version_for(versions, names, stem, sha256, version_id)
    if version is not None:
        said = version_claims(version, names, stem=stem, sha256=sha256, parent=model)
    else:
        fields, flags = _model_fields(model, model)
        if url := page_of(integer_of(model.get("id")), None):
            fields["source_url"] = url
        said = Claims(
            fields=fields,
            stem_names=tuple(names),
            flags=(*flags, *(("version-unknown",) if versions else ()), *several_files(names)),
        )
    others = (
        _sha256_of(entry)
        for other in versions
        if other is not version
        for entry in list_of(other.get("files"))
        if isinstance(entry, Mapping)
    )
    return replace(said, sibling_sha256=_distinct((*said.sibling_sha256, *others), said.sha256))


def _model_fields(
    about: Mapping[Any, Any], version: Mapping[Any, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the columns that are the model's, and doubts about them."""
    fields: dict[str, Any] = {}
    flags: list[str] = []
    if name := clean_name(about.get("name")):
        fields["name"] = name
    word = clean_name(about.get("type")) or _type_of_air(clean_text(version.get("air")))
    kind = canonical_type(word)
    if kind != UNKNOWN:
        fields["type"] = kind
    elif word:
        flags.append(f"unknown-type:{word[:64]}")
    for tags in (about.get("tags"), version.get("tags")):
        # SD.Next takes an object's values for tags; old dumps have objects with a name as members.
        tags = list(tags.values()) if isinstance(tags, Mapping) else tags
        if payload.has_other_members(tags, key="name"):
            flags.append(MEMBERS_SKIPPED)
        if entries := list_of_text(tags, key="name"):
            fields["tags"] = entries
            break
    nsfw = nsfw_of(about.get("nsfw"), version.get("nsfwLevel"), about.get("nsfwLevel"))
    if nsfw is not None:
        fields["nsfw"] = nsfw
    if terms := license_of(about) or license_of(version):
        fields["license"] = terms
    return fields, tuple(dict.fromkeys(flags))


def _type_of_air(urn: str) -> str:
    """Return the type of ``urn:air:<ecosystem>:<type>:civitai:<model>@<version>``."""
    parts = urn.removeprefix("urn:").split(":")
    return parts[2] if len(parts) > 2 and parts[0] == "air" else ""


def nsfw_of(flag: Any, *levels: Any) -> bool | None:
    """Return what a model's flag says, else the first of its levels (bits: 1 PG, 2 PG-13, 4 R, 8 X, 16 XXX)."""
    said = boolean_of(flag)
    if said is not None:
        return said
    for level in levels:
        bits = integer_of(level)
        if bits is not None and bits > 0:
            return bits > 3
    return None


def license_of(about: Mapping[Any, Any]) -> str | None:
    """Return Civitai's permissions in one line; only what is really said, None if nothing is."""
    if _LICENSE_KEYS_SET.isdisjoint(about):
        return None
    terms: list[str] = []
    if (free := boolean_of(about.get("allowNoCredit"))) is not None:
        terms.append(f"credit={'optional' if free else 'required'}")
    uses = about.get("allowCommercialUse")
    if uses is not None and not isinstance(uses, bool):
        # "None" is a word of the old answers, where one string stood for the list.
        words = sorted({word.lower() for word in list_of_text(uses) if word.isalpha()} - {"none"})
        terms.append(f"commercial={','.join(words) or 'none'}")
    elif uses is False:
        terms.append("commercial=none")
    for key, term in (("allowDerivatives", "derivatives"), ("allowDifferentLicense", "relicense")):
        if (allowed := boolean_of(about.get(key))) is not None:
            terms.append(f"{term}={'yes' if allowed else 'no'}")
    return f"civitai:{';'.join(terms)}" if terms else None


def has_default_license(about: Mapping[Any, Any]) -> bool:
    """Tell whether the permissions are those that ComfyUI-Lora-Manager fills in where Civitai said nothing."""
    allowed = [about.get(key) for key in _LICENSE_KEYS]
    return allowed[0] is True and allowed[1] == ["Sell"] and allowed[2] is True and allowed[3] is True


def page_of(model_id: int | None, version_id: int | None) -> str | None:
    """Return the address of a version's page on Civitai; a version's id alone leads to no page."""
    if model_id is None or model_id <= 0:
        return None
    page = f"https://civitai.com/models/{model_id}"
    return f"{page}?modelVersionId={version_id}" if version_id is not None and version_id > 0 else page


def _ids(version: Mapping[Any, Any], parent: Mapping[Any, Any]) -> tuple[int | None, int | None]:
    """Return the ids of model and version, from wherever they can be had."""
    by_air = clean_text(version.get("air")).rpartition(":")[2].partition("@")
    model_id = integer_of(version.get("modelId")) or integer_of(parent.get("id")) or integer_of(by_air[0])
    by_download = (
        clean_text(version.get("downloadUrl")).partition("/api/download/models/")[2].partition("?")[0]
    )
    version_id = integer_of(version.get("id")) or integer_of(by_air[2]) or integer_of(by_download)
    return model_id, version_id


def _time_of(version: Mapping[Any, Any]) -> float | None:
    times = (seconds_of(version.get(key)) for key in ("updatedAt", "publishedAt", "createdAt"))
    return next((time for time in times if time is not None), None)


# --- which version, which file ----------------------------------------------------------------------------


def _version_for(
    versions: Sequence[Mapping[Any, Any]],
    names: Sequence[str],
    stem: str,
    sha256: str | None,
    version_id: int | None,
) -> Mapping[Any, Any] | None:
    """Return the version that the file is: by hash, by the id that a tool noted, by a name that only one has."""
    files = [
        (version, entry)
        for version in versions
        for entry in list_of(version.get("files"))
        if isinstance(entry, Mapping)
    ]
    if sha256:
        for version, entry in files:
            if _sha256_of(entry) == sha256:
                return version
        for version, entry in files:
            if _auto_v2_fits(entry, sha256):
                return version
    if version_id is not None:
        for version in versions:
            if integer_of(version.get("id")) == version_id:
                return version
    named = [version for version, entry in files if _is_named(entry, names, stem)]
    return named[0] if named and all(version is named[0] for version in named) else None


def _entry_for(
    files: Sequence[Mapping[Any, Any]], names: Sequence[str], stem: str, sha256: str | None
) -> Mapping[Any, Any] | None:
    """Return the ``files[]`` entry that is the local file, None if nothing tells."""
    if sha256:
        for entry in files:
            if _sha256_of(entry) == sha256:
                return entry
        for entry in files:
            if _auto_v2_fits(entry, sha256):
                return entry
    for entry in files:
        if _is_named(entry, names, stem):
            return entry
    chief = [entry for entry in files if _is_chief(entry)]
    if len(chief) == 1:
        return chief[0]
    for entry in files:
        if boolean_of(entry.get("primary")):
            return entry
    models = [entry for entry in files if not is_companion(clean_text(entry.get("type")))]
    return models[0] if len(models) == 1 else None


def _is_chief(entry: Mapping[Any, Any]) -> bool:
    """Tell whether a file is the version's model itself, and no VAE, config or archive that goes with it."""
    word = clean_text(entry.get("type"))
    return (
        type_of_part(word) in (None, "diffusion_model")
        and not is_companion(word)
        and word.lower() not in ("archive",)
    )


def _is_named(entry: Mapping[Any, Any], names: Sequence[str], stem: str) -> bool:
    uploaded = clean_text(entry.get("name"))
    if not uploaded:
        return False
    if names:
        return any(same_name(uploaded, name) for name in names)
    return bool(stem) and same_name(stem_of(uploaded), stem)


def _auto_v2_fits(entry: Mapping[Any, Any], sha256: str) -> bool:
    hashes = mapping_of(entry.get("hashes"))
    short = partial_hashes(hashes).get("AutoV2")
    return short is not None and sha256_of_hashes(hashes) is None and sha256.startswith(short)


def _sha256_of(entry: Mapping[Any, Any]) -> str | None:
    return sha256_of_hashes(mapping_of(entry.get("hashes")))


def _size_hint(entry: Mapping[Any, Any] | None) -> int | None:
    """Return a file's size from kibibytes, good to some bytes only."""
    kibibytes = number_of(entry.get("sizeKB")) if entry is not None else None
    return round(kibibytes * 1024) if kibibytes is not None and 0 < kibibytes < 1e15 else None


def _meant(names: Sequence[str], files: Sequence[Mapping[Any, Any]], by_fork: bool) -> tuple[str, ...]:
    """Return those of several files of the stem that a version object means, as far as it tells itself."""
    if len(names) < 2:
        return tuple(names)
    chief = [entry for entry in files if _is_chief(entry)]
    said = [clean_text(entry.get("name")) for entry in chief]
    formats: list[str] = []
    for entry in chief:
        if boolean_of(entry.get("primary")) or len(chief) == 1:
            word = clean_text(mapping_of(entry.get("metadata")).get("format")).replace(" ", "").lower()
            formats.extend(FORMAT_SUFFIXES.get(word, (suffix_of(clean_text(entry.get("name"))),)))
    meant = preferred(names, (name for name in said if name), formats)
    if meant == tuple(names) and not by_fork:
        # Only the fork of Civitai Helper ever looks at GGUF files.
        meant = tuple(name for name in names if suffix_of(name) != ".gguf") or meant
    return meant


def _is_of_fork(version: Mapping[Any, Any]) -> bool:
    return bool(mapping_of(version.get("extensions")).get("sd_civitai_helper"))


def _distinct(hashes: Iterable[str | None], own: str | None) -> tuple[str, ...]:
    found = dict.fromkeys(digits for digits in hashes if digits is not None and digits != own)
    return tuple(found)[:_HASHES_LIMIT]


# --- JSON of strangers ------------------------------------------------------------------------------------


def mapping_of(value: Any) -> Mapping[Any, Any]:
    """Return an object, an empty one for anything else."""
    if type(value) is dict:  # JSON's objects are; the question for any mapping costs ten times as much
        return value
    return value if isinstance(value, Mapping) else {}


def list_of(value: Any) -> list[Any]:
    """Return a list, an empty one for anything else."""
    return value if isinstance(value, list) else []
