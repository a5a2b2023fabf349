"""Folders -> model files, and files -> hashes. Knows no catalog and writes nothing."""

from modelmgr.discovery.ahead import walk_known_folders
from modelmgr.discovery.digests import (
    opened,
    partial_hashes,
    quick_of,
    sha256_of,
    tensor_quick_of,
    tensors_at,
)
from modelmgr.discovery.groups import (
    PIPELINE_MARKER,
    Group,
    Listing,
    components_of,
    group_of,
    groups_in,
    pipeline,
    read_marker,
)
from modelmgr.discovery.hashing import (
    Hashing,
    HashResult,
    Kinds,
    Look,
    hash_files,
)
from modelmgr.discovery.ignore import HIDDEN, PARTIAL_DOWNLOAD, PATTERN, IgnoreRules
from modelmgr.discovery.lanes import HashJob
from modelmgr.discovery.scan import (
    NO_RULES,
    FileRow,
    Folder,
    QuickCheck,
    changed_folders,
    ignored_files,
    is_blob,
    is_partial_download,
    looks_like_a_model,
    walk_folders,
)
from modelmgr.discovery.small import Head, HeadBytes
from modelmgr.discovery.watch import PACE, Pace, watch_folders

__all__ = [
    "HIDDEN",
    "NO_RULES",
    "PACE",
    "PARTIAL_DOWNLOAD",
    "PATTERN",
    "PIPELINE_MARKER",
    "FileRow",
    "Folder",
    "Group",
    "HashJob",
    "HashResult",
    "Hashing",
    "Head",
    "HeadBytes",
    "IgnoreRules",
    "Kinds",
    "Listing",
    "Look",
    "Pace",
    "QuickCheck",
    "changed_folders",
    "components_of",
    "group_of",
    "groups_in",
    "hash_files",
    "ignored_files",
    "is_blob",
    "is_partial_download",
    "looks_like_a_model",
    "opened",
    "partial_hashes",
    "pipeline",
    "quick_of",
    "read_marker",
    "sha256_of",
    "tensor_quick_of",
    "tensors_at",
    "walk_folders",
    "walk_known_folders",
    "watch_folders",
]
