import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmgr.errors import Unreadable
from modelmgr.migration.detect import probed
from modelmgr.migration.source import Container
from modelmgr.migration.sources.model_header import GgufHeader, SafetensorsHeader, metadata_claims
from modelmgr.progress import Progress
from modelmgr.values import Record
from tests.migration.specimens.models import A, B, C
from tests.migration.specimens.sidecars import WORDS, header

SOURCE, GGUF = SafetensorsHeader(), GgufHeader()


class Desk:
    """One model file, and what a source makes of it."""

    def __init__(self, folder):
        self.path = folder / "model"
        self.problems = []

    def container(self, content, asked):
        self.path.write_bytes(content)
        facts = self.path.stat()
        return Container(str(self.path), "model", facts.st_size, facts.st_mtime_ns, asked=asked)

    def takes(self, content, *, asked=False, source=SOURCE):
        return probed(source, self.container(content, asked), self.problems.append)

    def record(self, content, source=SOURCE):
        (record,) = source.records(self.container(content, True), Progress(), self.problems.append)
        return record

    def claims(self, content, source=SOURCE):
        record = self.record(content, source)
        claims = source.claims(record, frozenset())
        assert claims.path == str(self.path)
        return claims


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


# --- safetensors: which headers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "taken"),
    [
        (WORDS, True),
        (b'{"ssmd_rating":"4"}', True),
        # The editor writes all nine keys at once.
        (b'{"ssmd_display_name":"","ssmd_rating":"0","ssmd_tags":"","ssmd_cover_images":"[]"}', False),
        (b'{"ssmd_rating":null,"ssmd_version":"None"}', False),
        (b'{"ss_output_name":"ink","modelspec.title":"Ink"}', False),
        (b'{"ss_x":"{\\"ssmd_rating\\": 4}"}', False),
        (b"{}", False),
    ],
)
def test_only_a_persons_words_make_a_record_unasked(desk, metadata, taken):
    assert desk.takes(header(metadata)) is taken
    assert desk.takes(header(metadata), asked=True)
    assert desk.problems == []


def test_words_are_found_wherever_they_stand(desk):
    tensors = b",".join(
        b'"t%d":{"dtype":"F32","shape":[16],"data_offsets":[%d,%d]}' % (at, 64 * at, 64 * at + 64)
        for at in range(5000)
    )
    text = b"{" + tensors + b',"__metadata__" : ' + WORDS + b"}"
    content = struct.pack("<Q", len(text)) + text + b"A" * 320_000
    assert len(text) > 2 * 65_536
    assert desk.takes(content)
    assert desk.record(content).payload == WORDS
    long = b'{"ss_tag_frequency":"' + b"x" * 200_000 + b'","ssmd_rating":"3"}'
    assert desk.takes(header(long))
    assert desk.record(header(long)).payload == long


@pytest.mark.parametrize("at", range(-24, 13))
def test_words_at_the_border_of_two_blocks_are_found(desk, at):
    fill = 65_536 - len(b'{"__metadata__":{"a":"') + at
    metadata = b'{"a":"' + b"x" * fill + b'","ssmd_rating":"3"}'
    assert desk.takes(header(metadata))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "header_invalid"),
        (b"\0" * 8, "header_invalid"),
        (struct.pack("<Q", 0) + b"{}", "header_invalid"),
        (struct.pack("<Q", 100 * 1024 * 1024 + 1) + b"{}", "too_large"),
        (struct.pack("<Q", 2**64 - 1) + b"{}", "too_large"),
        (struct.pack("<Q", 40) + b'{"__metadata__":{"ssmd_rating":"4"}', "header_invalid"),
    ],
)
def test_a_length_that_can_not_be_is_told_only_to_who_asked(desk, content, code):
    assert not desk.takes(content)
    assert desk.problems == []
    assert not desk.takes(content, asked=True)
    assert [(problem.code, problem.message[-1]) for problem in desk.problems] == [(code, ".")]


