import os

import pytest

from modelmgr.migration.sources.pysssss import PysssssHash

SOURCE = PysssssHash()
NAME = "inkwash_harbor.sha256"
A_SHA256 = "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b"
B_SHA256 = "f6fc015f5cee804ba65df8a2da7db5d375c30b5072a05768e58c9598aa7ec0e6"
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def beside(shelf):
    shelf.put("inkwash_harbor.safetensors")
    return shelf


@pytest.mark.parametrize(
    ("content", "digits", "flags"),
    [
        (A_SHA256, A_SHA256, ()),
        (A_SHA256.upper() + "\r\n", A_SHA256, ()),
        (f"{A_SHA256}  inkwash_harbor.safetensors\n", A_SHA256, ()),
        (f"\\{A_SHA256} *C:\\AI\\renamed.safetensors\n", A_SHA256, ()),
        (f"{B_SHA256}  other.ckpt\n{A_SHA256}  ./Inkwash_Harbor.safetensors\n", A_SHA256, ()),
        (f"{B_SHA256}  other.ckpt\n{A_SHA256}  more.ckpt\n", None, ("no-hash",)),
        (NOTHING, None, ("no-hash",)),
        ("0" * 64, None, ("no-hash",)),
        (A_SHA256[:63], None, ("no-hash",)),
        ("not found", None, ("no-hash",)),
    ],
)
def test_one_hash_of_64_digits_is_the_models(beside, content, digits, flags):
    claims = beside.claims(SOURCE, NAME, content.encode())
    assert (claims.sha256, claims.own_hash, claims.flags) == (digits, digits is not None, flags)
    assert claims.stem_names == ("inkwash_harbor.safetensors",)


def test_a_hash_that_is_older_than_its_model_is_stale(beside):
    beside.put(NAME, A_SHA256.encode())
    os.utime(beside.folder / NAME, (1_700_000_000, 1_700_000_000))
    os.utime(beside.folder / "inkwash_harbor.safetensors", (1_700_000_003, 1_700_000_003))
    claims = beside.claims(SOURCE, NAME)
    assert (claims.sha256, claims.flags) == (None, ("stale-hash",))
    # Two seconds are no difference on some disks.
    os.utime(beside.folder / NAME, (1_700_000_001, 1_700_000_001))
    assert beside.claims(SOURCE, NAME).sha256 == A_SHA256


def test_the_models_own_ending_may_be_part_of_the_name(beside):
    beside.put("inkwash_harbor.ckpt")
    claims = beside.claims(SOURCE, "inkwash_harbor.ckpt.sha256", A_SHA256.encode())
    assert claims.stem_names == ("inkwash_harbor.ckpt",)


def test_an_empty_file_is_a_mark(beside):
    assert beside.claims(SOURCE, NAME, b"").marker


@pytest.mark.parametrize(
    ("content", "taken"),
    [
        (f"{A_SHA256}  gone.safetensors\n", True),
        (A_SHA256, False),
        (f"{A_SHA256}  release.tar.gz\n", False),
        (f"{A_SHA256}  a.ckpt\n{B_SHA256}  b.ckpt\n", False),
        ("", False),
    ],
)
def test_without_a_model_beside_it_the_text_must_name_one(shelf, content, taken):
    shelf.put("gone.sha256", content.encode())
    assert shelf.probe(SOURCE, "gone.sha256") is taken
    if taken:
        claims = shelf.claims(SOURCE, "gone.sha256")
        assert (claims.path, claims.sha256) == ("gone.safetensors", A_SHA256)
