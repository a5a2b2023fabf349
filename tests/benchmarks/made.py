"""What the benchmarks work on: catalogs of any size, trees of model files, folders of sidecars."""

import contextlib
import hashlib
import json
import os
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelmgr.catalog import Catalog, engine
from modelmgr.values import Changes

TEXT = (
    "inkwash harbor copperleaf velvet meadow lantern orbit glass maple static ember quiet salt paper drift "
    "signal amber thistle hollow prism"
)
WORDS = TEXT.split()
TYPES = ("lora", "lora", "lora", "lora", "checkpoint", "embedding", "vae", "controlnet", "upscaler", "llm")
BASES = ("SDXL 1.0", "SD 1.5", "Flux.1 D", "Pony", "Illustrious", "Qwen", "Wan Video", None)
HEADER_FACTS = json.dumps({"type": "unknown", "base_model": None, "certain": False, "suggestions": {}})
ROWS_AT_ONCE = 5_000
SPARSE_FROM, SPARSE = 500_000, 50
"""In catalogs of so many models one in so many has a record: the payloads of all would take gigabytes."""


def payload(chance: random.Random, name: str, sha256: str, size_bytes: int) -> bytes:
    """Return a sidecar like those of a download tool, padded with a description to about `size_bytes`."""
    document: dict[str, Any] = {
        "id": chance.randrange(10**6),
        "modelId": chance.randrange(10**6),
        "name": "v1.0",
        "baseModel": chance.choice(BASES) or "Other",
        "trainedWords": chance.sample(WORDS, 3),
        "model": {"name": name, "type": "LORA", "tags": chance.sample(WORDS, 4)},
        "files": [{"name": f"{name}.safetensors", "hashes": {"SHA256": sha256.upper()}, "primary": True}],
        "description": "",
    }
    missing = size_bytes - len(json.dumps(document))
    document["description"] = " ".join(chance.choices(WORDS, k=max(1, missing // 7)))
    return json.dumps(document).encode()


def payload_size(chance: random.Random) -> int:
    """Return a size from 4 to 20 KB."""
    return chance.randrange(4_000, 20_000)


def sha256_of(number: int) -> str:
    """Return the hash that a made-up model has, by its number from 0."""
    return hashlib.sha256(str(number).encode()).hexdigest()


@contextlib.contextmanager
def bulk_load(catalog: Catalog) -> Iterator[Any]:
    """Hold one transaction on an empty catalog; its search index is filled at the end."""
    with (
        catalog.transaction(Changes(models=True, pending=True)) as writer,
        engine.search_filled_after(writer.connection(), first_id=1),
    ):
        yield writer.connection()


def make_catalog(path: Path, models: int, *, payload_each: int = 1) -> None:
    """Make a catalog of so many models, each with a file, a header, origins and tags; some have a record.

    Through the program's own schema and its way to load in bulk; only the rows are made up.

    Args:
        path: of the catalog.
        models: how many.
        payload_each: one in so many models, from the first on, has a record with a payload; 0: none has.
    """
    catalog = Catalog.open(path)
    with bulk_load(catalog) as conn:
        for start in range(0, models, ROWS_AT_ONCE):
            rows = list(_rows(range(start, min(models, start + ROWS_AT_ONCE)), payload_each))
            for table, columns in _COLUMNS.items():
                _insert(conn, table, columns, [row for made in rows for row in made[table]])
        conn.execute("INSERT INTO library_folders(path, added_at, state) VALUES ('/models', 0, 'offline')")
    catalog.close()


def make_pending(path: Path, records: int) -> None:
    """Put so many pending records into a catalog, of several sources, kinds and problems, each with a small payload."""
    problems = (None, None, "no_location", "file_missing", "several_files")
    catalog = Catalog.open(path)
    with bulk_load(catalog) as conn:
        conn.execute("INSERT INTO batches(id, paths, state, started_at, seen, imported, unchanged, ignored, failed, "
                     "problems) VALUES (1, '[]', 'done', 0, 0, 0, 0, 0, 0, '[]')")  # fmt: skip
        for start in range(0, records, ROWS_AT_ONCE):
            rows = []
            for number in range(start, min(records, start + ROWS_AT_ONCE)):
                chance = random.Random(number)
                name = f"{chance.choice(WORDS)} {chance.choice(WORDS)} {number}"
                body = json.dumps({"name": name, "id": number}).encode()
                rows.append(
                    (
                        1, chance.choice(("civitai-info", "a1111-json")), f"/old/{number % 97}/{name}.civitai.info", "",
                        hashlib.sha256(body).hexdigest(), "", len(body), name, TYPES[number % 10],
                        chance.choice(BASES), f"/models/{name}.safetensors", 0, "pending", chance.choice(problems), "",
                        "[]", 0, body,
                    )
                )  # fmt: skip
            _insert(conn, "pending_models", _PENDING_COLUMNS, rows)
    catalog.close()


_PENDING_COLUMNS = (
    "batch_id source source_path record_key payload_sha256 extra_sha256 size_bytes name type base_model file_path "
    "located state problem message candidates imported_at meta_json"
)
_COLUMNS = {
    "models": "id sha256 name type base_model size_bytes format path file_name folder file_count tags rating favorite "
    "nsfw trigger_words notes added_at modified_at hash_state file_state search_text",
    "files": "model_id path size_bytes mtime_ns inode device state sha256 seen_at",
    "headers": "model_id header facts",
    "origins": "model_id origins",
    "model_tags": "model_id key tag",
    "records": "model_id source source_path record_key payload_sha256 extra_sha256 size_bytes imported_at binding "
    "chief meta_json",
}


def _insert(conn: Any, table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
    names = columns.split()
    conn.executemany(
        f"INSERT INTO {table}({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
        rows,
    )


def _rows(numbers: range, payload_each: int) -> Iterator[dict[str, list[tuple[Any, ...]]]]:
    for number in numbers:
        chance = random.Random(number)
        sha256 = sha256_of(number)
        name = f"{chance.choice(WORDS)} {chance.choice(WORDS)} {number}"
        folder = f"/models/{TYPES[number % 10]}/{number % 97}"
        path = f"{folder}/{name}.safetensors"
        tags = chance.sample(WORDS, 3)
        triggers = chance.sample(WORDS, 2)
        base = chance.choice(BASES)
        size, time = chance.randrange(10**6, 10**10), 1_600_000_000 + chance.randrange(10**8)
        has_record = payload_each > 0 and number % payload_each == 0
        body = payload(chance, name, sha256, payload_size(chance)) if has_record else b"{}"
        text = "\n".join([name, f"{name}.safetensors", *tags, *triggers, base or ""]).casefold()
        yield {
            "models": [
                (
                    number + 1,
                    sha256,
                    name,
                    TYPES[number % 10],
                    base,
                    size,
                    "safetensors",
                    path,
                    f"{name}.safetensors",
                    folder,
                    1,
                    json.dumps(tags),
                    chance.choice((None, None, 3, 4, 5)),
                    int(number % 50 == 0),
                    0,
                    json.dumps(triggers),
                    "a note " * 5,
                    time,
                    time,
                    "done",
                    "present",
                    text,
                )
            ],
            "files": [(number + 1, path, size, time * 10**9, number + 1, 1, "present", sha256, time)],
            "headers": [(number + 1, '{"format": "safetensors"}', HEADER_FACTS)],
            "origins": [(number + 1, '{"name": ["civitai-info", 3, null]}')],
            "model_tags": [(number + 1, tag, tag) for tag in tags],
            "records": [
                (
                    number + 1,
                    "civitai-info",
                    f"{folder}/{name}.civitai.info",
                    "",
                    hashlib.sha256(body).hexdigest(),
                    "",
                    len(body),
                    time,
                    "beside",
                    1,
                    body,
                )
            ]
            if has_record
            else [],
        }


def model_bytes(number: int, size_bytes: int = 4_096) -> bytes:
    """Return a small safetensors LoRA, each number with other bytes."""
    header = json.dumps(
        {
            "lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": {
                "dtype": "F16",
                "shape": [size_bytes // 2],
                "data_offsets": [0, size_bytes // 2 * 2],
            }
        }
    ).encode()
    return (
        struct.pack("<Q", len(header))
        + header
        + (struct.pack("<Q", number) * size_bytes)[: size_bytes // 2 * 2]
    )


def make_tree(root: Path, files: int, size_bytes: int = 4_096) -> None:
    """Write so many small model files, a hundred to a folder."""
    for number in range(files):
        folder = root / f"{number // 100:05d}"
        if number % 100 == 0:
            folder.mkdir(parents=True)
        (folder / f"model {number}.safetensors").write_bytes(model_bytes(number, size_bytes))


def make_library(root: Path, files: int) -> None:
    """Write so many LoRAs of 100 to 400 kB, 200 to a folder, each with a sidecar and a preview beside it."""
    chance = random.Random(files)
    noise = os.urandom(1 << 20)
    for number in range(files):
        folder = root / f"{number // 200:05d}"
        if number % 200 == 0:
            folder.mkdir(parents=True)
        name = f"model {number}"
        tags = {f"{word} {place} {number}": place + 1 for place, word in enumerate(chance.sample(WORDS, 3))}
        header: dict[str, Any] = {
            "__metadata__": {
                "ss_output_name": name,
                "ss_base_model_version": "sdxl_base_v1-0",
                "ss_tag_frequency": json.dumps({"10_folder": tags}),
            }
        }
        end = 0
        for block in range(chance.randrange(5, 19)):
            module = f"lora_unet_input_blocks_4_1_transformer_blocks_{block}_attn2_to_k"
            for part, shape in (("lora_down", [4, 2048]), ("lora_up", [640, 4])):
                begin, end = end, end + 2 * shape[0] * shape[1]
                entry = {"dtype": "F16", "shape": shape, "data_offsets": [begin, end]}
                header[f"{module}.{part}.weight"] = entry
        text = json.dumps(header, separators=(",", ":")).encode()
        start = chance.randrange(len(noise) - end)
        path = folder / f"{name}.safetensors"
        path.write_bytes(struct.pack("<Q", len(text)) + text + noise[start : start + end])
        body = payload(chance, name, sha256_of(number), payload_size(chance))
        (folder / f"{name}.civitai.info").write_bytes(body)
        (folder / f"{name}.preview.png").write_bytes(noise[:100])


def make_sidecars(root: Path, sidecars: int) -> None:
    """Write so many sidecars of 4 to 20 KB, a hundred to a folder."""
    for number in range(sidecars):
        chance = random.Random(number)
        folder = root / f"{number // 100:05d}"
        if number % 100 == 0:
            folder.mkdir(parents=True)
        sha256 = sha256_of(number)
        body = payload(chance, f"model {number}", sha256, payload_size(chance))
        (folder / f"model {number}.civitai.info").write_bytes(body)


def make_large_files(root: Path, files: int, size_bytes: int) -> list[Path]:
    """Write files of random bytes."""
    root.mkdir(parents=True, exist_ok=True)
    block = os.urandom(1 << 20)
    made = [root / f"large {number}.safetensors" for number in range(files)]
    for path in made:
        with open(path, "wb") as file:
            for _ in range(size_bytes >> 20):
                file.write(block)
    return made