@pytest.mark.parametrize(
    "text",
    [
        b"{}",
        b'{"__metadata__":"x"}',
        b'{"__metadata__":["ssmd_rating"]}',
        b'{"__metadata__":{"ssmd_rating":"4"',
        b'["ssmd_rating"]',
        b"\xff" * 50,
        b'{"w":{"__metadata__":{"ssmd_rating":"4"}}}',
        b'{"a":' * 3000,
    ],
)
def test_a_header_without_whole_metadata_gives_none(desk, text):
    content = struct.pack("<Q", len(text)) + text
    assert not desk.takes(content, asked=True)
    assert list(SOURCE.records(desk.container(content, True), Progress(), desk.problems.append)) == []
    assert desk.problems == []


def test_a_pipe_is_not_opened(tmp_path):
    import os

    path = tmp_path / "x.safetensors"
    os.mkfifo(path)
    problems = []
    assert not probed(SOURCE, Container(str(path), path.name, 0, 0, asked=True), problems.append)
    assert [problem.code for problem in problems] == ["unreadable"]


# --- safetensors: payload and claims ----------------------------------------------------------------------


def test_the_payload_is_the_objects_own_bytes(desk):
    assert desk.record(A["bytes"]).payload == b'{"ss_output_name":"inkwash_harbor"}'
    assert desk.record(B["bytes"]).payload == b"{}"
    odd = b'{ "a" : "\\ud83d\xff}" ,\n "ss_bucket_info":{"x":NaN}, "n": 5 }'
    assert desk.record(header(odd)).payload == odd


def test_what_the_person_typed_fills_and_ranks_as_such(desk):
    metadata = {
        "ssmd_display_name": "Ink, mine",
        "ssmd_version": "v1",
        "ssmd_author": "me",
        "ssmd_source": "https://civitai.com/models/880001?token=s3cret",
        "ssmd_keywords": "ink, fog ,, ink",
        "ssmd_description": "best at 0.7",
        "ssmd_rating": "4.0",
        "ssmd_tags": "style,harbor",
        "ssmd_cover_images": '["/9j/"]',
        "ss_network_module": "networks.lora",
        "ss_base_model_version": "sdxl_base_v1-0",
        "ss_tag_frequency": '{"a": {"1girl": 5}}',
        "sshs_model_hash": A["addnet"],
    }
    claims = desk.claims(header(json.dumps(metadata).encode()))
    assert claims.fields == {
        "name": "Ink, mine",
        "notes": "best at 0.7",
        "rating": 4,
        "trigger_words": ("ink", "fog"),
        "tags": ("style", "harbor"),
        "source_url": "https://civitai.com/models/880001",
        "type": "lora",
        "base_model": "SDXL",
    }
    assert claims.personal == {"name", "notes", "rating", "trigger_words", "tags", "source_url"}
    assert (claims.sha256, claims.partial_hashes) == (None, {})
    assert claims.flags == ("contains-secret",)


@pytest.mark.parametrize("rating", ["0", "", "0.0", "6", "-1", "many", 0, None, [4]])
def test_a_rating_of_nothing_is_none(rating):
    assert "rating" not in metadata_claims({"ssmd_rating": rating}).fields


def test_the_spec_of_the_model_fills_without_being_the_persons(desk):
    metadata = {
        "modelspec.title": "inkwash_harbor-000010",
        "modelspec.architecture": "flux-1-dev/lora",
        "modelspec.trigger_phrase": "ink, fog",
        "modelspec.tags": "a, b",
        "modelspec.license": "MIT",
        "modelspec.hash_sha256": "0x" + A["addnet"],
        "modelspec.description": "x",
    }
    claims = desk.claims(header(json.dumps(metadata).encode()))
    assert claims.fields == {
        "type": "lora",
        "base_model": "Flux.1 D",
        "trigger_words": ("ink, fog",),
        "tags": ("a", "b"),
        "license": "MIT",
    }
    assert (claims.personal, claims.partial_hashes) == (frozenset(), {})


