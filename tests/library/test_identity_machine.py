"""Whatever happens on the disk and in the library, in any order: the catalog says what is there, and loses nothing.

The seeds are fixed; with MODELMGR_EXPLORE set, new ones are tried, and the steps of one that fails are printed.
"""

import os
import random
from pathlib import Path

import pytest

from modelmgr.library import root_scan
from modelmgr.progress import Progress
from tests.library.identity_world import DEEDS, NAMES, Step, World, live

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
    "a link to a component that the index drops": [
        ("whole_pipeline", 25, 52, 33), ("hard_link", 4, 57, 47), ("scan", 29, 30, 29), ("pipeline", 25, 16, 36),
    ],
    "a file with a lost copy says something else of itself": [
        ("shard", 18, 20, 49), ("scan", 13, 33, 13), ("move", 31, 61, 13), ("scan", 28, 21, 54),
        ("rewrite", 23, 30, 17),
    ],
    "a file with a lost link is touched": [
        ("create", 60, 35, 0), ("hugging_face", 1, 30, 6), ("scan", 26, 21, 23), ("hard_link", 54, 37, 50),
        ("move", 51, 41, 58), ("scan_some", 7, 19, 55), ("delete_folder", 37, 52, 38), ("touch", 19, 0, 26),
    ],
    "two snapshots of the same large parts": [
        ("hugging_face", 34, 49, 9), ("hugging_face", 26, 0, 27), ("hugging_face", 16, 29, 28),
    ],
    "a stop between the folders of a pipeline": [
        ("scan", 58, 60, 44), ("whole_pipeline", 51, 6, 13), ("whole_pipeline", 53, 24, 37), ("shard", 42, 26, 26),
        ("quick_check", 10, 0, 32), ("quick_check", 33, 37, 32),
    ],
    "a link below one root to a part below another goes": [
        ("whole_pipeline", 43, 37, 38), ("hard_link", 31, 24, 5), ("scan_headers", 27, 44, 40),
        ("change", 14, 24, 37), ("move_across", 28, 61, 14),
    ],
    "two components change places while a link to one is new": [
        ("whole_pipeline", 25, 5, 24), ("scan", 25, 60, 61), ("swap", 12, 7, 22), ("hard_link", 7, 13, 41),
    ],
    "a link to a part comes back": [
        ("shards", 5, 23, 21), ("link", 27, 31, 54), ("scan_some", 5, 55, 47), ("unplug", 47, 45, 49),
        ("watch_tells", 4, 52, 62), ("unplug", 3, 20, 30),
    ],
    "a lost model becomes a part": [
        ("hugging_face", 11, 49, 27), ("create", 19, 37, 42), ("scan_stopped", 24, 60, 37), ("swap", 26, 42, 47),
        ("hugging_face", 1, 5, 48),
    ],
    "a link to a part on a disk that is away": [
        ("whole_pipeline", 48, 32, 46), ("link", 36, 57, 23), ("hard_link", 39, 59, 32), ("scan", 44, 17, 24),
        ("move_library", 25, 30, 62), ("unplug", 28, 11, 33),
    ],
    "a part moves to where a dropped one lay": [
        ("whole_pipeline", 29, 12, 19), ("create", 19, 19, 16), ("whole_pipeline", 61, 55, 15),
        ("pipeline", 31, 53, 31), ("delete", 38, 8, 43), ("scan_headers", 52, 54, 26), ("ollama", 24, 44, 28),
        ("swap", 6, 32, 31), ("hash_waiting", 48, 18, 55), ("move", 25, 62, 8),
    ],
    "a link to a part that can't be read any more": [
        ("whole_pipeline", 34, 6, 3), ("shards", 57, 50, 1), ("link", 63, 30, 18), ("copy", 55, 4, 34),
        ("hugging_face", 62, 12, 4), ("component", 52, 32, 42), ("link", 41, 44, 9), ("scan", 28, 8, 20),
        ("link", 63, 11, 14), ("hard_link", 56, 39, 36), ("swap", 9, 22, 9),
    ],
    "a copy of what was there before a header was rewritten": [
        ("create", 1, 0, 0), ("scan", 0, 0, 0), ("copy", 0, 2, 1), ("rewrite", 0, 1, 0),
    ],
    "a stop while a link to a part is looked at anew": [
        ("shards", 1, 0, 0), ("hard_link", 14, 1, 1), ("scan", 0, 0, 0), ("move_library", 1, 0, 0),
        ("scan_stopped", 0, 2, 0), ("shards", 1, 0, 0),
    ],
    "a file takes the place of a link": [
        ("ollama", 0, 0, 0), ("link", 0, 1, 0), ("scan", 0, 0, 0), ("copy", 0, 0, 0), ("move_across", 0, 1, 0),
    ],
    "a folder that is found by a link gets a new file": [
        ("folder_link", 1, 0, 1), ("create", 0, 0, 0), ("scan_headers", 0, 0, 0), ("truncate", 0, 0, 0),
        ("quick_check", 0, 1, 0),
    ],
    "a link to a part lies in a folder that is looked at each time": [
        ("shards", 1, 0, 0), ("link", 0, 28, 1), ("component", 0, 0, 1), ("link", 24, 0, 0), ("component", 2, 0, 1),
        ("create", 2, 0, 0), ("shard", 0, 0, 1), ("move_across", 15, 0, 1), ("move", 48, 1, 0),
        ("rename_folder", 0, 0, 0), ("link", 60, 48, 0),
    ],
    "a quick check of a disk that is away": [
        ("create", 0, 0, 0), ("create", 1, 0, 0), ("scan", 0, 0, 0), ("unplug", 1, 1, 0), ("quick_check", 0, 1, 0),
    ],
    "a known folder becomes a component": [
        ("component", 27, 0, 1), ("scan", 34, 1, 1), ("pipeline", 37, 1, 17), ("quick_check", 2, 1, 0),
    ],
    "parts that are reached by a link to their folder, too, change places": [
        ("shards", 2, 0, 0), ("scan", 0, 0, 0), ("folder_link", 1, 0, 1), ("scan", 0, 0, 0), ("swap", 0, 1, 0),
    ],
    "a file with a link that was never hashed is located": [
        ("ollama", 0, 1, 0), ("link", 0, 1, 0), ("sidecar", 0, 1, 0), ("scan_stopped", 0, 21, 0), ("promote", 1, 0, 0),
        ("locate_model", 0, 0, 0), ("shard", 0, 0, 1), ("swap", 1, 2, 0),
    ],
    "a part that was never hashed goes": [("shards", 1, 0, 0), ("scan_headers", 0, 0, 0), ("move_across", 0, 0, 0)],
    "a link to a part is copied and goes, while another part changes": [
        ("whole_pipeline", 0, 0, 0), ("hard_link", 0, 1, 0), ("scan", 0, 0, 0), ("change", 1, 0, 0),
        ("move_across", 35, 1, 1),
    ],
    "a lost file comes again as a part": [
        ("component", 2, 0, 1), ("scan", 0, 0, 0), ("delete", 0, 0, 0), ("quick_check", 0, 0, 1),
        ("whole_pipeline", 62, 1, 0),
    ],
    "the first place of a model is met last": [
        ("ollama", 0, 0, 0), ("ollama", 1, 0, 0), ("whole_pipeline", 0, 0, 0), ("copy", 0, 0, 0),
        ("component", 1, 0, 1), ("create", 1, 0, 0), ("move_across", 0, 0, 0), ("scan", 0, 0, 0), ("create", 1, 1, 0),
        ("truncate", 58, 0, 0), ("move_library", 1, 0, 0), ("folder_link", 1, 0, 1),
    ],
    "a part and its link, on a disk that is away, change places with another file": [
        ("scan_some", 49, 48, 2), ("junk", 5, 61, 48), ("whole_pipeline", 14, 0, 0), ("shard", 1, 1, 27),
        ("shards", 0, 1, 1), ("component", 0, 0, 1), ("hard_link", 49, 29, 0), ("scan", 0, 1, 1),
        ("delete_folder", 4, 1, 0), ("unplug", 45, 60, 1), ("swap", 39, 1, 29),
    ],
    "the link to a lost part lies on a disk that nobody looks at": [
        ("shards", 33, 0, 0), ("shards", 0, 0, 0), ("shard", 1, 0, 1), ("whole_pipeline", 1, 0, 0),
        ("hard_link", 14, 0, 0), ("scan_headers", 0, 0, 0), ("remove_folder", 0, 0, 0), ("shards", 1, 0, 0),
        ("unplug", 0, 0, 0), ("delete", 1, 0, 0),
    ],
    "one of two places of a pipeline is cut off": [
        ("whole_pipeline", 1, 0, 0), ("whole_pipeline", 3, 0, 0), ("scan", 0, 0, 0), ("truncate", 0, 0, 0),
        ("component", 0, 0, 0), ("whole_pipeline", 0, 0, 0), ("hugging_face", 0, 0, 0), ("hard_link", 0, 0, 0),
        ("move_across", 11, 0, 0),
    ],
    "a pipeline is cut off while a copy of what it was comes": [
        ("whole_pipeline", 1, 0, 0), ("whole_pipeline", 0, 0, 2), ("scan", 0, 0, 0), ("truncate", 0, 0, 0),
        ("component", 2, 0, 1), ("whole_pipeline", 24, 0, 2), ("hugging_face", 0, 0, 0), ("hard_link", 34, 0, 0),
        ("move_across", 11, 1, 0),
    ],
    "one of two places of a pipeline loses a part while another part is touched": [
        ("whole_pipeline", 0, 0, 0), ("whole_pipeline", 1, 0, 0), ("scan", 0, 0, 0), ("touch", 11, 0, 0),
        ("component", 2, 0, 1), ("whole_pipeline", 24, 0, 0), ("hugging_face", 0, 0, 0), ("hard_link", 0, 0, 0),
        ("move_across", 11, 0, 0),
    ],
    "a file of a folder that is walked later becomes a part": [
        ("create", 1, 0, 0), ("whole_pipeline", 2, 0, 0), ("copy", 0, 1, 1), ("move_across", 0, 0, 0),
        ("scan", 0, 0, 0),
        ("move_with_picture", 34, 34, 0), ("whole_pipeline", 0, 0, 0), ("swap", 2, 0, 0),
    ],
    "a file is replaced between its listing and its reading, by a scan that hashes nothing": [
        ("whole_pipeline", 0, 0, 0), ("ollama", 0, 0, 0), ("move_across", 1, 3, 0), ("hugging_face", 0, 0, 0),
        ("junk", 55, 0, 0), ("folder_link", 0, 0, 7), ("scan_meanwhile", 1, 19, 0),
    ],
    "a header is rewritten at equal size before anybody has hashed it": [
        ("create", 1, 1, 33), ("scan_headers", 0, 0, 0), ("create", 1, 1, 17),
    ],
    "the header of a part is rewritten at equal size": [
        ("whole_pipeline", 0, 0, 1), ("scan", 0, 0, 0), ("replace", 1, 21, 0),
    ],
    "the header of a part is rewritten at equal size before anybody has hashed it": [
        ("whole_pipeline", 0, 0, 1), ("scan_headers", 0, 0, 0), ("replace", 1, 21, 0),
    ],
    "a file whose header was rewritten moves with its library folder": [
        ("create", 1, 0, 0), ("scan_stopped", 0, 30, 1), ("rewrite", 0, 1, 0), ("note", 0, 0, 0), ("scan", 0, 0, 0),
        ("move_library", 1, 0, 1),
    ],
    "a file is met elsewhere while its former path is hidden by a rule": [
        ("component", 0, 1, 1), ("scan_headers", 0, 0, 0), ("rules", 0, 3, 0), ("move_with_picture", 0, 0, 0),
    ],
    "a part that was cut off is promoted alone, and its folder is removed": [
        ("component", 0, 1, 1), ("pipeline", 0, 2, 1), ("junk", 2, 1, 0), ("scan", 0, 0, 0),
        ("truncate", 1, 0, 0), ("sidecar", 1, 0, 0), ("promote", 0, 0, 0), ("remove_folder", 0, 0, 0),
    ],
    "a library folder is copied elsewhere while a record speaks of a file in it": [
        ("create", 0, 0, 0), ("sidecar", 0, 1, 0), ("promote", 0, 0, 0), ("scan_meanwhile", 0, 0, 0),
        ("move_library", 0, 0, 1),
    ],
    "a library folder moves with a file that is replaced at equal size before anybody has hashed it": [
        ("hugging_face", 0, 0, 32), ("scan_headers", 0, 0, 0), ("replace", 0, 12, 0), ("move_library", 0, 0, 0),
    ],
    "a library folder with a link to a part that is away is copied elsewhere": [
        ("whole_pipeline", 1, 0, 0), ("hard_link", 0, 0, 0), ("scan", 0, 0, 0), ("unplug", 1, 0, 0),
        ("move_library", 0, 0, 1),
    ],
    "a stop between a pipeline that names other parts now and these": [
        ("scan_meanwhile", 0, 0, 0), ("whole_pipeline", 17, 0, 0), ("watch_tells", 0, 32, 1), ("pipeline", 47, 1, 1),
        ("link", 0, 0, 0), ("quick_check", 0, 0, 3),
    ],
    "a lost link becomes a part of a place that holds something else now": [
        ("junk", 1, 0, 0), ("link", 0, 0, 0), ("create", 1, 1, 0), ("component", 1, 0, 1), ("folder_link", 0, 0, 2),
        ("move_with_picture", 0, 1, 2), ("scan_some", 0, 0, 0), ("delete_folder", 0, 0, 0),
        ("move_with_picture", 0, 3, 0), ("shards", 3, 0, 0), ("scan", 0, 0, 0), ("replace", 1, 3, 0), ("swap", 0, 2, 0),
        ("shards", 0, 0, 0),
    ],
    "one of two paths of what nobody has hashed holds something else of equal size": [
        ("hugging_face", 0, 0, 15), ("scan_headers", 0, 0, 0), ("touch", 0, 0, 0), ("replace", 1, 35, 0),
    ],
    "a part of a pipeline that was copied elsewhere changes places with a link": [
        ("component", 0, 0, 1), ("whole_pipeline", 0, 0, 1), ("create", 2, 0, 0), ("rename_folder", 0, 0, 1),
        ("hugging_face", 0, 0, 0), ("scan_some", 0, 0, 0), ("delete", 0, 0, 0), ("hard_link", 0, 1, 0),
        ("move_library", 0, 0, 1), ("scan_headers", 0, 0, 0), ("swap", 2, 1, 0),
    ],
    "a link leads to another path of the same file": [
        ("create", 0, 0, 0), ("whole_pipeline", 0, 0, 0), ("delete", 0, 0, 0), ("delete", 0, 0, 0), ("link", 0, 43, 0),
        ("scan", 0, 0, 0), ("link", 1, 53, 0), ("swap", 1, 0, 0),
    ],
}  # fmt: skip
"""What once went wrong."""


