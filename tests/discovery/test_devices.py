"""On which disk a file lies, told by trees such as the kernel shows them."""

import os
from pathlib import Path

import pytest

from modelmgr.discovery import devices
from modelmgr.discovery.devices import Disk, disk_of

pytestmark = pytest.mark.skipif(not hasattr(os, "major"), reason="no device numbers here")


def disk(root: Path, name: str, turns: str | None) -> Path:
    folder = root / "devices" / name
    (folder / "queue").mkdir(parents=True)
    if turns is not None:
        (folder / "queue" / "rotational").write_text(turns)
    return folder


def number(root: Path, major: int, minor: int, folder: Path) -> int:
    numbers = root / "block"
    numbers.mkdir(exist_ok=True)
    (numbers / f"{major}:{minor}").symlink_to(folder)
    return os.makedev(major, minor)


def found(root: Path, device: int) -> Disk | None:
    return devices._block_disk(device, str(root / "block"))


def test_a_partition_and_its_disk_are_one(tmp_path: Path) -> None:
    sda = disk(tmp_path, "sda", "1\n")
    part = sda / "sda2"
    part.mkdir()
    (part / "partition").write_text("2\n")
    assert found(tmp_path, number(tmp_path, 8, 2, part)) == Disk("sda", True, (str(sda),))
    assert found(tmp_path, number(tmp_path, 8, 0, sda)) == Disk("sda", True, (str(sda),))


def test_a_volume_is_the_disks_below_it_and_turns_if_one_of_them_does(tmp_path: Path) -> None:
    sda, nvme = disk(tmp_path, "sda", "1\n"), disk(tmp_path, "nvme0n1", "0\n")
    part = nvme / "nvme0n1p1"
    part.mkdir()
    (part / "partition").write_text("1\n")
    crypt, volume = disk(tmp_path, "dm-0", "0\n"), disk(tmp_path, "dm-1", "0\n")
    for folder, below in ((crypt, [part]), (volume, [crypt, sda])):
        (folder / "slaves").mkdir()
        for each in below:
            (folder / "slaves" / each.name).symlink_to(each)
    assert found(tmp_path, number(tmp_path, 253, 0, crypt)) == Disk("nvme0n1", False, (str(nvme),))
    assert found(tmp_path, number(tmp_path, 253, 1, volume)) == Disk(
        "nvme0n1+sda", True, (str(nvme), str(sda))
    )


def test_volumes_that_lie_on_each_other_in_a_circle_end(tmp_path: Path) -> None:
    first, second = disk(tmp_path, "dm-0", "0\n"), disk(tmp_path, "dm-1", "0\n")
    for folder, below in ((first, second), (second, first)):
        (folder / "slaves").mkdir()
        (folder / "slaves" / below.name).symlink_to(below)
    assert found(tmp_path, number(tmp_path, 253, 0, first)) is None


@pytest.mark.parametrize("turns", [None, "", "?\n"])
def test_a_disk_that_does_not_say_whether_it_turns_is_unknown(tmp_path: Path, turns: str | None) -> None:
    vda = disk(tmp_path, "vda", turns)
    assert found(tmp_path, number(tmp_path, 252, 0, vda)) == Disk("vda", None, (str(vda),))


def test_what_was_read_from_a_volume_is_what_was_read_from_its_disks(tmp_path: Path) -> None:
    sda, sdb = disk(tmp_path, "sda", "1\n"), disk(tmp_path, "sdb", "1\n")
    volume = Disk("sda+sdb", True, (str(sda), str(sdb)))
    assert Disk("nfs", None).fetched_bytes() is None
    assert volume.fetched_bytes() is None
    for folder, sectors in ((sda, 7), (sdb, 5)):
        (folder / "stat").write_text(f"    4695005   581147 {sectors}  3192068 14501536  3924417\n")
    assert volume.fetched_bytes() == 12 * 512
    (sdb / "stat").write_text("none\n")
    assert volume.fetched_bytes() is None


def test_a_device_that_the_system_knows_nothing_of_stands_for_itself(tmp_path: Path) -> None:
    (tmp_path / "block").mkdir()
    assert found(tmp_path, os.makedev(0, 4711)) is None
    assert disk_of(os.makedev(0, 1_048_575), "/nowhere at all").name
    assert disk_of(-5) == Disk(str(2**64 - 5), None)


def test_all_folders_of_one_file_system_lie_on_one_disk(tmp_path: Path) -> None:
    below = tmp_path / "below it"
    below.mkdir()
    assert disk_of(tmp_path.stat().st_dev, str(tmp_path)) == disk_of(below.stat().st_dev, str(below))


def test_a_mount_table_s_words_are_read_as_they_are_meant() -> None:
    assert devices._plain(rb"/mnt/my\040disk\134x") == rb"/mnt/my disk\x"
