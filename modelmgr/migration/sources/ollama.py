"""Ollama: a folder with ``manifests`` and ``blobs``; a manifest is a model under a name, its blobs have only hashes.

A blob's name is the SHA-256 of its bytes. A digest of another form leads nowhere: no path is ever made of it
(CVE-2024-37032). Names, media types and fields as in ollama/ollama at fb30760: ``manifest/manifest.go``,
``manifest/paths.go``, ``types/model/name.go``, ``types/model/config.go``, ``server/images.go``.
"""

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from modelmgr import payload, tree
from modelmgr.errors import Unreadable
from modelmgr.migration.hashes import full_sha256
from modelmgr.migration.reading.container import read_container
from modelmgr.migration.repository import page_of
from modelmgr.migration.source import Container, LegacySource, Place, Report
from modelmgr.payload import clean_name, integer_of, list_of_text
from modelmgr.progress import Progress
from modelmgr.values import MIB, NO_MODEL, Claims, Problem, Record, is_below_any
from modelmgr.vocabulary import base_of_architecture

LAYERS = "layers"
"""Key of `Record.extra`: digest, kind and the exact bytes (``text``, else ``base64``) of each small blob."""

MISSING = "missing"
"""Key of `Record.extra`: digests of blobs that aren't there, or of which only a part is (``PARTIAL``)."""

PARTIAL = "partial"

_TOOL = "Ollama"
_HOST, _NAMESPACE = "registry.ollama.ai", "library"
_HUGGING_FACE = frozenset(("hf.co", "huggingface.co"))
_DIGEST = re.compile(r"sha256[:-](?P<hex>[0-9a-f]{64})")
_MEDIA = "application/vnd.ollama.image."
_CONFIG = "config"
_WEIGHTS = frozenset(("model", "projector", "adapter", "draft", "tensor"))

_PROBED_MANIFESTS = 100
_LAYER_BYTES = MIB
_LAYERS_BYTES = 16 * MIB
_LAYERS_LIMIT = 10_000
_LICENSE_CHARACTERS = 200
_LICENSE_TEXT = 65_536
_EMBEDDERS = ("bert", "embed")


