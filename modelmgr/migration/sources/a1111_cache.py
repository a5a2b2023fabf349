"""``cache.json``: the hashes and headers that AUTOMATIC1111, Forge and SD.Next remember of their models.

One object: section -> key -> entry. A key tells a kind of model and a name, but not always a file: LoRAs are known
by their stems alone, and ``vae`` is one constant key for whichever VAE was hashed last. So an entry is bound by
looking into the tool's usual folders, and its hash counts only as long as the file's mtime is the entry's.

Forge of 2024-08-10 to 2025-02-17 wrote the SHA-256 of the file's *name* there; those hashes are left out. What its
later versions write into ``hashes-addnet`` is the whole file's hash, elsewhere it is that of the tensors.
"""

import hashlib
import os
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelmgr import tree
from modelmgr.errors import Unreadable
from modelmgr.lazily import dataclass
from modelmgr.migration.beside import folded, is_model_name, stem_of
from modelmgr.migration.hashes import full_sha256, partial_hash
from modelmgr.migration.reading.export_file import ExportFile, open_export
from modelmgr.migration.reading.json_entries import Entry, EntryReader, key_of, key_text, parsed
from modelmgr.migration.reading.json_ranges import Cut, Member
from modelmgr.migration.source import Container, LegacySource, Place, Report
from modelmgr.migration.sources.civitai import SEVERAL_FILES, UNPARSED, flags_of
from modelmgr.payload import number_of
from modelmgr.progress import Progress
from modelmgr.values import MIB, MODEL_SUFFIXES, Claims, Problem, Record

A1111_CACHE = "a1111-cache-json"
SDNEXT_CACHE = "sdnext-cache"

HASHES, TENSOR_HASHES, HEADERS = "hashes", "hashes-addnet", "safetensors-metadata"
SECTIONS = (HASHES, TENSOR_HASHES, HEADERS)

STALE_HASH = "stale-hash"
FALSE_HASH = "hash-of-the-name"
LOCAL_TIME = "local-time"

# Of extensions, not of models.
_OTHER_BUSINESS = frozenset(("extensions-git",))
# Where the container lies in such a folder, the models lie beside that.
_INNER_FOLDERS = frozenset(("data", "tmp"))

_PROBE_UNITS = 8 * MIB
_PROBED_ENTRIES = 20
_ENTRY_UNITS = 1 << 16
_TOLD_ENTRIES = 1000
_SECTIONS_LIMIT = 10_000

_FILES_LIMIT = 200_000
_CANDIDATES_LIMIT = 50
_DEPTH_LIMIT = 12

_EXACT_S = 1e-5  # what is left of nanoseconds in a double
_COARSE_S = 2.0  # FAT
_ZONE_STEP_S, _ZONE_LIMIT_S = 900, 14 * 3600


class A1111Cache(LegacySource):
    """``cache.json`` in the tool's folder, or in SD.Next's ``data``; both tools may write into one file."""

    id = A1111_CACHE
    record_ids = (A1111_CACHE, SDNEXT_CACHE)
    many = True
    places = (Place("AUTOMATIC1111", "$SD_WEBUI_CACHE_FILE"),)

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name; the file may be called otherwise, if the user knows it."""
        lowered = name.lower()
        return lowered == "cache.json" or (named and lowered.endswith(".json"))

    def probe(self, container: Container, report: Report) -> bool:
        """Tell whether one of the known sections has entries with an ``mtime``, by the beginning of the file."""
        with open_export(container.path) as file:
            return _is_cache(file)

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the entries of the known sections, then whole sections that nobody knows.

        Raises:
            Unreadable: the file can't be read, or it is no such cache after all.
        """
        with open_export(container.path) as file:
            file.choose_codec(lambda: 0)
            yield from _CacheImport(container, file, progress, report).records()

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what an entry says; the computed hash tells what Forge's ``hashes-addnet`` holds."""
        extra = record.extra or {}
        section = extra.get("section")
        if not isinstance(section, str):
            return Claims(marker=True)
        found = parsed(record)
        flags = flags_of(record, found, ())
        above = "../" if len(data_folders(os.path.dirname(record.source_path))) > 1 else ""
        place = KeyPlace.of(key_of(record) or "", extra.get("files"), above)
        if not found.ok or not isinstance(found.value, Mapping):
            message = found.message or "This entry of the cache is no object."
            return Claims(path=place.path, flags=flags, problem=UNPARSED, message=message)
        return entry_claims(section, place, found.value, flags, sha256)


