"""Hugging Face: the hub's cache (a folder a repository), and what a download into a plain folder leaves beside it.

The hub's etag is the SHA-256 of a large file's content (64 hex digits) or the git blob id of a small one (40). In
the cache it is the blob's name, so the bytes' name is their hash; on disks without links, and after a download
into a plain folder, it stands only in lists beside them.

Read from huggingface/huggingface_hub at ee0a451: ``constants.py``, ``file_download.py``, ``_local_folder.py``,
``_tree_cache.py``, ``utils/_cache_manager.py``.
"""

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from modelmgr import payload
from modelmgr.errors import Unreadable
from modelmgr.lazily import dataclass
from modelmgr.migration.hashes import full_sha256
from modelmgr.migration.reading.container import read_container
from modelmgr.migration.repository import (
    INDEX_OF_PIPELINE,
    MODEL_FOLDER,
    files_below,
    is_generic,
    is_weight,
    models_of,
    page_of,
    repository_of,
)
from modelmgr.migration.source import Container, LegacySource, Place, Report
from modelmgr.migration.sources.civitai import mapping_of
from modelmgr.payload import clean_name, integer_of
from modelmgr.progress import Progress
from modelmgr.values import MIB, Claims, Problem, Record

NEWER_FILE = "newer_file"
"""Key of `Record.extra`: the file was written after its etag was checked, so that the etag may be another's."""

TREE_ENTRY = "tree_entry"
"""Key of `Record.extra`: what the list of the commit's files says of the file, as JSON text."""

UNFINISHED = "unfinished"
"""Key of `Record.extra`: blobs of the model whose download was broken off."""

_TOOL = "Hugging Face"
_DEPTH = 8
_REFS_LIMIT = 1_000
_REF_BYTES = 4_096
_TREE_BYTES = 16 * MIB
_LOCAL_TREE_BYTES = MIB
_SHARED_BYTES = 64 * MIB
_METADATA_BYTES = MIB
_CLOCK_TOLERANCE_S = 1.0
_PARTIAL = re.compile(r"(?P<etag>[0-9a-f]{40}|[0-9a-f]{64})(?:\.[0-9a-f]{8})?\.incomplete")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_DOWNLOADS = ("", ".cache", "huggingface", "download", "")


