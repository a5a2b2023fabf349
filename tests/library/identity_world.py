"""A disk on which anything happens, a library that has to keep up with it, and what must hold between them."""

import contextlib
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from modelmgr import demo, discovery
from modelmgr.catalog import Catalog
from modelmgr.discovery import IgnoreRules
from modelmgr.errors import ModelmgrError, NotFound, Usage
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.readers import read_group, read_header
from modelmgr.values import PendingQuery, PendingState, Problem, ScanReport
from tests.inbox import pending_in

FOLDERS = ("", "a", "b", "a/deep", "c")
NAMES = tuple(f"n{number}.safetensors" for number in range(4))
SHARDS = tuple(f"story-{number:05}-of-00003.safetensors" for number in (1, 2, 3))
COMPONENTS = ("unet", "vae", "text_encoder")
COMMITS = ("1" * 40, "2" * 40)
PARTS = tuple(f"{component}/diffusion_pytorch_model.safetensors" for component in COMPONENTS)

Facts = tuple[int, int, int, int]


class Disk(NamedTuple):
    """What lies below the library folders now.

    Attributes:
        files: path -> sha256 of what it leads to.
        facts: path -> size, mtime_ns, inode, device.
        units: place -> the members' names and paths.
        groups: place -> all that was found out of it.
        ignored: paths of bare blobs that hold no model, and what rules leave out.
        roots: the library folders that can be reached.
    """

    files: dict[str, str]
    facts: dict[str, Facts]
    units: dict[str, dict[str, str]]
    groups: dict[str, discovery.Group]
    ignored: set[str]
    roots: list[str]


