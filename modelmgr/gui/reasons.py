"""Why a record waits, and who said it, in the user's words. No Qt here.

A problem code is for programs and a source id is for the catalog; a person gets a sentence and the name of a
tool.
"""

from modelmgr.gui.text import foreign_text
from modelmgr.values import PendingState

DECISIONS = ("hash_mismatch", "ambiguous", "outside")
"""Problems that only a person can settle."""

NO_FILE = ("no_file",)

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
    "outside": "Its file lies outside the library folders",
    "no_file": "Its file was not found",
    "unparsed_payload": "Its text can't be read as data",
    "too_deep": "Nested too deeply",
    "too_large": "Too large to be read",
    "changed_while_reading": "It changed while it was read",
    "unreadable": "It can't be opened or read",
    "not_found": "It isn't there any more",
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

_SOURCES = {
    "a1111-cache-json": "A1111 cache",
    "a1111-diskcache": "A1111 cache",
    "a1111-txt": "A1111 text note",
    "a1111-user-json": "A1111 notes",
    "addnet-hashes": "Additional Networks",
    "api": "HTTP API",
    "cdb-boop-url": "ComfyUI Model Manager",
    "civitai-browser-api": "Civitai Browser+",
    "civitai-info": "Civitai Helper",
    "civitai-json": "Civitai",
    "civitai-model": "Civitai",
    "civitai-version": "Civitai",
    "comfyui-assets": "ComfyUI assets",
    "comfyui-paths": "ComfyUI folders",
    "diffusers-folder": "Diffusers folder",
    "diffusion-toolkit-db": "Diffusion Toolkit",
    "diffusion-toolkit-models": "Diffusion Toolkit",
    "generic-csv": "CSV list",
    "generic-json": "JSON list",
    "generic-jsonl": "JSON lines",
    "generic-sqlite": "SQLite table",
    "hf-cache": "Hugging Face cache",
    "invokeai-db": "InvokeAI",
    "invokeai-yaml": "InvokeAI (models.yaml)",
    "jan-model-yml": "Jan",
    "lmstudio-model-yaml": "LM Studio",
    "lora-manager": "LoRA Manager",
    "lora-manager-cache": "LoRA Manager cache",
    "lora-manager-recipe": "LoRA Manager recipe",
    "model-manager-md": "ComfyUI Model Manager",
    "ollama": "Ollama",
    "pumas-index": "Pumas",
    "pumas-metadata": "Pumas",
    "pysssss-sha256": "ComfyUI Custom Scripts",
    "rgthree-info": "rgthree",
    "sdnext-json": "SD.Next notes",
    "sdnext-metadata": "SD.Next",
    "stability-matrix": "Stability Matrix",
    "swarmui-json": "SwarmUI",
}


def reason(problem: str | None, state: str = PendingState.PENDING) -> str:
    """Return why a record stands where it stands, short enough for a table cell.

    What was promoted or dismissed says so; a problem that it still has is told by `explanation`.
    """
    if state != PendingState.PENDING:
        return _STATES.get(PendingState(state), state) if state in list(PendingState) else foreign_text(state)
    if problem is None:
        return _STATES[PendingState.PENDING]
    return _SHORT.get(problem) or problem_label(problem)


def problem_label(problem: str) -> str:
    """Return the words for any problem code; one that is not known is made readable."""
    known = _SHORT.get(problem)
    if known is not None:
        return known
    words = foreign_text(problem, 80).replace("_", " ")
    return words[:1].upper() + words[1:]


def explanation(problem: str | None, state: str = PendingState.PENDING) -> str:
    """Return what it means and what can be done, in a sentence or three."""
    if state == PendingState.PROMOTED:
        return _STATE_SENTENCES[PendingState.PROMOTED]
    if state == PendingState.DISMISSED:
        return _STATE_SENTENCES[PendingState.DISMISSED]
    if problem is None:
        return _STATE_SENTENCES[PendingState.PENDING]
    return _LONG.get(problem, problem_label(problem) + ".")


def source_label(source: str) -> str:
    """Return the name of the tool or format behind a source id."""
    return _SOURCES.get(source) or foreign_text(source, 80)
