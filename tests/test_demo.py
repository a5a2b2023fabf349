"""The demo library is what it says: valid files, true headers, sidecars that tell what their tools would."""

import csv
import hashlib
import io
import json
import math
import struct
import zlib
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from modelmgr import demo
from modelmgr.demo import DemoLibrary, write_demo_library
from modelmgr.readers import read_header
from modelmgr.sqlite import driver
from modelmgr.vocabulary import canonical_base, canonical_type

BITS = {"F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8}
GGUF_BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 8: (32, 34), 12: (256, 144), 14: (256, 210)}
VALUE_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> DemoLibrary:
    return write_demo_library(tmp_path_factory.mktemp("demo"))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def models(library: DemoLibrary, suffix: str) -> list[Path]:
    """The files of that suffix that are meant to be whole."""
    debris = {library.empty, library.pointer, library.web_page, library.truncated}
    return [path for path in library.expected if path.suffix == suffix and path not in debris]


def check_safetensors(path: Path) -> None:
    """Hold a file against the format's own rules: the header fits, and the offsets tile the rest exactly."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert content[8:9] == b"{"
    header = json.loads(content[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    assert all(isinstance(value, str) for value in metadata.values())
    place = 0
    for name, tensor in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = tensor["data_offsets"]
        assert begin == place, name
        assert (end - begin) * 8 == math.prod(tensor["shape"]) * BITS[tensor["dtype"]], name
        place = end
    assert 8 + length + place == len(content)


class Cursor:
    """Reads GGUF numbers and texts one after the other."""

    def __init__(self, content: bytes, order: str = "<", count: str = "Q") -> None:
        self.content, self.place, self.order, self.count = content, 4, order, count

    def take(self, kind: str) -> int:
        (value,) = struct.unpack_from(self.order + kind, self.content, self.place)
        self.place += struct.calcsize(self.order + kind)
        return value

    def text(self) -> str:
        length = self.take(self.count)
        self.place += length
        return self.content[self.place - length : self.place].decode()

    def value(self, kind: int) -> object:
        if kind == 8:
            return self.text()
        if kind == 9:
            inner, length = self.take("I"), self.take(self.count)
            return [self.value(inner) for _ in range(length)]
        self.place += VALUE_BYTES[kind]
        raw = self.content[self.place - VALUE_BYTES[kind] : self.place]
        return int.from_bytes(raw, "little" if self.order == "<" else "big")


def check_gguf(path: Path, order: str = "<", version: int = 3) -> dict[str, object]:
    """Hold a GGUF file against its rules and return its metadata."""
    content = path.read_bytes()
    assert content[:4] == b"GGUF"
    cursor = Cursor(content, order, "I" if version == 1 else "Q")
    assert cursor.take("I") == version
    tensors, pairs = cursor.take(cursor.count), cursor.take(cursor.count)
    metadata = {}
    for _ in range(pairs):
        key = cursor.text()
        metadata[key] = cursor.value(cursor.take("I"))
    assert len(metadata) == pairs
    place = 0
    for _ in range(tensors):
        name = cursor.text()
        assert len(name) < 64
        shape = [cursor.take(cursor.count) for _ in range(cursor.take("I"))]
        elements, size_bytes = GGUF_BLOCKS[cursor.take("I")]
        assert cursor.take("Q") == place, name
        assert shape[0] % elements == 0
        place += math.prod(shape) // elements * size_bytes
        place += -place % 32
    begin = cursor.place + (-cursor.place % 32 if tensors else 0)
    assert begin + place == len(content)
    return metadata


# --- the three small files whose hashes the world knows ---------------------------------------------------------


def test_inkwash_harbor_has_its_known_hashes(tmp_path: Path) -> None:
    content = demo.write_inkwash_harbor(tmp_path).read_bytes()
    assert len(content) == 184
    digest = hashlib.sha256(content).hexdigest()
    assert digest == "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b"
    tensors = hashlib.sha256(content[120:]).hexdigest()
    assert tensors == "d53eda7a637c99cc7fb566d96e9fa109bf15c478410a3f5eb4d4c4e26cd081f6"
    assert f"{zlib.crc32(content):08x}" == "fdd31d46"


def test_copperleaf_xl_has_its_known_hashes(tmp_path: Path) -> None:
    content = demo.write_copperleaf_xl(tmp_path).read_bytes()
    assert len(content) == 2_097_248
    digest = hashlib.sha256(content).hexdigest()
    assert digest == "f6fc015f5cee804ba65df8a2da7db5d375c30b5072a05768e58c9598aa7ec0e6"
    tensors = hashlib.sha256(content[96:]).hexdigest()
    assert tensors == "7995dfceebfb9fa8972d361d53d899f6e268ecd6d823b5737198041fabc02e20"
    assert hashlib.sha256(content[0x100000:0x110000]).hexdigest()[:8] == "fee47b1f"
    assert f"{zlib.crc32(content):08x}" == "51e8de80"


def test_tiny_heron_has_its_known_hashes(tmp_path: Path) -> None:
    content = demo.write_tiny_heron(tmp_path).read_bytes()
    assert len(content) == 24
    digest = hashlib.sha256(content).hexdigest()
    assert digest == "a4e5e156ddec27e286f75328784d7106b60a4eb1d246e950a001a3f944fbda99"
    assert f"{zlib.crc32(content):08x}" == "42331dc7"


# --- the writers --------------------------------------------------------------------------------------------------


def test_a_safetensors_file_holds_what_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.safetensors"
    demo.write_safetensors(path, {"w": ("F16", [2, 3]), "scalar": ("F32", [])}, {"ключ": "значение"}, b"xy")
    check_safetensors(path)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert json.loads(content[8 : 8 + length])["__metadata__"] == {"ключ": "значение"}
    assert content[8 + length :] == b"xy" * 8


def test_no_metadata_is_not_the_same_as_empty_metadata(tmp_path: Path) -> None:
    demo.write_safetensors(tmp_path / "none.safetensors", {"w": ("U8", [1])})
    demo.write_safetensors(tmp_path / "empty.safetensors", {"w": ("U8", [1])}, {})
    assert b"__metadata__" not in (tmp_path / "none.safetensors").read_bytes()
    assert b'"__metadata__":{}' in (tmp_path / "empty.safetensors").read_bytes()


def test_a_tensor_of_half_a_byte_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="whole number of bytes"):
        demo.write_safetensors(tmp_path / "a.safetensors", {"w": ("F4", [3])})


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_gguf_file_is_valid_in_every_version_and_byte_order(
    tmp_path: Path, version: int, byteorder: demo.ByteOrder
) -> None:
    path = tmp_path / "a.gguf"
    metadata = {
        "general.architecture": "llama",
        "a.count": 7,
        "a.list": ["x", "ŷ"],
        "a.flag": True,
        "a.big": 1 << 40,
    }
    demo.write_gguf(path, metadata, {"w": ("Q4_0", [2, 64]), "b": ("F32", [3])}, version, byteorder)
    found = check_gguf(path, "<" if byteorder == "little" else ">", version)
    assert found == metadata | {"a.flag": 1}


def test_a_gguf_array_of_two_types_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one type"):
        demo.write_gguf(tmp_path / "a.gguf", {"a": ["x", 1]}, {})


def test_a_picture_is_a_png_with_many_colours_and_depends_on_its_name(tmp_path: Path) -> None:
    demo.write_png(tmp_path / "a.png", "Inkwash Harbor")
    content = (tmp_path / "a.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    place, chunks = 8, {}
    while place < len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        data = content[place + 8 : place + 8 + length]
        (checksum,) = struct.unpack_from(">I", content, place + 8 + length)
        assert checksum == zlib.crc32(kind + data)
        chunks[kind] = data
        place += 12 + length
    width, height, depth, colour_type = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert (width, height, depth, colour_type) == (256, 320, 8, 3)
    pixels = zlib.decompress(chunks[b"IDAT"])
    assert len(pixels) == height * (width + 1)
    assert len(set(pixels)) > 20
    assert demo.png("Inkwash Harbor") == content != demo.png("Copperleaf XL")


@pytest.mark.parametrize("number", range(40))
def test_every_scene_fits_its_frame(number: int) -> None:
    content = demo.png(f"picture {number}", 33, 21)
    place = content.index(b"IDAT")
    (length,) = struct.unpack_from(">I", content, place - 4)
    pixels = zlib.decompress(content[place + 4 : place + 4 + length])
    assert len(pixels) == 21 * 34
    assert set(pixels[::34]) == {0}


# --- the library --------------------------------------------------------------------------------------------------


def test_every_safetensors_file_is_valid(library: DemoLibrary) -> None:
    paths = models(library, ".safetensors")
    assert len(paths) > 60
    for path in paths:
        check_safetensors(path)


def test_every_gguf_file_is_valid(library: DemoLibrary) -> None:
    paths = models(library, ".gguf")
    assert len(paths) > 8
    for path in paths:
        assert check_gguf(path)["general.architecture"]


def test_one_language_model_has_a_chat_template(library: DemoLibrary) -> None:
    with_template = [p for p in models(library, ".gguf") if "tokenizer.chat_template" in check_gguf(p)]
    assert len(with_template) == 1


def test_the_library_is_small_enough_to_be_hashed_at_once(library: DemoLibrary) -> None:
    sizes = [path.stat().st_size for path in library.root.rglob("*") if path.is_file()]
    assert max(sizes) <= 4 * 1024 * 1024
    assert sum(sizes) <= 60 * 1024 * 1024


def test_expected_types_and_bases_are_words_of_the_vocabulary(library: DemoLibrary) -> None:
    for identity in library.expected.values():
        assert canonical_type(identity.type) == identity.type
        if identity.base_model is not None:
            assert canonical_base(identity.base_model) == identity.base_model


def test_the_readers_find_in_every_header_what_was_written_into_it(library: DemoLibrary) -> None:
    headers = {path: read_header(str(path)) for path in library.expected}
    found = {path: demo.Identity(header.type, header.base_model) for path, header in headers.items()}
    assert found == dict(library.expected)
    doubtful = {path for path, header in headers.items() if header.problems}
    assert doubtful == {library.empty, library.pointer, library.web_page, library.truncated}


def test_adapters_of_every_kind_are_told_apart(library: DemoLibrary) -> None:
    headers = [read_header(str(path)) for path in library.expected]
    assert {h.algorithm for h in headers if h.type == "lora"} == {"lora", "locon", "loha", "lokr", "dora"}


def test_every_model_lies_in_a_library_folder_and_no_other_file_looks_like_one(library: DemoLibrary) -> None:
    found = {p for folder in library.folders for s in ("*.safetensors", "*.gguf") for p in folder.rglob(s)}
    assert found == set(library.expected)
    assert not any(
        path.is_relative_to(folder) for folder in library.folders for path in (library.csv, library.sqlite)
    )


def test_only_the_duplicate_has_the_bytes_of_another_model(library: DemoLibrary) -> None:
    first, second = library.duplicate
    assert first != second
    counts = Counter(sha256(path) for path in library.expected)
    assert [digest for digest, count in counts.items() if count > 1] == [sha256(first)]
    assert sha256(first) == sha256(second)


def test_two_libraries_are_equal_byte_for_byte(library: DemoLibrary, tmp_path: Path) -> None:
    def digests(root: Path) -> dict[str, tuple[str, int]]:
        return {
            path.relative_to(root).as_posix(): (sha256(path), path.stat().st_mtime_ns if path in timed else 0)
            for path in root.rglob("*")
            if path.is_file()
        }

    other = write_demo_library(tmp_path / "another place")
    timed = {*library.expected, *other.expected}
    assert digests(other.root) == digests(library.root)


def test_writing_over_an_older_library_changes_nothing(library: DemoLibrary, tmp_path: Path) -> None:
    once = write_demo_library(tmp_path)
    before = {path: sha256(path) for path in tmp_path.rglob("*") if path.is_file()}
    assert write_demo_library(tmp_path) == once
    assert {path: sha256(path) for path in tmp_path.rglob("*") if path.is_file()} == before


def test_sidecars_claim_the_hashes_of_their_files_except_one(library: DemoLibrary) -> None:
    checked = 0
    for sidecar in library.root.rglob("*.civitai.info"):
        model = sidecar.with_name(sidecar.name.removesuffix(".civitai.info") + ".safetensors")
        if sidecar == library.broken_sidecar:
            continue
        claimed = json.loads(sidecar.read_bytes())["files"][0]["hashes"]["SHA256"].lower()
        assert (claimed == sha256(model)) is (sidecar != library.mismatch_sidecar)
        checked += 1
    for sidecar in library.root.rglob("*.metadata.json"):
        if sidecar == library.orphan_sidecar:
            continue
        model = sidecar.with_name(sidecar.name.removesuffix(".metadata.json") + ".safetensors")
        assert json.loads(sidecar.read_bytes())["sha256"] == sha256(model)
        checked += 1
    assert checked > 40
    assert library.mismatch.with_suffix(".civitai.info") == library.mismatch_sidecar


def test_the_broken_sidecar_does_not_parse(library: DemoLibrary) -> None:
    with pytest.raises(json.JSONDecodeError):
        json.loads(library.broken_sidecar.read_bytes())


def test_the_orphan_sidecar_has_no_model(library: DemoLibrary) -> None:
    sidecar = json.loads(library.orphan_sidecar.read_bytes())
    assert sidecar["favorite"] is True
    assert not list(library.orphan_sidecar.parent.glob("*.safetensors"))
    assert sidecar["sha256"] not in {sha256(path) for path in library.expected}


def test_tools_disagree_about_the_disputed_model(library: DemoLibrary) -> None:
    stem = library.disputed.with_suffix("")
    catalogue = json.loads(stem.with_suffix(".civitai.info").read_bytes())
    manager = json.loads(stem.with_suffix(".metadata.json").read_bytes())
    card = json.loads(stem.with_suffix(".json").read_bytes())
    assert (catalogue["baseModel"], manager["base_model"], card["sd version"]) == (
        "Pony",
        "Illustrious",
        "SDXL",
    )
    assert catalogue["model"]["name"] != manager["model_name"]


def test_files_that_only_look_like_models_hold_none(library: DemoLibrary) -> None:
    assert library.empty.stat().st_size == 0
    assert library.pointer.read_bytes().startswith(b"version https://git-lfs.github.com/spec/")
    assert library.web_page.read_bytes().startswith(b"<!DOCTYPE")
    content = library.truncated.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
    assert len(content) < 8 + length + max(ends)


def test_trained_loras_tell_how_and_name_their_parent_by_its_true_hash(library: DemoLibrary) -> None:
    parents = 0
    digests = {sha256(path) for path in library.expected}
    for path in models(library, ".safetensors"):
        content = path.read_bytes()
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
        if "ss_network_module" not in metadata:
            continue
        (counts,) = json.loads(metadata["ss_tag_frequency"]).values()
        assert all(isinstance(count, int) and count > 0 for count in counts.values())
        assert metadata["sshs_model_hash"] == hashlib.sha256(content[8 + length :]).hexdigest()
        if "ss_new_sd_model_hash" in metadata:
            assert metadata["ss_new_sd_model_hash"] in digests
            parents += 1
    assert parents > 5


def test_the_cache_of_the_web_ui_fits_the_files(library: DemoLibrary) -> None:
    cache = json.loads(library.cache.read_bytes())
    lora = library.cache.parent / "models" / "Lora" / "woodblock_tide.safetensors"
    content = lora.read_bytes()
    entry = cache["hashes-addnet"]["lora/woodblock_tide"]
    assert entry["mtime"] == lora.stat().st_mtime
    assert entry["sha256"] == hashlib.sha256(content[8 + int.from_bytes(content[:8], "little") :]).hexdigest()
    copy = cache["hashes"]["checkpoint/pewter_rain_v3.safetensors"]
    assert copy["sha256"] == sha256(library.duplicate[1])


def test_the_spreadsheet_leads_to_its_files_but_for_one(library: DemoLibrary) -> None:
    content = library.csv.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert len(rows) > 12
    gone = [row for row in rows if not (library.csv.parent / row["path"]).is_file()]
    assert [row["sha256"] for row in gone] == [library.gone_sha256]
    for row in rows:
        json.loads(row["meta_json"])
        if row not in gone:
            assert row["sha256"] == sha256(library.csv.parent / row["path"])


def test_the_other_exports_can_be_read(library: DemoLibrary) -> None:
    assert len(json.loads(library.json.read_bytes())["models"]) > 5
    lines = library.jsonl.read_bytes().splitlines()
    assert all((library.jsonl.parent / json.loads(line)["file_path"]).is_file() for line in lines)
    with closing(driver.connect(library.sqlite)) as database:
        rows = database.execute("SELECT sha256, meta_json FROM models").fetchall()
        tags = database.execute("SELECT count(*) FROM model_tags").fetchone()[0]
    digests = {sha256(path) for path in library.expected}
    assert len(rows) > 5
    assert tags > len(rows)
    for digest, payload in rows:
        assert digest in digests
        json.loads(payload)


def test_names_are_in_many_scripts_and_one_is_very_long(library: DemoLibrary) -> None:
    names = [json.loads(path.read_bytes())["model_name"] for path in library.root.rglob("*.metadata.json")]
    assert max(map(len, names)) == 200
    stems = "".join(path.stem for path in library.expected)
    assert {"霧", "Ü", "م", "ы"} <= set(stems)


def test_most_of_what_tools_know_has_a_preview(library: DemoLibrary) -> None:
    assert len(list(library.root.rglob("*.preview.png"))) > 35
    plain = [path for path in library.root.rglob("*.png") if not path.stem.endswith(".preview")]
    assert len(plain) > 2
