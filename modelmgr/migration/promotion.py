"""The verdict on a pending record: which file it speaks of, and whether their hashes let it become a model.

Pure: no database, no disk. Whoever asks gathers the facts (files that exist, hashes that were computed) and
carries the verdict out. A claimed hash is a claim; it is compared with what was computed and never replaces it.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, replace
from enum import Enum
from typing import Final

from modelmgr.lazily import dataclass
from modelmgr.migration.beside import folded
from modelmgr.migration.hashes import full_sha256, partial_hashes
from modelmgr.values import NO_MODEL, Claims
from modelmgr.vocabulary import type_of_name

HASH_MISMATCH: Final = "hash_mismatch"
NO_FILE: Final = "no_file"
OF_NO_MODEL: Final = "no_model"
AMBIGUOUS: Final = "ambiguous"
OUTSIDE: Final = "outside"

# In the order of what they prove. The first two speak of the whole file with digits enough to settle the matter
# where a shorter or staler one says otherwise.
_PARTIAL_KINDS = ("AutoV2", "BLAKE3", "AutoV3", "CRC32", "AutoV1")
_WHOLE_FILE_KINDS = frozenset(_PARTIAL_KINDS[:2])

_DRIVE = re.compile(r"^[a-z]:", re.IGNORECASE)
_UNSHOWABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SHOWN = 5
_PATH_LIMIT = 1_000
_HINT_TOLERANCE_BYTES = 1024

# What the tools write their sidecars for, where they don't mean every model file.
_MEANT_SUFFIXES: Mapping[str, frozenset[str]] = {
    "civitai-info": frozenset([".bin", ".pt", ".safetensors", ".ckpt"]),
    "lora-manager": frozenset(
        [".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft", ".gguf"]
    ),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the files that a record may speak of.

    Attributes:
        candidates: existing regular files, by path, by stem or by a known hash.
        outside: the path that the record names, if it lies outside what may be looked at.
        computed: hashes of the chosen file, kind (``sha256``, ``AutoV1``, ``AutoV2``, ``AutoV3``, ``CRC32``,
            ``BLAKE3``) -> hex; only those that were computed. Empty for a model of several files: no claimed
            hash is compared with the key that we make for it.
        file_path: the one file that was chosen, None if there is none or more than one.
        size_bytes: of that file.
        former: full hashes that it had before its header was rewritten in place.
        holder: a known file that has the claimed full hash where the chosen one has another.
        offline: the place that the record names can't be reached now (the disk isn't there).
    """

    candidates: tuple[str, ...] = ()
    outside: str | None = None
    computed: Mapping[str, str] = field(default_factory=dict)
    file_path: str | None = None
    size_bytes: int | None = None
    former: frozenset[str] = frozenset()
    holder: str | None = None
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What shall become of a pending record.

    Attributes:
        promote: True if it becomes a model, or joins one.
        problem: ``hash_mismatch``, ``no_file``, ``ambiguous``, ``outside`` or ``no_model`` if it stays; else None.
        message: one sentence for a person, if it stays.
        candidates: the files among which a person may choose.
        former_sha256: the claimed hash that was true before the file's header was rewritten in place.
        binding: what ties record and file: ``sha256``, ``path``, ``stem`` or ``manual``.
    """

    promote: bool
    problem: str | None = None
    message: str = ""
    candidates: tuple[str, ...] = ()
    former_sha256: str | None = None
    binding: str = ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How claimed hashes stand to computed ones.

    Attributes:
        kind: the claimed hash that proves them to be of one file (``SHA-256``, ``AutoV3`` ...), None if none does.
        contradiction: kind, claimed and computed value of the hash that speaks against it.
        former_sha256: see `Verdict`.
    """

    kind: str | None = None
    contradiction: tuple[str, str, str] | None = None
    former_sha256: str | None = None

    @property
    def holds(self) -> bool | None:
        """True if the hashes agree, False if they contradict each other, None if they say nothing."""
        if self.kind is not None:
            return True
        return None if self.contradiction is None else False


def compare(
    claims: Claims,
    computed: Mapping[str, str],
    *,
    size_bytes: int | None = None,
    former: Collection[str] = (),
) -> Agreement:
    """Hold a record's claimed hashes against those computed from a file's bytes.

    In the order of what they prove: the whole file's SHA-256; that of another file of the same version; the
    tensors' hash, which outlives a rewritten header; the longer partial hashes; the short ones. A hash that a tool
    computed itself, of a file of another size, is of what lay there then: half a download, or what was replaced.
    It says nothing.
    """
    if claims.own_hash and None not in (claims.size_bytes, size_bytes) and claims.size_bytes != size_bytes:
        claims = _without_own_hashes(claims)
    actual, claimed = computed.get("sha256", "").lower(), full_sha256(claims.sha256)
    if actual and claimed == actual:
        return Agreement("SHA-256")
    if actual and actual in {sibling.lower() for sibling in claims.sibling_sha256}:
        return Agreement("SHA-256 of another file of the version")
    found, partial = partial_hashes(computed), partial_hashes(claims.partial_hashes)
    if tensors := found.get("AutoV3"):
        # 64 digits may also be the tensors' hash: it is written the same way and some tools mix them up.
        if claimed and claimed.startswith(tensors):
            return Agreement("AutoV3")
        if partial.get("AutoV3") == tensors:
            return Agreement("AutoV3", former_sha256=claimed if actual else None)
    if claimed and claimed in former:
        return Agreement("former SHA-256", former_sha256=claimed)
    if actual and claimed:
        return Agreement(contradiction=("SHA-256", claimed, actual))
    return _compare_partial(partial, {**found, "AutoV2": actual[:10]})


