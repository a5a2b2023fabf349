"""Why a record waits, and who said it, in the user's words.

A problem code is for programs and a source id is for the catalog; a person gets a sentence and the name of a
tool.
"""

import re
from collections.abc import Mapping, Sequence

from modelmgr.gui.language import said
from modelmgr.gui.text import foreign_text
from modelmgr.lazily import pattern
from modelmgr.values import HashMatch, PendingState
from modelmgr.vocabulary import source_names

DECISIONS = ("hash_mismatch", "ambiguous", "outside")
"""Problems that only a person can settle."""

NO_FILE = ("no_file",)

NO_MODEL = ("no_model",)

UNREAD = (
    "unparsed_payload",
    "too_deep",
    "too_large",
    "changed_while_reading",
    "unreadable",
    "not_found",
)
"""Problems of reading; what was read is kept and can be promoted all the same."""

_SHORT = {
    "hash_mismatch": "The claimed hash is not the file's",
    "ambiguous": "Several files fit",
    "outside": "Outside the library folders",
    "no_file": "Its file was not found",
    "no_model": "Kept; it is about no single model",
    "unparsed_payload": "Its text can't be read as data",
    "too_deep": "Nested too deeply",
    "too_large": "Too large to be read",
    "changed_while_reading": "It changed while it was read",
    "unreadable": "It can't be opened or read",
    "not_found": "It isn't there any more",
    "offline": "Its folder can't be reached",
    "changed": "The file has changed",
    "dismissed": "It was dismissed",
    "truncated": "The file is cut off",
    "empty_file": "The file is empty",
    "not_a_model": "Not a model",
    "lfs_pointer": "A pointer to a file, not the file",
    "wrong_suffix": "Its name says another format",
    "header_invalid": "Its header is damaged",
    "header_padding": "Its header is padded oddly",
    "metadata_invalid": "Its metadata is damaged",
    "metadata_cut": "Its metadata is too long to be kept whole",
    "duplicate_keys": "Its header says something twice",
    "offsets": "Its header contradicts itself",
    "alignment": "Its header is aligned oddly",
    "incomplete_pair": "A part of it is missing",
    "encrypted": "The file is encrypted",
    "unsupported": "A format that can't be read yet",
}

_LONG = {
    "hash_mismatch": (
        "The hash that this record claims is not the one computed from the file. The file may have been "
        "replaced, or the record speaks of another version. You can attach it anyway; the claim stays in the "
        "record."
    ),
    "ambiguous": "More than one file fits this record. Choose the one that it speaks of.",
    "outside": (
        "This record speaks of a file in a folder that isn't part of the library, so nothing was read there. "
        "Add the folder, then promote the record again."
    ),
    "no_file": (
        "No file was found for this record. Locate it, or keep the record without a file: then it links itself "
        "as soon as a scan meets those bytes."
    ),
    "no_model": (
        "This record speaks of no single model: a recipe, or rows that a tool keeps beside its models. It is kept "
        "whole, and can be dismissed; it has no place in the library."
    ),
    "unparsed_payload": (
        "The text of this record could not be read as data. Its bytes are kept exactly as they are, and it can "
        "be promoted all the same."
    ),
    "too_deep": "The data of this record is nested too deeply to be read. Its bytes are kept as they are.",
    "too_large": "The source is too large to be read in one piece, so it was left alone.",
    "changed_while_reading": "Another program wrote to the source while it was read. Import it again later.",
    "unreadable": "The source could not be opened or read. Nothing of it was taken.",
    "not_found": "The source isn't there any more.",
}

_STATES = {
    PendingState.PENDING: "Ready to promote",
    PendingState.PROMOTED: "Promoted",
    PendingState.DISMISSED: "Dismissed",
}

_STATE_SENTENCES = {
    PendingState.PENDING: "Nothing stands in the way: this record can be promoted.",
    PendingState.PROMOTED: "This record is part of the library. The row is its history and can be cleared.",
    PendingState.DISMISSED: "You set this record aside. It is kept and can be restored.",
}

_TOOL_ICONS = {
    "comfyui": "workflow",
    "lora manager": "tag",
    "automatic1111": "image",
    "forge": "image",
    "sd.next": "image",
    "invokeai": "palette",
    "ollama": "message-square-text",
    "lm studio": "message-square-text",
    "jan": "message-square-text",
    "hugging face": "package",
}

_NO_TOOLS = {
    "user": "you",
    "file": "the file",
    "merged": "several together",
}

_RANKS = {
    2: "typed there",
    3: "its hash fits the file",
    4: "its size fits the file",
    6: "found beside the file",
    7: "from its name and folder",
}
"""How a value came to be, by rank; 1 and 5 are told by who said it."""


def reason(problem: str | None, state: str = PendingState.PENDING) -> str:
    """Return why a record stands where it stands, short enough for a table cell.

    What was promoted or dismissed says so; a problem that it still has is told by `explanation`.
    """
    if state != PendingState.PENDING:
        known = _STATES.get(PendingState(state), state) if state in list(PendingState) else ""
        return said(known) or foreign_text(state)
    if problem is None:
        return said(_STATES[PendingState.PENDING])
    return problem_label(problem)


def group_of(problem: str) -> str:
    """Return the group of the pending page in which records with a problem (``none`` for without) stand."""
    if problem == "none":
        return "ready"
    if problem in NO_FILE:
        return "missing"
    return "decision" if problem in DECISIONS else "unreadable"


def problem_label(problem: str) -> str:
    """Return the words for any problem code; one that is not known is made readable."""
    known = _SHORT.get(problem)
    if known is not None:
        return said(known)
    words = foreign_text(problem, 80).replace("_", " ")
    return words[:1].upper() + words[1:]