@pytest.mark.parametrize(
    ("metadata", "base"),
    [
        ({"ss_base_model_version": "sd_v1"}, "SD 1.x"),
        ({"ss_base_model_version": "None", "ss_v2": "True"}, "SD 2.x"),
        ({"ss_v2": "False"}, None),
        ({"ss_base_model_version": "heron_v9"}, "heron_v9"),
        ({"modelspec.architecture": "heron/other"}, "heron"),
    ],
)
def test_the_base_is_in_canonical_words(metadata, base):
    assert metadata_claims(metadata).fields.get("base_model") == base


def test_values_that_are_no_text_are_read(desk):
    claims = desk.claims(header(b'{"ssmd_rating":3,"ssmd_tags":["a"],"ss_v2":true,"ss_bucket_info":NaN}'))
    assert claims.fields == {"rating": 3}
    assert claims.flags == ("parsed-tolerant",)


def test_metadata_that_is_no_json_is_kept_and_says_so(desk):
    claims = desk.claims(header(b'{"a": tru}'))
    assert (claims.problem, claims.fields) == ("unparsed_payload", {})


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=6))
def test_any_metadata_comes_out_as_it_went_in(tmp_path_factory, value):
    metadata = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    desk = Desk(tmp_path_factory.getbasetemp())
    assert desk.record(header(metadata)).payload == metadata


@given(st.binary(max_size=200))
def test_no_bytes_make_the_claims_raise(payload):
    for source in (SOURCE, GGUF):
        for extra in (None, {"skipped": 3}, {"skipped": [{"offset": 30}, {"offset": "x"}, 5]}):
            source.claims(Record(source.id, "/a/x", "", payload, extra), frozenset())
            source.claims(Record(source.id, "/a/x", "", C["bytes"][:16] + payload, extra), frozenset())


# --- GGUF -------------------------------------------------------------------------------------------------


def text(value, order="<", wide="Q"):
    return struct.pack(order + wide, len(value.encode())) + value.encode()


def pair(key, value, order="<", wide="Q"):
    """Return the bytes of one pair: text, a list of texts, or a number of 32 bits."""
    head = text(key, order, wide)
    if isinstance(value, str):
        return head + struct.pack(order + "I", 8) + text(value, order, wide)
    if isinstance(value, list):
        entries = b"".join(text(entry, order, wide) for entry in value)
        return head + struct.pack(order + "II" + wide, 9, 8, len(value)) + entries
    return head + struct.pack(order + "II", 4, value)


def gguf(pairs, order="<", version=3, behind=b"tensors"):
    wide = "I" if version == 1 else "Q"
    body = b"".join(pair(key, value, order, wide) for key, value in pairs.items())
    return b"GGUF" + struct.pack(order + "I" + wide * 2, version, 0, len(pairs)) + body + behind


PAIRS = {
    "general.architecture": "llama",
    "general.name": "tmp_q4",
    "general.license": "other",
    "general.license.name": "heron-1.0",
    "general.repo_url": "https://huggingface.co/sample-org/tiny-heron",
    "general.tags": ["chat", "tiny"],
    "general.file_type": 15,
}


def test_a_gguf_file_is_read_only_if_asked_for(desk):
    assert not desk.takes(gguf(PAIRS), source=GGUF)
    assert desk.takes(gguf(PAIRS), asked=True, source=GGUF)
    assert not desk.takes(b"GGML" + b"\0" * 40, asked=True, source=GGUF)


