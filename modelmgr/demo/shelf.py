"""The library while it is being written, and what was written."""

import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from modelmgr.demo.exports import write_csv, write_json, write_jsonl, write_sqlite
from modelmgr.demo.model_files import tensor_bytes, write_gguf, write_safetensors
from modelmgr.demo.paintings import chance_of, write_png
from modelmgr.demo.sidecars import beside, write_sidecars
from modelmgr.demo.told import Told, plain, time_of, told_of
from modelmgr.resources import resource_path


@dataclass(frozen=True, slots=True)
class Identity:
    """What a model's header proves, in the words of the catalog."""

    type: str
    base_model: str | None


@dataclass(frozen=True, slots=True)
class DemoLibrary:
    """What was written, and the places worth knowing.

    Attributes:
        root: the folder that holds everything.
        folders: the library folders, ready to be added and scanned.
        expected: every model file -> what its header says.
        duplicate: two files of equal bytes, in two library folders.
        mismatch: a model whose sidecar claims another file's SHA-256; `mismatch_sidecar` is that sidecar.
        broken_sidecar: a sidecar cut off in the middle.
        orphan_sidecar: a sidecar whose model is gone.
        disputed: a model about which three sidecars say different things.
        empty, pointer, web_page: files named like models that hold none; `truncated` is half a download.
        cache: the web UI's own cache of hashes.
        csv, json, jsonl, sqlite: exports, outside the library folders.
        gone_sha256: the hash that the CSV claims for a model that no longer exists.
    """

    root: Path
    folders: tuple[Path, ...]
    expected: Mapping[Path, Identity]
    duplicate: tuple[Path, Path]
    mismatch: Path
    mismatch_sidecar: Path
    broken_sidecar: Path
    orphan_sidecar: Path
    disputed: Path
    empty: Path
    pointer: Path
    web_page: Path
    truncated: Path
    cache: Path
    csv: Path
    json: Path
    jsonl: Path
    sqlite: Path
    gone_sha256: str


def write_demo_library(root: Path) -> DemoLibrary:
    """Write the whole library below `root` (made if need be): some 90 models, 60 MB, in half a second."""
    content = json.loads(resource_path("demo", "library.json").read_bytes())
    shelf = _Shelf(
        root, json.loads(resource_path("demo", "blueprints.json").read_bytes()), content["chat_template"]
    )
    for story in content["models"]:
        shelf.add(story)
    gone = [shelf.add_gone(story) for story in content["gone"]]
    debris = shelf.add_debris()
    webui = root / "stable-diffusion-webui"
    cache = shelf.write_cache(webui)
    exports = root / "exports"
    rows = shelf.told
    write_csv(exports / "spreadsheet.csv", [row for row in rows if "csv" in row.story.get("export", ())])
    write_json(exports / "collection.json", [row for row in rows if "json" in row.story.get("export", ())])
    write_jsonl(exports / "shelf.jsonl", [row for row in rows if "jsonl" in row.story.get("export", ())])
    write_sqlite(exports / "shelf.sqlite", [row for row in rows if "sqlite" in row.story.get("export", ())])
    return DemoLibrary(
        root=root,
        folders=(root / "ComfyUI" / "models", webui, root / "llm"),
        expected=shelf.expected,
        duplicate=(shelf.roles["original"], shelf.roles["duplicate"]),
        mismatch=shelf.roles["mismatch"],
        mismatch_sidecar=beside(shelf.roles["mismatch"], ".civitai.info"),
        broken_sidecar=beside(shelf.roles["broken"], ".civitai.info"),
        orphan_sidecar=beside(shelf.roles["orphan"], ".metadata.json"),
        disputed=shelf.roles["disputed"],
        empty=debris["empty"],
        pointer=debris["pointer"],
        web_page=debris["web_page"],
        truncated=debris["truncated"],
        cache=cache,
        csv=exports / "spreadsheet.csv",
        json=exports / "collection.json",
        jsonl=exports / "shelf.jsonl",
        sqlite=exports / "shelf.sqlite",
        gone_sha256=gone[0].sha256,
    )