class Stopping(Progress):
    """Cancels itself at the step of a number."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self._left = left

    def step(self, done: int, total: int | None, text: str = "", unit: str = "files") -> None:
        """See the class."""
        self._left -= 1
        if self._left < 0:
            self.cancel()
        super().step(done, total, text, unit)


class Meanwhile(Progress):
    """Has something done at the step of a number."""

    def __init__(self, left: int, deed: Callable[[], None]) -> None:
        super().__init__()
        self._left = left
        self._deed = deed

    def step(self, done: int, total: int | None, text: str = "", unit: str = "files") -> None:
        """See the class."""
        self._left -= 1
        if self._left == -1:
            self._deed()
        super().step(done, total, text, unit)


class World:
    """The disk, two programs on one catalog, and the deeds of both sides; each deed takes three numbers.

    Args:
        base: an empty folder.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self.roots = [base / "one", base / "two"]
        self.away: dict[Path, Path] = {}
        for root in self.roots:
            root.mkdir()
        (base / "outside").mkdir()
        self.catalogs = [Catalog.open(base / "catalog.sqlite") for _ in range(2)]
        self.libraries = [Library(catalog) for catalog in self.catalogs]
        self.turn = 0
        self.tick = 0
        self.notes: dict[str, str | None] = {}
        self.tags: set[str] = set()
        self.pending = 0
        self.log: list[str] = []

    def close(self) -> None:
        """Close the catalogs."""
        for catalog in self.catalogs:
            catalog.close()

    @property
    def library(self) -> Library:
        """One of the two programs."""
        return self.libraries[self.turn % 2]

    def ask(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the catalog."""
        with self.library.catalog.transaction() as writer:
            return list(writer.execute_sql(sql, parameters).fetchall())

    # --- deeds on the disk --------------------------------------------------------------------------------

    def _place(self, x: int, y: int) -> Path:
        root = self.roots[x % 2]
        return root / FOLDERS[x // 2 % len(FOLDERS)] / NAMES[y % len(NAMES)]

    def _some(self, x: int, *, links: bool = True) -> Path | None:
        """Return one of the model files that are there."""
        found = sorted(
            Path(folder) / name
            for root in self.roots
            for folder, _, names in os.walk(root)
            for name in names
            if name.endswith(".safetensors") or "sha256-" in name or len(name) == 64
        )
        found = [path for path in found if links or not path.is_symlink()]
        return found[x % len(found)] if found else None

    def _write(self, path: Path, content: int) -> bool:
        if self._is_away(path) or path.is_dir():
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        fill, words, large, letter = content % 3, content // 3 % 3, content // 9 % 2, "wu"[content // 18 % 2]
        rows = 512 if large else 8
        tensors = {
            "lora_unet_x.lora_down.weight": ("F16", (4, rows)),
            "lora_unet_x.lora_up.weight": ("F16", (rows, 4)),
        }
        metadata = {"ss_output_name": f"w{letter * 8 * words}"} if words else {"format": "pt"}
        with contextlib.suppress(FileNotFoundError):
            if path.is_symlink():
                path.unlink()
        demo.write_safetensors(path, tensors, metadata, bytes([65 + fill]) * 3)
        self._stamp(path)
        return True

    def _stamp(self, path: Path) -> None:
        self.tick += 1
        os.utime(path, ns=(0, 1_700_000_000_000_000_000 + self.tick * 1_000_000))

    def _is_away(self, path: Path) -> bool:
        return any(root in path.parents or path == root for root in self.away)

    def create(self, x: int, y: int, z: int) -> None:
        """Write a file, or write it anew."""
        self._write(self._place(x, y), z)

    def junk(self, x: int, y: int, z: int) -> None:
        """Write what is no model under the name of one."""
        path = self._place(x, y)
        if not self._is_away(path) and not path.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_bytes(
                (b"", b"<html>no</html>", b"version https://git-lfs.github.com/spec/v1\n")[z % 3]
            )
            self._stamp(path)

    def copy(self, x: int, y: int, z: int) -> None:
        """Copy a file; with its time or without."""
        self._to(x, y, z, lambda a, b: shutil.copy2(a, b) if z % 2 else shutil.copyfile(a, b))

    def hard_link(self, x: int, y: int, z: int) -> None:
        """Give a file a further name."""
        self._to(x, y, z, lambda a, b: os.link(os.path.realpath(a), b))

    def link(self, x: int, y: int, z: int) -> None:
        """Make a symbolic link to a file."""
        self._to(x, y, z, lambda a, b: os.symlink(a, b))

    def move(self, x: int, y: int, z: int) -> None:
        """Move a file."""
        self._to(x, y, z, lambda a, b: os.rename(a, b))

    def move_across(self, x: int, y: int, z: int) -> None:
        """Move a file as between disks."""

        def over(a: str, b: str) -> None:
            shutil.copyfile(a, b)
            os.unlink(a)

        self._to(x, y, z, over)

    def _to(self, x: int, y: int, z: int, act: Callable[[str, str], Any]) -> None:
        source, goal = self._some(x), self._place(y, z)
        if source is None or self._is_away(goal) or goal.is_dir() or source == goal or not source.exists():
            return
        if os.path.realpath(source) == os.path.realpath(goal):
            return
        goal.parent.mkdir(parents=True, exist_ok=True)
        goal.unlink(missing_ok=True)
        if source.exists():
            act(str(source), str(goal))

    def swap(self, x: int, y: int, z: int) -> None:
        """Let two files change their names."""
        one, two = self._some(x), self._some(y)
        if one is not None and two is not None and one != two:
            aside = one.parent / "aside"
            one.rename(aside)
            two.rename(one)
            aside.rename(two)

    def rewrite(self, x: int, y: int, z: int) -> None:
        """Write other words into a header, in place or as a new file."""
        path = self._some(x, links=False)
        if path is None:
            return
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        try:
            header = json.loads(data[8 : 8 + length])
        except ValueError:
            return
        self.tick += 1
        words = {} if y % 4 == 0 else {"ss_output_name": "vu"[y // 4 % 2] * (y % 4)}
        header["__metadata__"] = words
        text = json.dumps(header).encode()
        data = len(text).to_bytes(8, "little") + text + data[8 + length :]
        if z % 2:
            path.unlink()
        path.write_bytes(data)
        self._stamp(path)

    def change(self, x: int, y: int, z: int) -> None:
        """Write other tensors of the same size into a file."""
        path = self._some(x, links=False)
        if path is not None and path.stat().st_size > 100:
            with path.open("r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(bytes([y % 3]))
            self._stamp(path)

    def truncate(self, x: int, y: int, z: int) -> None:
        """Cut a file."""
        path = self._some(x, links=False)
        if path is not None:
            os.truncate(path, path.stat().st_size * (y % 4) // 4)
            self._stamp(path)

    def touch(self, x: int, y: int, z: int) -> None:
        """Give a file a new time."""
        path = self._some(x, links=False)
        if path is not None:
            self._stamp(path)

    def delete(self, x: int, y: int, z: int) -> None:
        """Delete a file."""
        path = self._some(x)
        if path is not None:
            path.unlink()

    def shard(self, x: int, y: int, z: int) -> None:
        """Write or delete one part of a model."""
        folder = self.roots[x % 2] / FOLDERS[x // 2 % len(FOLDERS)]
        path = folder / SHARDS[y % 3]
        if z % 4 == 0:
            path.unlink(missing_ok=True)
        elif not self._is_away(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            tensors = {f"model.layers.{y % 3}.self_attn.q_proj.weight": ("F16", (16, 16))}
            demo.write_safetensors(path, tensors, {"format": "pt"}, b"one" if z % 4 < 3 else b"two")
            self._stamp(path)

    def shards(self, x: int, y: int, z: int) -> None:
        """Write all parts of a model."""
        for number in range(3):
            self.shard(x, number, 1 + z % 3)

    def pipeline(self, x: int, y: int, z: int) -> None:
        """Write the index of a pipeline that names some components."""
        folder = self.roots[x % 2] / FOLDERS[x // 2 % len(FOLDERS)]
        if self._is_away(folder):
            return
        folder.mkdir(parents=True, exist_ok=True)
        if z % 5 == 0:
            (folder / "model_index.json").unlink(missing_ok=True)
            return
        index: dict[str, Any] = {"_class_name": "StableDiffusionPipeline"}
        for number, component in enumerate(COMPONENTS):
            if y >> number & 1:
                index[component] = ["diffusers", "X"]
        (folder / "model_index.json").write_text(json.dumps(index))
        self._stamp(folder / "model_index.json")

    def component(self, x: int, y: int, z: int) -> None:
        """Write or delete a component of a pipeline."""
        path = self.roots[x % 2] / FOLDERS[x // 2 % len(FOLDERS)] / PARTS[y % 3]
        if z % 4 == 0:
            path.unlink(missing_ok=True)
        else:
            self._write(path, z)

    def whole_pipeline(self, x: int, y: int, z: int) -> None:
        """Write a pipeline with all its components."""
        self.pipeline(x, 7, 1)
        for number in range(3):
            self.component(x, number, 1 + 4 * (z % 4) + number % 3)

    def hugging_face(self, x: int, y: int, z: int) -> None:
        """Have a file of a repository in one or two snapshots."""
        repo = self.roots[x % 2] / "hub" / "models--org--name"
        if self._is_away(repo):
            return
        aside = self.base / "outside" / "download"
        if not self._write(aside, z):
            return
        blob = repo / "blobs" / hashlib.sha256(aside.read_bytes()).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(aside, blob)
        for number in (0, 1) if y % 3 == 2 else (y % 3,):
            link = (
                repo / "snapshots" / COMMITS[number] / (NAMES[y // 3 % 4] if y // 12 % 2 else SHARDS[y % 3])
            )
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(f"../../blobs/{blob.name}")

    def ollama(self, x: int, y: int, z: int) -> None:
        """Pull a model."""
        folder = self.roots[x % 2] / "ollama" / "blobs"
        if self._is_away(folder):
            return
        folder.mkdir(parents=True, exist_ok=True)
        aside = self.base / "outside" / "pulled"
        if y % 3:
            demo.write_gguf(
                aside, {"general.architecture": "llama"}, {"token_embd.weight": ("F32", (4, 4))}, fill=z % 3
            )
        else:
            aside.write_text('{"model_format":"gguf"}')
        shutil.move(aside, folder / f"sha256-{hashlib.sha256(aside.read_bytes()).hexdigest()}")

    def folder_link(self, x: int, y: int, z: int) -> None:
        """Make a link to a folder, or take it away."""
        link = self.roots[x % 2] / FOLDERS[1 + y % 4] / f"link{z % 2}"
        goal = self.roots[z // 2 % 2] / FOLDERS[z // 4 % 5] if z % 3 else self.base / "outside"
        if link.is_symlink():
            link.unlink()
        elif not self._is_away(link) and not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(goal)

    def rename_folder(self, x: int, y: int, z: int) -> None:
        """Rename a folder, into another or back."""
        one = self.roots[x % 2] / FOLDERS[1 + y % 4]
        two = self.roots[x // 2 % 2] / ("renamed" if z % 3 == 0 else FOLDERS[1 + z % 4])
        if not one.is_dir():
            one, two = two, one
        if one.is_dir() and not self._is_away(two) and not two.exists() and one not in two.parents:
            two.parent.mkdir(parents=True, exist_ok=True)
            one.rename(two)

    def change_case(self, x: int, y: int, z: int) -> None:
        """Write the name of a file in other letters."""
        path = self._some(x)
        if path is not None:
            goal = path.with_name(path.name.swapcase().replace(".SAFETENSORS", ".safetensors"))
            if not goal.exists() and not goal.is_symlink():
                path.rename(goal)

    def replace(self, x: int, y: int, z: int) -> None:
        """Write a file aside, and put it over another."""
        path, aside = self._some(x), self.base / "outside" / "written"
        if path is not None and self._write(aside, y):
            if z % 2:
                os.utime(aside, ns=(0, path.lstat().st_mtime_ns))
            aside.replace(path)

    def set_back(self, x: int, y: int, z: int) -> None:
        """Give a file an old time."""
        path = self._some(x, links=False)
        if path is not None:
            self.tick += 1
            os.utime(path, ns=(0, 1_500_000_000_000_000_000 - self.tick * 1_000_000_000))

    def become_folder(self, x: int, y: int, z: int) -> None:
        """Let a folder take the place of a file, or a file that of such a folder."""
        path = self._place(x, y)
        if path.is_dir() and not path.is_symlink():
            inside = sorted(path.glob("*.safetensors"))
            for aside in inside[:1]:
                aside.replace(path.with_suffix(".aside"))
            shutil.rmtree(path)
            if inside:
                path.with_suffix(".aside").replace(path)
        elif path.exists():
            path.rename(path.with_suffix(".aside"))
            path.mkdir()
            path.with_suffix(".aside").rename(path / NAMES[z % len(NAMES)])

    def swap_folders(self, x: int, y: int, z: int) -> None:
        """Let two folders change their names."""
        one = self.roots[x % 2] / FOLDERS[1 + y % 4]
        two = self.roots[x // 2 % 2] / FOLDERS[1 + z % 4]
        apart = one not in two.parents and two not in one.parents and one != two
        if apart and one.is_dir() and two.is_dir():
            aside = self.base / "outside" / "aside"
            one.rename(aside)
            two.rename(one)
            aside.rename(two)

    def move_with_picture(self, x: int, y: int, z: int) -> None:
        """Move a file with the picture beside it."""
        path, goal = self._some(x), self._place(y, z)
        picture = path.with_suffix(".preview.png") if path is not None else None
        self.move(x, y, z)
        if path is None or picture is None or os.path.lexists(path):
            return
        if picture.exists() and goal.parent.is_dir():
            picture.rename(goal.with_suffix(".preview.png"))

    def delete_folder(self, x: int, y: int, z: int) -> None:
        """Delete a folder."""
        folder = self.roots[x % 2] / FOLDERS[1 + y % 4]
        if not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)

    def unplug(self, x: int, y: int, z: int) -> None:
        """Take a disk away, or plug it in again; an empty folder may stand in its place."""
        root = self.roots[x % 2]
        if root in self.away:
            aside = self.away.pop(root)
            if root.exists():
                shutil.rmtree(root)
            aside.rename(root)
        else:
            aside = self.base / f"{root.name}-away"
            root.rename(aside)
            self.away[root] = aside
            if y % 2:
                root.mkdir()

    # --- deeds of the user ----------------------------------------------------------------------------------

    def add_folder(self, x: int, y: int, z: int) -> None:
        """Add a library folder, maybe one within another."""
        with contextlib.suppress(NotFound):
            self.library.add_folder(str(self.roots[x % 2] / FOLDERS[y % len(FOLDERS)]))

    def remove_folder(self, x: int, y: int, z: int) -> None:
        """Remove a library folder."""
        folders = sorted(self.library.catalog.folder_facts())
        if folders:
            self.library.remove_folder(folders[x % len(folders)])

    def rules(self, x: int, y: int, z: int) -> None:
        """Switch ignore rules on or off."""
        folders = sorted(self.library.catalog.folder_facts())
        if folders:
            patterns = ((), ("a/",), ("n1.*",), ("*-of-*", "vae/"))[y % 4]
            self.library.set_folder_rules(folders[x % len(folders)], IgnoreRules(patterns))

    def _model(self, x: int) -> int | None:
        ids = [row[0] for row in self.ask("SELECT id FROM models ORDER BY id")]
        return ids[x % len(ids)] if ids else None

    def note(self, x: int, y: int, z: int) -> None:
        """Type a note and a tag."""
        model = self._model(x)
        if model is None:
            return
        former = self.library.catalog.user_values(model)
        ((sha256,),) = self.ask("SELECT sha256 FROM models WHERE id = ?", model)
        for text in (former.get("notes") or "").split("\n"):
            self.notes.pop(text.strip(), None)
        self.tick += 1
        text = f"note {self.tick}"
        self.library.edit([model], "notes", text)
        self.notes[text] = sha256
        if z % 2:
            tags = [*former.get("tags", ()), f"tag {self.tick}"]
            self.library.edit([model], "tags", tags)
            self.tags |= set(tags)

    def sidecar(self, x: int, y: int, z: int) -> None:
        """Import a record that lies beside a file, or speaks of one by its hash."""
        path = self._some(x)
        if path is None or not path.is_file():
            return
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self.tick += 1
        place = self.base / "records" if z % 2 else path.parent
        place.mkdir(exist_ok=True)
        version = {
            "id": 1000 + self.tick,
            "modelId": 7,
            "name": f"v{self.tick}",
            "baseModel": "SDXL 1.0",
            "model": {"name": path.stem, "type": "LORA"},
            "files": [{"name": path.name, "hashes": {"SHA256": sha256.upper()} if y % 2 else {}}],
        }
        sidecar = place / f"{path.stem}.civitai.info"
        sidecar.write_text(json.dumps(version))
        self.library.import_paths([str(sidecar)], progress=Progress())
        sidecar.unlink()
        ((self.pending,),) = self.ask("SELECT count(*) FROM pending_models")

    def promote(self, x: int, y: int, z: int) -> None:
        """Promote what waits."""
        self.library.promote(None, allow_missing=bool(x % 2), progress=Progress())

    def undo(self, x: int, y: int, z: int) -> None:
        """Take a promotion back."""
        rows = pending_in(self.library.catalog, PendingQuery((PendingState.PROMOTED,)))
        if rows:
            self.library.undo_promotion([rows[x % len(rows)].id], Progress())

    def picture(self, x: int, y: int, z: int) -> None:
        """Put a picture beside a file."""
        path = self._some(x)
        if path is not None:
            path.with_suffix(".preview.png").write_bytes(b"\x89PNG\r\n\x1a\n")

    def locate_model(self, x: int, y: int, z: int) -> None:
        """Name the file of a model."""
        lost = self.ask("SELECT id FROM models WHERE file_state = 'missing' ORDER BY id")
        path = self._some(y)
        if lost and path is not None:
            with contextlib.suppress(ModelmgrError):
                self.library.locate_model(lost[x % len(lost)][0], str(path), Progress())

    def move_library(self, x: int, y: int, z: int) -> None:
        """Move a library folder, and say so or let the scan find it."""
        root = self.roots[x % 2]
        if root in self.away or any(aside.name == f"moved{self.tick + 1}" for aside in self.roots):
            return
        self.tick += 1
        goal = self.base / f"moved{self.tick}"
        if z % 2:
            shutil.copytree(root, goal, symlinks=True)
            shutil.rmtree(root)
        else:
            root.rename(goal)
        self.roots[x % 2] = goal
        with contextlib.suppress(NotFound, Usage):
            self.library.move_folder(str(root), str(goal), Progress())

    # --- scans ----------------------------------------------------------------------------------------------

    def other(self, x: int, y: int, z: int) -> None:
        """Go on with the other program."""
        self.turn += 1

    def scan_headers(self, x: int, y: int, z: int) -> None:
        """Scan, but hash nothing."""
        self._told(self.library.scan(self._named(x), hash_files=False, progress=Progress()))

    def scan_some(self, x: int, y: int, z: int) -> None:
        """Scan one root or folder only."""
        self._told(self.library.scan(self._named(x % 2 + 1), progress=Progress()))

    def scan_stopped(self, x: int, y: int, z: int) -> None:
        """Cancel a scan somewhere."""
        self._told(self.library.scan(self._named(x), hash_files=bool(z % 3), progress=Stopping(y % 23)))

    def scan_meanwhile(self, x: int, y: int, z: int) -> None:
        """Scan, and do something on the disk while it runs, or while it is paused."""
        deed = getattr(self, MEANWHILE[x % len(MEANWHILE)])
        self._told(
            self.library.scan([], hash_files=bool(z % 4), progress=Meanwhile(y % 23, lambda: deed(y, z, x)))
        )

    def quick_check(self, x: int, y: int, z: int) -> None:
        """Look by the folders' times."""
        self._told(self.library.quick_check(Progress() if y % 3 else Stopping(z % 11)))

    def watch_tells(self, x: int, y: int, z: int) -> None:
        """Be told of changed folders."""
        folders = [str(root / folder) for root in self.roots for folder in FOLDERS]
        told = [folder for number, folder in enumerate(folders) if (x + 7 * y) >> number & 1]
        self._told(self.library.look_at_changed(told, Progress() if z % 3 else Stopping(z)))

    def hash_waiting(self, x: int, y: int, z: int) -> None:
        """Hash what waits."""
        self.library.hash_waiting(Progress() if x % 2 else Stopping(y % 7))

    def _named(self, x: int) -> list[str]:
        if x % 4 == 3:
            folder = self.roots[0] / FOLDERS[x // 4 % 5]
            return [str(folder)] if folder.is_dir() else []
        return [] if x % 4 == 0 else [str(self.roots[x % 4 - 1])]

    @staticmethod
    def _told(report: ScanReport) -> ScanReport:
        total = report.added + report.updated + report.unchanged + report.ignored + report.failed
        assert report.seen == total, report
        assert min(report.seen, report.missing, report.moved, report.offline) >= 0, report
        return report

    # --- what must hold -------------------------------------------------------------------------------------

    def scan(self, x: int = 0, y: int = 0, z: int = 0) -> None:
        """Scan everything, and hold the catalog against the disk."""
        before = self.library.catalog.known_files()
        report = self._told(self.library.scan([], progress=Progress()))
        assert not report.cancelled
        disk = self.disk()
        after = self._paths()
        self.check_files(disk)
        self.check_models(disk)
        self.check_user()
        # What went is counted once, as moved or as missing.
        reachable = {
            path for path in before if any(path.startswith(f"{root}/") for root in disk.roots)
        } - disk.ignored
        gone = {path for path in reachable if path not in disk.files and not _is_loop(path)}
        forgotten = set(before) - set(after)
        parts = {path for path in forgotten if before[path].unit is not None}
        # A path of a root that is away now may be known to be empty since the file was found elsewhere.
        there = {path for path in forgotten - gone - disk.ignored if os.path.lexists(path)}
        assert not there, f"forgotten: {there}"
        assert report.moved == len(forgotten - parts), (report, forgotten)
        # More may be missing where nobody looks: below a rule, or in a folder that is empty now.
        assert report.missing >= len(gone - forgotten), (report, gone, forgotten)
        self.check_rest(report)

    def _paths(self) -> dict[str, str]:
        return {path: file.state for path, file in self.library.catalog.known_files().items()}

    def disk(self) -> Disk:
        """Look at what lies below the library folders."""
        disk = Disk({}, {}, {}, {}, set(), [])
        known = self.library.catalog.folder_facts()
        outermost = [path for path in known if not any(path.startswith(f"{other}/") for other in known)]
        problems: list[Problem] = []
        for root in sorted(outermost):
            if not os.path.isdir(root) or Path(root) in self.away or not os.listdir(root):
                continue  # away, or an empty place to which something else might belong
            disk.roots.append(root)
            rules = self.library.folder_rules(root)
            folders = list(discovery.walk_folders(root, Progress(), problems.append, rules))
            components: dict[str, str] = {}
            pipelines: dict[str, dict[str, discovery.Listing]] = {}
            for folder in folders:
                for path, _ in folder.ignored:
                    disk.ignored.add(path.rstrip("/"))
                    if path.endswith("/"):
                        disk.ignored.update(other for other in self._paths() if other.startswith(path))
                for name, size, mtime_ns, inode, device, _ in folder.files:
                    path = os.path.join(folder.path, name)
                    data = Path(path).read_bytes()
                    disk.facts[path] = (size, mtime_ns, inode, device)
                    if discovery.is_blob(path) and not data.startswith((b"GGUF",)) and b"lora" not in data:
                        disk.ignored.add(path)
                        continue
                    disk.files[path] = hashlib.sha256(data).hexdigest()
                if "model_index.json" in folder.names:
                    content = (Path(folder.path) / "model_index.json").read_bytes()
                    for component in discovery.components_of(content) or ():
                        components[os.path.join(folder.path, component)] = folder.path
                names = [row[0] for row in folder.files]
                if folder.path in components:
                    of = components[folder.path]
                    pipelines.setdefault(of, {})[os.path.relpath(folder.path, of)] = (names, folder.names)
                else:
                    for group in discovery.groups_in(folder.path, names, folder.names, discovery.read_marker):
                        disk.units[group.path] = dict(group.members)
                        disk.groups[group.path] = group
            for path, listings in pipelines.items():
                group_ = discovery.pipeline(path, listings, discovery.read_marker)
                if group_ is not None:
                    disk.units[path] = dict(group_.members)
                    disk.groups[path] = group_
            matches = rules.matcher()
            if matches is not None:
                disk.ignored.update(path for path in self._paths() if matches(path[len(root) + 1 :]))
        return disk

    def check_files(self, disk: Disk) -> None:
        """Every model file is exactly one row, with its facts."""
        known = {
            path: file
            for path, file in self.library.catalog.known_files().items()
            if any(path.startswith(f"{root}/") for root in disk.roots)
        }
        for path, sha256 in disk.files.items():
            file = known.get(path)
            assert file is not None, f"not known: {path}"
            assert file.state == "present", f"{file.state}: {path}"
            assert (file.size_bytes, file.mtime_ns, file.inode, file.device) == disk.facts[path], (
                f"facts: {path}"
            )
            assert file.sha256 == sha256, f"hash of {path}: {file.sha256}"
            real = os.path.realpath(path)
            assert file.link_target == (None if real == path else real), f"link {path}: {file.link_target}"
        for path, file in known.items():
            if path not in disk.files and path not in disk.ignored:
                # A link to itself is there, and is nothing.
                expected = "unreadable" if _is_loop(path) else "missing"
                assert file.state in ("missing", expected), f"{file.state}, but not there: {path}"

    def check_models(self, disk: Disk) -> None:
        """Every model is what its files are."""
        catalog = self.library.catalog
        hashes = Counter(row[0] for row in self.ask("SELECT sha256 FROM models WHERE sha256 IS NOT NULL"))
        assert not [sha256 for sha256, count in hashes.items() if count > 1]
        known = catalog.known_files()
        unit_rows = {
            path: (unit, model, sha)
            for path, unit, model, sha in self.ask("SELECT path, id, model_id, sha256 FROM units")
        }
        member_of: dict[str, str] = {}
        for place, members in disk.units.items():
            assert place in unit_rows, f"no unit: {place}"
            unit, model, key = unit_rows[place]
            lines = (f"{disk.files[path]}  {name}\n" for name, path in sorted(members.items()))
            expected = hashlib.sha256("".join(lines).encode()).hexdigest()
            ((sha256,),) = self.ask("SELECT sha256 FROM models WHERE id = ?", model)
            member_of |= dict.fromkeys(members.values(), place)
            lacking = {
                file.member for file in known.values() if file.unit == unit and file.state != "present"
            }
            if self._has_ignored(unit, disk):
                continue  # what a rule hides stays as it was
            if lacking - set(members):
                ((state,),) = self.ask("SELECT file_state FROM models WHERE id = ?", model)
                several = self.ask("SELECT 1 FROM units WHERE model_id = ? AND id <> ?", model, unit)
                assert state != "present" or several, f"{place} lacks {lacking}"
                continue
            assert (key, sha256) == (expected, expected), f"key of {place}: {key} {sha256} {expected}"
            ((state,),) = self.ask("SELECT file_state FROM models WHERE id = ?", model)
            assert state == "present", f"{place} is {state}"
            self._check_whole(disk.groups[place], model)
            for name, path in members.items():
                file = known[path]
                member_of[path] = place
                assert file.model_id == model, f"{path} is not of the model of {place}"
                assert file.unit is not None, f"{path} is no member"
                if path not in self._twins(disk):
                    assert (file.unit, file.member) == (unit, name), f"{path}: {file.unit} {file.member}"
        bodies = {disk.facts[path][2:] for path in member_of}
        # Parts that can't be seen now, on a disk that is away or outside all library folders, are as good.
        places = {unit: place for place, (unit, _, _) in unit_rows.items()}
        bodies |= {
            (file.inode, file.device)
            for path, file in known.items()
            if file.unit in places
            and file.state != "missing"
            and not any(path.startswith(f"{root}/") for root in disk.roots)
            and path.startswith(f"{os.path.dirname(places[file.unit])}/")
        }
        broken = {file.unit for file in known.values() if file.unit is not None and file.state == "missing"}
        for path, sha256 in disk.files.items():
            file = known[path]
            if path not in member_of and disk.facts[path][2:] not in bodies:
                # What is left of a model with lost parts stays with it.
                is_rest = file.unit in broken or self._has_ignored(file.unit or 0, disk)
                assert file.unit is None or is_rest, f"{path} is a member of {file.unit}"
                if file.unit is not None:
                    continue
                assert file.model_sha256 == sha256, f"model of {path}"
        for model, path, count, size, state, hash_state, sha256 in self.ask(
            "SELECT id, path, file_count, size_bytes, file_state, hash_state, sha256 FROM models"
        ):
            files = catalog.files_of(model)
            here = [file for file in files if file.state != "missing"]
            assert count == len(here), f"count of {model}: {count}"
            if not files:
                assert path is None
                others = self.ask(
                    "SELECT 1 FROM records WHERE model_id = ? AND source <> 'embedded' "
                    "UNION ALL SELECT 1 FROM user_values WHERE model_id = ?",
                    model,
                    model,
                )
                assert others or sha256 is not None, f"orphan: model {model}"
                continue
            places = {file.path for file in files} | {
                place for place, row in unit_rows.items() if row[1] == model
            }
            assert path in places, f"path of {model}: {path}"
            if any(file.path in disk.files for file in files if file.unit is None):
                assert state == "present", f"state of {model}"
            hidden = any(self._has_ignored(file.unit, disk) for file in files if file.unit is not None)
            # Nobody reads what lies in no library folder any more.
            hidden |= any(
                file.sha256 is None and not any(file.path.startswith(f"{root}/") for root in disk.roots)
                for file in here
            )
            # A hidden part that changed can't be hashed as what it was.
            if state == "present" and not hidden and any(file.path in disk.files for file in here):
                assert hash_state == "done", f"hash state of {model}: {hash_state}"
            if path in disk.files and path in {file.path for file in files if file.unit is None}:
                assert size == disk.facts[path][0], f"size of {model} {path}: {size} {files}"
            if path in disk.units and state == "present" and not hidden:
                assert size == sum(disk.facts[member][0] for member in disk.units[path].values()), (
                    f"size {path}"
                )
        assert not self.ask(
            "SELECT id FROM units WHERE NOT EXISTS (SELECT 1 FROM files WHERE unit = units.id)"
        )
        assert not self.ask(
            "SELECT id FROM files WHERE unit IS NOT NULL AND unit NOT IN (SELECT id FROM units)"
        )
        assert not self.ask(
            "SELECT files.id FROM files JOIN units ON units.id = unit WHERE files.model_id <> units.model_id"
        ), "member of another model"
        assert not self.ask(
            "SELECT model_id FROM records WHERE source = 'embedded' GROUP BY model_id, payload_sha256 "
            "HAVING count(*) > 1"
        ), "embedded twice"
        self._check_embedded(disk, known)

    def _check_whole(self, group: discovery.Group, model: int) -> None:
        header = read_group(group.kind, group.path, group.members, group.marker)
        shown = self.library.catalog.details(model)
        assert shown is not None
        assert (shown.header or {}).get("metadata") == dict(header.metadata), f"header of {group.path}"

    def _has_ignored(self, unit: int, disk: Disk) -> bool:
        """Tell whether rules hide a part of a model: of it nothing is looked at."""
        return any(
            path in disk.ignored for (path,) in self.ask("SELECT path FROM files WHERE unit = ?", unit)
        )

    def _twins(self, disk: Disk) -> set[str]:
        count = Counter(facts[2:] for facts in disk.facts.values())
        return {path for path, facts in disk.facts.items() if count[facts[2:]] > 1}

    def _check_embedded(self, disk: Disk, known: Mapping[str, Any]) -> None:
        for path in disk.files:
            if known[path].unit is None:
                header = read_header(path)
                digest = hashlib.sha256(header.embedded).hexdigest() if header.embedded is not None else None
                found = {
                    row[0]
                    for row in self.ask(
                        "SELECT payload_sha256 FROM records WHERE source = 'embedded' AND model_id = ?",
                        known[path].model_id,
                    )
                }
                assert digest is None or digest in found, f"no embedded record of {path}"
                shown = self.library.catalog.details(known[path].model_id)
                assert shown is not None
                assert (shown.header or {}).get("metadata") == dict(header.metadata), f"header of {path}"

    def check_user(self) -> None:
        """Nothing that the user typed, and no record, was lost."""
        noted: dict[str, int] = {}
        tags: set[str] = set()
        for model, column, value in self.ask('SELECT model_id, "column", value FROM user_values'):
            if column == "notes":
                noted |= {text.strip(): model for text in json.loads(value).split("\n") if text.strip()}
            elif column == "tags":
                tags |= set(json.loads(value))
        without = self.ask(
            'SELECT model_id, "column" FROM user_values EXCEPT SELECT model_id, "column" FROM edits'
        )
        assert not without, f"values without a history: {without}"
        assert set(self.notes) == set(noted), f"notes: {set(self.notes) ^ set(noted)}"
        assert self.tags <= tags, f"tags: {self.tags - tags}"
        for text, sha256 in self.notes.items():
            ((shown,),) = self.ask("SELECT coalesce(notes, '') FROM models WHERE id = ?", noted[text])
            assert text in shown, f"not shown: {text}"
            details = self.library.catalog.details(noted[text])
            assert details is not None
            hashes = {digits for kind, digits, trust in details.hashes if kind == "SHA256"}
            is_unit = any(file.member for file in details.files) or not details.files
            assert sha256 is None or is_unit or sha256 in hashes, f"{text} is at another content"
        ((pending,),) = self.ask("SELECT count(*) FROM pending_models")
        assert pending == self.pending
        lost = self.ask(
            "SELECT id FROM pending_models AS p WHERE state = 'promoted' AND NOT EXISTS (SELECT 1 FROM records "
            "WHERE payload_sha256 = p.payload_sha256 AND source_path = p.source_path)"
        )
        assert not lost, f"lost records of {lost}"

    def check_rest(self, first: ScanReport) -> None:
        """A second scan changes nothing; the catalog is sound; duplicates are what they are."""
        before = self._dump()
        report = self._told(self.library.scan([], progress=Progress()))
        after = self._dump()
        assert report.unchanged + report.ignored + report.failed == report.seen, report
        assert (report.hashed, report.moved) == (0, 0), report
        assert report.missing == first.missing, (report, first)
        assert before == after, _difference(before, after)
        self.check_shown()
        assert self.library.check(Progress()) == []
        known = self.library.catalog.known_files()
        for group in self.library.catalog.duplicates():
            if any(file.member for file in group.files):
                continue
            bodies = {(known[file.path].device, known[file.path].inode) for file in group.files}
            assert group.reclaimable_bytes == (len(bodies) - 1) * group.size_bytes
        groups = {group.sha256: group for group in self.library.catalog.duplicates()}
        single = Counter(
            file.sha256
            for file in known.values()
            if file.state == "present" and file.unit is None and file.sha256 == file.model_sha256
        )
        for sha256, count in single.items():
            assert sha256 is None or count < 2 or sha256 in groups, f"no duplicates of {sha256}"
        for file in list(known.values())[:6]:
            if file.sha256 and file.state == "present":
                found = {match.model.id for match in self.library.catalog.by_hash(file.sha256) if match.model}
                assert file.model_id in found, f"{file.path} is not found by its hash"

    def check_shown(self) -> None:
        """What is shown of the models is what would be derived anew; pictures may come and go beside the files."""
        before = self._shown()
        for (model,) in self.ask("SELECT id FROM models WHERE path IS NOT NULL"):
            self.library.relight(model)
        after = self._shown()
        assert before == after, _difference(before, after)

    def _shown(self) -> dict[str, list[tuple[Any, ...]]]:
        models = self.ask(
            "SELECT id, name, type, base_model, tags, trigger_words, notes, license, source_url, rating, favorite, "
            "search_text, file_state FROM models"
        )
        origins = [
            (
                model,
                sorted((column, said) for column, said in json.loads(text).items() if column != "preview"),
            )
            for model, text in self.ask("SELECT model_id, origins FROM origins")
        ]
        return {"shown": models, "origins": origins}

    def _dump(self) -> dict[str, list[tuple[Any, ...]]]:
        tables = ("models", "files", "units", "headers", "origins", "user_values", "edits", "records", "model_tags",
                  "known_hashes", "attachments", "library_folders")  # fmt: skip
        dump = {table: self.ask(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables}
        dump["origins"] = [(model, sorted(json.loads(text).items())) for model, text in dump["origins"]]
        dump["scanned_folders"] = self.ask("SELECT id, path FROM scanned_folders ORDER BY 1")
        return dump


def _is_loop(path: str) -> bool:
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _difference(before: Mapping[str, list[Any]], after: Mapping[str, list[Any]]) -> str:
    return "\n".join(
        f"{table}: -{[row for row in rows if row not in after[table]]} "
        f"+{[row for row in after[table] if row not in rows]}"
        for table, rows in before.items()
        if rows != after[table]
    )


MEANWHILE = (
    "rename_folder", "swap_folders", "move", "move_across", "swap", "replace", "delete_folder", "truncate", "shards",
    "whole_pipeline", "change_case", "create", "delete", "unplug", "become_folder", "folder_link",
)  # fmt: skip
DEEDS: tuple[str, ...] = (
    "create", "create", "junk", "copy", "hard_link", "link", "move", "move_across", "swap", "rewrite", "change",
    "truncate", "touch", "delete", "shard", "shards", "pipeline", "component", "whole_pipeline", "hugging_face",
    "ollama", "folder_link", "rename_folder", "delete_folder", "unplug", "add_folder", "remove_folder", "rules",
    "note", "note", "sidecar", "promote", "undo", "picture", "locate_model", "move_library", "other", "scan", "scan",
    "scan_headers", "scan_some", "scan_stopped", "quick_check", "watch_tells", "hash_waiting", "change_case",
    "replace", "set_back", "become_folder", "swap_folders", "move_with_picture", "scan_meanwhile",
)  # fmt: skip
Step = tuple[str, int, int, int]


def live(base: Path, steps: list[Step]) -> None:
    """Do all the steps in a new world, and hold it against the disk in the end."""
    world = World(base)
    try:
        for root in world.roots:
            world.library.add_folder(str(root))
        for name, *numbers in steps:
            getattr(world, name)(*numbers)
            world.check_user()
        world.scan()
    finally:
        world.close()
