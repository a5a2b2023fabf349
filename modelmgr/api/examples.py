"""Examples for the OpenAPI document: a request and an answer of each route. Tests hold them against the shapes."""

import os
from collections.abc import Mapping
from typing import Any

from modelmgr.api.failures import ERRORS

_MODELS = "/models" if os.name == "posix" else "C:\\models"
_SEP = os.sep
_SHA256 = "3f1c0a6d92b7e845c1d07f3ba2e6948d5170cc9be2a4f6138807d95e4bc1f27a"
_PAYLOAD_SHA256 = "b02e7d19c35af4810d6e92c7815fb3a46d0e29f71c84ba530f9e61d2a7c8045b"
_JOB = "9f2c41d07a6be358"
_VERSION = "eb77ef85b531-42"
_STATE = "5f2c9d417be0368a41d7c0fe92b85d13"
_TIME = "2026-03-01T09:30:00Z"
_FILE = f"{_MODELS}{_SEP}loras{_SEP}inkwash_harbor.safetensors"
_SIDECAR = f"{_MODELS}{_SEP}loras{_SEP}inkwash_harbor.civitai.info"

_LIGHT: Mapping[str, Any] = {
    "name": "Inkwash Harbor",
    "type": "lora",
    "size_bytes": 228452032,
    "sha256": _SHA256,
    "base_model": "SDXL 1.0",
    "format": "safetensors",
    "path": _FILE,
    "file_name": "inkwash_harbor.safetensors",
    "folder": f"{_MODELS}{_SEP}loras",
    "file_count": 1,
    "tags": ["style", "ink"],
    "rating": 4,
    "favorite": True,
    "nsfw": False,
    "trigger_words": ["inkwash"],
    "notes": "weight 0.7",
    "license": None,
    "source_url": "https://civitai.com/models/1234?modelVersionId=5678",
    "preview": f"{_MODELS}{_SEP}loras{_SEP}inkwash_harbor.preview.png",
    "added_at": _TIME,
    "modified_at": "2025-11-20T18:02:11Z",
    "hash_state": "done",
    "file_state": "present",
}
_QUEUED: Mapping[str, Any] = {
    "id": _JOB,
    "kind": "scan",
    "title": "Scan for another program",
    "state": "queued",
    "done": 0,
    "total": None,
    "unit": None,
    "text": "",
    "created_at": _TIME,
    "ended_at": None,
    "error": None,
}
_DONE: Mapping[str, Any] = {
    **_QUEUED,
    "state": "done",
    "done": 228452032,
    "total": 228452032,
    "unit": "bytes",
    "ended_at": "2026-03-01T09:30:02Z",
}
_RESULT: Mapping[str, Any] = {
    "seen": 1,
    "added": 1,
    "updated": 0,
    "unchanged": 0,
    "ignored": 0,
    "failed": 0,
    "missing": 0,
    "offline": 0,
    "moved": 0,
    "rewritten": 0,
    "hashed": 1,
    "bytes_hashed": 228452032,
    "problems": [],
    "elapsed_s": 1.731,
    "cancelled": False,
}

PARAMETERS: Mapping[str, Any] = {
    "limit": 100,
    "cursor": "WyJlYjc3ZWY4NWI1MzYiLCI0eF9wZWFybHNtb290aCIsNTld",
    "fields": "name,sha256,path",
    "search": "inkwash",
    "type": ["lora"],
    "base": ["SDXL 1.0"],
    "tag": ["style"],
    "folder": [f"{_MODELS}{_SEP}loras"],
    "state": ["present"],
    "favorite": True,
    "sort": "added_at",
    "desc": True,
    "hash": _SHA256[:10].upper(),
    "sha256": _SHA256,
    "side": 256,
    "pending.state": "pending",
    "problem": "no_file",
    "source": "civitai-info",
    "If-Match": f'"{_VERSION}.{_STATE}"',
    "If-None-Match": f'"{_VERSION}.e3b0c44298fc"',
}
"""Of parameters, by their names; with the operation before it where that differs."""