def _without_own_hashes(claims: Claims) -> Claims:
    kept = {kind: digits for kind, digits in claims.partial_hashes.items() if kind.upper() != "BLAKE3"}
    return replace(claims, sha256=None, own_hash=False, partial_hashes=kept)


def _compare_partial(claimed: Mapping[str, str], found: Mapping[str, str]) -> Agreement:
    both = [kind for kind in _PARTIAL_KINDS if claimed.get(kind) and found.get(kind)]
    same = [kind for kind in both if claimed[kind] == found[kind]]
    different = [(kind, claimed[kind], found[kind]) for kind in both if kind not in same]
    if different and not _WHOLE_FILE_KINDS.intersection(same):
        return Agreement(contradiction=different[0])
    return Agreement(same[0] if same else None)


def size_fits(claims: Claims, size_bytes: int | None) -> bool | None:
    """Tell whether a file's size is the one the record speaks of, None if the record names none."""
    if size_bytes is None:
        return None
    if claims.size_bytes is not None:
        return claims.size_bytes == size_bytes
    if claims.size_hint_bytes is not None:
        return abs(claims.size_hint_bytes - size_bytes) <= _HINT_TOLERANCE_BYTES
    return None


# --- the verdict ------------------------------------------------------------------------------------------


def verdict(claims: Claims, facts: Facts, *, attach_anyway: bool, allow_missing: bool) -> Verdict:
    """Decide what becomes of a pending record.

    Args:
        claims: what the record says.
        facts: what was found.
        attach_anyway: the user wants it attached although the hashes differ.
        allow_missing: the user wants a model without a file where the full hash is claimed.
    """
    if facts.file_path is None:
        return _without_file(claims, facts, allow_missing)
    agreement = compare(claims, facts.computed, size_bytes=facts.size_bytes, former=facts.former)
    if agreement.contradiction is not None and not attach_anyway:
        return Verdict(
            False,
            HASH_MISMATCH,
            _contradiction(claims, facts, agreement.contradiction),
            facts.candidates or (facts.file_path,),
        )
    return Verdict(
        True,
        former_sha256=agreement.former_sha256,
        binding=_binding(claims, facts.file_path, agreement),
    )


def _contradiction(claims: Claims, facts: Facts, contradiction: tuple[str, str, str]) -> str:
    kind, claimed, actual = contradiction
    # A wrong size tells a person that it was another file; a right one, that perhaps the claimed hash is wrong.
    size_differs = claims.size_bytes is not None and size_fits(claims, facts.size_bytes) is False
    file_name = _shown(_name_of(facts.file_path or ""))
    holder = _shown(facts.holder) if facts.holder is not None else ""
    if not size_differs:
        if holder:
            return (
                f"The record claims {kind} {claimed}, but {file_name} has {actual}. "
                f"{holder} has the claimed one."
            )
        return f"The record claims {kind} {claimed}, but {file_name} has {actual}."
    if holder:
        return (
            f"The record claims {kind} {claimed} and {claims.size_bytes} bytes, "
            f"but {file_name} has {actual} and {facts.size_bytes}. {holder} has the claimed one."
        )
    return (
        f"The record claims {kind} {claimed} and {claims.size_bytes} bytes, "
        f"but {file_name} has {actual} and {facts.size_bytes}."
    )


def _without_file(claims: Claims, facts: Facts, allow_missing: bool) -> Verdict:
    if facts.candidates:
        return Verdict(False, AMBIGUOUS, _which_of(facts.candidates), facts.candidates)
    if facts.outside is not None:
        message = (
            f"The record speaks of {_shown(facts.outside)}, "
            "which lies in no library folder and not below the import."
        )
        return Verdict(False, OUTSIDE, message)
    if NO_MODEL in claims.flags:
        return Verdict(False, OF_NO_MODEL, "It speaks of no single model; it is kept as it is.")
    claimed = full_sha256(claims.sha256)
    if allow_missing and claimed:
        return Verdict(True, binding="sha256")
    named = _shown(claims.path or ", ".join(claims.stem_names[:_SHOWN]))
    if facts.offline:
        message = f"{named or 'The file'} can't be reached now: its disk or folder is offline."
    elif named and claimed:
        message = f"There is no file {named}, and none with SHA-256 {claimed} is known."
    elif named:
        message = f"There is no file {named}."
    elif claimed:
        message = f"No file with SHA-256 {claimed} is known."
    else:
        message = "The record names no file that is here."
    return Verdict(False, NO_FILE, message)


