"""From what several witnesses claim about one model to the light columns that the library shows.

Pure, and repeatable at any time: the payloads stay, these columns are only what they amount to. Every value comes
with its origin. The order of ranks, small wins:

1. edited here,
2. typed by the person in another tool,
3. a catalogue's or tool's facts whose hash equals the file's,
4. the same, bound by stem or path, the size fitting,
5. the file's own header,
6. facts bound by stem alone,
7. folder and file name.

Within a rank the newer record wins. An empty value never beats a filled one. Of the versions of one
record the newest is heard; an older one says only what no newer one does.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from modelmgr.migration.beside import subject_of
from modelmgr.values import Claims, Opinion, Origin
from modelmgr.vocabulary import (
    UNKNOWN,
    is_complete_base,
    is_finer,
    type_of_folder,
    type_of_name,
)

LIGHT_COLUMNS = (
    "name",
    "type",
    "base_model",
    "tags",
    "rating",
    "favorite",
    "nsfw",
    "notes",
    "trigger_words",
    "preview",
    "license",
    "source_url",
)
"""The columns that witnesses fill; the others are facts of the file."""

EDITED, PERSONAL, VERIFIED, FITTING, HEADER, BOUND, PLACE = range(1, 8)
OF_ANOTHER_FILE = 8
"""The rank of opinions (never of a shown value) of records that speak of another file by hash and size."""

MERGED: Final = "merged"
"""The source of a value that nobody says by himself."""

BETWEEN_NOTES = "\n\n———\n\n"
"""What stands between the notes of several tools where all are shown."""

# A column of the library view must stay light, whatever a record holds: the payload keeps the rest.
_TEXT_LIMIT = 32_768
_LIST_LIMIT = 1_000

# Sources in the order in which they win where rank and time are equal; those that aren't here come after them.
_SOURCE_ORDER = (
    "lora-manager",
    "lora-manager-cache",
    "stability-matrix",
    "civitai-info",
    "civitai-json",
    "invokeai-db",
    "invokeai-yaml",
    "sdnext-json",
    "sdnext-txt",
    "sdnext-cache",
    "sdnext-metadata",
    "model-manager-md",
    "cdb-boop-url",
    "comfyui-assets",
    "pumas-metadata",
    "pumas-index",
    "pumas-launcher-models",
    "a1111-user-json",
    "a1111-txt",
    "a1111-cache-json",
    "a1111-diskcache",
    "api",
)
_SOURCE_PLACE = {source: place for place, source in enumerate(_SOURCE_ORDER)}

# Their word for the type is the tool's own index: after a catalogue's, if both are as well bound.
_INDEXES = frozenset(
    [
        "invokeai-db",
        "invokeai-yaml",
        "comfyui-assets",
        "lora-manager",
        "lora-manager-cache",
        "pumas-index",
        "ollama",
        "lmstudio",
        "lmstudio-model-yaml",
        "jan-model-yml",
        "jan-model-json",
    ]
)
# A tool's database that repeats its sidecars: heard only where no sidecar of that model speaks.
_CACHE_OF = {"lora-manager-cache": "lora-manager", "pumas-index": "pumas-metadata"}
# They know a type only from the folder they found the model in.
_TYPED_BY_FOLDER = frozenset(
    [
        "a1111-user-json",
        "a1111-txt",
        "a1111-cache-json",
        "a1111-diskcache",
        "sdnext-txt",
        "sdnext-cache",
        "addnet-hashes",
    ]
)
# A container that a tool laid aside: what only it has counts, but the live one comes first.
_BACKUP = re.compile(r"\.(?:bak|bkp|orig|tmp)$|[/\\]invokeai_backup_[^/\\]*$", re.IGNORECASE)

# Catalogues give both of a pair one name; the file's own structure knows better.
WHOLE_OR_PART = frozenset(["checkpoint", "diffusion_model"])
_CONFUSED = (WHOLE_OR_PART, frozenset(["embedding", "lora"]))
# A header proves the language model, not what it is used for.
_USES_OF_LLM = frozenset(["text_encoder", "vlm", "text_embedding_model", "reranker"])

# What a record keeps to itself when its hash and its size say that it speaks of another file.
_ALWAYS_PERSONAL = frozenset(["notes", "favorite", "rating"])
# Only editors that write a person's words into the header leave these there.
_PERSONAL_IN_HEADER = frozenset(["notes", "rating", "favorite"])

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BREAK = re.compile(r"[\t\r\n]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Witness:
    """One record bound to the model, and how well it is bound.

    Attributes:
        record_id: the record's id in the catalog.
        claims: what it says.
        container_mtime: of the file it stood in, Unix seconds.
        hash_agrees: True if a claimed hash equals the computed one, False if it contradicts it, None if the
            record says nothing about that (see `modelmgr.migration.promotion.compare`).
        size_fits: likewise for the size.
    """

    record_id: int
    source: str
    claims: Claims
    source_path: str = ""
    container_mtime: float | None = None
    imported_at: int = 0
    hash_agrees: bool | None = None
    size_fits: bool | None = None
    record_key: str = ""


class HeaderFacts(NamedTuple):
    """What the file's own header says.

    Attributes:
        type, base_model: in canonical words; ``unknown`` and None where it doesn't tell.
        certain: True if tensor names and shapes prove the type.
        suggestions: light columns that embedded metadata offers.
        personal: the names of `suggestions` that the person typed there with an editor.
        base_by_name: a finer base model within that family, which only the file's name suggests.
    """

    type: str = UNKNOWN
    base_model: str | None = None
    certain: bool = False
    suggestions: Mapping[str, Any] = MappingProxyType({})
    personal: frozenset[str] = frozenset()
    base_by_name: str | None = None


class Merged(NamedTuple):
    """The light columns of one model, all of `LIGHT_COLUMNS`, and where each filled one came from."""

    fields: dict[str, Any]
    origins: dict[str, Origin]


class _Said(NamedTuple):
    """One value for one column, by one witness.

    `late` marks a header's word that every record beats, though its rank is higher.
    """

    value: Any
    origin: Origin
    time: float = 0.0
    late: bool = False


def merge(
    witnesses: Sequence[Witness],
    *,
    sha256: str | None,
    file_path: str | None,
    size_bytes: int | None,
    header: HeaderFacts | None,
    user: Mapping[str, Any],
) -> Merged:
    """Return the light columns that all witnesses of one model amount to.

    Two records that hold one answer of a catalogue count once by themselves: nothing here is decided by numbers.

    Args:
        witnesses: the records bound to the model, in any order.
        sha256: the computed one; without it no record's hash is verified.
        file_path: of the first file, None if the model has none.
        size_bytes: of the file; without it no record's size fits.
        header: None if there is no file or it can't be read.
        user: columns that were edited here; they are final. None as value means not edited.
    """
    case = _Case(witnesses, sha256 is not None, size_bytes is not None, header)
    fields: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    answers = {column: answer(case) for column, answer in _ANSWERS.items() if case.is_heard(column)}
    base = _base_model(case, file_path)
    answers["base_model"] = base
    answers["type"] = _type(case, file_path, user.get("base_model") or (base.value if base else None))
    if answers.get("name") is None:
        answers["name"] = _fallback_name(case, file_path, sha256)
    for column in LIGHT_COLUMNS:
        said = (_said_by_user(column, user) if user else None) or answers.get(column)
        fields[column] = _EMPTY.get(column) if said is None else said.value
        if said is not None:
            origins[column] = said.origin
    return Merged(fields, origins)


def opinions(
    witnesses: Sequence[Witness],
    *,
    sha256: str | None,
    file_path: str | None,
    size_bytes: int | None,
    header: HeaderFacts | None,
    user: Mapping[str, Any],
    shown: Merged,
) -> dict[str, tuple[Opinion, ...]]:
    """Return the different values that each column could show, the shown one first, the others best first.

    Args:
        witnesses: this and all others as `merge` takes them.
        sha256: see there.
        file_path: see there.
        size_bytes: see there.
        header: see there.
        user: see there.
        shown: what `merge` made of them, and what became of that where a preview isn't there.

    Returns:
        Only the columns of which at least one witness speaks.
    """
    case = _Case(witnesses, sha256 is not None, size_bytes is not None, header)
    found: dict[str, tuple[Opinion, ...]] = {}
    for column in LIGHT_COLUMNS:
        said = _heard(case, column, file_path)
        if (edited := _said_by_user(column, user)) is not None:
            said.insert(0, edited)
        if said:
            value, origin = shown.fields.get(column), shown.origins.get(column)
            found[column] = tuple(_told(column, said, value, origin))
    return found


def _told(column: str, said: Sequence[_Said], shown: Any, shown_origin: Origin | None) -> Iterator[Opinion]:
    different: dict[Any, _Said] = {}
    for one in said:
        different.setdefault(_same(column, one.value), one)
    chosen = different.pop(_same(column, shown), None)
    if chosen is not None:
        origin = chosen.origin
    elif shown_origin is None or shown_origin.source == "file":
        origin = Origin("file", PLACE)
    else:
        origin = Origin(MERGED, shown_origin.rank)
    yield Opinion(origin.source, origin.record_id, origin.rank, shown, True)
    for one in different.values():
        yield Opinion(one.origin.source, one.origin.record_id, one.origin.rank, one.value, False)


def _same(column: str, value: Any) -> Any:
    return os.path.normpath(value) if column == "preview" and value else value


def pictures(
    witnesses: Sequence[Witness], *, sha256: str | None, size_bytes: int | None, header: HeaderFacts | None
) -> tuple[tuple[str, Origin], ...]:
    """Return the pictures that are named as previews, best first; arguments as `merge`."""
    case = _Case(witnesses, sha256 is not None, size_bytes is not None, header)
    if not case.is_heard("preview"):
        return ()
    return tuple((said.value, said.origin) for said in case.all("preview"))


def normal_form(column: str, value: Any) -> Any:
    """Return a claimed or shown value as a light column holds it where it alone is said, the empty one for nothing."""
    clean = _CLEAN[column](value)
    return _EMPTY.get(column) if clean is None else clean


def shown_of_user(column: str, value: Any) -> Any:
    """Return what a value that the user set shows; None where it shows nothing of its own (an empty name or type)."""
    said = _said_by_user(column, {column: value})
    return None if said is None else _EMPTY.get(column) if said.value is None else said.value


def aliases(witnesses: Sequence[Witness], shown: Merged) -> tuple[str, ...]:
    """Return the names that the records give a model beside the shown one, each once."""
    said = (_line(witness.claims.fields.get("name")) for witness in witnesses if not witness.claims.marker)
    return tuple(dict.fromkeys(name for name in said if name and name != shown.fields.get("name")))


def chief(witnesses: Sequence[Witness]) -> int:
    """Return the id of the record that is shown first: the best bound of those that say something, the fullest.

    A version of a record comes after the newer ones that are as well bound.

    Args:
        witnesses: at least one.
    """
    speaking = (witness for witness in witnesses if not witness.claims.marker)
    outdated = _outdated((witness, _rank(witness, known_hash=True, known_size=True)) for witness in speaking)

    def key(witness: Witness) -> tuple[Any, ...]:
        claims = witness.claims
        rank = _rank(witness, known_hash=True, known_size=True)
        filled = sum(not _is_empty(value) for value in claims.fields.values())
        is_outdated = bool(outdated.get(witness.record_id))
        return (
            claims.problem is not None,
            claims.marker,
            rank or PLACE + 1,
            is_outdated,
            -filled,
            _recency(witness),
        )

    return min(witnesses, key=key).record_id


# --- ranks ------------------------------------------------------------------------------------------------


class _Case:
    """The witnesses of one model, put in order once and asked column by column."""

    def __init__(
        self, witnesses: Sequence[Witness], known_hash: bool, known_size: bool, header: HeaderFacts | None
    ) -> None:
        self.header = header
        if not witnesses:
            self._sidecars, self.ranked, self._outdated = {}, [], {}
            return
        speaking = [witness for witness in witnesses if not witness.claims.marker]
        self._sidecars = _said_by_sidecars(speaking)
        speaking.sort(key=lambda witness: (_laid_aside(witness, self._sidecars), _recency(witness)))
        self.ranked = [(witness, _rank(witness, known_hash, known_size)) for witness in speaking]
        self._outdated = _outdated(self.ranked)

    def is_heard(self, column: str) -> bool:
        """Tell whether anybody may say something about a column: of most files there is a header alone."""
        return bool(self.ranked) or (self.header is not None and column in self.header.suggestions)

    def all(self, column: str, of_others: bool = False) -> Iterator[_Said]:
        """Yield what is said about a column, best first; empty values are left out.

        Args:
            column: a light column.
            of_others: also by records that speak of another file.
        """
        if not self.ranked:
            for one in self._by_header(column):
                if (value := _CLEAN[column](one.value)) is not None:
                    yield _Said(value, one.origin, one.time)
            return
        said = [*self._by_records(column, of_others), *self._by_header(column)]
        for one in sorted(said, key=_weight):
            value = _CLEAN[column](one.value)
            if value is not None:
                yield _Said(value, one.origin, one.time)

    def first(self, column: str) -> _Said | None:
        """Return the best value for a column."""
        return next(self.all(column), None)

    def _by_records(self, column: str, of_others: bool) -> Iterator[_Said]:
        for witness, rank in self.ranked:
            claims = witness.claims
            if _is_empty(claims.fields.get(column)):
                continue
            personal = column in claims.personal
            if self._is_repeated(witness.source, column, personal):
                continue
            if not of_others and column in self._outdated.get(witness.record_id, ()):
                continue
            is_of_other = rank is None and not (personal and column in _ALWAYS_PERSONAL)
            if is_of_other and not of_others:
                continue
            level = OF_ANOTHER_FILE if is_of_other else PERSONAL if personal else rank or BOUND
            origin = Origin(witness.source, level, witness.record_id)
            yield _Said(claims.fields[column], origin, _time_of(witness))

    def _is_repeated(self, source: str, column: str, personal: bool) -> bool:
        """Tell whether a database only repeats what a sidecar says, or what that no longer says."""
        said = self._sidecars.get(_CACHE_OF.get(source, ""))
        if said is None:
            return False
        # What the person typed, ComfyUI-Lora-Manager keeps in the sidecar alone and Pumas in the database.
        return (
            (personal or column in said)
            if source == "lora-manager-cache"
            else not personal and column in said
        )

    def _by_header(self, column: str) -> Iterator[_Said]:
        if self.header is None:
            return
        value = self.header.suggestions.get(column)
        if not _is_empty(value):
            personal = column in _PERSONAL_IN_HEADER or column in self.header.personal
            # A title in a header is often a file name of the trainer, or the converted model's.
            late = column == "name" and not personal
            yield _Said(value, Origin("header", PERSONAL if personal else HEADER), late=late)


def _weight(said: _Said) -> float:
    return BOUND + 0.5 if said.late else said.origin.rank


def _rank(witness: Witness, known_hash: bool, known_size: bool) -> int | None:
    """Return the rank of what a record didn't get from the person, None if it speaks of another file."""
    agrees = witness.hash_agrees if known_hash else None
    fits = witness.size_fits if known_size else None
    if agrees:
        return VERIFIED
    if agrees is None:
        return FITTING if fits else BOUND
    # A catalogue's hash may be wrong where the size is right; where that differs too, it was another file.
    return None if fits is False else BOUND


