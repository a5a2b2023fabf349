"""Sizes, dates, hashes and foreign words as text for the window.

Foreign text (names, tags, notes, payloads: all that a stranger wrote) reaches a widget only through
`foreign_text` or, in a tool tip, `plain_tip`: control and direction marks become visible, and nothing is ever
read as HTML.
"""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple
from unicodedata import bidirectional

from modelmgr.gui.language import Forms, plural, said

CELL_LIMIT = 4096
VIEW_LIMIT = 200_000

_LRM = "\u200e"
_left_mark = ""

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB", "EB")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@cache
def _symbols(*, lines: bool) -> dict[int, str]:
    """Return what stands for each mark that a screen would obey, hide or drop: one character for one."""
    table = {code: chr(0x2400 + code) for code in range(0x20)}
    table[0x7F] = "␡"
    # C1 has no pictures of its own.
    table.update(dict.fromkeys(range(0x80, 0xA0), "␦"))
    table.update(
        {
            0x00AD: "‧",  # soft hyphen
            0x061C: "⇤",  # Arabic letter mark
            0x180E: "␣",
            0x200B: "␣",  # zero-width space
            0x200C: "⁞",  # zero-width non-joiner
            0x200D: "⁞",  # zero-width joiner
            0x200E: "⇥",  # left-to-right mark
            0x200F: "⇤",  # right-to-left mark
            0x2028: "␤",  # line separator
            0x2029: "␤",  # paragraph separator
            0x202A: "⇥",  # embeddings, overrides, isolates and their ends
            0x202B: "⇤",
            0x202C: "⇔",
            0x202D: "⇥",
            0x202E: "⇤",
            0x2060: "⁞",
            0x2061: "⁞",
            0x2062: "⁞",
            0x2063: "⁞",
            0x2064: "⁞",
            0x2066: "⇥",
            0x2067: "⇤",
            0x2068: "⇥",
            0x2069: "⇔",
            0xFEFF: "⁞",
            0xFFF9: "⁞",
            0xFFFA: "⁞",
            0xFFFB: "⁞",
        }
    )
    # Bytes of a path that are no UTF-8, and lone surrogates of broken JSON: Qt cannot draw them.
    table.update(dict.fromkeys(range(0xD800, 0xE000), "\ufffd"))
    # Invisible tag characters, which can carry a whole hidden sentence.
    table.update(dict.fromkeys(range(0xE0000, 0xE0080), "⁞"))
    if lines:
        del table[0x09], table[0x0A]
    return table


def foreign_text(text: str | None, limit: int = CELL_LIMIT, *, lines: bool = False) -> str:
    """Return `text` fit to be shown as plain text: cut at `limit`, its marks as visible symbols.

    One character stands for one, so that places in the shown text are places in the original. Combining
    characters and emoji stay as they are. With `lines`, line feeds and tabs stay, for views of several lines.
    """
    if not text:
        return ""
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    cut = text[:limit]
    shown = cut.translate(_symbols(lines=lines))
    return shown if len(text) <= limit else shown[:-1] + "…"


def plain_tip(text: str | None, limit: int = 1000) -> str:
    """Return a tool tip that shows `text` as it is, wrapped; a bare tip would be guessed to be HTML."""
    if not text:
        return ""
    shown = foreign_text(text, limit, lines=True).translate(_ESCAPES)
    return f'<p style="white-space:pre-wrap">{shown}</p>'


class Customs(NamedTuple):
    """How numbers and dates are written where the user lives.

    Attributes:
        whole: a whole number in groups.
        decimal: what parts a number from its fraction.
        moment: a local date and time.
        day: a local date.
    """

    whole: Callable[[int], str] = "{:,}".format
    decimal: str = "."
    moment: Callable[[datetime], str] = "{:%Y-%m-%d %H:%M}".format
    day: Callable[[datetime], str] = "{:%Y-%m-%d}".format


_customs = Customs()


def use_customs(customs: Customs) -> None:
    """Write numbers and dates so from now on."""
    global _customs
    _customs = customs


def count_text(number: int) -> str:
    """Return ``12,345``."""
    return _customs.whole(number)


def read_from_right(is_on: bool) -> None:
    """Say whether the window reads from right to left: there a number and its unit would change places."""
    global _left_mark
    _left_mark = _LRM if is_on else ""


def cut_text(text: str) -> str:
    """Return a text that was cut at its end, with the dots at the end of its own script, wherever the window begins.

    In a window that reads from right to left the dots of an English name would stand before its first word.
    """
    if not _left_mark or not text.endswith("…"):
        return text
    strong = next((char for char in reversed(text) if bidirectional(char) in ("L", "R", "AL")), "")
    return text + _LRM if strong and bidirectional(strong) == "L" else text


def size_text(size_bytes: int | None) -> str:
    """Return ``218 MB``, ``6.5 GB``: decimal units, two or three digits that count."""
    if size_bytes is None:
        return ""
    value = float(size_bytes)
    unit = 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value /= 1000.0
        unit += 1
    number = f"{value:.1f}" if unit and value < 9.95 else f"{value:.0f}"
    number = number.replace(".", _customs.decimal)
    return f"{_left_mark}{number} {_UNITS[unit]}"


