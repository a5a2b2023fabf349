"""ComfyUI-Model-Manager: ``<stem>.md`` beside a model; and ``<stem>.url`` of its forerunner.

The note is YAML between two lines ``---``, then Markdown; the person may have edited or replaced all of it. The
forerunner's ``<stem>.txt`` and ``<stem>.json`` are those of the web UIs (`a1111`): the same names, the same words.
"""

import os
import re
from bisect import bisect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelmgr import payload
from modelmgr.lazily import dataclass
from modelmgr.migration.beside import models_beside
from modelmgr.migration.hashes import partial_hashes, sha256_of_hashes
from modelmgr.migration.reading.container import read_container
from modelmgr.migration.reading.yaml_text import front_matter, parse_yaml
from modelmgr.migration.source import Container, Report
from modelmgr.migration.sources.civitai import UNPARSED, flags_of, mapping_of, several_files, unparsed_claims
from modelmgr.migration.sources.sidecar import Sidecar
from modelmgr.payload import clean_name, clean_text, page_url
from modelmgr.values import MIB, Claims, Record
from modelmgr.vocabulary import canonical_base

_PROBED_KEYS = frozenset(("website", "modelPage", "hashes", "baseModel"))
_KEY_LINE = re.compile(r"^[\"']?(?:" + "|".join(sorted(_PROBED_KEYS)) + r")[\"']?[ \t]*+:", re.MULTILINE)
_HEADING = re.compile(r"^#[ \t]++(\S.*)$", re.MULTILINE)
_FENCE = re.compile(r"^(`{3,}|~{3,})", re.MULTILINE)
_TABS = re.compile(r"^[ \t]*\t[ \t]*", re.MULTILINE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_TRIGGER_WORDS = "trigger words"
_ABOUT = "about this version"
_NO_WORDS = "no trigger words"
_NO_NAME = "none"
_NAME_PLACE = 2

# A heading or a page may stand anywhere in a note, but no note is that long.
_NOTE_LIMIT_BYTES = 16 * MIB
_LINK_LIMIT_BYTES = MIB


@dataclass(frozen=True, slots=True)
class _Note:
    """A note taken apart.

    Attributes:
        matter: the YAML block; None if there is none.
        body: the rest.
        flags: ``front-matter-open`` if no line closes the block.
    """

    matter: str | None
    body: str
    flags: tuple[str, ...] = ()


class ModelManagerNote(Sidecar):
    """``<stem>.md`` with front matter; without any, one beside a model that the user named, or of the tool's form."""

    id = "model-manager-md"
    record_ids = ("model-manager-md",)
    ending = ".md"

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the keys of the front matter; without a model beside it, the tool's own words must be there.

        A plain ``.md`` is most often some project's documentation: only what begins as the tool's notes do, or what
        the user points at, is a person's note on a model.
        """
        content = read_container(container.path)
        note = _taken_apart(payload.text(content, _NOTE_LIMIT_BYTES))
        beside = bool(self.models_of(self.stem_of(container.name), container.siblings))
        if note.matter is None:
            return beside and (container.named or _headings(note.body)[:1] == [_TRIGGER_WORDS])
        if beside:
            return _KEY_LINE.search(note.matter) is not None
        said, _ = _matter_of(note)
        return clean_name(said.get("website")) in ("Civitai", "HuggingFace") and "modelPage" in said

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the front matter says, the words under the tool's headings, and a person's own text."""
        names = self.models_of(self.stem_of(os.path.basename(record.source_path)), siblings)
        if len(record.payload) > _NOTE_LIMIT_BYTES:
            return unparsed_claims(record, payload.Parsed(message="It is larger than 16 MiB."), names)
        note = _taken_apart(payload.text(record.payload))
        said, found = _matter_of(note)
        fields = _body_fields(note)
        flags = flags_of(record, found, (*note.flags, *several_files(names)))
        if not found.ok:
            return Claims(
                fields=fields,
                personal=frozenset(("notes",)) & fields.keys(),
                stem_names=names,
                problem=UNPARSED,
                message=f"Its front matter can't be read. {found.message}",
                flags=flags,
            )
        if base := canonical_base(clean_name(said.get("baseModel"))):
            fields["base_model"] = base
        if url := page_url(said.get("modelPage")):
            fields["source_url"] = url
        hashes = mapping_of(said.get("hashes"))
        return Claims(
            fields=fields,
            personal=frozenset(("notes",)) & fields.keys(),
            sha256=sha256_of_hashes(hashes),
            partial_hashes=partial_hashes(hashes),
            stem_names=names,
            marker=not said and not note.body.strip(),
            flags=flags,
        )


class ModelManagerLink(Sidecar):
    """``<stem>.url`` beside a model: a Windows shortcut to its page."""

    id = "cdb-boop-url"
    record_ids = ("cdb-boop-url",)
    ending = ".url"

    def probe(self, container: Container, report: Report) -> bool:
        """Tell whether it lies beside a model of its stem."""
        return bool(self.models_of(self.stem_of(container.name), container.siblings))

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return the page."""
        names = models_beside(self.stem_of(os.path.basename(record.source_path)), siblings)
        text = payload.text(record.payload, _LINK_LIMIT_BYTES)
        lines = (line.strip().partition("=") for line in text.splitlines())
        pages = (page_url(address) for key, _, address in lines if key.strip().lower() == "url")
        page = next((page for page in pages if page), None)
        said = Claims(fields={"source_url": page} if page else {}, stem_names=names, marker=not text.strip())
        flags = (*(() if page or said.marker else ("no-page",)), *several_files(names))
        return replace(said, flags=flags_of(record, payload.Parsed(), flags))


# --- the parts of a note ----------------------------------------------------------------------------------


def _taken_apart(text: str) -> _Note:
    """Split a note. A block that no line closes ends before the first heading, for the tool always writes one."""
    text = text.removeprefix("\ufeff").rstrip("\0")
    parts = front_matter(text)
    if parts is not None:
        return _Note(*parts)
    first, _, rest = text.partition("\n")
    if first.rstrip() != "---":
        return _Note(None, text)
    heading = _HEADING.search(rest)
    end = heading.start() if heading else len(rest)
    return _Note(rest[:end], rest[end:], ("front-matter-open",))


def _matter_of(note: _Note) -> tuple[Mapping[Any, Any], payload.Parsed]:
    """Return the front matter as a mapping, and how reading it went.

    Tabs, which YAML doesn't take for indentation, and control characters are put up with at a second try.
    """
    if note.matter is None:
        return {}, payload.Parsed()
    found = parse_yaml(_encoded(note.matter))
    if not found.ok and found.code != "too_deep":
        repaired = _CONTROLS.sub("", _TABS.sub("  ", note.matter))
        again = parse_yaml(_encoded(repaired))
        if again.ok:
            found = replace(again, flags=(*again.flags, payload.PARSED_TOLERANT))
    if found.ok and found.value is not None and not isinstance(found.value, Mapping):
        found = payload.Parsed(ok=False, message="It holds no keys.", code=UNPARSED)
    # An empty block says nothing about the whole note.
    flags = tuple(flag for flag in found.flags if flag != payload.EMPTY)
    return mapping_of(found.value), replace(found, flags=flags)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _body_fields(note: _Note) -> dict[str, Any]:
    """Return name and trigger words of a body in the tool's order, or all of another one as the person's notes.

    Without front matter it is a person's note in any order, and whole, for the tool writes none without.
    """
    headings = _headings(note.body)
    notes = clean_text(note.body)
    if headings[:1] != [_TRIGGER_WORDS] or note.body[: _first_heading(note.body)].strip():
        return {"notes": notes} if notes else {}
    fields: dict[str, Any] = {} if note.matter is not None else {"notes": notes}
    if words := _words_of(note.body):
        fields["trigger_words"] = words
    name = clean_name(_titles(note.body)[_NAME_PLACE]) if len(headings) > _NAME_PLACE else ""
    if headings[1:2] == [_ABOUT] and name and name.lower() != _NO_NAME:
        fields["name"] = name
    return fields


def _words_of(body: str) -> tuple[str, ...]:
    """Return the words under the first heading; of several lines, which only a person makes, each is an entry."""
    found = list(_HEADING.finditer(body))
    section = body[found[0].end() : found[1].start() if len(found) > 1 else len(body)].strip()
    lines = [line.strip() for line in section.splitlines() if line.strip()]
    if len(lines) == 1:
        lines = [word.strip() for word in lines[0].split(", ")]
    entries = (clean_text(line) for line in lines)
    return tuple(
        dict.fromkeys(entry for entry in entries if entry and entry.rstrip(".").lower() != _NO_WORDS)
    )


def _titles(body: str) -> list[str]:
    """Return the headings of level 1; what stands between fences is code."""
    fences = [found.start() for found in _FENCE.finditer(body)]
    return [found[1] for found in _HEADING.finditer(body) if bisect(fences, found.start()) % 2 == 0]


def _headings(body: str) -> list[str]:
    return [title.strip(" \t\r#").lower() for title in _titles(body)]


def _first_heading(body: str) -> int:
    found = _HEADING.search(body)
    return found.start() if found else len(body)
