"""ComfyUI-Custom-Scripts (pysssss): ``<stem>.sha256`` beside a model.

The hash is written once and never again, so one that is older than its model is none. The same form is written by
``sha256sum``, with file names behind the hashes. The notes of these scripts are ``<stem>.txt`` (`a1111`).
"""

import os
import re
from dataclasses import replace
from typing import Any

from modelmgr import payload
from modelmgr.migration.beside import base_name, is_model_name, models_beside, same_name
from modelmgr.migration.hashes import full_sha256
from modelmgr.migration.reading.container import read_beginning
from modelmgr.migration.source import Container, Report
from modelmgr.migration.sources.civitai import flags_of, several_files
from modelmgr.migration.sources.sidecar import OLDER_THAN, Sidecar, newer_models
from modelmgr.values import MIB, Claims, Record

# ``\`` marks an escaped file name, ``*`` a file read as bytes (GNU coreutils, "cksum output modes").
_LINE = re.compile(r"\\?([0-9a-fA-F]{64})(?:[ \t]+\*?(\S.*))?")
_LIMIT_BYTES = MIB


class PysssssHash(Sidecar):
    """``<stem>.sha256``, or ``<model file name>.sha256``."""

    id = "pysssss-sha256"
    record_ids = ("pysssss-sha256",)
    ending = ".sha256"

    def probe(self, container: Container, report: Report) -> bool:
        """Tell whether it lies beside a model, or names the model that isn't there any more."""
        if self.models_of(self.stem_of(container.name), container.siblings):
            return True
        found = _hashes(payload.text(read_beginning(container.path, _LIMIT_BYTES)))
        return len(found) == 1 and is_model_name(base_name(found[0][1]))

    def models_of(self, stem: str, siblings: frozenset[str]) -> tuple[str, ...]:
        """Return the model of that very name, else those of the stem."""
        return (stem,) if is_model_name(stem) and stem in siblings else models_beside(stem, siblings)

    def facts_around(self, container: Container, content: bytes) -> dict[str, Any] | None:
        """Return which models are newer than the hash."""
        names = self.models_of(self.stem_of(container.name), container.siblings)
        newer = newer_models(container, names, container.mtime_ns)
        return {OLDER_THAN: newer} if newer else None

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return the hash, of several lines that of the model's own name."""
        names = self.models_of(self.stem_of(os.path.basename(record.source_path)), siblings)
        text = payload.text(record.payload, _LIMIT_BYTES)
        found = _hashes(text)
        named = [
            digits for digits, name in found if any(same_name(base_name(name), other) for other in names)
        ]
        digits = full_sha256(named[0] if named else found[0][0] if len(found) == 1 else None)
        flags: tuple[str, ...] = several_files(names)
        if (record.extra or {}).get(OLDER_THAN):
            digits, flags = None, ("stale-hash", *flags)
        elif digits is None and text.strip():
            flags = ("no-hash", *flags)
        path = base_name(found[0][1]) if len(found) == 1 and "\0" not in found[0][1] else ""
        said = Claims(
            sha256=digits,
            own_hash=digits is not None,
            path=path or None,
            stem_names=names,
            marker=not text.strip(),
        )
        return replace(said, flags=flags_of(record, payload.Parsed(), flags))


def _hashes(text: str) -> list[tuple[str, str]]:
    """Return hash and file name (perhaps empty) of each line that has one."""
    lines = (_LINE.fullmatch(line.strip()) for line in text.removeprefix("\ufeff").rstrip("\0").splitlines())
    return [(found[1], found[2] or "") for found in lines if found]