def _said_by_sidecars(witnesses: Sequence[Witness]) -> dict[str, set[str]]:
    """Return the columns that sidecars fill whose tool has a database too, by their source."""
    said: dict[str, set[str]] = {}
    for witness in witnesses:
        is_live = witness.claims.problem is None and not _BACKUP.search(witness.source_path)
        if is_live and witness.source in _CACHE_OF.values():
            filled = (column for column, value in witness.claims.fields.items() if not _is_empty(value))
            said.setdefault(witness.source, set()).update(filled)
    return said


def _outdated(ranked: Iterable[tuple[Witness, int | None]]) -> dict[int, frozenset[str]]:
    """Return, by record id, the columns of which a newer version of that record speaks.

    A mark that was taken away is taken away: who reads ``favorite`` reads it as set or not.
    """
    versions: dict[tuple[str, str, str], list[tuple[Witness, int | None]]] = {}
    for witness, rank in ranked:
        # What stands nowhere and has no key is another thing each time.
        if (witness.source_path or witness.record_key) and witness.claims.problem is None:
            place = witness.source, witness.source_path, witness.record_key
            versions.setdefault(place, []).append((witness, rank))
    outdated: dict[int, frozenset[str]] = {}
    for same in versions.values():
        same.sort(key=lambda one: _age(one[0]))
        said: frozenset[str] = frozenset()
        for witness, rank in same:
            outdated[witness.record_id] = said
            filled = {column for column, value in witness.claims.fields.items() if not _is_empty(value)} | {
                "favorite"
            }
            said |= filled if rank is not None else filled & witness.claims.personal & _ALWAYS_PERSONAL
    return outdated


