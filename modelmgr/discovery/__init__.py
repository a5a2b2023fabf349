"""Folders -> model files, and files -> hashes. Knows no catalog and writes nothing."""

from modelmgr.discovery.hashing import HashJob, HashResult, hash_files, partial_hashes, sha256_of
from modelmgr.discovery.scan import is_blob, looks_like_a_model, walk_models

__all__ = [
    "HashJob",
    "HashResult",
    "hash_files",
    "is_blob",
    "looks_like_a_model",
    "partial_hashes",
    "sha256_of",
    "walk_models",
]