def _which_of(candidates: Sequence[str]) -> str:
    names = ", ".join(_shown(candidate) for candidate in candidates[:_SHOWN])
    if len(candidates) == 1:
        return f"The record may speak of {names}, but nothing proves it."
    if len(candidates) > _SHOWN:
        names = f"{names} and {len(candidates) - _SHOWN} more"
    return f"The record may speak of {len(candidates)} files: {names}."


def _shown(path: str) -> str:
    """Return a path as a message can hold it: bounded, and without the marks of undecodable bytes."""
    text = _UNSHOWABLE.sub("\ufffd", path)
    return text if len(text) <= _PATH_LIMIT else "…" + text[-_PATH_LIMIT:]


def _binding(claims: Claims, file_path: str, agreement: Agreement) -> str:
    if agreement.contradiction is not None:
        return "manual"
    if agreement.kind is not None and agreement.kind.startswith("SHA-256"):
        return "sha256"
    name = folded(_name_of(file_path))
    if claims.path is not None and folded(_name_of(claims.path)) == name:
        return "path"
    if any(folded(stem_name) == name for stem_name in claims.stem_names):
        return "stem"
    return "manual"


# --- which of several files -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """An existing file that a record may speak of. `sha256` is the computed one, None if there is none yet."""

    path: str
    size_bytes: int
    sha256: str | None = None


class Undecided(Enum):
    """The answer of `choose_file` that is no file."""

    SEVERAL = "several"


def choose_file(
    claims: Claims, candidates: Sequence[Candidate], *, source: str = ""
) -> str | Undecided | None:
    """Return the one file that a record speaks of.

    By hash, then by name and ending, exact size, the endings that the tool writes for, and the type; each of them
    narrows what the former left, and one that fits none is passed over. Copies of one content count as one.

    Returns:
        The path, None if there are no candidates, `Undecided.SEVERAL` if more than one is left.
    """
    left = list(candidates)
    if not left:
        return None
    claimed, siblings = full_sha256(claims.sha256), {sibling.lower() for sibling in claims.sibling_sha256}
    short = partial_hashes(claims.partial_hashes).get("AutoV2")
    suffixes = _MEANT_SUFFIXES.get(source)
    tails = {candidate.path: common_tail(claims.path, candidate.path) for candidate in left}
    suffix, kind = _suffix_of(claims.path), claims.fields.get("type")
    steps: list[Callable[[Candidate], bool]] = [
        lambda c: c.sha256 is not None and c.sha256 == claimed,
        lambda c: c.sha256 is not None and c.sha256 in siblings,
        lambda c: c.sha256 is not None and c.sha256[:10] == short,
        lambda c: tails[c.path] > (0, 0) and tails[c.path] == max(tails[other.path] for other in left),
        lambda c: suffix != "" and _suffix_of(c.path) == suffix,
        lambda c: claims.size_bytes is not None and c.size_bytes == claims.size_bytes,
        lambda c: claims.size_bytes is None and size_fits(claims, c.size_bytes) is True,
        lambda c: suffixes is not None and _suffix_of(c.path) in suffixes,
        lambda c: kind is not None and _may_be(c.path, kind),
    ]
    for step in steps:
        if _one_content(left):
            break
        left = [candidate for candidate in left if step(candidate)] or left
    return left[0].path if _one_content(left) else Undecided.SEVERAL


def _one_content(candidates: Sequence[Candidate]) -> bool:
    return len(candidates) == 1 or (
        candidates[0].sha256 is not None and len({candidate.sha256 for candidate in candidates}) == 1
    )


def _may_be(path: str, kind: str) -> bool:
    """Tell whether a file's name leaves room for a type: ``x.vae.pt`` is the companion of checkpoint ``x``."""
    hinted = type_of_name(_name_of(path))
    return hinted is None or hinted == kind


def common_tail(claimed: str | None, path: str) -> tuple[int, int]:
    """Return how many last parts two paths share, without and with regard to case."""
    parts, ours = [] if claimed is None else claimed.replace("\\", "/").split("/"), path.split("/")
    alike = exactly = 0
    for one, other in zip(reversed(ours), reversed(parts), strict=False):
        if not one or folded(one) != folded(other):
            break
        alike += 1
        exactly += one == other
    return alike, exactly


def _name_of(path: str) -> str:
    """Return the last part of a path that may come from another system."""
    foreign = _DRIVE.match(path) or path.startswith("\\\\") or "/" not in path
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2] if foreign else path.rpartition("/")[2]


def _suffix_of(path: str | None) -> str:
    _, dot, suffix = _name_of(path or "").rpartition(".")
    return dot + suffix.lower() if dot else ""
