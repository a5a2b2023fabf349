"""Whatever happens on the disk and in the library, in any order: the catalog says what is there, and loses nothing.

The seeds are fixed; with MODELMGR_EXPLORE set, new ones are tried, and the steps of one that fails are printed.
"""

import os
import random
from pathlib import Path

import pytest

from modelmgr.library import root_scan
from tests.library.identity_world import DEEDS, Step, World, live

FIRST_SEED, SEEDS, STEPS = 140, 40, 30
ROUNDS = 2


def steps_of(seed: int) -> list[Step]:
    """Return the deeds of one life."""
    chance = random.Random(seed)
    return [
        (chance.choice(DEEDS), chance.randrange(64), chance.randrange(64), chance.randrange(64))
        for _ in range(STEPS)
    ]


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_the_catalog_keeps_up_with_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turn: int
) -> None:
    monkeypatch.setattr(root_scan, "SMALL_BYTES", 4096)  # so that some of these files are large
    explores = bool(os.environ.get("MODELMGR_EXPLORE"))
    first = random.SystemRandom().randrange(1 << 30) if explores else FIRST_SEED + turn * SEEDS
    for seed in range(first, first + SEEDS):
        base = tmp_path / str(seed)
        base.mkdir()
        steps = steps_of(seed)
        try:
            live(base, steps)
        except Exception as error:
            error.add_note(f"seed {seed}: {steps}")
            raise


FOUND: dict[str, list[Step]] = {
    "a part that is written through while a link to it is looked at later": [
        ("whole_pipeline", 30, 13, 11), ("hard_link", 38, 41, 41), ("scan", 12, 26, 42), ("create", 36, 53, 6),
        ("ollama", 26, 13, 48), ("copy", 14, 4, 10), ("change", 12, 7, 57),
    ],
    "a stop before the parts are written": [("shards", 0, 0, 0), ("scan_stopped", 0, 2, 1)],
    "a link to a part that is replaced": [
        ("shards", 0, 0, 0), ("hard_link", 0, 1, 0), ("scan", 0, 0, 0), ("shards", 0, 0, 2),
    ],
    "a file found again later": [
        ("create", 0, 0, 0), ("scan", 0, 0, 0), ("folder_link", 0, 0, 0), ("delete", 0, 0, 0),
        ("quick_check", 0, 0, 1), ("scan_stopped", 0, 2, 0),
    ],
    "another place for an absent disk": [
        ("junk", 1, 0, 0), ("scan_stopped", 0, 8, 0), ("unplug", 1, 1, 0), ("scan_stopped", 0, 29, 0),
    ],
    "a part located as a lost model": [
        ("junk", 0, 0, 0), ("shard", 0, 0, 1), ("scan_headers", 0, 0, 0), ("ollama", 0, 0, 0), ("delete", 0, 0, 0),
        ("quick_check", 0, 0, 1), ("locate_model", 0, 0, 0),
    ],
    "a header rewritten twice": [
        ("create", 0, 0, 0), ("scan_some", 0, 0, 0), ("rewrite", 0, 1, 0), ("note", 0, 0, 0),
        ("scan_stopped", 0, 3, 1), ("rewrite", 0, 1, 0),
    ],
    "a noted model becomes a part of a changed whole": [
        ("ollama", 15, 44, 9), ("hard_link", 53, 24, 36), ("scan_headers", 32, 44, 30), ("note", 44, 42, 54),
        ("whole_pipeline", 48, 15, 49), ("scan_some", 8, 32, 46), ("swap", 35, 18, 5),
    ],
    "a part that was never hashed goes": [("shards", 1, 0, 0), ("scan_headers", 0, 0, 0), ("move_across", 0, 0, 0)],
}  # fmt: skip
"""What once went wrong."""


@pytest.mark.parametrize("what", FOUND)
def test_what_once_went_wrong_does_not_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(root_scan, "SMALL_BYTES", 4096)
    live(tmp_path, FOUND[what])


def test_the_world_has_all_deeds() -> None:
    assert all(callable(getattr(World, deed)) for deed in DEEDS)
