"""Claimed hashes: which kind a text is, and which values are known to say nothing.

A claim is never a fact: only the bytes of a file make an identity. Every value here is lower-case hex.
"""

import re
from collections.abc import Mapping
from typing import Any

_HEX = re.compile(r"[0-9a-f]+")

_LENGTHS = {"AutoV1": 8, "AutoV2": 10, "AutoV3": 12, "CRC32": 8, "BLAKE3": 64}
_KINDS = {kind.lower(): kind for kind in _LENGTHS}

OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""SHA-256 of no bytes: repackaging tools write it (or its beginning) where a hash should be."""

_FALSE = frozenset(
    (
        OF_NOTHING,
        OF_NOTHING[:12],
        OF_NOTHING[:10],
        OF_NOTHING[:8],  # the AutoV1 of every file below 1 MiB
        "de2f2560",  # the same of DiffusionToolkit, which hashes 64 KiB of zeros then
    )
)


def full_sha256(value: object) -> str | None:
    """Return a claimed SHA-256 of a whole file, None for what is none or is known to be false."""
    return _hex(value, 64)


def partial_hash(kind: str, value: object) -> str | None:
    """Return a claimed hash of another kind (a key of `Claims.partial_hashes`), None if it says nothing."""
    if kind == "AutoV3" and isinstance(value, str) and len(value.strip()) == 64:
        value = value.strip()[:12]  # some dumps hold the whole tensor hash
    return _hex(value, _LENGTHS[kind])


def partial_hashes(hashes: Mapping[Any, Any]) -> dict[str, str]:
    """Return the partial hashes of a Civitai ``hashes`` object; re-saved files spell its keys in any case."""
    found: dict[str, str] = {}
    for key, value in hashes.items():
        kind = _KINDS.get(str(key).lower())
        if kind is not None and (digits := partial_hash(kind, value)) is not None:
            found[kind] = digits
    return found


def sha256_of_hashes(hashes: Mapping[Any, Any]) -> str | None:
    """Return the whole-file SHA-256 of a Civitai ``hashes`` object."""
    return next((full_sha256(value) for key, value in hashes.items() if str(key).lower() == "sha256"), None)


def _hex(value: object, length: int) -> str | None:
    if not isinstance(value, str):
        return None
    digits = value.strip().lower()
    if len(digits) != length or not _HEX.fullmatch(digits) or digits in _FALSE or not digits.strip("0"):
        return None
    return digits