def explanation(problem: str | None, state: str = PendingState.PENDING) -> str:
    """Return what it means and what can be done, in a sentence or three."""
    if state == PendingState.PROMOTED:
        return said(_STATE_SENTENCES[PendingState.PROMOTED])
    if state == PendingState.DISMISSED:
        return said(_STATE_SENTENCES[PendingState.DISMISSED])
    if problem is None:
        return said(_STATE_SENTENCES[PendingState.PENDING])
    return said(_LONG.get(problem, "")) or problem_label(problem) + "."


def source_label(source: str) -> str:
    """Return the name of the tool or format behind a source id; who else may have said a value, in words.

    An id that is not known is made readable, so that a new source needs no line here.
    """
    known = said(source_names().get(source) or _NO_TOOLS.get(source) or "")
    if known:
        return known
    words = foreign_text(source, 80).replace("-", " ")
    return words[:1].upper() + words[1:]


def tool_icon(tool: str) -> str:
    """Return the name of the icon for a tool, by what people do with it."""
    return next((icon for name, icon in _TOOL_ICONS.items() if name in tool.lower()), "database")


def hash_words(matches: Sequence[HashMatch]) -> str:
    """Return what a hash leads to, in a sentence (``It is the CRC32 of Ink, as Civitai Helper claims.``)."""
    if not matches:
        return said("No file and no record is known by this hash.")
    best = matches[0]
    name = foreign_text(best.name, 100)
    if best.model is None:
        words = said("{} knows it as the {} of {}, a record that still waits.")
        return words.format(source_label(best.source), best.kind, name)
    others = len({match.model.id for match in matches if match.model is not None}) - 1
    if others:
        name = said("{} and of {} more").format(name, others)
    if best.trust == "claimed" and best.source:
        return said("It is the {} of {}, as {} claims.").format(best.kind, name, source_label(best.source))
    return said("It is the {} of {}.").format(best.kind, name)


def origin_text(source: str, rank: int) -> str:
    """Return where a shown value came from: ``LoRA Manager, typed there``, ``you``, ``the file's header``."""
    how = _RANKS.get(rank)
    if source in ("user", "header", "merged") or how is None:
        return source_label(source)
    return f"{source_label(source)}, {said(how)}"


# --- folders that records speak of --------------------------------------------------------------------------

_NO_SUCH_FILE = pattern(
    r"There is no file (.+?)(?:, and none with SHA-256 [0-9a-f]{64} is known)?\.", re.DOTALL
)
# Below these lie other people's and other disks' folders: what they have in common says nothing.
_GATHERED_BELOW = {"home": 3, "users": 3, "mnt": 3, "media": 4, "run": 5, "volumes": 3, "root": 2}


def folder_in(path: str) -> str:
    """Return the folder of a path of any system, empty for a bare name."""
    cut = max(path.rfind("/"), path.rfind("\\"))
    return path[:cut] if cut > 0 else ""


def name_in(path: str) -> str:
    """Return what comes after the last folder in a path of any system."""
    return path[max(path.rfind("/"), path.rfind("\\")) + 1 :] or path


def is_absolute(path: str) -> bool:
    """Tell whether a path of any system begins at a root, a drive or a share."""
    return path.startswith(("/", "\\")) or path[1:2] == ":"


def missing_path(message: str) -> str:
    """Return where a record expected its file, as its `no_file` sentence tells it, or nothing."""
    found = _NO_SUCH_FILE.fullmatch(message)
    return found[1] if found else ""


def missing_folder(message: str) -> str:
    """Return the folder in which a record expected its file, as its `no_file` sentence tells it, or nothing."""
    return folder_in(missing_path(message))


def tail_below(path: str, root: str) -> str:
    r"""Return what of a path of any system lies below a root, with slashes; empty if it doesn't lie there.

    Paths with a drive letter and shares are compared without regard to case, as `Library.map_root` does.
    """
    former = _comparable(root).rstrip("/") + "/"
    if former == "/" and not root.strip():
        return ""
    plain = path.replace("\\", "/").removeprefix("//?/")
    return plain[len(former) :] if _comparable(path).startswith(former) else ""


def _comparable(path: str) -> str:
    text = path.replace("\\", "/").removeprefix("//?/")
    return text.lower() if text[1:2] == ":" or text.startswith("//") else text


def gather_folders(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Put folders together that lie in one place, so that a person adds one and not forty.

    Returns:
        Common folder and number of records, the greatest number first.
    """
    places: dict[tuple[str, ...], list[str]] = {}
    for folder in counts:
        parts = [part for part in folder.replace("\\", "/").split("/") if part]
        depth = _GATHERED_BELOW.get(parts[0].lower(), 2) if parts else 0
        if len(parts) > 1 and parts[0].endswith(":"):
            depth = _GATHERED_BELOW.get(parts[1].lower(), 1) + 1
        places.setdefault(tuple(parts[:depth]), []).append(folder)
    gathered = [(_common(folders), sum(counts[folder] for folder in folders)) for folders in places.values()]
    return sorted(gathered, key=lambda each: (-each[1], each[0]))


def _common(folders: Sequence[str]) -> str:
    if len(folders) == 1:
        return folders[0]
    split = [re.split(r"([/\\])", folder) for folder in folders]
    same = 0
    for column in zip(*split, strict=False):
        if len({part if part not in "/\\" else "/" for part in column}) > 1:
            break
        same += 1
    return "".join(split[0][:same]).rstrip("/\\")