class _Shelf:
    """The library while it is being written."""

    def __init__(self, root: Path, blueprints: Mapping[str, Any], chat_template: str) -> None:
        self.root = root
        self.expected: dict[Path, Identity] = {}
        self.roles: dict[str, Path] = {}
        self.told: list[Told] = []
        self._blueprints = blueprints
        self._chat_template = chat_template
        self._by_path: dict[str, Told] = {}

    def add(self, story: Mapping[str, Any]) -> None:
        """Write one model, its preview and its sidecars."""
        path = self.root / story["path"]
        blueprint = self._blueprints[story["from"]]
        header: Mapping[str, Any] = {}
        if "copy_of" in story:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((self.root / story["copy_of"]).read_bytes())
            self.roles["original"] = self.root / story["copy_of"]
        else:
            header = self._write_model(path, story, blueprint)
        told = told_of(path, story, blueprint["type"], header)
        os.utime(path, (told.time, told.time))
        self._by_path[story["path"]] = told
        self.told.append(told)
        self.expected[path] = Identity(blueprint["type"], story.get("base_in_header", blueprint["base"]))
        if "role" in story:
            self.roles[story["role"]] = path
        _write_preview(path, story)
        write_sidecars(path, told)

    def add_gone(self, story: Mapping[str, Any]) -> Told:
        """Write what is left of a model that is gone: a row to be exported, or a sidecar without its model."""
        place = story.get("path", story.get("file", ""))
        digest = hashlib.sha256(f"the bytes of {place}".encode())
        told = Told(story, place, story["type"], 228_452_032, digest.hexdigest(), None, "", time_of(place))
        if "path" in story:
            path = self.root / place
            self.roles["orphan"] = path
            _write_preview(path, story)
            write_sidecars(path, told)
        if "export" in story:
            self.told.append(told)
        return told

    def add_debris(self) -> dict[str, Path]:
        """Write files that are named like models and hold none, or half of one."""
        loras = self.root / "ComfyUI" / "models" / "loras" / "concept"
        paths = {
            "empty": self.root / "stable-diffusion-webui" / "models" / "Lora" / "empty_pier.safetensors",
            "pointer": loras / "north_jetty.safetensors",
            "web_page": loras / "please_log_in.safetensors",
            "truncated": loras / "unfinished_sky.safetensors",
        }
        paths["empty"].write_bytes(b"")
        oid = hashlib.sha256(b"north jetty").hexdigest()
        paths["pointer"].write_text(
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 228452032\n",
            "utf-8",
            newline="\n",
        )
        page = "<!DOCTYPE html>\n<html><head><title>Log in</title></head><body>Please log in first.</body></html>\n"
        paths["web_page"].write_text(page, "utf-8", newline="\n")
        story = {"path": "unfinished_sky", "title": "Unfinished Sky"}
        self._write_model(paths["truncated"], story, self._blueprints["lora-sd1"])
        os.truncate(paths["truncated"], paths["truncated"].stat().st_size * 6 // 10)
        for path in paths.values():
            time = time_of(path.name)
            os.utime(path, (time, time))
            self.expected[path] = Identity("unknown", None)
        self.expected[paths["truncated"]] = Identity("lora", "SD 1.x")
        return paths

    def write_cache(self, webui: Path) -> Path:
        """Write the web UI's cache of hashes and headers, valid for the files' times."""
        hashes, addnet, headers = {}, {}, {}
        for told in self.told:
            if not told.path.startswith("stable-diffusion-webui/models/"):
                continue
            name = PurePosixPath(told.path)
            if name.parent.name == "Stable-diffusion":
                hashes[f"checkpoint/{name.name}"] = {"mtime": float(told.time), "sha256": told.sha256}
            elif name.parent.name == "Lora":
                addnet[f"lora/{name.stem}"] = {"mtime": float(told.time), "sha256": told.tensor_sha256}
                parsed = {
                    key: json.loads(value) if value.startswith("{") else value
                    for key, value in told.header.items()
                }
                headers[f"lora/{name.stem}"] = {"mtime": float(told.time), "value": parsed}
        path = webui / "cache.json"
        content = {"hashes": hashes, "hashes-addnet": addnet, "safetensors-metadata": headers}
        path.write_bytes(json.dumps(content, indent=4).encode())
        return path

    def _write_model(
        self, path: Path, story: Mapping[str, Any], blueprint: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        rank = story.get("rank", blueprint.get("rank", 0))
        tensors = dict(self._tensors(blueprint, rank))
        fill = _numbers_like(story["path"])
        if blueprint.get("format") == "gguf":
            metadata = self._gguf_metadata(story, blueprint)
            write_gguf(path, metadata, tensors, fill=fill)
            return metadata
        header = self._safetensors_metadata(path, story, blueprint, rank)
        if "network" in blueprint:
            # As kohya's trainer has it: the tensors' own hash, which outlives edits of the header.
            header["sshs_model_hash"] = hashlib.sha256(tensor_bytes(tensors, fill)).hexdigest()
        write_safetensors(path, tensors, header, fill)
        return header

    def _tensors(
        self, blueprint: Mapping[str, Any], rank: int
    ) -> Iterator[tuple[str, tuple[str, list[int]]]]:
        for part in blueprint.get("parts", ()):
            yield from self._tensors(self._blueprints[part], rank)
        for pattern, spec in blueprint.get("tensors", {}).items():
            dtype, _, dims = spec.partition(" ")
            shape = [rank if dim == "r" else int(dim) for dim in dims.split("x") if dim]
            for name in _expanded(pattern):
                yield name, (dtype, shape)

    def _safetensors_metadata(
        self, path: Path, story: Mapping[str, Any], blueprint: Mapping[str, Any], rank: int
    ) -> dict[str, str]:
        header = {"format": "pt"}
        if "network" in blueprint:
            header = self._training(path, story, blueprint, rank)
        if "architecture" in blueprint:
            header |= {
                "modelspec.sai_model_spec": "1.0.1",
                "modelspec.architecture": blueprint["architecture"],
                "modelspec.implementation": "sgm",
                "modelspec.title": story["title"],
                "modelspec.author": "Demo Workshop",
                "modelspec.date": datetime.fromtimestamp(time_of(story["path"]), UTC).strftime("%Y-%m-%d"),
                "modelspec.description": plain(story["about"]),
                "modelspec.tags": ", ".join(story["tags"]),
            }
        header.update(story.get("header", {}))
        return header

    def _training(
        self, path: Path, story: Mapping[str, Any], blueprint: Mapping[str, Any], rank: int
    ) -> dict[str, str]:
        """Return what a kohya-style trainer leaves in the header: everything is text, structures are JSON text."""
        chance = chance_of(story["path"] + " training")
        started = time_of(story["path"]) - 90_000
        side = 1024 if blueprint["base"] not in ("SD 1.x", "SD 2.x") else 512
        images = 20 + int(next(chance) * 180)
        words = [word for entry in story.get("words", ()) for word in entry.split(", ")]
        plain = ["outdoors", "no humans", "water", "sky", "scenery", "reflection", "night", "lantern"]
        counts = dict.fromkeys(words, images)
        counts |= {tag: 1 + int(next(chance) * images) for tag in [*story.get("tags", ()), *plain]}
        header = {
            "ss_output_name": path.stem,
            "ss_base_model_version": blueprint["trained_on"],
            "ss_network_module": blueprint["network"],
            "ss_network_dim": str(rank),
            "ss_network_alpha": str(rank / 2),
            "ss_learning_rate": "0.0001",
            "ss_unet_lr": "0.0001",
            "ss_text_encoder_lr": "5e-05",
            "ss_optimizer": "bitsandbytes.optim.adamw.AdamW8bit",
            "ss_lr_scheduler": "cosine",
            "ss_resolution": f"({side}, {side})",
            "ss_num_train_images": str(images),
            "ss_num_epochs": "10",
            "ss_epoch": "10",
            "ss_steps": str(images * 10 // 2),
            "ss_batch_size_per_device": "2",
            "ss_mixed_precision": "bf16",
            "ss_clip_skip": "None",
            "ss_seed": str(int(next(chance) * 1_000_000)),
            "ss_v2": str(blueprint["base"] == "SD 2.x"),
            "ss_training_started_at": f"{started}.25",
            "ss_training_finished_at": f"{started + 3600 + images * 40}.75",
            "ss_training_comment": "made for the demo library",
            "ss_tag_frequency": json.dumps({f"10_{path.stem}": counts}),
            "ss_bucket_info": json.dumps(
                {
                    "buckets": {
                        "0": {"resolution": [side, side], "count": images * 7},
                        "1": {"resolution": [side * 3 // 4, side * 5 // 4], "count": images * 3},
                    },
                    "mean_img_ar_error": 0.0125,
                }
            ),
        }
        if "algorithm" in blueprint:
            arguments: dict[str, object] = {"algo": blueprint["algorithm"], "conv_dim": rank, "conv_alpha": 1}
            if "dora" in story["from"]:
                arguments["dora_wd"] = True
            header["ss_network_args"] = json.dumps(arguments)
        if "trained_from" in story:
            parent = self._by_path[story["trained_from"]]
            header["ss_sd_model_name"] = PurePosixPath(parent.path).name
            header["ss_new_sd_model_hash"] = parent.sha256
        return header

    def _gguf_metadata(self, story: Mapping[str, Any], blueprint: Mapping[str, Any]) -> dict[str, object]:
        metadata: dict[str, object] = dict(blueprint["metadata"])
        if blueprint["type"] != "diffusion_model":  # the converters of image models leave these out
            metadata |= {"general.name": story["title"], "general.license": "apache-2.0"}
            if story["tags"]:
                metadata["general.tags"] = story["tags"]
        if count := blueprint.get("tokens"):
            special = ["<unk>", "<s>", "</s>"]
            metadata["tokenizer.ggml.tokens"] = special + [
                f"\u2581w{index}" for index in range(count - len(special))
            ]
            metadata["tokenizer.ggml.token_type"] = [3] * len(special) + [1] * (count - len(special))
        if story.get("chat_template"):
            metadata["tokenizer.chat_template"] = self._chat_template
        metadata.update(story.get("header", {}))
        return metadata


def _expanded(pattern: str) -> Iterator[str]:
    """Yield the names that ``a.{0..2}.{k,v}`` stands for."""
    pieces = re.split(r"\{([^{}]+)\}", pattern)
    choices: list[Iterable[str]] = []
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            choices.append([piece])
        elif ".." in piece:
            first, last = piece.split("..")
            choices.append([str(number) for number in range(int(first), int(last) + 1)])
        else:
            choices.append(piece.split(","))
    return ("".join(parts) for parts in itertools.product(*choices))


def _numbers_like(name: str) -> bytes:
    """Return bytes of its own for each name that read as ordinary small numbers in F16, BF16, F32 and F64 alike."""
    digest = hashlib.sha256(name.encode()).digest()
    return bytes(byte if index % 2 == 0 else 0x3C | byte & 3 for index, byte in enumerate(digest))


def _write_preview(path: Path, story: Mapping[str, Any]) -> None:
    endings = {"preview": ".preview.png", "plain": ".png"}
    if kind := story.get("preview"):
        write_png(beside(path, endings[kind]), story["title"])