BODIES: Mapping[str, Mapping[str, Any]] = {
    "edit": {
        "rating": {"summary": "A rating and a tag.", "value": {"set": {"rating": 5}, "add_tags": ["ink"]}},
        "reset": {"summary": "The imported name again.", "value": {"reset": ["name"]}},
    },
    "scan": {
        "everything": {"summary": "All library folders.", "value": {}},
        "folder": {"summary": "A folder, new or known.", "value": {"paths": [_MODELS]}},
    },
    "import_models": {
        "paths": {
            "summary": "What other tools left below a folder.",
            "value": {"paths": [f"{_MODELS}{_SEP}loras"]},
        },
        "models": {
            "summary": "Models that the client knows itself, only to see what would come.",
            "value": {
                "models": [
                    {
                        "name": "Inkwash Harbor",
                        "type": "lora",
                        "sha256": _SHA256,
                        "path": _FILE,
                        "meta_json": {"trigger": "inkwash", "notes": "weight 0.7"},
                    }
                ],
                "dry_run": True,
            },
        },
    },
    "promote": {
        "all": {"summary": "All that wait.", "value": {"all": True}},
        "some": {"summary": "Some, also without a file.", "value": {"ids": [1, 2], "allow_missing": True}},
    },
}
"""Of request bodies: operation -> name -> example."""

ANSWERS: Mapping[str, Any] = {
    "health": {"version": "0.1.0", "catalog": "ok"},
    "models": {
        "models": [_LIGHT],
        "total": 86,
        "next_cursor": PARAMETERS["cursor"],
        "data_version": _VERSION,
    },
    "by_hash": {
        "hash": _SHA256[:10],
        "candidates": [
            {
                "kind": "AutoV2",
                "trust": "computed",
                "sha256": _SHA256,
                "name": "Inkwash Harbor",
                "model": _LIGHT,
                "source": None,
                "source_path": None,
                "record_key": None,
                "record_id": None,
                "pending_id": None,
            }
        ],
    },
    "model": {
        **_LIGHT,
        "meta_json": {"id": 5678, "trainedWords": ["inkwash"]},
        "records": [
            {
                "id": 7,
                "source": "civitai-info",
                "source_path": _SIDECAR,
                "record_key": "",
                "payload_sha256": _PAYLOAD_SHA256,
                "size": 41,
                "payload_text": '{"id": 5678, "trainedWords": ["inkwash"]}',
                "extra": None,
                "imported_at": _TIME,
                "gone": False,
            }
        ],
        "files": [
            {
                "path": _FILE,
                "size_bytes": 228452032,
                "modified_at": "2025-11-20T18:02:11Z",
                "mtime_ns": 1763661731000000000,
                "state": "present",
                "sha256": _SHA256,
                "link_target": None,
                "member": None,
            }
        ],
        "hashes": [
            {"kind": "SHA256", "hash": _SHA256, "trust": "computed"},
            {"kind": "AutoV2", "hash": _SHA256[:10], "trust": "computed"},
        ],
        "danger": None,
        "attachments": [
            {
                "path": _LIGHT["preview"],
                "kind": "preview",
                "size": 48213,
                "sha256": None,
                "kept": None,
            }
        ],
        "header": {"base_model": "SDXL 1.0", "tensors": 722},
        "provenance": {"name": {"source": "civitai-info", "rank": 3, "record_id": 7}},
        "edited": ["rating"],
    },
    "edit": {**_LIGHT, "rating": 5, "edited": ["rating"], "group": 12},
    "pending": {
        "pending": [
            {
                "id": 12,
                "batch_id": 3,
                "source": "civitai-info",
                "source_path": _SIDECAR,
                "record_key": "",
                "name": "Inkwash Harbor",
                "type": "lora",
                "base_model": "SDXL 1.0",
                "sha256": _SHA256,
                "file_path": None,
                "state": "pending",
                "problem": "no_file",
                "message": "The record names no file that is here.",
                "candidates": [],
                "payload_sha256": _PAYLOAD_SHA256,
                "size": 41,
                "imported_at": _TIME,
                "gone": False,
            }
        ],
        "total": 1,
        "next_cursor": None,
        "data_version": _VERSION,
    },
    "record": '{"id": 5678, "trainedWords": ["inkwash"]}',
    "scan": {"job": _JOB},
    "import_models": {"job": _JOB},
    "promote": {"job": _JOB},
    "jobs": {"jobs": [_DONE], "total": 1},
    "job": {**_DONE, "result": _RESULT},
    "cancel": {**_QUEUED, "state": "cancelled", "ended_at": "2026-03-01T09:30:01Z", "result": None},
    "events": 'event: changes\ndata: {"data_version": "eb77ef85b531-43"}\n\n',
}
"""Of answers, by the operation; pictures have none."""


def of_answer(operation: str, status: int) -> Any:
    """Return an answer of an operation with that status; None if there is no example."""
    if status < 400:
        return ANSWERS.get(operation)
    meaning, codes = ERRORS[status]
    return {"error": {"code": next(iter(codes)), "message": meaning, "details": {}}}