@pytest.mark.parametrize(("order", "version"), [("<", 3), ("<", 2), ("<", 1), (">", 3)])
def test_the_payload_is_all_up_to_the_last_pair(desk, order, version):
    content = gguf(PAIRS, order, version)
    record = desk.record(content, GGUF)
    assert record.payload == content.removesuffix(b"tensors")
    assert record.extra is None
    assert GGUF.claims(record, frozenset()).fields == {
        "base_model": "llama",
        "license": "heron-1.0",
        "tags": ("chat", "tiny"),
        "source_url": "https://huggingface.co/sample-org/tiny-heron",
    }


@pytest.mark.parametrize(
    ("pairs", "fields"),
    [
        ({"general.architecture": "flux"}, {"type": "diffusion_model", "base_model": "Flux.1"}),
        ({"general.architecture": "clip"}, {"type": "mmproj"}),
        ({"general.architecture": "t5encoder"}, {"type": "text_encoder"}),
        ({"general.architecture": "qwen3"}, {"type": "llm", "base_model": "qwen3"}),
        ({"general.architecture": "pig"}, {}),
        (
            {
                "general.architecture": "flux",
                "general.base_model.0.repo_url": "https://huggingface.co/black-forest-labs/FLUX.1-dev",
                "general.license": "apache-2.0",
                "general.url": "https://example.org/x",
            },
            {
                "type": "diffusion_model",
                "base_model": "Flux.1 D",
                "license": "apache-2.0",
                "source_url": "https://example.org/x",
            },
        ),
        ({}, {}),
    ],
)
def test_the_general_keys_fill_the_columns(desk, pairs, fields):
    assert desk.claims(gguf(pairs), GGUF).fields == fields


@pytest.mark.parametrize(
    ("architecture", "name", "kind"),
    [
        ("llama", "Heron-7B-LoRA-F16.gguf", "llm_adapter"),
        ("qwen3", "heron-lora.gguf", "llm_adapter"),
        ("qwen3", "mtp-heron-Q8_0.gguf", "other"),
        ("qwen2vl", "mmproj-heron-f16.gguf", "mmproj"),
        ("flux", "heron-LoRA.gguf", "diffusion_model"),
        ("qwen3", "heron-loran.gguf", "llm"),
    ],
)
def test_the_name_of_a_gguf_file_tells_adapters_and_parts(desk, architecture, name, kind):
    desk.path = desk.path.with_name(name)
    assert desk.claims(gguf({"general.architecture": architecture}), GGUF).fields["type"] == kind


def test_a_long_array_is_left_out_and_its_place_noted(desk):
    words = [f"token{number:06}" for number in range(60_000)]
    before, after = {"general.architecture": "qwen3"}, {"general.license": "mit"}
    content = gguf({**before, "tokenizer.ggml.tokens": words, **after})
    elements = b"".join(text(word) for word in words)
    at = content.index(elements)
    record = desk.record(content, GGUF)
    assert record.payload == content.removesuffix(b"tensors").replace(elements, b"")
    assert record.extra == {
        "skipped": [
            {"key": "tokenizer.ggml.tokens", "offset": at, "file_offset": at, "size_bytes": len(elements)}
        ]
    }
    claims = GGUF.claims(record, frozenset())
    assert claims.fields == {"type": "llm", "base_model": "qwen3", "license": "mit"}
    assert claims.problem is None


@pytest.mark.parametrize(
    "content",
    [
        b"GGUF",
        b"GGUF" + struct.pack("<IQQ", 9, 0, 0),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**62),
        gguf(PAIRS, behind=b"")[:-3],
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<I", 77),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, 4, 2**62),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, 8, 2**62),
        b"GGUF"
        + struct.pack("<IQQ", 3, 0, 1)
        + text("a")
        + struct.pack("<I", 9)
        + struct.pack("<IQ", 9, 1) * 9,
    ],
)
def test_pairs_that_can_not_be_are_a_problem_and_no_record(desk, content):
    with pytest.raises(Unreadable) as caught:
        desk.record(content, GGUF)
    assert caught.value.code == "header_invalid"
    assert caught.value.message.endswith(".")