def _age(witness: Witness) -> tuple[Any, ...]:
    """Return a key that puts the newer version first."""
    return -witness.imported_at, -(witness.container_mtime or 0.0), -abs(witness.record_id)


def _laid_aside(witness: Witness, sidecars: Collection[str]) -> int:
    if _BACKUP.search(witness.source_path):
        return 2
    # However late the database was written.
    return 1 if _CACHE_OF.get(witness.source) in sidecars else 0


def _time_of(witness: Witness) -> float:
    own = witness.claims.time
    return own if own is not None else witness.container_mtime or 0.0


def _recency(witness: Witness) -> tuple[Any, ...]:
    """Return a key that puts the newer record first: its own time, its container's, then the order of sources."""
    return (
        -_time_of(witness),
        -(witness.container_mtime or 0.0),
        _SOURCE_PLACE.get(witness.source, len(_SOURCE_PLACE)),
        witness.source,
        -witness.imported_at,
        -witness.record_id,
    )


# --- the columns ------------------------------------------------------------------------------------------


def _fallback_name(case: _Case, file_path: str | None, sha256: str | None) -> _Said:
    """Return a name where nobody gave one: the file's stem, or what it was called when it was last seen."""
    if file_path and (stem := _line(stem_of(file_path))):
        return _Said(stem, Origin("file", PLACE))
    claims = [witness.claims for witness, _ in case.ranked]
    paths = [*(one.path for one in claims), *(name for one in claims for name in one.stem_names)]
    # A container of one record is called as its model; one of many has a name of its own.
    alone = [one.source_path for one, _ in case.ranked if one.source_path and not one.record_key]
    stems = (_line(name) for name in (*map(stem_of, filter(None, paths)), *map(subject_of, alone)))
    hashes = (known[:12] for known in (sha256, *(one.sha256 for one in claims)) if known)
    name = next((stem for stem in stems if stem), None) or next(hashes, UNKNOWN)
    return _Said(name, Origin("file", PLACE))


