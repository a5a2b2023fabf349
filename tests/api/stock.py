"""The library that tests of the whole API ask: the demo library, and files of odd bytes and names beside it."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelmgr.catalog import Catalog
from modelmgr.demo import DemoLibrary, write_demo_library, write_inkwash_harbor
from modelmgr.library import Library
from modelmgr.progress import Progress

ODD_PAYLOAD = b'\xef\xbb\xbf{"name": "odd\x00\xff\xfe", "id": NaN, "id": 1}\r\n\x00'
AUTOV1, BLAKE3 = "1a2b3c4d", "5e" * 32

_EACH = """
import json, sys
from modelmgr.cli import main
for words in json.loads(sys.argv[1]):
    main(words)
"""


@dataclass(frozen=True)
class Stock:
    """What was written and what knows it.

    Attributes:
        demo: the demo library.
        odd: a folder whose name is no UTF-8 where the system allows that; it holds one model.
        odd_sha256: of that model; its sidecar says `ODD_PAYLOAD`.
        catalog: scanned, imported and promoted. Tests only read it.
        token: the file beside it.
    """

    demo: DemoLibrary
    odd: Path
    odd_sha256: str
    catalog: Path
    token: Path


def write_stock(root: Path) -> Stock:
    demo = write_demo_library(root / "library")
    odd = Path(os.fsdecode(os.fsencode(demo.root / "odd ") + (b"\xe9" if sys.platform == "linux" else b"e")))
    odd.mkdir()
    model = write_inkwash_harbor(odd)
    sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
    model.with_suffix(".civitai.info").write_bytes(ODD_PAYLOAD)
    # A sidecar whose model is gone, with hashes that nothing else has.
    claims = {
        "id": 5,
        "modelId": 6,
        "name": "v1",
        "model": {"name": "claimed", "type": "LORA"},
        "files": [{"name": "claimed.safetensors", "hashes": {"AutoV1": AUTOV1, "BLAKE3": BLAKE3}}],
    }
    (odd / "claimed.civitai.info").write_text(json.dumps(claims))
    path = root / "catalog.sqlite"
    catalog = Catalog.open(path)
    try:
        library = Library(catalog)
        library.scan([*map(str, demo.folders), str(odd)], progress=Progress())
        library.import_paths([str(demo.root), str(demo.csv)], progress=Progress())
        library.promote(None, progress=Progress())
    finally:
        catalog.close()
    return Stock(demo, odd, sha256, path, root / "catalog.sqlite.token")


def cli(catalog: Path, *commands: Sequence[str | Path]) -> list[Any]:
    """Run commands one after another in a process of their own; return the documents that they print."""
    said = [["--catalog", str(catalog), *map(str, words), "--json"] for words in commands]
    done = subprocess.run(
        [sys.executable, "-c", _EACH, json.dumps(said)],
        capture_output=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    text, documents = done.stdout.decode("ascii"), []
    while text := text.strip():
        document, end = json.JSONDecoder().raw_decode(text)
        documents.append(document)
        text = text[end:]
    assert len(documents) == len(commands), done.stderr
    return documents