def _is_cache(file: ExportFile) -> bool:
    parts = b"".join(file.view(0, min(_PROBE_UNITS, file.units)))
    for count, section in enumerate(Cut(iter((parts,)))):
        if count == _SECTIONS_LIMIT:
            return False
        if section.kind == b"{" and key_text(file, section) in SECTIONS:
            entries = Cut(iter((parts[section.start :],)), section.start)
            for place, entry in enumerate(entries):
                if place == _PROBED_ENTRIES:
                    break
                members = Cut(iter((parts[entry.start : entry.start + _ENTRY_UNITS],)), entry.start)
                keys = {key_text(file, member) for _, member in zip(range(10), members, strict=False)}
                if "mtime" in keys and "model" not in keys:
                    return True
    return False


# --- reading ----------------------------------------------------------------------------------------------


class _CacheImport:
    """One run over a cache file."""

    def __init__(self, container: Container, file: ExportFile, progress: Progress, report: Report) -> None:
        self._container = container
        self._file = file
        self._progress = progress
        self._report = report
        self._reader = EntryReader(file, progress, report)
        self._folders = ModelFolders(data_folders(os.path.dirname(container.path)), progress)
        self._sections: list[tuple[str, Member]] = []
        self._by_sdnext = False

    def records(self) -> Iterator[Record]:
        """Yield the entries, and behind them the sections that are none of models."""
        self._find_sections()
        self._by_sdnext = self._is_sdnext()
        others: list[tuple[str, Member]] = []
        for name, section in self._sections:
            if name not in SECTIONS:
                others.append((name, section))
            elif section.kind == b"{":
                for entry in self._reader.entries(section, f"{name}/"):
                    yield self._record(name, entry)
            elif self._text(section) != "null":
                message = f"The section {name} of the cache is no object."
                self._report(Problem(self._container.path, UNPARSED, message, name))
        for name, section in others:
            if name not in _OTHER_BUSINESS:
                for entry in self._reader.entry(section, name):
                    yield Record(
                        A1111_CACHE, self._container.path, entry.record_key, entry.payload, entry.extra
                    )

    def _find_sections(self) -> None:
        cut = Cut(self._file.view())
        for section in cut:
            self._progress.step(
                self._file.offset(section.end), self._file.size_bytes, self._container.name, "bytes"
            )
            if len(self._sections) == _SECTIONS_LIMIT:
                raise Unreadable("The file has more parts than any cache.", path=self._container.path)
            self._sections.append((key_text(self._file, section), section))
        if not cut.closed and not (self._sections and self._sections[-1][1].broken):
            message = f"The cache ends at byte {self._file.offset(cut.end)} without its closing bracket."
            self._report(Problem(self._container.path, "truncated", message, kept=True))

    def _is_sdnext(self) -> bool:
        """Tell whose the keys are that don't tell themselves: checkpoints of SD.Next have no ending."""
        checkpoints: set[bool] = set()
        for name, section in self._sections:
            if name == HEADERS:
                return False  # SD.Next keeps those in a file of their own
            if name in SECTIONS and section.kind == b"{":
                entries = Cut(self._file.view(section.start), section.start)
                for _, entry in zip(range(_TOLD_ENTRIES), entries, strict=False):
                    prefix, _, rest = key_text(self._file, entry).partition("/")
                    if prefix == "checkpoint" and rest:
                        checkpoints.add(is_model_name(rest))
        in_data = os.path.basename(os.path.dirname(self._container.path)).lower() == "data"
        return True not in checkpoints and (False in checkpoints or in_data)

    def _record(self, name: str, entry: Entry) -> Record:
        extra = {"section": name, **entry.extra}
        if files := self._folders.files_of(entry.key):
            extra["files"] = files
        source = SDNEXT_CACHE if self._is_key_of_sdnext(entry.key) else A1111_CACHE
        return Record(source, self._container.path, entry.record_key, entry.payload, extra)

    def _is_key_of_sdnext(self, key: str) -> bool:
        prefix, _, rest = key.partition("/")
        return not is_model_name(rest) if prefix == "checkpoint" and rest else self._by_sdnext

    def _text(self, member: Member) -> str:
        return self._file.decode(self._file.range(member.start, min(member.end, member.start + 10)))


# --- which files a key may mean ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the first part of a key tells: the type, and where the tools keep such models."""

    type: str
    folders: tuple[str, ...]


