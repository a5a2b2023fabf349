import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmgr.migration.beside import (
    alike,
    base_name,
    models_beside,
    preferred,
    same_name,
    stem_of,
    subject_of,
    suffix_of,
)

NFC = "Häfen"
NFD = unicodedata.normalize("NFD", NFC)


@pytest.mark.parametrize(
    ("stem", "names", "found"),
    [
        ("x", {"x.safetensors", "x.json", "x.png"}, ("x.safetensors",)),
        ("x", {"x.ckpt", "x.SAFETENSORS", "x.yaml"}, ("x.SAFETENSORS", "x.ckpt")),
        ("my.model.v1", {"my.model.v1.safetensors", "my.model.safetensors"}, ("my.model.v1.safetensors",)),
        ("x", {"x.vae.pt", "x.vae.safetensors"}, ()),
        ("x", {"x.png", "x.txt"}, ()),
        ("x", {"X.safetensors"}, ("X.safetensors",)),
        ("x", {"X.safetensors", "x.safetensors"}, ("x.safetensors",)),
        ("xy", {"XY.safetensors", "Xy.safetensors"}, ()),
        ("xy", {"XY.safetensors", "XY.ckpt"}, ("XY.ckpt", "XY.safetensors")),
        (NFC, {f"{NFD}.safetensors"}, (f"{NFD}.safetensors",)),
        (NFC, {f"{NFD}.safetensors", f"{NFC}.ckpt"}, (f"{NFC}.ckpt",)),
        (NFC, {f"{NFD.upper()}.safetensors"}, (f"{NFD.upper()}.safetensors",)),
        ("", {".safetensors"}, ()),
        ("a\udcff", {"a\udcff.bin"}, ("a\udcff.bin",)),
    ],
)
def test_the_models_of_a_stem_are_the_exact_ones_then_the_similar(stem, names, found):
    assert models_beside(stem, frozenset(names)) == found
    assert models_beside(stem, list(names)) == found


def test_a_name_is_found_whatever_its_case_and_form():
    assert alike("x.txt", {"X.TXT", "x.txt", "y.txt"}) == ("x.txt", "X.TXT")
    assert alike(f"{NFC}.txt", {f"{NFD}.TXT"}) == (f"{NFD}.TXT",)
    assert alike("x.txt", {"y.txt"}) == ()
    assert same_name(f"{NFC}.ckpt", f"{NFD}.CKPT")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("D:\\AI\\loras\\x.safetensors", "x.safetensors"),
        ("D:/AI/loras/x.safetensors", "x.safetensors"),
        ("\\\\server\\share\\x.ckpt", "x.ckpt"),
        ("/data/x.ckpt. ", "x.ckpt"),
        ("x.ckpt", "x.ckpt"),
        ("/data/folder/", "folder"),
        ("", ""),
    ],
)
def test_the_last_part_of_a_foreign_path_is_a_file_name(path, name):
    assert base_name(path) == name


def test_stem_and_suffix_are_parted_at_the_last_dot():
    assert (stem_of("a.b.safetensors"), suffix_of("a.b.SAFETENSORS")) == ("a.b", ".safetensors")


def test_a_name_counts_more_than_a_format():
    both = ("x.ckpt", "x.safetensors")
    assert preferred(both, ["D:/x.ckpt"], [".safetensors"]) == ("x.ckpt",)
    assert preferred(both, ["other.ckpt"], [".safetensors"]) == ("x.safetensors",)
    assert preferred(both, [], [".gguf"]) == both


@given(st.text(max_size=10), st.sets(st.text(max_size=12), max_size=8))
def test_only_given_names_come_back(stem, names):
    assert set(models_beside(stem, names)) <= names
    assert set(alike(stem, names)) <= names


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/x.civitai.info", "x"),
        ("/a/x.metadata.json.bak", "x"),
        ("x.safetensors.rgthree-info.json", "x"),
        ("C:\\AI\\x.safetensors", "x"),
        ("/a/x.v2.txt", "x.v2"),
        ("hashes/vae", "vae"),
        ("x v1.0", "x v1.0"),
        ("x.vae.pt", "x.vae"),
        (".civitai.info", ".civitai.info"),
    ],
)
def test_a_container_is_called_as_the_model_that_it_is_about(path: str, expected: str) -> None:
    assert subject_of(path) == expected