class HfCache(LegacySource):
    """A folder ``models--<organisation>--<name>``: a record for each model in its newest snapshot.

    The payload is made: what the names and links say (repository, commit, refs, files with their blobs) and the
    commit's list of files. Folders of data sets and spaces are none of ours, nor are ``.no_exist`` marks.
    """

    id = "hf-cache"
    record_ids = ("hf-cache",)
    places = (
        Place(_TOOL, "$HF_HUB_CACHE"),
        Place(_TOOL, "$HUGGINGFACE_HUB_CACHE"),
        Place(_TOOL, "$HF_HOME/hub"),
        Place(_TOOL, "$XDG_CACHE_HOME/huggingface/hub"),
        Place(_TOOL, "~/.cache/huggingface/hub"),
    )

    def wants_folder(self, name: str, files: Collection[str], folders: Collection[str]) -> bool:
        """Tell by the name and the two folders, one of which every repository has."""
        return name.startswith(MODEL_FOLDER) and ("snapshots" in folders or "blobs" in folders)

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the name: it names a repository."""
        return container.is_folder and repository_of(container.name) is not None

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the models of the newest snapshot; a repository without weights has none.

        The key is empty for the only model of a repository, else the path of its first file.
        """
        progress.check()
        found = _Repository.of(container.path, report)
        models = found.models()
        shared = found.shared()
        if len(json.dumps(shared)) * len(models) > _SHARED_BYTES:
            message = "Its lists are too long to be kept with each of its models; they were shortened."
            report(Problem(container.path, "too_large", message, kept=True))
            shared |= {"refs": {}, "snapshots": [found.commit], "other_files": [], "tree": None}
        for files in models:
            progress.check()
            said = {"repo_id": repository_of(container.name), "repo_type": "model", **shared, "files": files}
            extra: dict[str, Any] = {"made": True}
            if unfinished := sorted(found.unfinished & {str(file["blob"]) for file in files}):
                extra[UNFINISHED] = unfinished
            key = "" if len(models) == 1 else found.key_of(files)
            yield Record(self.id, container.path, key, json.dumps(said, sort_keys=True).encode(), extra)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the cache says of a model; arguments as `LegacySource.claims`."""
        found = payload.parse(record.payload)
        if not found.ok:
            return Claims(problem=found.code, message=found.message)
        said = mapping_of(found.value)
        files = [file for file in _list_of(said.get("files")) if isinstance(file, Mapping)]
        repository, commit = clean_name(said.get("repo_id")), clean_name(said.get("commit"))
        fields: dict[str, Any] = {}
        if name := _name_of(repository, record.record_key):
            fields["name"] = name
        if page := page_of(repository):
            fields["source_url"] = page
        flags = ["several-parts"] if len(files) > 1 else []
        if (record.extra or {}).get(UNFINISHED):
            flags.append("unfinished-download")
        if not files or (not commit and len(files) > 1):
            return Claims(fields=fields, flags=tuple(flags))
        first = files[0]
        entry = mapping_of(first.get("tree"))
        size = integer_of(entry.get("lfs_size"))
        return Claims(
            fields=fields,
            sha256=full_sha256(first.get("blob")) or full_sha256(entry.get("lfs_sha256")),
            size_bytes=size if size is not None and size >= 0 else None,
            path=_path_of(record.source_path, commit, first),
            flags=tuple(flags),
        )


class HfLocalDir(LegacySource):
    """``.cache/huggingface/download/<path>.metadata`` of a download into a plain folder: commit, etag, time."""

    id = "hf-local-dir"
    record_ids = ("hf-local-dir",)

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name: that of a weight file and an ending."""
        stem, ending = os.path.splitext(name)
        return ending.lower() == ".metadata" and is_weight(stem)

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the place, where nothing else writes."""
        return _file_of(container.path) is not None

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the one record: the file's bytes, and beside them whether they are still true."""
        progress.check()
        content = read_container(container.path)
        extra: dict[str, Any] = {}
        place = _file_of(container.path)
        lines = _lines_of(content)
        if place is not None and lines is not None:
            folder, relative = place
            if _is_newer(os.path.join(folder, relative), lines[2]):
                extra[NEWER_FILE] = True
            if entry := _entry_in_tree(folder, lines[0], relative):
                extra[TREE_ENTRY] = json.dumps(entry, sort_keys=True)
        yield Record(self.id, container.path, "", content, extra or None)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the download left; arguments as `LegacySource.claims`."""
        place, lines, extra = _file_of(record.source_path), _lines_of(record.payload), record.extra or {}
        path = os.path.join(*place) if place is not None else None
        if lines is None:
            message = "It has not the three lines commit, etag and time that Hugging Face's downloads write."
            return Claims(path=path, problem="unparsed_payload", message=message)
        _, etag, time = lines
        kept = extra.get(TREE_ENTRY)
        entry = mapping_of(
            payload.parse(kept.encode("utf-8", "replace")).value if isinstance(kept, str) else None
        )
        newer = bool(extra.get(NEWER_FILE))
        size = integer_of(entry.get("lfs_size"))
        return Claims(
            sha256=None if newer else full_sha256(etag),
            size_bytes=size if size is not None and size >= 0 and not newer else None,
            path=path,
            time=time,
            flags=("stale-hash",) if newer and full_sha256(etag) else (),
        )


# --- the cache --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Repository:
    """One repository's folder, as its names and links tell; no weights are opened.

    Attributes:
        commit: of the snapshot that counts, "" if there is none with files.
        refs: branch or tag -> commit; `snapshots` are the commits of all that are there.
        files: of that snapshot: ``path`` in the repository, name of its ``blob`` (None for a file without link),
            ``size`` in bytes (None if a link leads nowhere), ``tree``: what the commit's list says of it. Without
            a snapshot: the blobs that are weights by their names, with an empty path.
        tree: text of the commit's list of files, "" if there is none.
        unfinished: etags of which a broken-off download lies beside the blobs.
    """

    commit: str = ""
    refs: dict[str, str] = field(default_factory=dict)
    snapshots: list[str] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    tree: str = ""
    unfinished: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, folder: str, report: Report) -> "_Repository":
        found = cls(refs=_refs(os.path.join(folder, "refs"), report))
        commits = _snapshots(os.path.join(folder, "snapshots"))
        found.snapshots = sorted(commits)
        blobs = _names_in(os.path.join(folder, "blobs"))
        found.unfinished = {match["etag"] for name in blobs if (match := _PARTIAL.fullmatch(name))}
        main = found.refs.get("main", "")
        for commit in sorted(commits, key=lambda one: (one != main, -commits[one], one)):
            files = _files_of(os.path.join(folder, "snapshots", commit), report)
            if any(is_weight(file["path"]) for file in files):
                found.commit, found.files = commit, files
                break
        if found.commit:
            found.tree = _small_text(os.path.join(folder, "trees", f"{found.commit}.json"), _TREE_BYTES)
            entries = _entries_of(found.tree)
            for file in found.files:
                if isinstance(entry := entries.get(file["path"]), Mapping):
                    file["tree"] = entry
        elif not commits:
            found.files = [
                {"path": "", "blob": name, "size": _size_of(os.path.join(folder, "blobs", name))}
                for name in sorted(blobs)
                if full_sha256(name)
            ]
        return found

    def models(self) -> list[list[dict[str, Any]]]:
        """Return the weights model by model; blobs without a snapshot can't be told apart."""
        if not self.commit:
            return [self.files] if self.files else []
        by_path = {file["path"]: file for file in self.files}
        return [[by_path[path] for path in paths] for paths in models_of(by_path)]

    def key_of(self, files: Sequence[Mapping[str, Any]]) -> str:
        """Return what tells one of several models from the others."""
        first = str(files[0]["path"])
        is_pipeline = "/" in first and any(file["path"] == INDEX_OF_PIPELINE for file in self.files)
        return INDEX_OF_PIPELINE if is_pipeline else first

    def shared(self) -> dict[str, Any]:
        """Return what the record of each of its models holds."""
        others = [file for file in self.files if self.commit and not is_weight(file["path"])]
        return {
            "commit": self.commit,
            "refs": self.refs,
            "snapshots": self.snapshots,
            "other_files": others,
            "tree": self.tree,
        }