_KINDS: Mapping[str, _Kind] = {
    "checkpoint": _Kind("checkpoint", ("models/Stable-diffusion",)),
    "lora": _Kind("lora", ("models/Lora", "models/LyCORIS")),
    "textual_inversion": _Kind("embedding", ("embeddings", "models/embeddings")),
    "hypernet": _Kind("hypernetwork", ("models/hypernetworks",)),
    "vae": _Kind("vae", ("models/VAE",)),
}
_VAE = "vae"
_GUESSED_SUFFIXES = (".safetensors", ".pt", ".ckpt", ".bin")


def data_folders(folder: str) -> tuple[str, ...]:
    """Return where the tool's models may lie, for a container in `folder`."""
    if os.path.basename(folder).lower() in _INNER_FOLDERS:
        return (os.path.dirname(folder), folder)
    return (folder,)


class ModelFolders:
    """The model files in a tool's usual folders, by name; each folder is listed once, when it is first asked for.

    Args:
        roots: absolute, see `data_folders`.
        progress: asked while folders are listed.
    """

    def __init__(self, roots: Sequence[str], progress: Progress) -> None:
        self._roots = roots
        self._progress = progress
        self._by_kind: dict[str, dict[str, list[tuple[str, str, float]]]] = {}

    def files_of(self, key: str) -> list[dict[str, Any]]:
        """Return path and mtime (Unix seconds) of the files that a key may mean, for `Record.extra`."""
        prefix, _, name = key.partition("/")
        if prefix not in _KINDS or not (name or key == _VAE):
            return []
        by_stem = self._files(prefix)
        if key == _VAE:
            found = [entry for entries in by_stem.values() for entry in entries]
        else:
            found = self._named(by_stem, name.replace("\\", "/"), whole=prefix == "checkpoint")
        return [{"path": path, "mtime": mtime} for _, path, mtime in sorted(found)[:_CANDIDATES_LIMIT]]

    @staticmethod
    def _named(
        by_stem: Mapping[str, list[tuple[str, str, float]]], name: str, *, whole: bool
    ) -> list[tuple[str, str, float]]:
        has_suffix = whole and is_model_name(name)
        stem = stem_of(name) if has_suffix else name
        alike = by_stem.get(folded(stem.rpartition("/")[2]), [])
        if whole:
            wanted = name if has_suffix else stem
            alike = [
                entry for entry in alike if folded(_without(entry[0], keep=has_suffix)) == folded(wanted)
            ]
            exact = [entry for entry in alike if _without(entry[0], keep=has_suffix) == wanted]
        else:
            exact = [entry for entry in alike if stem_of(os.path.basename(entry[0])) == stem]
        return exact or alike

    def _files(self, prefix: str) -> dict[str, list[tuple[str, str, float]]]:
        known = self._by_kind.get(prefix)
        if known is not None:
            return known
        found: dict[str, list[tuple[str, str, float]]] = {}
        count = 0
        for folder in (
            os.path.join(root, folder) for root in self._roots for folder in _KINDS[prefix].folders
        ):
            if not os.path.isdir(folder):
                continue
            for listing in tree.walk(
                folder, self._progress, wanted=is_model_name, max_depth=_DEPTH_LIMIT, report=_unheard
            ):
                for entry in listing.entries if count < _FILES_LIMIT else ():
                    count += 1
                    relative = os.path.relpath(entry.path, folder).replace(os.sep, "/")
                    found.setdefault(folded(stem_of(entry.name)), []).append(
                        (relative, entry.path, entry.mtime_ns / 1e9)
                    )
        self._by_kind[prefix] = found
        return found


def _unheard(problem: Problem) -> None:
    """Hear no problem: what can't be looked at is no candidate."""


