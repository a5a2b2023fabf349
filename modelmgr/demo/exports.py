"""Exports: tables that somebody wrote of a part of the library."""

import csv
import io
import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path, PurePosixPath

from modelmgr.demo.told import CATALOGUE_TYPES, Told
from modelmgr.sqlite import driver

_CSV_COLUMNS = [
    *("name", "type", "sha256", "path", "size", "base_model", "tags", "rating", "favorite", "nsfw"),
    *("notes", "trigger_words", "meta_json"),
]


def write_csv(path: Path, rows: Sequence[Told]) -> None:
    """Write a spreadsheet as a person would save it: semicolons, a BOM, paths relative to the file."""
    text = io.StringIO(newline="")
    table = csv.writer(text, delimiter=";", lineterminator="\r\n")
    table.writerow(_CSV_COLUMNS)
    for row in rows:
        story = row.story
        table.writerow(
            [
                story["title"],
                row.type,
                row.sha256,
                f"../{row.path}",
                row.size_bytes,
                story["base"],
                "|".join(story["tags"]),
                story.get("rating"),
                "yes" if story.get("favorite") else "no",
                {True: "yes", False: "no", None: ""}[story.get("nsfw")],
                story.get("notes"),
                json.dumps(story["words"], ensure_ascii=False),
                json.dumps(
                    {"shelf": PurePosixPath(row.path).parent.name, "version": story["version"]},
                    ensure_ascii=False,
                ),
            ]
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.getvalue().encode("utf-8-sig"))


def write_json(path: Path, rows: Sequence[Told]) -> None:
    """Write a script's dump: other names for the columns, paths of another computer, nested metadata."""
    models = [
        {
            "title": row.story["title"],
            "category": CATALOGUE_TYPES.get(row.type, row.type),
            "hash": row.sha256.upper(),
            "location": "D:\\AI\\" + row.path.replace("/", "\\"),
            "base": row.story["base"],
            "labels": row.story["tags"],
            "stars": row.story.get("rating", 0),
            "favourite": bool(row.story.get("favorite")),
            "comment": row.story.get("notes", ""),
            "triggers": row.story["words"],
            "link": f"https://models.example.org/{row.id}",
            "licence": "CC-BY-4.0",
            "meta_json": {
                "trainedWords": row.story["words"],
                "description": row.story["about"],
                "exported": row.iso,
            },
        }
        for row in rows
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        json.dumps({"exported_by": "shelf 0.3", "models": models}, indent=2, ensure_ascii=False).encode()
    )


def write_jsonl(path: Path, rows: Sequence[Told]) -> None:
    """Write one object a line; without hashes, so that only the path leads to the file."""
    lines = [
        json.dumps(
            {
                "model_name": row.story["title"],
                "model_type": row.type,
                "file_path": f"../{row.path}",
                "size_bytes": row.size_bytes,
                "base_model": row.story["base"],
                "tags": row.story["tags"],
                "rating": row.story.get("rating"),
                "notes": row.story.get("notes"),
                "raw": json.dumps({"words": row.story["words"]}, ensure_ascii=False),
            },
            ensure_ascii=False,
        )
        for row in rows
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + "\n" for line in lines).encode())


def write_sqlite(path: Path, rows: Sequence[Told]) -> None:
    """Write a database of somebody's own: a table `models` with a payload column, and one of tags."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # a table that is there already would not be written again
    with closing(driver.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE models (id INTEGER PRIMARY KEY, sha256 TEXT, name TEXT, type TEXT, base_model TEXT,"
            " path TEXT, size INTEGER, rating INTEGER, favorite INTEGER, nsfw INTEGER, notes TEXT,"
            " meta_json TEXT, created_at TEXT)"
        )
        database.execute("CREATE TABLE model_tags (model_id INTEGER, tag TEXT)")
        for number, row in enumerate(rows, 1):
            story = row.story
            payload = {
                "trainedWords": story["words"],
                "baseModel": story["base"],
                "shelf": number,
                "extra": {"π": 3.14159},
            }
            values = (
                number,
                row.sha256,
                story["title"],
                row.type,
                story["base"],
                f"../{row.path}",
                row.size_bytes,
                story.get("rating"),
                int(bool(story.get("favorite"))),
                story.get("nsfw"),
                story.get("notes"),
                json.dumps(payload, ensure_ascii=False),
                row.iso,
            )
            database.execute(f"INSERT INTO models VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608
            database.executemany(
                "INSERT INTO model_tags VALUES (?, ?)", [(number, tag) for tag in story["tags"]]
            )
