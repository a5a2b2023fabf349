"""Folders -> model files, and files -> hashes. Knows no catalog and writes nothing."""

from modelmgr.discovery.groups import Group, components_of, groups_in, pipeline, read_marker
from modelmgr.discovery.hashing import HashJob, HashResult, hash_files, partial_hashes, sha256_of
from modelmgr.discovery.scan import is_blob, looks_like_a_model, walk_models

__all__ = [
    "Group",
    "HashJob",
    "HashResult",
    "components_of",
    "groups_in",
    "hash_files",
    "is_blob",
    "looks_like_a_model",
    "partial_hashes",
    "pipeline",
    "read_marker",
    "sha256_of",
    "walk_models",
]