def exact_size_text(size_bytes: int | None) -> str:
    """Return ``218,123,456 bytes``."""
    if size_bytes is None:
        return ""
    return counted(size_bytes, "byte")


def rate_text(bytes_per_s: float) -> str:
    """Return ``1.9 GB/s``."""
    return f"{size_text(round(bytes_per_s))}/s"


def about_text(seconds: float) -> str:
    """Return ``a few seconds``, ``about 40 s``, ``about 4 min``, ``about 2 h``: no finer than a guess deserves."""
    if seconds < 8:
        return said("a few seconds")
    if seconds <= 50:
        return said("about {} s").format(-int(-seconds // 10) * 10)
    if seconds < 90 * _MINUTE:
        return said("about {} min").format(max(1, round(seconds / _MINUTE)))
    return said("about {} h").format(round(seconds / _HOUR))


_AGES = (
    (365.25 * _DAY, "{} y"),
    (30.44 * _DAY, "{} mo"),
    (7 * _DAY, "{} w"),
    (_DAY, "{} d"),
    (_HOUR, "{} h"),
    (_MINUTE, "{} min"),
)


def age_text(seconds: float | None, now: float | None = None) -> str:
    """Return how long ago a moment (Unix seconds) was: ``now``, ``5 min``, ``3 d``, ``2 w``, ``1 y``."""
    if seconds is None:
        return ""
    age = (time.time() if now is None else now) - seconds
    if age < _MINUTE:
        return said("now") if age > -_MINUTE else _written(seconds, _customs.day)
    length, words = next((found for found in _AGES if age >= found[0]), _AGES[-1])
    return said(words).format(int(age // length))


def date_text(seconds: float | None) -> str:
    """Return the local date and time, ``2026-01-31 18:05``; the bare number where no calendar holds it."""
    return "" if seconds is None else _written(seconds, _customs.moment)


def _written(seconds: float, write: Callable[[datetime], str]) -> str:
    try:
        return write(datetime.fromtimestamp(seconds).astimezone())
    except (ValueError, OverflowError, OSError):
        return str(int(seconds))


def hash_text(sha256: str | None) -> str:
    """Return the first ten digits of a hash."""
    return sha256[:10] if sha256 else ""


def stars_text(rating: int | None) -> str:
    """Return ``★★★★`` for 4; nothing where nobody has rated."""
    return "★" * max(0, min(5, rating or 0))


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return ``1 model``, ``12,345 models``; a translation has the plural forms of its language."""
    return numbered(number, Forms(f"%n {one}", f"%n {many or one + 's'}"), key=f"%n {one}")


def numbered(number: int, forms: Forms, *values: object, key: str = "") -> str:
    """Return a text with a number in it: ``1 file was added``, ``12,345 files were added``.

    Args:
        number: of things.
        forms: the text, ``%n`` where the number stands.
        values: for further places in it, ``{}``.
        key: by what the translation is found, if it is not that for many.
    """
    found = plural(number, key or forms.many)
    if found is None:
        text = (forms.one if number == 1 else forms.many).replace("%n", count_text(number))
    else:
        text = found.replace(str(number), count_text(number), 1)
    return text.format(*values) if values else text


def listed(parts: Iterable[str]) -> str:
    """Return texts with what stands between those of a list."""
    return said(", ").join(parts)


def either(parts: Sequence[str]) -> str:
    """Return ``a``, ``a or b``, ``a, b or c``."""
    return said("{} or {}").format(listed(parts[:-1]), parts[-1]) if len(parts) > 1 else listed(parts)


_TYPE_LABELS = {
    "checkpoint": "Checkpoint",
    "diffusion_model": "Diffusion model",
    "lora": "LoRA",
    "embedding": "Embedding",
    "hypernetwork": "Hypernetwork",
    "vae": "VAE",
    "vae_approx": "VAE (approx.)",
    "controlnet": "ControlNet",
    "control_lora": "Control LoRA",
    "t2i_adapter": "T2I adapter",
    "ip_adapter": "IP adapter",
    "text_encoder": "Text encoder",
    "shard": "Shard",
    "vocab": "Vocab",
    "clip_vision": "CLIP vision",
    "upscaler": "Upscaler",
    "motion_module": "Motion module",
    "style_model": "Style model",
    "gligen": "GLIGEN",
    "photomaker": "PhotoMaker",
    "model_patch": "Model patch",
    "detector": "Detector",
    "segmenter": "Segmenter",
    "face_restore": "Face restoration",
    "classifier": "Classifier",
    "llm": "Language model",
    "vlm": "Vision language model",
    "mmproj": "Vision projector",
    "llm_adapter": "Language adapter",
    "text_embedding_model": "Text embedding model",
    "reranker": "Reranker",
    "audio": "Audio",
    "aesthetic_gradient": "Aesthetic gradient",
    "pose": "Pose",
    "wildcard": "Wildcard",
    "workflow": "Workflow",
    "other": "Other",
    "unknown": "Unknown",
}


def type_label(model_type: str | None) -> str:
    """Return the label of a canonical type: ``lora`` -> ``LoRA``; a word that is none is made readable."""
    if not model_type:
        return ""
    label = said(_TYPE_LABELS.get(model_type, ""))
    if not label:
        label = foreign_text(model_type, 80).replace("_", " ")
        label = label[:1].upper() + label[1:]
    return label


_COLUMN_LABELS = {
    "name": "Name",
    "type": "Type",
    "base_model": "Base model",
    "tags": "Tags",
    "trigger_words": "Trigger words",
    "rating": "Rating",
    "favorite": "Favourite",
    "nsfw": "NSFW",
    "notes": "Notes",
    "license": "Licence",
    "source_url": "Page",
    "preview": "Preview",
    "sha256": "SHA-256",
    "path": "File",
}
"""The light columns that records fill, in the order in which the window shows them."""


def column_label(column: str) -> str:
    """Return the words for a light column."""
    return said(_COLUMN_LABELS.get(column, "")) or column[:1].upper() + column[1:].replace("_", " ")


def column_order(columns: Iterable[str]) -> list[str]:
    """Return light columns in the order in which the window shows them."""
    places = {column: place for place, column in enumerate(_COLUMN_LABELS)}
    return sorted(columns, key=lambda column: (places.get(column, len(places)), column))


def column_text(column: str, value: object, *, lines: bool = False) -> str:
    """Return a light column's value as a person reads it; secrets in it are masked.

    With `lines` notes keep their lines, and entries that have commas of their own stand each on one.
    """
    if value is None or value == "" or value == () or value == []:
        return ""
    if column == "type":
        return type_label(str(value))
    if column == "license":
        return license_text(str(value))
    if column == "rating" and isinstance(value, int):
        return stars_text(value)
    if isinstance(value, bool) or column in ("favorite", "nsfw"):
        return said("yes") if value else said("no")
    if isinstance(value, list | tuple):
        entries = [str(entry) for entry in value]
        value = ("\n" if lines and any("," in entry for entry in entries) else ", ").join(entries)
    if column == "notes":
        value = notes_text(str(value))
    from modelmgr.payload import masked

    return foreign_text(masked(str(value)), lines=lines)


def notes_text(notes: str) -> str:
    """Return notes as a person reads them: the lines that say who wrote what follows name tools, not ids."""
    from modelmgr.vocabulary import source_name, with_source_names

    return with_source_names(notes, lambda source: said(source_name(source)))


_STATE_LABELS = {
    "present": "Present",
    "missing": "Missing",
    "offline": "Offline",
    "unreadable": "Unreadable",
    "duplicate": "Duplicate",
    "unidentified": "Unidentified",
    "hashing": "Hashing",
    "dangerous": "Dangerous",
    "unscanned": "Not scanned",
    "unhashed": "Hash failed",
}


_PERMISSIONS = {
    "credit=optional": "credit optional",
    "credit=required": "credit required",
    "derivatives=yes": "derivatives allowed",
    "derivatives=no": "no derivatives",
    "relicense=yes": "other licence allowed",
    "relicense=no": "same licence",
}


def license_text(value: str | None) -> str:
    """Return a licence as people read it; the permissions of a catalogue (``civitai:credit=...``) in words."""
    if not value or not value.startswith("civitai:"):
        return foreign_text(value, 300)
    facts = dict(part.partition("=")[::2] for part in value.removeprefix("civitai:").split(";"))
    words = [
        said(_PERMISSIONS.get(f"credit={facts.get('credit')}", "")),
        said("commercial use: {}").format(facts["commercial"].replace(",", ", "))
        if facts.get("commercial")
        else "",
        said(_PERMISSIONS.get(f"derivatives={facts.get('derivatives')}", "")),
        said(_PERMISSIONS.get(f"relicense={facts.get('relicense')}", "")),
    ]
    text = ", ".join(word for word in words if word)
    return foreign_text(text[:1].upper() + text[1:] if text else value, 300)


def state_label(state: str) -> str:
    """Return the word for a state of the library or of a file."""
    return said(_STATE_LABELS.get(state, "")) or state[:1].upper() + state[1:]


def is_web_address(text: str | None) -> bool:
    """Tell whether `text` may be offered as a link: https only, and nothing odd in it."""
    return (
        bool(text) and text is not None and text.startswith("https://") and text == foreign_text(text, 2000)
    )


_BREAKS = re.compile(r"[/\\_]|[^\s/\\_]{16}")


def breakable(text: str) -> str:
    """Let a label break paths and hashes, which have no blanks: an invisible place to break after each part.

    For text that has come through `foreign_text`, where no such mark of a stranger is left.
    """
    return _BREAKS.sub("\\g<0>\u200b", text)


def unbroken(text: str) -> str:
    """Return a text as it was before `breakable`."""
    return text.replace("\u200b", "")