def stem_of(path: str) -> str:
    """Return the last part of a path, foreign ones too, without its last ending; ``v1.0`` is no ending."""
    name = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    stem, suffix = os.path.splitext(name)
    return name if suffix[1:].isdigit() else stem


def _heard(case: _Case, column: str, file_path: str | None) -> list[_Said]:
    """Return all that may be shown in a column, best first, before anything is joined or decided."""
    if column == "base_model":
        said = _bases_said(case, file_path, of_others=True)
    elif column == "type":
        said = _types_said(case, of_others=True)
        if case.header is not None and case.header.type != UNKNOWN:
            said = sorted([*said, _structure(case.header, None)], key=_weight)
    else:
        said = list(case.all(column, of_others=True))
    return said


def _said_by_user(column: str, user: Mapping[str, Any]) -> _Said | None:
    """Return what the user set, None where nothing was; emptied is set too, but for name and type."""
    if user.get(column) is None:
        return None
    edited = _edited(column, user[column])
    if edited is None and column in {"name", "type"}:
        return None
    return _Said(edited, Origin("user", EDITED))


def _base_model(case: _Case, file_path: str | None) -> _Said | None:
    said = _bases_said(case, file_path)
    if not said:
        return None
    # Whoever says "SDXL" doesn't contradict the one who says "Pony", so the finer word wins whatever its rank.
    return next((one for one in said[1:] if is_finer(one.value, said[0].value)), said[0])


