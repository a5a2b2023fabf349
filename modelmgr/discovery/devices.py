"""On which disk a file lies, and whether that one has a head to move. Reads what the system says; opens no device."""

import os
import sys
from functools import lru_cache
from typing import NamedTuple

_SYS = "/sys/dev/block"
_MOUNTS = "/proc/self/mountinfo"


class Disk(NamedTuple):
    """The disk below a file system.

    Attributes:
        name: the same for all file systems that share a disk (``sda``; ``sda+sdb`` for a volume over two of them),
            else the number of the device.
        rotational: True if it turns, None where the system does not say (network, Windows, macOS).
        parts: the folders in which the system shows what it is made of.
    """

    name: str
    rotational: bool | None
    parts: tuple[str, ...] = ()

    def fetched_bytes(self) -> int | None:
        """Return how much was ever read from it, by everybody; None where the system does not say.

        Linux, Documentation/block/stat: the third number is of sectors of 512 bytes, whatever its own are.
        """
        count = 0
        try:
            for part in self.parts:
                with open(os.path.join(part, "stat"), "rb") as file:
                    count += 512 * int(file.read(512).split()[2])
        except (OSError, ValueError, IndexError):
            return None
        return count if self.parts else None


def disk_of(device: int, path: str = "") -> Disk:
    """Return the disk of a device number as `os.stat` gives it (also folded to 64 signed bits).

    Args:
        device: `st_dev` of a file.
        path: the file or its folder. File systems without a block device of their own (btrfs, overlays) have a made up
            number; what is mounted there tells then.
    """
    device &= (1 << 64) - 1
    disk = _block_disk(device, _SYS)
    if disk is None and path and os.path.exists(_MOUNTS):
        source = _mounted_device(path)
        disk = _block_disk(source, _SYS) if source is not None else None
    return disk or Disk(str(device), None)


@lru_cache(maxsize=256)
def _block_disk(device: int, numbers: str) -> Disk | None:
    """Follow a block device down to its disks (Linux, Documentation/ABI: sysfs-block, sysfs-devices-system).

    Args:
        device: its number.
        numbers: the folder of links ``<major>:<minor>``.
    """
    if sys.platform == "win32":
        return None
    found: dict[str, bool | None] = {}
    waiting = [os.path.realpath(os.path.join(numbers, f"{os.major(device)}:{os.minor(device)}"))]
    met: set[str] = set()
    while waiting and len(met) < 64:
        folder = waiting.pop()
        if folder in met:
            continue
        met.add(folder)
        if os.path.exists(os.path.join(folder, "partition")):
            folder = os.path.dirname(folder)
        try:
            below = os.listdir(os.path.join(folder, "slaves"))
        except OSError:
            below = []
        if below:
            waiting += (os.path.realpath(os.path.join(folder, "slaves", name)) for name in below)
        elif os.path.isdir(os.path.join(folder, "queue")):
            found[folder] = _turns(os.path.join(folder, "queue", "rotational"))
    if not found:
        return None
    turns = set(found.values())
    parts = tuple(sorted(found, key=os.path.basename))
    return Disk("+".join(map(os.path.basename, parts)), True if True in turns else turns.pop(), parts)


def _turns(path: str) -> bool | None:
    try:
        with open(path, encoding="ascii") as file:
            return {"0": False, "1": True}.get(file.read(2).strip())
    except (OSError, ValueError):
        return None


def _mounted_device(path: str) -> int | None:
    """Return the number of the block device that is mounted where `path` lies, if it is one (man 5 proc, mountinfo)."""
    if sys.platform == "win32":
        return None
    real = os.fsencode(os.path.realpath(path))
    best, source = b"", b""
    try:
        with open(_MOUNTS, "rb") as file:
            for line in file:
                before, _, after = line.partition(b" - ")
                point = _plain(before.split(b" ")[4])
                inside = real == point or real.startswith(point.rstrip(b"/") + b"/")
                if inside and len(point) >= len(best):
                    best, source = point, _plain(after.split(b" ")[1])
        return os.stat(source).st_rdev or None if source.startswith(b"/dev/") else None
    except (OSError, IndexError):
        return None


def _plain(text: bytes) -> bytes:
    for octal, char in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        text = text.replace(octal, char)
    return text
