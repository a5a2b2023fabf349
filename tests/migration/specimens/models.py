"""Three invented models; their hashes are real."""

import struct
from typing import Any


def safetensors(header: bytes, header_bytes: int, tensor: bytes) -> bytes:
    return struct.pack("<Q", header_bytes) + header.ljust(header_bytes) + tensor


INKWASH = safetensors(
    b'{"__metadata__":{"ss_output_name":"inkwash_harbor"},'
    b'"w":{"dtype":"F32","shape":[16],"data_offsets":[0,64]}}',
    112,
    b"\x41" * 64,
)
COPPERLEAF = safetensors(
    b'{"__metadata__":{},"w":{"dtype":"F32","shape":[524288],"data_offsets":[0,2097152]}}',
    88,
    b"\x42" * 2097152,
)
HERON = b"GGUF" + struct.pack("<IQQ", 3, 0, 0)


A: dict[str, Any] = {
    "bytes": INKWASH,
    "sha256": "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b",
    "AutoV2": "9548c2eb51",
    "AutoV3": "d53eda7a637c",
    "addnet": "d53eda7a637c99cc7fb566d96e9fa109bf15c478410a3f5eb4d4c4e26cd081f6",
    "BLAKE3": "2e01a1757db171070edec36339d0f4740d248272d558566599810215015b8cf2",
    "CRC32": "fdd31d46",
    "sizeKB": 0.1796875,
}
B: dict[str, Any] = {
    "bytes": COPPERLEAF,
    "sha256": "f6fc015f5cee804ba65df8a2da7db5d375c30b5072a05768e58c9598aa7ec0e6",
    "AutoV1": "fee47b1f",
    "AutoV2": "f6fc015f5c",
    "AutoV3": "7995dfceebfb",
    "addnet": "7995dfceebfb9fa8972d361d53d899f6e268ecd6d823b5737198041fabc02e20",
    "BLAKE3": "9c21623064335e9541f5f2559edda31bded56524ecfb182e8e150ccc0b4ba008",
    "CRC32": "51e8de80",
    "sizeKB": 2048.09375,
}
C: dict[str, Any] = {
    "bytes": HERON,
    "sha256": "a4e5e156ddec27e286f75328784d7106b60a4eb1d246e950a001a3f944fbda99",
    "AutoV2": "a4e5e156dd",
    "CRC32": "42331dc7",
    "BLAKE3": "d6a23c0377a9e56eecbc5ed9fa34b9630cd8bf98fead565d054068eba844a74f",
    "sizeKB": 0.0234375,
}