def _bases_said(case: _Case, file_path: str | None, of_others: bool = False) -> list[_Said]:
    said = list(case.all("base_model", of_others)) if case.is_heard("base_model") else []
    if case.header is not None and (base := _line(case.header.base_model)):
        # Converters to GGUF use one architecture's word for all its relatives: any record knows better.
        late = (file_path or "").lower().endswith(".gguf")
        said.append(_Said(base, Origin("header", HEADER), late=late))
        # A name is no witness against anybody who says something else.
        if case.header.base_by_name and all(one.value == base for one in said):
            said.append(_Said(case.header.base_by_name, Origin("file", PLACE)))
        said.sort(key=_weight)
    return said


def _type(case: _Case, file_path: str | None, base: str | None) -> _Said:
    path = file_path or next((witness.claims.path for witness, _ in case.ranked if witness.claims.path), None)
    folder = type_of_folder(path) if path else None
    said = _types_said(case)
    # The file's structure stands between the person and the catalogues; "other" only says that no word fits.
    winner = next((one for one in said if one.value != "other" or _is_personal(one)), None)
    if case.header is None or case.header.type == UNKNOWN:
        winner = _whole_or_part(said, winner, folder, path, base)
    else:
        winner = _with_structure(winner, case.header, folder)
    if winner is not None and winner.origin.rank < PLACE:
        return winner
    if folder is not None:
        return _Said(folder, Origin("file", PLACE))
    if winner is not None:
        return winner
    named = type_of_name(os.path.basename(path)) if path else None
    if named is not None:
        return _Said(named, Origin("file", PLACE))
    return next(iter(said), _Said(UNKNOWN, Origin("file", PLACE)))