class Ollama(LegacySource):
    """The folder that ``OLLAMA_MODELS`` names. A record is a manifest: its bytes, its small blobs beside it."""

    id = "ollama"
    record_ids = ("ollama",)
    places = (
        Place(_TOOL, "$OLLAMA_MODELS"),
        Place(_TOOL, "~/.ollama/models"),
        Place(_TOOL, "/usr/share/ollama/.ollama/models", "linux"),
    )

    def wants_folder(self, name: str, files: Collection[str], folders: Collection[str]) -> bool:
        """Tell by the two folders."""
        return "manifests" in folders and "blobs" in folders

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by one manifest that has layers; one that is broken proves nothing."""
        if any(is_below_any(root, tree.FORBIDDEN_ROOTS) for root in _roots(container.path)):
            return False
        for number, (_, path) in enumerate(_manifests(container.path, report)):
            if number >= _PROBED_MANIFESTS:
                break
            try:
                found = payload.parse(_read(path, _roots(container.path), payload.PARSE_LIMIT_BYTES))
            except Unreadable:
                continue
            if isinstance(found.value, Mapping) and "layers" in found.value:
                return True
        return False

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield a record for each manifest, keyed ``<host>/<namespace>/<model>/<tag>``."""
        roots = _roots(container.path)
        for key, path in _manifests(container.path, report):
            progress.check()
            try:
                content = _read(path, roots)
            except Unreadable as error:
                report(Problem(path, error.code, error.message, key))
                continue
            extra = _around(payload.parse(content).value, container.path, roots, key, report)
            yield Record(self.id, container.path, key, content, extra)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the manifest and its small blobs say; arguments as `LegacySource.claims`."""
        name = _display_name(record.record_key)
        fields: dict[str, Any] = {"name": name} if name else {}
        found = payload.parse(record.payload)
        if not found.ok:
            return Claims(fields=fields, problem=found.code, message=found.message)
        said = found.value if isinstance(found.value, Mapping) else {}
        layers = _layers_of(said)
        texts = _kept_layers(record)
        config = _config_of(texts)
        kinds = [_kind_of(layer) for layer in layers]
        flags = list(found.flags)
        if payload.contains_secret(record.payload):
            flags.append("contains-secret")
        main = next((kind for kind in ("model", "adapter") if kind in kinds), None)
        if layers:
            fields["type"] = _type_of(kinds, config, main)
        if base := base_of_architecture(clean_name(config.get("model_family"))):
            fields["base_model"] = base
        if terms := _licenses(texts):
            fields["license"] = terms
        if page := _page_of(record.record_key):
            fields["source_url"] = page
        elif layers and not any(isinstance(layer.get("from"), str) and layer["from"] for layer in layers):
            flags.append("guessed-page")
        if config.get("remote_host") or config.get("remote_model"):
            flags.append("remote-model")
        if main is None:
            flags += ["several-parts"] * ("tensor" in kinds)
            flags += [NO_MODEL] * ("remote-model" in flags and "tensor" not in kinds)
            return Claims(fields=fields, marker=not layers, flags=tuple(flags))
        weights = [layer for layer, kind in zip(layers, kinds, strict=True) if kind == main]
        if len(weights) > 1:
            flags.append("several-parts")
        extra = record.extra or {}
        flags += [flag for flag in (MISSING, PARTIAL) if extra.get(flag)]
        digits, size = _digits_of(weights[0]), integer_of(weights[0].get("size"))
        paths = _places_of(record.source_path, digits) if digits is not None else ()
        return Claims(
            fields=fields,
            sha256=full_sha256(digits),
            size_bytes=size if size is not None and size >= 0 else None,
            path=paths[0] if paths else None,
            other_paths=paths[1:],
            flags=tuple(flags),
        )


# --- files ------------------------------------------------------------------------------------------------


def _manifests(folder: str, report: Report) -> Iterator[tuple[str, str]]:
    """Yield key and path of every file exactly four levels below ``manifests``, in order."""
    stack: list[tuple[str, tuple[str, ...]]] = [(os.path.join(folder, "manifests"), ())]
    while stack:
        path, parts = stack.pop()
        try:
            with os.scandir(path) as items:
                names = sorted((item.name, item.is_dir(follow_symlinks=False)) for item in items)
        except OSError as error:
            message = f"The folder can't be read: {error.strerror or error}."
            report(Problem(path, "unreadable", message, kept=True))
            continue
        if len(parts) == 3:
            for name, is_folder in names:
                if not is_folder and not name.startswith(".") and not os.path.isdir(os.path.join(path, name)):
                    yield "/".join((*parts, name)), os.path.join(path, name)
        else:
            stack += [
                (os.path.join(path, name), (*parts, name)) for name, is_folder in reversed(names) if is_folder
            ]


def _roots(folder: str) -> list[str]:
    """Return where the store's files really lie: its folders may be links to another disk."""
    return [os.path.realpath(os.path.join(folder, name)) for name in ("", "manifests", "blobs")]


def _read(path: str, roots: list[str], limit_bytes: int | None = None) -> bytes:
    """Read a file of the store.

    Raises:
        Unreadable: it is a link that leads out of the store (``outside``), or see `read_container`.
    """
    if os.path.islink(path) and not is_below_any(os.path.realpath(path), roots):
        message = f"This is a link to {os.path.realpath(path)}, which is outside what you named."
        raise Unreadable(message, code="outside", path=path)
    return read_container(path) if limit_bytes is None else read_container(path, limit_bytes)


def _places_of(folder: str, digits: str) -> tuple[str, ...]:
    """Return where a blob may lie; the second form is what versions before 0.1 wrote on Unix."""
    return tuple(os.path.join(folder, "blobs", f"sha256{mark}{digits}") for mark in "-:")


def _around(value: Any, folder: str, roots: list[str], key: str, report: Report) -> dict[str, Any] | None:
    """Return the small blobs of a manifest, and which of its blobs aren't there.

    A small blob that can't be kept with the manifest, whose key this is, is told to `report`.
    """
    said = value if isinstance(value, Mapping) else {}
    config = said.get("config")
    entries = [(_CONFIG, config)] if isinstance(config, Mapping) else []
    entries += [(_kind_of(layer), layer) for layer in _layers_of(said)]
    kept: list[dict[str, Any]] = []
    missing: dict[str, None] = {}
    partial: dict[str, None] = {}
    seen: set[str] = set()
    left = _LAYERS_BYTES
    for kind, layer in entries:
        digits = _digits_of(layer)
        if digits is None or digits in seen:
            continue
        seen.add(digits)
        places = _places_of(folder, digits)
        path = next((place for place in places if os.path.isfile(place)), None)
        if path is None:
            missing[digits] = None
            if os.path.isfile(f"{places[0]}-partial"):
                partial[digits] = None
        elif kind not in _WEIGHTS:
            try:
                content = _read(path, roots, min(_LAYER_BYTES, left))
            except Unreadable as error:
                if error.code != "too_large" or left < _LAYER_BYTES:
                    report(Problem(path, error.code, error.message, key, kept=True))
                continue
            left -= len(content)
            kept.append({"digest": digits, "kind": kind, **_as_json(content)})
            if hashlib.sha256(content).hexdigest() != digits:
                kept[-1]["damaged"] = True
    extra: dict[str, Any] = {LAYERS: kept} if kept else {}
    if missing:
        extra[MISSING] = list(missing)
    if partial:
        extra[PARTIAL] = list(partial)
    return extra or None


