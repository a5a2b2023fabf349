"""ComfyUI's asset database, in each of its revisions."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from modelmgr.sqlite import driver
from tests.migration.specimens import Specimen
from tests.migration.specimens.models import A

REVISIONS = ("0001_dev", "0001_assets", "0002", "0003", "0004", "0005", "0006", "0007_record_content_split")

HASH = f"blake3:{A['BLAKE3']}"
TIME = "2026-07-01 10:20:30.123456"
TAGS = ("models", "model_type:loras", "Harbor")

_TIMES = "created_at DATETIME, updated_at DATETIME, last_access_time DATETIME"


def schema(revision: str) -> list[str]:
    """Return the tables of a revision."""
    number = int(revision[:4])
    statements = ["CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"]
    name = "0001_assets" if number == 1 else revision
    statements.append(f"INSERT INTO alembic_version VALUES ('{name}')")
    tag_type = ", tag_type VARCHAR(32)" if number < 4 else ""
    statements.append(f"CREATE TABLE tags (name VARCHAR(512) PRIMARY KEY{tag_type})")
    meta = "key VARCHAR(256), ordinal INTEGER, val_str, val_num, val_bool, val_json"
    if revision == "0001_dev":
        return [
            *statements,
            "CREATE TABLE assets (hash VARCHAR(256) PRIMARY KEY, size_bytes BIGINT, mime_type, refcount INTEGER,"
            " storage_backend VARCHAR(32), storage_locator TEXT)",
            "CREATE TABLE assets_info (id INTEGER PRIMARY KEY AUTOINCREMENT, owner_id, name VARCHAR(512), asset_hash,"
            f" preview_hash, user_metadata JSON, {_TIMES})",
            "CREATE TABLE asset_locator_state (asset_hash PRIMARY KEY, mtime_ns BIGINT, etag, last_modified)",
            "CREATE TABLE asset_info_tags (asset_info_id INTEGER, tag_name, origin, added_at,"
            " PRIMARY KEY (asset_info_id, tag_name))",
            f"CREATE TABLE asset_info_meta (asset_info_id INTEGER, {meta}, PRIMARY KEY (asset_info_id, key, ordinal))",
        ]
    if number == 1:
        return [
            *statements,
            "CREATE TABLE assets (id VARCHAR(36) PRIMARY KEY, hash, size_bytes BIGINT, mime_type, created_at)",
            "CREATE TABLE assets_info (id VARCHAR(36) PRIMARY KEY, owner_id, name, asset_id, preview_id,"
            f" user_metadata JSON, {_TIMES})",
            "CREATE TABLE asset_cache_state (id INTEGER PRIMARY KEY, asset_id, file_path TEXT UNIQUE, mtime_ns BIGINT,"
            " needs_verify BOOLEAN)",
            "CREATE TABLE asset_info_tags (asset_info_id, tag_name, origin, added_at,"
            " PRIMARY KEY (asset_info_id, tag_name))",
            f"CREATE TABLE asset_info_meta (asset_info_id, {meta}, PRIMARY KEY (asset_info_id, key, ordinal))",
        ]
    if number < 7:
        later = ", system_metadata JSON, job_id VARCHAR(36)" if number >= 3 else ""
        later += ", loader_path TEXT" if number >= 6 else ""
        return [
            *statements,
            "CREATE TABLE assets (id VARCHAR(36) PRIMARY KEY, hash, size_bytes BIGINT, mime_type, created_at)",
            "CREATE TABLE asset_references (id VARCHAR(36) PRIMARY KEY, asset_id, file_path TEXT UNIQUE,"
            " mtime_ns BIGINT, needs_verify BOOLEAN, is_missing BOOLEAN, enrichment_level INTEGER, owner_id, name,"
            f" preview_id, user_metadata JSON, {_TIMES}, deleted_at DATETIME{later})",
            "CREATE TABLE asset_reference_tags (asset_reference_id, tag_name, origin, added_at,"
            " PRIMARY KEY (asset_reference_id, tag_name))",
            f"CREATE TABLE asset_reference_meta (asset_reference_id, {meta},"
            " PRIMARY KEY (asset_reference_id, key, ordinal))",
        ]
    return [
        *statements,
        "CREATE TABLE asset_contents (id VARCHAR(36) PRIMARY KEY, hash, size_bytes BIGINT, path TEXT, mtime_ns BIGINT,"
        " is_missing BOOLEAN, created_at)",
        "CREATE TABLE assets (id VARCHAR(36) PRIMARY KEY, content_id, name, mime_type, system_metadata JSON, job_id,"
        f" user_metadata JSON, loader_path, preview_id, {_TIMES})",
        "CREATE TABLE asset_tags (asset_id, tag_name, origin, added_at, PRIMARY KEY (asset_id, tag_name))",
        "CREATE TABLE asset_system_state (key TEXT PRIMARY KEY, value TEXT)",
    ]


class Assets:
    """A database in the making; each record has a content of its own unless one is named.

    Attributes:
        connection: open until `close`.
    """

    def __init__(self, path: Path, revision: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.revision = revision
        self.connection = driver.connect(path)
        for statement in schema(revision):
            self.connection.execute(statement)
        self._contents: dict[str, str] = {}

    def put(self, table: str, **row: Any) -> Any:
        cursor = self.connection.execute(
            f"INSERT INTO {table}({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())
        )
        return cursor.lastrowid

    def add(
        self,
        key: str,
        path: str,
        *,
        name: str = "inkwash_harbor.safetensors",
        digest: str | None = HASH,
        size_bytes: int = 184,
        user: Any = None,
        system: Any = None,
        tags: Sequence[str] = TAGS,
        preview: Any = None,
        content: str = "",
        **columns: Any,
    ) -> Any:
        """Add a record; return its key. `content` names that of an earlier record, which then is shared."""
        number = int(self.revision[:4])
        user = json.dumps(user) if isinstance(user, dict) else user
        system = json.dumps(system) if isinstance(system, dict) else system
        times = {"created_at": TIME, "updated_at": TIME, "last_access_time": TIME}
        held = {"hash": digest, "size_bytes": size_bytes}
        row = {"name": name, "user_metadata": user, **times, **columns}
        link = content or f"content-{key}"
        if self.revision == "0001_dev":
            if not content:
                self.put("assets", **held, mime_type="x", storage_backend="fs", storage_locator=path)
                self.put("asset_locator_state", asset_hash=digest, mtime_ns=1719000111500000000)
            key = self.put("assets_info", owner_id="", asset_hash=digest, preview_hash=preview, **row)
            owner = "asset_info"
        elif number == 1:
            if not content:
                self.put("assets", id=link, **held, mime_type="x", created_at=TIME)
                self.put("asset_cache_state", asset_id=link, file_path=path, mtime_ns=1, needs_verify=0)
            self.put("assets_info", id=key, owner_id="", asset_id=link, preview_id=preview, **row)
            owner = "asset_info"
        elif number < 7:
            if not content:
                self.put("assets", id=link, **held, mime_type="x", created_at=TIME)
            if number >= 3:
                row["system_metadata"] = system
            row = {"needs_verify": 0, "is_missing": 0, **row}
            self.put("asset_references", id=key, asset_id=link, file_path=path, preview_id=preview, **row)
            owner = "asset_reference"
        else:
            if not content:
                self.put(
                    "asset_contents", id=link, **held, path=path, mtime_ns=1, is_missing=0, created_at=TIME
                )
            self.put("assets", id=key, content_id=link, preview_id=preview, system_metadata=system, **row)
            owner = "asset"
        for tag in tags:
            self.put(f"{owner}_tags", **{f"{owner}_id": key}, tag_name=tag, origin="manual", added_at=TIME)
        return key

    def close(self) -> None:
        self.connection.commit()
        self.connection.close()


def place(root: Path, relative: str, content: bytes = A["bytes"]) -> Path:
    path = root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _write(folder: Path) -> None:
    path = place(folder, "models/loras/inkwash_harbor.safetensors")
    with closing(Assets(folder / "user" / "comfyui.db", "0006")) as assets:
        assets.add("41d0", str(path), user={"notes": "favourite"})


def _write_full(folder: Path) -> None:
    path = place(folder, "models/loras/inkwash_harbor.safetensors")
    picture = place(folder, "output/harbor.png", b"\x89PNG")
    with closing(Assets(folder / "user" / "comfyui.db", "0006")) as assets:
        assets.add("7f11", str(picture), name="harbor.png", digest=None, size_bytes=4, tags=("output",))
        assets.add(
            "41d0",
            str(path),
            name="Harbor in ink.safetensors",
            user={
                "notes": "favourite",
                "trained_words": ["inkwash"],
                "source_url": "https://example.org/ink",
            },
            system={"format": "safetensors", "base_model": "sdxl_base_v1-0", "trained_words": ["1girl"]},
            preview="7f11",
            loader_path="inkwash_harbor.safetensors",
            enrichment_level=2,
            mtime_ns=1719000111500000000,
        )
        assets.put(
            "asset_reference_meta", asset_reference_id="41d0", key="notes", ordinal=0, val_str="favourite"
        )


SPECIMENS = [Specimen("comfyui-assets", "sqlite", "user/comfyui.db", _write, full=_write_full)]
