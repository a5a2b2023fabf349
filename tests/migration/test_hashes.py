import hashlib

import pytest

from modelmgr.migration.hashes import full_sha256, partial_hash, partial_hashes, sha256_of_hashes

INKWASH = "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b"


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "None",
        0,
        "0",
        "0" * 64,
        hashlib.sha256(b"").hexdigest(),
        hashlib.sha256(b"").hexdigest().upper(),
        "NOFILE",
        "NOHASH",
        f"random:{INKWASH}",
        f"0x{INKWASH}",
        INKWASH[:10],
        INKWASH + "0",
        "g" * 64,
        [INKWASH],
    ],
)
def test_what_is_no_hash_of_a_file_is_left_out(value):
    assert full_sha256(value) is None


def test_a_hash_is_kept_in_lower_case():
    assert full_sha256(f" {INKWASH.upper()}\n") == INKWASH


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("AutoV1", "FEE47B1F", "fee47b1f"),
        ("AutoV1", "e3b0c442", None),
        ("AutoV1", "DE2F2560", None),
        ("AutoV2", "9548C2EB51", "9548c2eb51"),
        ("AutoV2", "e3b0c44298", None),
        ("AutoV3", "D53EDA7A637C", "d53eda7a637c"),
        ("AutoV3", "D53EDA7A637C99CC7FB566D96E9FA109BF15C478410A3F5EB4D4C4E26CD081F6", "d53eda7a637c"),
        ("AutoV3", "e3b0c44298fc", None),
        ("AutoV3", hashlib.sha256(b"").hexdigest(), None),
        ("CRC32", "FDD31D46", "fdd31d46"),
        ("CRC32", "00000000", None),
        ("BLAKE3", INKWASH, INKWASH),
        ("CRC32", "fdd31d4", None),
        ("CRC32", 12345678, None),
    ],
)
def test_a_partial_hash_has_its_length_and_is_not_known_to_be_false(kind, value, kept):
    assert partial_hash(kind, value) == kept


def test_the_keys_of_civitais_hashes_come_in_any_case():
    hashes = {"sha256": INKWASH, "autov2": "9548C2EB51", "Blake3": None, "crc32": "FDD31D46", 5: "x"}
    assert partial_hashes(hashes) == {"AutoV2": "9548c2eb51", "CRC32": "fdd31d46"}
    assert sha256_of_hashes(hashes) == INKWASH
    assert sha256_of_hashes({}) is None