@pytest.mark.parametrize("what", FOUND)
def test_what_once_went_wrong_does_not_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(root_scan, "SMALL_BYTES", 4096)
    live(tmp_path, FOUND[what])


@pytest.mark.parametrize(("source", "goal"), [(0, 1), (1, 0)])
def test_a_file_that_moves_between_library_folders_is_the_same_file(
    tmp_path: Path, source: int, goal: int
) -> None:
    world = World(tmp_path)
    try:
        for root in world.roots:
            world.library.add_folder(str(root))
        world.create(source, 0, 0)
        world.create(source, 1, 1)
        world.scan()
        for root in world.roots:
            (root / "words.txt").touch()
        os.rename(world.roots[source] / NAMES[0], world.roots[goal] / NAMES[2])
        report = world.library.scan([], progress=Progress())
        assert (report.moved, report.missing) == (1, 0)
        world.scan()
        known = world.library.catalog.known_files()
        assert set(known) == {str(world.roots[source] / NAMES[1]), str(world.roots[goal] / NAMES[2])}
    finally:
        world.close()


@pytest.mark.parametrize(("source", "goal"), [(0, 1), (1, 0)])
@pytest.mark.parametrize(("hashed_before", "hashed_after"), [(False, True), (False, False), (True, False)])
@pytest.mark.parametrize("together", [True, False])
def test_a_file_without_a_hash_is_known_by_its_inode_in_another_library_folder(
    tmp_path: Path, source: int, goal: int, hashed_before: bool, hashed_after: bool, together: bool
) -> None:
    world = World(tmp_path)
    try:
        for root in world.roots:
            world.library.add_folder(str(root))
            (root / "words.txt").touch()
        world.create(source, 0, 0)
        library = world.library
        library.scan([], hash_files=hashed_before, progress=Progress())
        (model_id,) = (file.model_id for file in library.catalog.known_files().values())
        library.edit([model_id], "notes", "mine")
        world.notes["mine"] = None
        moved = world.roots[goal] / NAMES[2]
        os.rename(world.roots[source] / NAMES[0], moved)
        paths = [[]] if together else [[str(root)] for root in (world.roots[source], world.roots[goal])]
        reports = [library.scan(some, hash_files=hashed_after, progress=Progress()) for some in paths]
        assert [sum(numbers) for numbers in zip(*((r.added, r.moved) for r in reports), strict=True)] == [
            1,
            1,
        ]
        assert reports[-1].missing == 0
        world.scan()
        (file,) = library.catalog.known_files().values()
        assert file.path == str(moved)
        assert world.ask("SELECT id FROM models") == [(file.model_id,)]
        assert world.ask("SELECT value FROM user_values") == [('"mine"',)]
    finally:
        world.close()


def test_one_new_place_stands_for_one_lost_path(tmp_path: Path) -> None:
    world = World(tmp_path)
    try:
        for root in world.roots:
            world.library.add_folder(str(root))
            (root / "words.txt").touch()
        world.create(0, 0, 0)
        world.create(1, 1, 0)
        world.scan()
        os.rename(world.roots[0] / NAMES[0], world.roots[0] / NAMES[2])
        (world.roots[1] / NAMES[1]).unlink()
        report = world.library.scan([], progress=Progress())
        assert (report.moved, report.missing) == (1, 1)
        assert world.library.scan([], progress=Progress()).missing == 1
    finally:
        world.close()


def test_the_world_has_all_deeds() -> None:
    assert all(callable(getattr(World, deed)) for deed in DEEDS)
