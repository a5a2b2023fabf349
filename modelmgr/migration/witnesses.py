"""Who says what of a model, and in which order they are heard: the records bound to it and its own header.

The order of ranks, small wins:

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

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from modelmgr.lazily import dataclass
from modelmgr.migration.normal_form import CLEAN, is_empty
from modelmgr.values import Claims, Origin
from modelmgr.vocabulary import UNKNOWN

EDITED, PERSONAL, VERIFIED, FITTING, HEADER, BOUND, PLACE = range(1, 8)
OF_ANOTHER_FILE = 8
"""The rank of opinions (never of a shown value) of records that speak of another file by hash and size."""
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
# A tool's database that repeats its sidecars: heard only where no sidecar of that model speaks.
_CACHE_OF = {"lora-manager-cache": "lora-manager", "pumas-index": "pumas-metadata"}
# A container that a tool laid aside: what only it has counts, but the live one comes first.
_BACKUP = re.compile(r"\.(?:bak|bkp|orig|tmp)$|[/\\]invokeai_backup_[^/\\]*$", re.IGNORECASE)
# What a record keeps to itself when its hash and its size say that it speaks of another file.
_ALWAYS_PERSONAL = frozenset(["notes", "favorite", "rating"])
# Only editors that write a person's words into the header leave these there.
_PERSONAL_IN_HEADER = frozenset(["notes", "rating", "favorite"])


_LONGEST_NUMBER = 20
_COMPARED = 200


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


class Said(NamedTuple):
    """One value for one column, by one witness.

    `late` marks a header's word that every record beats, though its rank is higher.
    """

    value: Any
    origin: Origin
    time: float = 0.0
    late: bool = False


class Case:
    """The witnesses of one model, put in order once and asked column by column.

    Args:
        witnesses: the records bound to the model, in any order.
        sha256: the computed one; without it no record's hash is verified.
        file_path: of the first file, None if the model has none.
        size_bytes: of the file; without it no record's size fits.
        header: None if there is no file or it can't be read.
        user: columns that were edited here; they are final. None as value means not edited.
    """

    def __init__(
        self,
        witnesses: Sequence[Witness],
        *,
        sha256: str | None,
        file_path: str | None,
        size_bytes: int | None,
        header: HeaderFacts | None,
        user: Mapping[str, Any],
    ) -> None:
        self.sha256 = sha256
        self.file_path = file_path
        self.header = header
        self.user = user
        if not witnesses:
            self._sidecars, self.ranked, self._outdated = {}, [], {}
            return
        speaking = [witness for witness in witnesses if not witness.claims.marker]
        self._sidecars = _said_by_sidecars(speaking)
        speaking.sort(key=lambda witness: (_laid_aside(witness, self._sidecars), _recency(witness)))
        self.ranked = [
            (witness, _rank(witness, sha256 is not None, size_bytes is not None)) for witness in speaking
        ]
        self._outdated = _outdated(self.ranked)

    def is_heard(self, column: str) -> bool:
        """Tell whether anybody may say something about a column: of most files there is a header alone."""
        return bool(self.ranked) or (self.header is not None and column in self.header.suggestions)

    def all(self, column: str, of_others: bool = False) -> Iterator[Said]:
        """Yield what is said about a column, best first; empty values are left out.

        Args:
            column: a light column.
            of_others: also by records that speak of another file.
        """
        if not self.ranked:
            for one in self._by_header(column):
                if (value := CLEAN[column](one.value)) is not None:
                    yield Said(value, one.origin, one.time)
            return
        said = [*self._by_records(column, of_others), *self._by_header(column)]
        for one in sorted(said, key=weight):
            value = CLEAN[column](one.value)
            if value is not None:
                yield Said(value, one.origin, one.time)

    def first(self, column: str) -> Said | None:
        """Return the best value for a column."""
        return next(self.all(column), None)

    def _by_records(self, column: str, of_others: bool) -> Iterator[Said]:
        for witness, rank in self.ranked:
            claims = witness.claims
            if is_empty(claims.fields.get(column)):
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
            yield Said(claims.fields[column], origin, _time_of(witness))

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

    def _by_header(self, column: str) -> Iterator[Said]:
        if self.header is None:
            return
        value = self.header.suggestions.get(column)
        if not is_empty(value):
            personal = column in _PERSONAL_IN_HEADER or column in self.header.personal
            # A title in a header is often a file name of the trainer, or the converted model's.
            late = column == "name" and not personal
            yield Said(value, Origin("header", PERSONAL if personal else HEADER), late=late)


def chief(witnesses: Sequence[Witness]) -> int:
    """Return the id of the record that is shown first: the best bound of those that say something, the fullest.

    A version of a record comes after the newer ones that are as well bound.
    """
    speaking = (witness for witness in witnesses if not witness.claims.marker)
    outdated = _outdated((witness, _rank(witness, known_hash=True, known_size=True)) for witness in speaking)

    def key(witness: Witness) -> tuple[Any, ...]:
        claims = witness.claims
        rank = _rank(witness, known_hash=True, known_size=True)
        filled = sum(not is_empty(value) for value in claims.fields.values())
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


def weight(said: Said) -> float:
    """Return the rank by which a value is heard; smaller is heard first."""
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
            filled = (column for column, value in witness.claims.fields.items() if not is_empty(value))
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
            filled = {column for column, value in witness.claims.fields.items() if not is_empty(value)} | {
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
    """Return a key that puts the newer record first: its own time, its container's, then the order of sources.

    Of the rows of one container the last counts as the newest, in whatever order they were promoted.
    """
    return (
        -_time_of(witness),
        -(witness.container_mtime or 0.0),
        _SOURCE_PLACE.get(witness.source, len(_SOURCE_PLACE)),
        witness.source,
        -witness.imported_at,
        witness.source_path,
        *_last_first(witness.record_key),
        -witness.record_id,
    )


def _last_first(record_key: str) -> tuple[int, tuple[int, ...]]:
    if record_key.isdecimal() and len(record_key) < _LONGEST_NUMBER:
        return -int(record_key), ()
    return 1, tuple(-ord(character) for character in record_key[:_COMPARED])


def claimed_size(witnesses: Sequence[Witness]) -> int:
    """Return the bytes of a model of which there is no file: the newest exact word, else the newest hint, else 0."""
    newest_first = sorted(witnesses, key=_recency)
    exact = [witness.claims.size_bytes for witness in newest_first]
    hints = [witness.claims.size_hint_bytes for witness in newest_first]
    return next((size for size in (*exact, *hints) if size), 0)
