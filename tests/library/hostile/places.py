"""Names of any bytes, loops, pipes, devices, closed doors, endless paths and half downloads."""
# ruff: noqa: E501 - tables of names

import os
import unicodedata
from pathlib import Path

from tests.library.hostile.maker import GOOD, Bad, Maker, lora, make_socket


def names(maker: Maker) -> None:
    folder = os.fsencode(maker.folder("names"))
    path: bytes
    names = [
        b"\xff\xfe\x80", b"new\nline", b"tab\t", b"\x1b[2J\x07bell", b"bi\xe2\x80\xaedi", b"zalgo" + "\u0301".encode() * 60, b" space ", b"...", b"-rf", b"'\"`$(touch x)`",
        b"CON", b"aux", b"a:b", b"q?*|<>", b"back\\slash", b"%s%n", b"=cmd()", b"\xf0\x9f\x98\x80" * 50, b"\xed\xa0\x80", b"x" * 243, b"\xc3\xa4" * 121, b"..a", b"Twin", b"twin", b"TWIN",
        "\u00e9t\u00e9".encode(), unicodedata.normalize("NFD", "\u00e9t\u00e9").encode(), b"{}", b"null", b"<img src=x>", b"a" + bytes([0xC2, 0x85]) + b"b", b"~", b"#", b"\x01\x02\x03\x7f",
    ]  # fmt: skip
    for number, name in enumerate(names):
        path = os.path.join(folder, name + b".safetensors")
        with open(path, "wb") as file:
            file.write(lora(20_000 + number))
        maker.bad.append(Bad(os.fsdecode(path), frozenset(), listed=True))
    for name in (b"\xff\xfe", b"a\nb", b"\x1b[31m", b"x.safetensors", b"...", b"\xe2\x80\xae"):
        below = os.path.join(folder, name)
        os.mkdir(below)
        maker.neighbour(Path(os.fsdecode(below)))
    for name in (b".safetensors", b"a..safetensors", b"UPPER.SAFETENSORS", b".hidden.safetensors"):
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(lora(21_000 + len(name)))
        maker.bad.append(Bad(os.fsdecode(path), frozenset(), listed=True))
    times = maker.folder("times")
    for number, when in enumerate((-(2**33), 0, 2**33, 2**40, -1)):
        path = maker.file(times, f"time{number}.safetensors", lora(22_000 + number))
        try:
            os.utime(path, (when, when))
        except OSError:
            continue
    crowd = maker.folder("crowd")
    for number in range(20_000 if maker.large else 600):
        (crowd / f"note{number}.txt").touch()
    for number in range(3_000 if maker.large else 60):
        maker.file(
            crowd,
            f"pointer{number}.safetensors",
            b"version https://git-lfs.github.com/spec/v1\nsize %d\n" % number,
            "lfs_pointer",
        )


def links(maker: Maker) -> None:
    folder = maker.folder("links")
    (folder / "dangling.safetensors").symlink_to("gone.safetensors")
    maker.told(folder / "dangling.safetensors", "not_found")
    for name, target in (
        ("loop.safetensors", "loop.safetensors"),
        ("ping.safetensors", "pong.safetensors"),
        ("pong.safetensors", "ping.safetensors"),
    ):
        (folder / name).symlink_to(target)
        maker.told(folder / name, "unreadable")
    (folder / "self").symlink_to(".")
    (folder / "parent").symlink_to("..")
    (folder / "root").symlink_to("/")
    (folder / "proc").symlink_to("/proc")
    (folder / "fd").symlink_to("/proc/self/fd")
    (folder / "dev").symlink_to("/dev")
    (folder / "top").symlink_to(maker.root)
    (folder / "above").symlink_to(maker.root.parent)
    (folder / "zero.safetensors").symlink_to("/dev/zero")
    (folder / "environ.gguf").symlink_to("/proc/self/environ")
    (folder / "hard.safetensors").hardlink_to(folder / GOOD)
    (folder / "soft.safetensors").symlink_to(GOOD)
    maker.bad += [
        Bad(str(folder / name), frozenset(), listed=True) for name in ("hard.safetensors", "soft.safetensors")
    ]
    chain = folder / "chain0.safetensors"
    chain.symlink_to(GOOD)
    for number in range(1, 60):
        (folder / f"chain{number}.safetensors").symlink_to(f"chain{number - 1}.safetensors")
    maker.told(folder / "chain59.safetensors", "unreadable")
    wheel = maker.folder("links/wheel")
    for number in range(6):
        spoke = wheel / f"spoke{number}"
        spoke.mkdir()
        maker.neighbour(spoke)
    for number in range(6):
        for other in range(6):
            (wheel / f"spoke{number}" / f"to{other}").symlink_to(f"../spoke{other}")


def devices(maker: Maker) -> None:
    folder = maker.folder("devices")
    os.mkfifo(folder / "pipe.safetensors")
    make_socket(folder / "socket.ckpt")
    (folder / "folder.safetensors").mkdir()
    maker.neighbour(folder / "folder.safetensors")
    for name in ("pipe.safetensors", "socket.ckpt"):
        maker.told(folder / name, "unreadable")
    try:
        os.mknod(folder / "null.gguf", 0o600 | 0o020000, os.makedev(1, 3))
        os.mknod(folder / "zero.pt", 0o600 | 0o020000, os.makedev(1, 5))
    except OSError:
        pass
    else:
        maker.told(folder / "null.gguf", "unreadable")
        maker.told(folder / "zero.pt", "unreadable")
    closed = maker.folder("closed")
    path = maker.file(closed, "closed.safetensors", lora(23_000), *(["unreadable"] if os.geteuid() else []))
    os.chmod(path, 0)
    for name, mode in (("none", 0), ("list_only", 0o444), ("enter_only", 0o111)):
        below = closed / name
        below.mkdir()
        (below / "x.safetensors").write_bytes(lora(23_001 + mode))
        os.chmod(below, mode)
        if os.geteuid():
            maker.told(below / "x.safetensors" if mode == 0o444 else below, "unreadable")


def paths(maker: Maker) -> None:
    folder = maker.folder("deep")
    here = os.getcwd()
    os.chdir(folder)
    try:
        for number in range(25):
            name = f"{number:02}" + "d" * 200
            os.mkdir(name)
            os.chdir(name)
            with open("deep.safetensors", "wb") as file:
                file.write(lora(24_000 + number))
    finally:
        os.chdir(here)
    narrow = maker.folder("narrow")
    for number in range(300):
        narrow /= "n"
        narrow.mkdir()
        if number % 100 == 99:
            maker.neighbour(narrow)


def downloads(maker: Maker) -> None:
    folder = maker.folder("downloads")
    for name in (
        "a.safetensors.part",
        "b.gguf.crdownload",
        "c.ckpt.tmp",
        "d.safetensors.incomplete",
        "e.pt.download",
        "f.bin.!ut",
        ".g.safetensors.Ab12Cd",
    ):
        (folder / name).write_bytes(b"x" * 20)
        maker.told(folder / name)
    (folder / "running.safetensors").write_bytes(lora(25_000)[:100])
    (folder / "running.safetensors.aria2").write_bytes(b"x")
    maker.told(folder / "running.safetensors")
    (folder / "x.safetensors.download").mkdir()
    (folder / "x.safetensors.download" / "y.safetensors").write_bytes(lora(25_001))