def _types_said(case: _Case, of_others: bool = False) -> list[_Said]:
    if not case.is_heard("type"):
        return []
    said = [_retyped(one) for one in case.all("type", of_others)]
    return sorted(said, key=lambda one: (one.origin.rank, one.origin.source in _INDEXES))


def _retyped(said: _Said) -> _Said:
    """Return what a tool says of the type with the rank of what it knows it from."""
    origin = said.origin
    if origin.source in _TYPED_BY_FOLDER and origin.rank > PERSONAL:
        return _Said(said.value, Origin(origin.source, PLACE, origin.record_id), said.time)
    return said


def _with_structure(winner: _Said | None, header: HeaderFacts, folder: str | None) -> _Said:
    """Return the better one of what records say and what the file is made of."""
    structure = _structure(header, folder)
    if winner is None:
        return structure
    if _is_personal(winner) or (header.type == "llm" and winner.value in _USES_OF_LLM):
        return winner
    if header.certain or any({header.type, winner.value} <= pair for pair in _CONFUSED):
        return structure
    return min(winner, structure, key=lambda one: one.origin.rank)


def _structure(header: HeaderFacts, folder: str | None) -> _Said:
    """Return the type that the file's make-up proves; of a language model the folder tells the use."""
    rank = PERSONAL if header.certain else HEADER
    if header.type == "llm" and folder == "text_encoder":
        return _Said(folder, Origin("file", rank))
    return _Said(header.type, Origin("header", rank))


def _whole_or_part(
    said: Sequence[_Said], winner: _Said | None, folder: str | None, path: str | None, base: str | None
) -> _Said | None:
    """Decide between ``checkpoint`` and ``diffusion_model`` where no header can, by base and a second hint."""
    if winner is None or winner.value not in WHOLE_OR_PART or base is None or _is_personal(winner):
        return winner
    if is_complete_base(base):
        return _Said("checkpoint", winner.origin)
    hints = [folder, *(one.value for one in said if one is not winner)]
    if "diffusion_model" in hints or (path or "").lower().endswith(".gguf"):
        return _Said("diffusion_model", winner.origin)
    return winner


def _is_personal(said: _Said) -> bool:
    return said.origin.rank <= PERSONAL


def _tags(case: _Case) -> _Said | None:
    said = list(case.all("tags"))
    tags: dict[str, str] = {}
    for one in said:
        for tag in one.value:
            tags.setdefault(tag.casefold(), tag)
    return _Said(tuple(tags.values())[:_LIST_LIMIT], said[0].origin) if tags else None


def _trigger_words(case: _Case) -> _Said | None:
    """Join what ranks 1 to 5 say; a loosely bound record is heard only where they say nothing."""
    said = list(case.all("trigger_words"))
    heard = [one for one in said if one.origin.rank <= HEADER] or said
    words = list(dict.fromkeys(word for one in heard for word in one.value))
    singles = [word for word in words if not _repeats_others(word, words)]
    return _Said(tuple(singles)[:_LIST_LIMIT], heard[0].origin) if singles else None


def _repeats_others(word: str, words: Sequence[str]) -> bool:
    """Tell whether an entry is the other entries joined by commas, as tools with one text field write them."""
    pieces = [piece for part in word.split(",") if (piece := part.strip())]
    return len(pieces) > 1 and [other for other in words if other in pieces] == pieces