def _as_json(content: bytes) -> dict[str, str]:
    try:
        return {"text": content.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


# --- what a manifest says ---------------------------------------------------------------------------------


def _layers_of(said: Mapping[Any, Any]) -> list[Mapping[Any, Any]]:
    layers = said.get("layers")
    listed = layers[:_LAYERS_LIMIT] if isinstance(layers, list) else []
    return [layer for layer in listed if isinstance(layer, Mapping)]


def _kind_of(layer: Mapping[Any, Any]) -> str:
    """Return the last word of the media type, "" for one that isn't Ollama's."""
    kind = clean_name(layer.get("mediaType"))
    return kind[len(_MEDIA) :].partition("+")[0] if kind.startswith(_MEDIA) else ""


def _digits_of(layer: Mapping[Any, Any]) -> str | None:
    digest = layer.get("digest")
    found = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    return found["hex"] if found is not None else None


def _kept_layers(record: Record) -> list[tuple[str, bytes]]:
    """Return kind and bytes of the small blobs that were kept with the manifest, in its order."""
    kept = (record.extra or {}).get(LAYERS)
    found: list[tuple[str, bytes]] = []
    for layer in kept if isinstance(kept, list) else ():
        if not isinstance(layer, Mapping):
            continue
        text, encoded = layer.get("text"), layer.get("base64")
        content = text.encode("utf-8", "replace") if isinstance(text, str) else b""
        if isinstance(encoded, str):
            try:
                content = base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                continue
        found.append((clean_name(layer.get("kind")), content))
    return found


def _config_of(texts: list[tuple[str, bytes]]) -> Mapping[Any, Any]:
    content = next((content for kind, content in texts if kind == _CONFIG), b"")
    value = payload.parse(content).value if content else None
    return value if isinstance(value, Mapping) else {}


def _type_of(kinds: list[str], config: Mapping[Any, Any], main: str | None) -> str:
    if main == "adapter":
        return "llm_adapter"
    capabilities = {word.lower() for word in list_of_text(config.get("capabilities"))}
    families = [clean_name(config.get("model_family")), *list_of_text(config.get("model_families"))]
    if "embedding" in capabilities or any(
        part in family.lower() for family in families for part in _EMBEDDERS
    ):
        return "text_embedding_model"
    return "vlm" if "projector" in kinds or "vision" in capabilities else "llm"


def _licenses(texts: list[tuple[str, bytes]]) -> str:
    """Return the first lines of all licences."""
    firsts: dict[str, None] = {}
    for kind, content in texts:
        lines = payload.text(content, _LICENSE_TEXT).splitlines() if kind == "license" else []
        if first := next((line for line in map(clean_name, lines) if line), ""):
            firsts[first] = None
    return "; ".join(firsts)[:_LICENSE_CHARACTERS]


def _parts_of(key: str) -> tuple[str, str, str, str] | None:
    parts = key.split("/")
    return (parts[0], parts[1], parts[2], parts[3]) if len(parts) == 4 else None


def _display_name(key: str) -> str:
    """Return a model's name as the tool shows it: defaults are left out."""
    parts = _parts_of(key)
    if parts is None:
        return ""
    host, namespace, model, tag = parts
    before = f"{host}/{namespace}/" if host != _HOST else f"{namespace}/" if namespace != _NAMESPACE else ""
    return clean_name(f"{before}{model}:{tag}")


def _page_of(key: str) -> str | None:
    """Return the page of a model that was surely fetched.

    One made here looks like one of the tool's own registry, so of those no page is told.
    """
    parts = _parts_of(key)
    if parts is None or parts[0] not in _HUGGING_FACE:
        return None
    return page_of(f"{parts[1]}/{parts[2]}")