def _without(relative: str, *, keep: bool) -> str:
    return relative if keep else stem_of(relative)


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where the file of a key is, or may be.

    Attributes:
        type: of the model, as the key tells it; empty if it doesn't.
        names: how the file may be called, to know Forge's false hashes.
        path: of the place; the file's own once one was chosen.
        guesses: further places, where nothing was found.
        files: what was found: path and mtime.
        constant: True for the key that is one for all VAEs.
    """

    type: str
    names: tuple[str, ...]
    path: str | None
    guesses: tuple[str, ...]
    files: tuple[tuple[str, float], ...]
    constant: bool = False

    @classmethod
    def of(cls, key: str, files: Any, above: str) -> "KeyPlace":
        """Make it of a key."""
        prefix, _, rest = key.partition("/")
        kind = _KINDS.get(prefix)
        found = tuple(_found_files(files))
        name = rest.replace("\\", "/") if kind else key.replace("\\", "/")
        base = name.rpartition("/")[2]
        names = [os.path.basename(path) for path, _ in found]
        if base:
            names += [base] if is_model_name(base) else [base, *(f"{base}{one}" for one in MODEL_SUFFIXES)]
        if key == _VAE and kind is not None:
            return cls(kind.type, tuple(names), None, (), found, constant=True)
        if kind is None or not name:
            return cls("", tuple(names), key or None, (), found)
        places = [f"{above}{folder}/{name}" for folder in kind.folders]
        if found or is_model_name(base):
            guesses = tuple(places[1:]) if not found else ()
        else:
            guesses = tuple(f"{place}{suffix}" for place in places for suffix in _GUESSED_SUFFIXES)
        return cls(kind.type, tuple(names), places[0], guesses, found)

    def file_at(self, mtime: float | None) -> tuple[str, float] | None:
        """Return the one file that is meant: the only one, or the only one of that mtime."""
        if self.constant or not self.files:
            return None
        if len(self.files) == 1:
            return self.files[0]
        for tolerance in (_EXACT_S, _COARSE_S):
            same = [one for one in self.files if mtime is not None and abs(one[1] - mtime) <= tolerance]
            if len(same) == 1:
                return same[0]
        return None


def _found_files(files: Any) -> Iterator[tuple[str, float]]:
    for entry in files if isinstance(files, list | tuple) else ():
        if isinstance(entry, Mapping):
            path, mtime = entry.get("path"), number_of(entry.get("mtime"))
            if isinstance(path, str) and "\0" not in path and mtime is not None:
                yield path, mtime


# --- what an entry says -----------------------------------------------------------------------------------


def entry_claims(
    section: str, place: KeyPlace, said: Mapping[Any, Any], flags: Sequence[str], sha256: str | None
) -> Claims:
    """Return what an entry of a cache says.

    Args:
        section: the cache's part in which it stands.
        place: where its key leads.
        said: the entry.
        flags: doubts about its bytes.
        sha256: the computed one of the file, if known.
    """
    mtime = number_of(said.get("mtime"))
    chosen = place.file_at(mtime)
    doubts = list(flags)
    several: tuple[str, ...] = ()
    if chosen is None and len(place.files) > 1 and not place.constant:
        # A hash may tell which one is meant, else the person.
        several = tuple(path for path, _ in place.files)
        doubts.append(SEVERAL_FILES)
    claimed = full_sha256(said.get("sha256")) if section in (HASHES, TENSOR_HASHES) else None
    fits: bool | None = None
    if claimed is not None:
        if is_hash_of_name(claimed, place.names):
            doubts.append(FALSE_HASH)
            claimed = None
        elif chosen is not None:
            fits = is_same_time(mtime, chosen[1])
            if fits is None and section == HASHES and sha256 not in (None, claimed):
                fits = False  # some other time happened to be a time zone off
            if fits is False:
                doubts.append(STALE_HASH)
                claimed = None
            elif fits is None:
                doubts.append(LOCAL_TIME)
    is_whole = section == HASHES or (claimed is not None and claimed == sha256)
    partial: dict[str, str] = {}
    if claimed is not None and not is_whole and (digits := partial_hash("AutoV3", claimed)) is not None:
        partial["AutoV3"] = digits
    return Claims(
        fields={"type": place.type} if place.type else {},
        sha256=claimed if is_whole else None,
        own_hash=claimed is not None and is_whole and LOCAL_TIME not in doubts,
        partial_hashes=partial,
        path=chosen[0] if chosen is not None else place.path,
        other_paths=place.guesses,
        stem_names=several,
        flags=tuple(dict.fromkeys(doubts)),
    )


def is_hash_of_name(digits: str, names: Sequence[str]) -> bool:
    """Tell whether a hash is that of a file's name, as Forge wrote them for half a year."""
    forms = {form for name in names for form in (name, *_compositions(name))}
    return any(hashlib.sha256(form.encode("utf-8", "replace")).hexdigest() == digits for form in forms)


def _compositions(name: str) -> tuple[str, ...]:
    return () if name.isascii() else (unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name))


def is_same_time(mtime: float | None, file_mtime: float) -> bool | None:
    """Tell whether an entry is of the file as it is now.

    None if it may be: DiffusionToolkit rewrites the cache with local times, so that they are off by a time zone.
    """
    if mtime is None:
        return False
    difference = abs(file_mtime - mtime)
    if difference <= _COARSE_S:
        return True
    off = abs(difference - round(difference / _ZONE_STEP_S) * _ZONE_STEP_S)
    return None if difference <= _ZONE_LIMIT_S + _COARSE_S and off <= _COARSE_S else False