def _any_true(said: Sequence[_Said]) -> _Said | None:
    return next((one for one in said if one.value), said[0] if said else None)


def _nsfw(case: _Case) -> _Said | None:
    said = list(case.all("nsfw"))
    return _any_true([one for one in said if one.origin.rank <= FITTING]) or next(iter(said), None)


def _favorite(case: _Case) -> _Said | None:
    return _any_true(list(case.all("favorite")))


def _notes(case: _Case) -> _Said | None:
    """Return all different texts, newest first, a line between them: people's words, and no word of ours.

    Who said which is told by `opinions`, and by the origin of what is shown.
    """
    said = list(case.all("notes"))
    if not said:
        return None
    different: dict[str, _Said] = {}
    for one in sorted(said, key=lambda one: -one.time):
        different.setdefault(" ".join(one.value.split()), one)
    texts = list(different.values())
    if len(texts) == 1:
        return texts[0]
    return _Said(_cut(BETWEEN_NOTES.join(one.value for one in texts)), texts[0].origin)


_ANSWERS: Mapping[str, Callable[[_Case], _Said | None]] = {
    "name": lambda case: case.first("name"),
    "tags": _tags,
    "rating": lambda case: case.first("rating"),
    "favorite": _favorite,
    "nsfw": _nsfw,
    "notes": _notes,
    "trigger_words": _trigger_words,
    "preview": lambda case: case.first("preview"),
    "license": lambda case: case.first("license"),
    "source_url": lambda case: case.first("source_url"),
}
"""How the columns are answered that need nothing but the witnesses."""

# --- normal forms -----------------------------------------------------------------------------------------

_EMPTY: Mapping[str, Any] = {"tags": (), "trigger_words": (), "favorite": False}


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", 0, (), [], {}) if not isinstance(value, bool) else False


def _edited(column: str, value: Any) -> Any:
    """Return a value that the user set, made fit to be stored but for nothing else changed."""
    if column in {"tags", "trigger_words"}:
        return (_lines(value) if column == "tags" else _texts(value)) or ()
    if column in {"favorite", "nsfw"}:
        return bool(value)
    if column == "rating":
        return _stars(value)
    if column == "notes":
        return _text(value)
    return _path(value) if column == "preview" else _line(value)


def _showable(text: str) -> str:
    """Return the text without what no text column holds: lone surrogates (file names have them) and controls."""
    return _SURROGATE.sub("\ufffd", _CONTROL.sub("", text))


def _line(value: Any) -> str | None:
    if isinstance(value, str) and value.isascii() and value.isprintable():  # most are
        return _cut(value.strip()) or None
    return _cut(_showable(_BREAK.sub(" ", value)).strip()) or None if isinstance(value, str) else None


def _text(value: Any) -> str | None:
    text = _showable(value.replace("\r\n", "\n").replace("\r", "\n")) if isinstance(value, str) else ""
    return _cut(text.strip()) or None


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 1] + "…"


def _path(value: Any) -> str | None:
    return value or None if isinstance(value, str) and "\x00" not in value else None


def _texts(value: Any) -> tuple[str, ...] | None:
    return _entries(value, _text)


def _lines(value: Any) -> tuple[str, ...] | None:
    return _entries(value, _line)


def _entries(value: Any, clean: Callable[[Any], str | None]) -> tuple[str, ...] | None:
    entries: Iterable[Any] = [value] if isinstance(value, str) else value if _is_list(value) else []
    return tuple(dict.fromkeys(text for entry in entries if (text := clean(entry)))) or None


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _kind(value: Any) -> str | None:
    text = _line(value)
    return None if text == UNKNOWN else text


def _flag(value: Any) -> bool | None:
    return bool(value) if isinstance(value, int) else None


def _stars(value: Any) -> int | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 1 <= value <= 5 else None


_CLEAN: Mapping[str, Callable[[Any], Any]] = {
    "name": _line,
    "type": _kind,
    "base_model": _line,
    "tags": _lines,
    "rating": _stars,
    "favorite": _flag,
    "nsfw": _flag,
    "notes": _text,
    "trigger_words": _texts,
    "preview": _path,
    "license": _line,
    "source_url": _line,
}
"""Light column -> what brings a claimed value into its normal form, None for one that says nothing."""
