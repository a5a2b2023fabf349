"""The cards of AUTOMATIC1111 and Forge."""

from collections.abc import Mapping
from typing import Any

from modelmgr.migration.sidecar_files.format import NOT_HELD, Document, Format, Known
from modelmgr.migration.sidecar_files.styles import indented
from modelmgr.vocabulary import canonical_base, family_of

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
        return indented(document, 4)


def _sd_version(base: Any) -> str:
    return _SD_VERSIONS.get(family_of(base) if isinstance(base, str) else None, "Unknown")


def _spelt(document: Document, key: str) -> str:
    """Return a key as a document spells it: with blanks, ``_`` or ``-``; of two spellings the last is read."""
    return next((found for found in reversed(document) if _plain(found) == _plain(key)), key)


def _plain(key: str) -> str:
    return key.replace("_", " ").replace("-", " ").strip().lower()