def _refs(folder: str, report: Report) -> dict[str, str]:
    found: dict[str, str] = {}
    if not os.path.isdir(folder) or os.path.islink(folder):
        return found
    for name, entry in files_below(folder, depth=_DEPTH, report=report):
        if len(found) >= _REFS_LIMIT:
            break
        if not entry.is_symlink():
            found[name] = _small_text(entry.path, _REF_BYTES).strip()
    return found


def _snapshots(folder: str) -> dict[str, int]:
    """Return commit -> mtime (ns) of its folder."""
    found: dict[str, int] = {}
    try:
        with os.scandir(folder) as items:
            for item in items:
                if item.is_dir(follow_symlinks=False):
                    found[item.name] = item.stat(follow_symlinks=False).st_mtime_ns
    except OSError:
        return found
    return found


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _files_of(snapshot: str, report: Report) -> list[dict[str, Any]]:
    return [
        {"path": path, "blob": _blob_of(entry), "size": _size_of(entry.path)}
        for path, entry in files_below(snapshot, depth=_DEPTH, report=report)
    ]


def _blob_of(entry: os.DirEntry[str]) -> str | None:
    """Return the name of the blob that a link leads to, None if it is no link to one."""
    try:
        folder, name = os.path.split(os.readlink(entry.path)) if entry.is_symlink() else ("", "")
    except OSError:
        return None
    return name if name and os.path.basename(folder) == "blobs" else None


def _size_of(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def _small_text(path: str, limit_bytes: int) -> str:
    """Return a small file's text, "" if it is none of its folder, too large or not readable."""
    if os.path.islink(path) or os.path.islink(os.path.dirname(path)):
        return ""
    try:
        return read_container(path, limit_bytes).decode("utf-8", "surrogateescape")
    except Unreadable:
        return ""


def _entries_of(tree: str) -> Mapping[Any, Any]:
    """Return path -> entry of a commit's list of files."""
    value = payload.parse(tree.encode("utf-8", "surrogateescape")).value if tree else None
    return mapping_of(mapping_of(value).get("files"))


def _list_of(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _name_of(repository: str, key: str) -> str:
    """Return a model's name: its repository's, or its file's where the repository has several that say something."""
    name = repository.rpartition("/")[2]
    if not key or key == INDEX_OF_PIPELINE:
        return name
    stem = clean_name(os.path.splitext(key)[0])
    return f"{name} {stem}" if is_generic(key) else stem.rpartition("/")[2]


def _path_of(folder: str, commit: str, file: Mapping[Any, Any]) -> str | None:
    path, blob = file.get("path"), file.get("blob")
    if commit and isinstance(path, str) and path and "\0" not in path + commit:
        return os.path.join(folder, "snapshots", commit, *path.split("/"))
    if not commit and isinstance(blob, str) and full_sha256(blob):
        return os.path.join(folder, "blobs", blob)
    return None


# --- a plain folder ---------------------------------------------------------------------------------------


def _file_of(path: str) -> tuple[str, str] | None:
    """Return the folder of a download and the file's path in it, None for metadata that lies elsewhere."""
    marker = os.sep.join(_DOWNLOADS)
    folder, found, relative = path.rpartition(marker)
    return (folder, relative[: -len(".metadata")]) if found and folder else None


def _lines_of(content: bytes) -> tuple[str, str, float] | None:
    """Return commit, etag and Unix time, None if these are not what the file says."""
    lines = payload.text(content, _METADATA_BYTES).split()
    if len(lines) < 3 or not _COMMIT.fullmatch(lines[0]):
        return None
    time = payload.seconds_of(lines[2])
    return (lines[0], lines[1].removeprefix("W/").strip('"'), time) if time is not None else None


def _is_newer(path: str, time: float) -> bool:
    try:
        return os.stat(path).st_mtime > time + _CLOCK_TOLERANCE_S
    except OSError:
        return False


def _entry_in_tree(folder: str, commit: str, relative: str) -> Mapping[Any, Any] | None:
    tree = _small_text(
        os.path.join(folder, ".cache", "huggingface", "trees", f"{commit}.json"), _LOCAL_TREE_BYTES
    )
    entry = _entries_of(tree).get(relative.replace(os.sep, "/"))
    return entry if isinstance(entry, Mapping) else None
