"""Measures the program against the least that could do the same work, and prints ratios.

    python tests/benchmarks/run.py [--models N] [--quick] [--only NAME]

Each line alternates ours and the limit in one run and shows medians, for machines are noisy: read the ratios. Nothing
here fails for being slow. Each benchmark runs in a process of its own, so that its peak memory is its own.
"""

import argparse
import contextlib
import hashlib
import itertools
import json
import math
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

import made  # noqa: E402
import serving as door  # noqa: E402
from headers import headers  # noqa: E402
from window import peak_mib  # noqa: E402

from modelmgr.catalog import Catalog  # noqa: E402
from modelmgr.catalog import query as sql  # noqa: E402
from modelmgr.discovery import HashJob, Kinds, hash_files  # noqa: E402
from modelmgr.library import Library  # noqa: E402
from modelmgr.progress import Progress  # noqa: E402
from modelmgr.sqlite import driver  # noqa: E402
from modelmgr.values import ModelQuery  # noqa: E402


@dataclass
class Bench:
    """One benchmark at work.

    Attributes:
        folder: for its own files; gone afterwards.
        catalog: of `models` models, shared by all; only read.
        scale: how many files, records or rounds, 1 for a quick look.
    """

    folder: Path
    catalog: Path
    models: int
    scale: int
    lines: list[list[Any]] = field(default_factory=list)

    @property
    def rounds(self) -> int:
        return 5 if self.scale > 1 else 2

    def against(
        self, title: str, ours: Callable[[], object], limit: Callable[[], object], *, unit: str, amount: float
    ) -> None:
        """Time both in turn and note cost per unit and ratio."""
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(self.rounds):
            for way, found in zip((ours, limit), times, strict=True):
                start = time.perf_counter()
                way()
                found.append(time.perf_counter() - start)
        self.note(title, statistics.median(times[0]), statistics.median(times[1]), unit, amount)

    def note(self, title: str, ours: float, limit: float, unit: str, amount: float) -> None:
        """Note two times in seconds."""
        self.lines.append([title, ours, limit, unit, amount])


# --- the benchmarks ---------------------------------------------------------------------------------------


def start(bench: Bench) -> None:
    """Process start to first paint and whole window, against a bare one; bytecode is cached, as that of users is."""

    def painted(*words: str) -> float:
        begun = time.perf_counter()
        with window(*words) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "painted\n"
            took = time.perf_counter() - begun
            assert process.stdout.readline() == "whole\n"
            whole.setdefault(words, []).append(time.perf_counter() - begun)
            answer = json.loads(process.stdout.readline())
        peaks[words[0]] = answer["peak_mib"]
        work.setdefault(words, []).append(answer["work_ms"] / 1000)
        return took

    peaks: dict[str, float | None] = {}
    work: dict[tuple[str, ...], list[float]] = {}
    whole: dict[tuple[str, ...], list[float]] = {}
    empty = bench.folder / "empty.sqlite"
    times: dict[str, list[float]] = {"bare": [], "start": [], "empty": []}
    # The first of all compiles; it does not count.
    painted("start", str(empty))
    work.clear()
    whole.clear()
    for _ in range(bench.rounds):
        times["bare"].append(painted("bare"))
        times["start"].append(painted("start", str(bench.catalog)))
        times["empty"].append(painted("start", str(empty)))
    bare, full, none = (statistics.median(times[name]) for name in ("bare", "start", "empty"))
    bench.note(f"first paint, {bench.models:,} models, vs bare window", full, bare, "start", 1)
    bench.note(f"first paint, {bench.models:,} models, vs none", full, none, "start", 1)
    wholes = [statistics.median(times) for times in whole.values()]  # bare, full, empty
    bench.note("all parts of the window are there, vs bare window", wholes[1], wholes[0], "start", 1)
    worked = [statistics.median(times) for times in work.values()]  # bare, full, empty
    bench.note("processor time to first paint, vs bare window", worked[1], worked[0], "start", 1)
    bench.lines.append([f"memory of the window: {peaks['start']} MiB, of a bare one {peaks['bare']} MiB"])


def scroll(bench: Bench) -> None:
    """Frames of table, grid and inbox while scrolling, against a table of constant text; processor time."""
    found = {}
    catalog, pending = str(bench.catalog), bench.folder / "pending.sqlite"
    made.make_pending(pending, bench.models)
    for words in (
        ("scroll", catalog),
        ("scroll-grid", catalog),
        ("scroll-inbox", str(pending)),
        ("scroll-bare", str(bench.models)),
    ):
        with window(*words) as process:
            assert process.stdout is not None
            process.stdout.readline()
            found[words[0]] = json.loads(process.stdout.readline())
    bare = found["scroll-bare"]
    for look in ("scroll", "scroll-grid", "scroll-inbox"):
        for way, times in found[look]["frames"].items():
            limit, words = bare["frames"][way], f"{look} by {way}"
            bench.note(f"{words}, median", statistics.median(times), statistics.median(limit), "frame", 1)
            bench.note(f"{words}, 99th of 100", _percentile(times), _percentile(limit), "frame", 1)
        bench.note(f"{look}: select all", found[look]["select_all"], bare["select_all"], "time", 1)
        peak, least = found[look]["peak_mib"], bare["peak_mib"]
        bench.lines.append([f"{look}: largest memory of the window {peak} MiB, of a bare one {least} MiB"])


def _percentile(times: list[float], share: int = 99) -> float:
    return sorted(times)[len(times) * share // 100]


@contextlib.contextmanager
def window(*words: str) -> Iterator[subprocess.Popen[str]]:
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ, "PYTHONPATH": str(HERE.parent.parent)}
    # An installed program is compiled once, not at each start.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with subprocess.Popen(
        [sys.executable, str(HERE / "window.py"), *words], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield process
    assert process.returncode == 0


SEARCHES = (
    "lantern", "lan", "harbor inkwash", "lantern 12", '"amber glass"', "99999", "nowhere", "type:lora",
    "tag:inkwash -tag:prism", 'type:llm base:"Flux.1 D"', "size:>9.9GB", "size:>2GB rating:>=4", "added:2020-09",
    "rating:5 fav:yes", "name:amber", "trigger:glass", "folder:lora", "hash:3f2a", "lantern OR prism",
    "type:lora,vae tag:amber size:1GB..3GB -fav:yes",
    "missing:yes", "source:civitai*", "-type:lora", "-amber",
)  # fmt: skip
ORDERS = (
    ModelQuery(),
    ModelQuery(sort="size_bytes", descending=True),
    ModelQuery(sort="added_at"),
    ModelQuery(sort="rating", descending=True, then_by=(("name", False),)),
    ModelQuery(sort="type", then_by=(("rating", True), ("size_bytes", True))),
)
OTHER_ORDERS = (
    ModelQuery(sort="base_model", then_by=(("size_bytes", True),)),
    ModelQuery(sort="favorite", descending=True, then_by=(("added_at", True),)),
    ModelQuery(sort="folder", then_by=(("size_bytes", False),)),
    ModelQuery(sort="name", then_by=(("size_bytes", False),)),
    ModelQuery(sort="path"),
    ModelQuery(sort="size_bytes", then_by=(("name", False),)),
    ModelQuery(sort="format", then_by=(("modified_at", True),)),
    ModelQuery(sort="file_state", then_by=(("name", True),)),
)
SHORT_SEARCHES = ("a", "in", "x", "la", "1", "99", "zz", "ö", "q", "am g", "n p", "k9")
PAGES = (
    ("one column", ORDERS[:3], ("", *SEARCHES)),
    ("several columns", ORDERS[3:], ("", *SEARCHES)),
    ("other columns", OTHER_ORDERS, ("", *SEARCHES)),
    ("words of one or two letters", ORDERS, SHORT_SEARCHES),
)
"""Sets of first pages: their title, their orders, and what is searched for."""
SLOWEST = 5


def first_pages(bench: Bench, catalog: Catalog) -> None:
    """First page of each search in each order, against what SQLite makes of the same words; processor time of 128 rows.

    SQLite is asked once for each search in the first order: at a million models it takes a second for some. Of each set
    the slowest are named.
    """
    reader = catalog._reader
    ordering = sql.ordering(sql.order_of(ModelQuery()).all)
    plain: dict[str, float] = {}
    for text in ("", *SEARCHES, *SHORT_SEARCHES):
        where, parameters = sql.conditions(ModelQuery(search=text))
        start = time.thread_time()
        catalog.page(ModelQuery(), 128)  # its rows; the other half is to find them
        reader.execute_sql(f"SELECT id FROM models{where}{ordering} LIMIT 128", parameters).fetchall()
        plain[text] = time.thread_time() - start
    for title, orders, searches in PAGES:
        times: list[float] = []
        told: list[tuple[float, str]] = []
        for order in orders:
            for text in searches:
                query = replace(order, search=text)
                found = []
                for _ in range(min(3, bench.rounds)):
                    start = time.thread_time()
                    catalog.page(query, 128)
                    found.append(time.thread_time() - start)
                times.append(statistics.median(found))
                by = ", ".join((order.sort, *(column for column, _down in order.then_by)))
                told.append((times[-1], f"{text or 'all'} by {by}"))
        limits = [plain[text] for text in searches]
        for share in (50, 95):
            words = f"first pages: {title}, {share}th of 100"
            bench.note(words, _percentile(times, share), _percentile(limits, share), "page", 1)
        slowest = sorted(told, reverse=True)[:SLOWEST]
        bench.lines.append([f"    slowest: {'; '.join(f'{words} {per(took)}' for took, words in slowest)}"])


def queries(bench: Bench) -> None:
    """Order, page, search and details, against the same question asked of SQLite itself."""
    catalog = Catalog.open(bench.catalog, create=False)
    raw = driver.connect(str(bench.catalog))
    raw.execute("PRAGMA cache_size=-16384")
    by_name = "ORDER BY name COLLATE NOCASE, id"

    def raw_order() -> object:
        return array("q", (row[0] for row in raw.execute(f"SELECT id FROM models {by_name}")))

    bench.against(
        "order of all by name",
        lambda: catalog.order(ModelQuery()),
        raw_order,
        unit="model",
        amount=bench.models,
    )
    middle = bench.models // 2
    columns = "id, sha256, name, type, base_model, size_bytes, path, rating, added_at, file_state"
    for title, offset in (("first page", 0), ("page in the middle", middle)):
        bench.against(
            f"{title}, 128 rows",
            lambda offset=offset: catalog.page(ModelQuery(), 128, offset),
            lambda offset=offset: raw.execute(
                f"SELECT {columns} FROM models WHERE id IN "
                f"(SELECT id FROM models {by_name} LIMIT 128 OFFSET {offset})"
            ).fetchall(),
            unit="page",
            amount=1,
        )
    bench.against(
        "search for a word, count",
        lambda: catalog.count(ModelQuery(search="lantern")),
        lambda: raw.execute("SELECT count(*) FROM models WHERE search_text LIKE '%lantern%'").fetchone(),
        unit="search",
        amount=1,
    )
    bench.against(
        "facets of all",
        lambda: catalog.facets(ModelQuery()),
        lambda: raw.execute("SELECT type, count(*) FROM models GROUP BY type").fetchall(),
        unit="look",
        amount=1,
    )
    bench.against(
        "facets of four in ten",
        lambda: catalog.facets(ModelQuery(types=("lora",))),
        lambda: raw.execute(
            "SELECT base_model, count(*) FROM models WHERE type = 'lora' GROUP BY base_model"
        ).fetchall(),
        unit="look",
        amount=1,
    )
    first_pages(bench, catalog)
    keys = [made.sha256_of(number * 7919 % bench.models) for number in range(200)]

    def raw_details() -> None:
        for key in keys:
            raw.execute(
                "SELECT meta_json FROM records JOIN models ON models.id = model_id WHERE sha256 = ?", (key,)
            ).fetchall()

    bench.against(
        "details by sha256, whole payload",
        lambda: [catalog.details(key) for key in keys],
        raw_details,
        unit="model",
        amount=len(keys),
    )
    raw.close()
    catalog.close()


GROWTH = (10_000, 100_000, 1_000_000)
GROWTH_SEARCHES = (
    "lantern", "99999", "nowhere", "type:lora", "tag:inkwash -tag:prism", "size:>9.9GB", "rating:5 fav:yes", "zz", "la",
)  # fmt: skip


def growth(bench: Bench) -> None:
    """How each question grows with the library, ten and a hundred times as large, against its law times 1.3.

    The law of what shows a page is that it does not grow; details grow as the height of a tree, what is done for all as
    they do.
    """
    sizes = GROWTH if bench.scale > 1 else (1_000, 2_000, 4_000)
    found: dict[str, list[float]] = {}
    for models in sizes:
        path = bench.folder / f"{models}.sqlite"
        if models == bench.models:
            path = bench.catalog
        else:
            made.make_catalog(path, models, payload_each=made.SPARSE)
        with Catalog.open(path, create=False) as catalog:
            for title, ask in _growing(catalog, models):
                times = []
                for _ in range(9):
                    start = time.thread_time()
                    ask()
                    times.append(time.thread_time() - start)
                found.setdefault(title, []).append(statistics.median(times))
        work = []
        for _ in range(bench.rounds):
            with window("start", str(path)) as process:
                assert process.stdout is not None
                *_, answer = process.stdout
                work.append(json.loads(answer)["work_ms"] / 1000)
        found.setdefault("first paint", []).append(statistics.median(work))
    for title, times in found.items():
        law = 1.0
        if title.startswith("all "):
            law = sizes[-1] / sizes[0]
        elif title.startswith("details"):
            law = math.log(sizes[-1]) / math.log(sizes[0])
        told = ", ".join(per(took) for took in times)
        grown = times[-1] / times[0] / law
        bench.lines.append(
            [f"{title:44} {told}: grown {grown:.2f} x the law{'' if grown <= 1.3 else ' (!)'}"]
        )


def _growing(catalog: Catalog, models: int) -> Iterator[tuple[str, Callable[[], object]]]:
    keys = [made.sha256_of(number * 7919 * made.SPARSE % models) for number in range(50)]
    yield "details of 50", lambda: [catalog.details(key) for key in keys]
    for order in (ORDERS[0], ORDERS[1], ORDERS[4]):
        yield f"first page by {order.sort}", lambda order=order: catalog.page(order, 128)
    ids = catalog.order(ModelQuery())
    middle = list(ids[len(ids) // 2 : len(ids) // 2 + 128])
    yield "page in the middle", lambda: catalog.rows(middle)
    for text in GROWTH_SEARCHES:
        yield f"first page of {text}", lambda text=text: catalog.page(ModelQuery(search=text), 128)
    yield "all in order", lambda: catalog.order(ModelQuery())
    yield "all facets", lambda: catalog.facets(ModelQuery())


def importing(bench: Bench) -> None:
    """Import of the same records in three forms, against reading the files and raw inserts into the same table."""
    records = bench.scale * 1_000
    made.make_sidecars(bench.folder / "sidecars", records)
    files = sorted((bench.folder / "sidecars").rglob("*.info"))
    lines, database = bench.folder / "models.jsonl", bench.folder / "models.db"
    lines.write_bytes(b"\n".join(file.read_bytes() for file in files))
    with contextlib.closing(driver.connect(str(database))) as conn:
        conn.execute("CREATE TABLE models(id INTEGER PRIMARY KEY, sha256 TEXT, name TEXT, meta_json TEXT)")
        conn.executemany(
            "INSERT INTO models VALUES (?, NULL, ?, ?)",
            ((number, file.stem, file.read_text()) for number, file in enumerate(files)),
        )
        conn.commit()
    numbers = iter(range(1_000))

    def of_sidecars() -> Iterator[tuple[str, str, bytes]]:
        for file in files:
            yield str(file), "", file.read_bytes()

    def of_lines() -> Iterator[tuple[str, str, bytes]]:
        with lines.open("rb") as file:
            for number, line in enumerate(file):
                yield str(lines), str(number), line.rstrip(b"\n")

    def of_rows() -> Iterator[tuple[str, str, bytes]]:
        with contextlib.closing(driver.connect(str(database))) as conn:
            conn.text_factory = bytes
            for number, body in conn.execute("SELECT id, meta_json FROM models"):
                yield str(database), str(number), body

    def ours(path: Path) -> None:
        catalog = Catalog.open(bench.folder / f"ours {next(numbers)}.sqlite")
        report = Library(catalog).import_paths([str(path)], progress=Progress())
        assert report.imported == records, report
        catalog.close()

    def limit(read: Callable[[], Iterator[tuple[str, str, bytes]]]) -> None:
        path = bench.folder / f"limit {next(numbers)}.sqlite"
        Catalog.open(path).close()
        raw = driver.connect(str(path), isolation_level=None)
        raw.execute("PRAGMA synchronous=FULL")
        raw.execute("INSERT INTO batches(id, paths, state, started_at, seen, imported, unchanged, ignored, failed, "
                    "problems) VALUES (1, '[]', 'done', 0, 0, 0, 0, 0, 0, '[]')")  # fmt: skip
        found = read()
        while some := list(itertools.islice(found, 500)):
            raw.execute("BEGIN IMMEDIATE")
            raw.executemany(
                "INSERT INTO pending_models(batch_id, source, source_path, record_key, payload_sha256, extra_sha256, "
                "size_bytes, name, type, located, state, message, candidates, imported_at, meta_json) "
                "VALUES (1, 'civitai-info', ?, ?, ?, '', ?, 'a name', 'lora', 0, 'pending', '', '[]', 0, ?)",
                [
                    (place, key, hashlib.sha256(body).hexdigest(), len(body), body)
                    for place, key, body in some
                ],
            )
            raw.execute("COMMIT")
        raw.close()

    for title, path, read in (
        ("sidecars", bench.folder / "sidecars", of_sidecars),
        ("lines", lines, of_lines),
        ("rows of a database", database, of_rows),
    ):
        bench.against(
            f"import of {records:,} {title}",
            lambda path=path: ours(path),
            lambda read=read: limit(read),
            unit="record",
            amount=records,
        )


def scanning(bench: Bench) -> None:
    """First scan and rescan of a tree, against a bare walk with stat; whole processes against openssl and find."""
    files = bench.scale * 1_000
    tree = bench.folder / "tree"
    made.make_tree(tree, files)
    numbers = iter(range(1_000))
    known = Catalog.open(bench.folder / "known.sqlite")
    Library(known).scan([str(tree)], progress=Progress())

    def first() -> None:
        catalog = Catalog.open(bench.folder / f"first {next(numbers)}.sqlite")
        report = Library(catalog).scan([str(tree)], progress=Progress())
        assert (report.added, report.hashed) == (files, files), report
        catalog.close()

    def again() -> None:
        report = Library(known).scan([str(tree)], progress=Progress())
        assert (report.unchanged, report.hashed) == (files, 0), report

    def walk() -> None:
        folders = [str(tree)]
        while folders:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir():
                        folders.append(entry.path)
                    else:
                        entry.stat()

    def openssl() -> None:
        subprocess.run(
            "find . -type f -print0 | xargs -0 -n 500 -P 2 openssl dgst -sha256 >/dev/null",
            shell=True,
            check=True,
            cwd=tree,
        )

    bench.against(f"scan of {files:,} known files vs scandir + stat", again, walk, unit="file", amount=files)
    if shutil.which("openssl"):
        bench.against(
            f"scan and hash of {files:,} new files vs openssl", first, openssl, unit="file", amount=files
        )
    known.close()
    scanning_as_processes(bench)


def scanning_as_processes(bench: Bench) -> None:
    """Scan a library of small LoRAs with sidecars and previews as it is done from a terminal."""
    if not shutil.which("openssl") or sys.platform != "linux":  # others have another find
        return
    files = bench.scale * 1_250
    tree = bench.folder / "library"
    made.make_library(tree, files)
    numbers = iter(range(1_000))
    # An installed program has its bytecode; the first round makes it.
    environment = {
        **os.environ,
        "PYTHONPATH": str(HERE.parent.parent),
        "PYTHONPYCACHEPREFIX": str(bench.folder / "bytecode"),
        "PYTHONDONTWRITEBYTECODE": "",
    }

    def scan(catalog: Path) -> None:
        words = [sys.executable, "-m", "modelmgr", "--catalog", str(catalog), "scan", str(tree), "--json"]
        subprocess.run(words, check=True, env=environment, stdout=subprocess.DEVNULL)

    def first() -> None:
        scan(bench.folder / f"library {next(numbers)}.sqlite")

    def openssl(at_once: str = "") -> None:
        words = f"find {shlex.quote(str(tree))} -name '*.safetensors' -print0 | xargs -0 {at_once} -P 2"
        subprocess.run(f"{words} openssl dgst -sha256 >/dev/null", shell=True, check=True)

    def find() -> None:
        subprocess.run(["find", str(tree), "-printf", "%s %T@ %p\\n"], check=True, stdout=subprocess.DEVNULL)

    bench.against(
        f"process: scan of {files:,} new LoRAs vs xargs -P2 openssl",
        first,
        openssl,
        unit="file",
        amount=files,
    )
    # As many names as a command line takes leave one of the two idle at the end.
    bench.against(
        "the same, openssl with 500 files at a time",
        first,
        partial(openssl, "-n 500"),
        unit="file",
        amount=files,
    )
    path = bench.folder / "library known.sqlite"
    scan(path)
    bench.against(
        f"process: scan of {files:,} known LoRAs vs find", lambda: scan(path), find, unit="file", amount=files
    )
    with Catalog.open(path) as known:
        library = Library(known)

        def again() -> None:
            assert library.scan([str(tree)], progress=Progress()).unchanged == files

        def check() -> None:
            assert library.quick_check(Progress()).seen == 0

        bench.against(f"scan of {files:,} known LoRAs vs find", again, find, unit="file", amount=files)
        bench.against(f"quick check of {files:,} LoRAs vs find", check, find, unit="file", amount=files)


def hashing(bench: Bench) -> None:
    """Hashes of large and of small files by two workers, against openssl, two at a time; all kinds against SHA-256."""
    if not shutil.which("openssl"):
        return
    size = bench.scale * 32 << 20
    large = made.make_large_files(bench.folder / "large", 4, size)
    files = bench.scale * 1_000
    made.make_tree(bench.folder / "small", files, size_bytes=250_000)
    small = sorted((bench.folder / "small").rglob("*.safetensors"))

    def hashed(paths: Sequence[Path], kinds: Kinds) -> Callable[[], None]:
        facts = [(str(path), path.stat()) for path in paths]
        jobs = [HashJob(key, path, each.st_size, each.st_mtime_ns) for key, (path, each) in enumerate(facts)]

        def run() -> None:
            results = [result for some in hash_files(jobs, Progress(), kinds=kinds) for result in some]
            assert all(result.hashes for result in results)

        return run

    def openssl(root: Path, count: int) -> Callable[[], None]:
        command = (
            f"find . -name '*.safetensors' -print0 | xargs -0 -n {count} -P 2 openssl dgst -sha256 >/dev/null"
        )

        def run() -> None:
            subprocess.run(command, shell=True, check=True, cwd=root)

        return run

    amount = 4 * size / 1e6
    bench.against(
        "hash of large files, two workers",
        hashed(large, "sha256"),
        openssl(large[0].parent, 1),
        unit="MB",
        amount=amount,
    )
    bench.against(
        f"hash of {files:,} small files vs openssl",
        hashed(small, "sha256"),
        openssl(bench.folder / "small", 500),
        unit="file",
        amount=files,
    )
    bench.against(
        "every kind of hash vs SHA-256 alone",
        hashed(small, "all"),
        hashed(small, "sha256"),
        unit="file",
        amount=files,
    )


def serving(bench: Bench) -> None:
    """Answers of the local API, against the bare framework giving back the same bytes; a minute of load; idlers."""
    token = bench.folder / "token"
    with (
        door.server("ours", str(bench.catalog), str(token)) as ours,
        door.server("bare") as bare,
        contextlib.ExitStack() as stack,
    ):
        client, limit = door.Client(ours), door.Client(bare)
        stack.callback(client.close)
        stack.callback(limit.close)
        plain = bare.request("/api/models")
        body = bench.folder / "body"

        def against(title: str, targets: list[str]) -> None:
            """Time requests in turn with the bare framework's answer of the same bytes."""
            requests = [ours.request(target) for target in targets]
            body.write_bytes(client.get(requests[-1]))
            bare.give_body(body)
            for request in list(dict.fromkeys(requests))[:20]:
                client.get(request)
                limit.get(plain)
            found = [(door.timed(client, request), door.timed(limit, plain)) for request in requests]
            _note_latency(bench, f"{title} ({body.stat().st_size / 1e3:.1f} KB)", found)

        rounds = 40 * bench.scale
        page = "/api/models?limit=100"
        cursors = _walk(bench, ours, client)
        deep = [f"{page}&cursor={cursors[number * 7919 % len(cursors)]}" for number in range(rounds)]
        recorded = range(0, bench.models, made.SPARSE if bench.models >= made.SPARSE_FROM else 1)
        hashes = [made.sha256_of(recorded[number * 7919 % len(recorded)]) for number in range(rounds)]
        words = [made.WORDS[number % 5] for number in range(rounds)]
        against("first page", [page] * rounds)
        against("page anywhere", deep)
        filtered = f"{page}&type=lora&base=SDXL%201.0&sort=size_bytes&desc=true"
        against("filtered and sorted", [filtered] * rounds)
        against("one page's cursor, 3 fields", [f"{target}&fields=name,sha256,path" for target in deep])
        # What is searched for the first time is also counted, which takes a second a million; that is the warming up.
        against("search for a frequent word", [f"{page}&search={word}" for word in words])
        rare = [f"{page}&search={word}%20{bench.models - 1}" for word in words[: rounds // 16]]
        against("search for a rare text", rare)
        against("details with payload", [f"/api/models/{key}" for key in hashes])
        against("by SHA-256", [f"/api/models/by-hash/{key}" for key in hashes])
        against("by AutoV2", [f"/api/models/by-hash/{key[:10]}" for key in hashes])
        _, head, _ = client.ask(ours.request(page))
        tag = head.decode("ascii").split("etag: ")[1].split("\r\n")[0]
        known = ours.request(page, f"If-None-Match: {tag}")
        body.write_bytes(b"")
        bare.give_body(body)
        found = [(door.timed(client, known, 304), door.timed(limit, plain)) for _ in range(rounds)]
        _note_latency(bench, "nothing new (304)", found)

        with door.idle_connections(ours, IDLE):
            idle = [door.timed(client, ours.request(page)) for _ in range(rounds)]
        alone = [door.timed(client, ours.request(page)) for _ in range(rounds)]
        pairs = list(zip(idle, alone, strict=True))
        _note_latency(bench, f"first page beside {IDLE} idle connections, vs alone", pairs)

        mix = [ours.request(page), *map(ours.request, deep[:40]), ours.request(filtered)]
        mix += [ours.request(f"/api/models/{key}") for key in hashes[:20]]
        mix += [ours.request(f"/api/models/by-hash/{key[:10]}") for key in hashes[:10]]
        mix += [known] * 8
        sizes: list[int | None] = []
        load = door.Load(ours, mix, RATE)
        load.run(60 if bench.scale > 1 else 3, lambda: sizes.append(ours.rss_kib()), 13)
        median, late = statistics.median(load.times), _percentile(load.times, 95)
        bench.lines.append([
            f"{len(load.times):,} requests, {RATE} a second: median {per(median)}, 95th {per(late)}, "
            f"99th {per(_percentile(load.times))}, longest {per(max(load.times))}"
        ])  # fmt: skip
        if None not in sizes:
            told = ", ".join(f"{size / 1024:.1f}" for size in sizes if size)
            bench.lines.append([f"memory of the server meanwhile, MiB: {told}"])


def _walk(bench: Bench, ours: door.Server, client: door.Client) -> list[str]:
    """Go through the whole library in pages of 1,000; return the cursors on the way."""
    cursors: list[str] = []
    seen, begun, target = 0, time.perf_counter(), "/api/models?limit=1000"
    while True:
        page = json.loads(client.get(ours.request(target)))
        seen += len(page["models"])
        if page["next_cursor"] is None:
            break
        cursors.append(page["next_cursor"])
        target = f"/api/models?limit=1000&cursor={page['next_cursor']}"
    assert seen == bench.models, seen
    bench.lines.append(
        [f"all {seen:,} models in pages of 1,000: {per(time.perf_counter() - begun)}, with parsing them"]
    )
    return cursors


def _note_latency(bench: Bench, title: str, found: list[tuple[float, float]]) -> None:
    """Note medians and late ones of pairs of times in seconds, ours and the limit's."""
    ours, limit = (list(times) for times in zip(*found, strict=True))
    bench.note(f"{title}, median", statistics.median(ours), statistics.median(limit), "answer", 1)
    bench.note(f"{title}, 95th of 100", _percentile(ours, 95), _percentile(limit, 95), "answer", 1)


ALL = {
    each.__name__: each
    for each in (start, scroll, queries, growth, importing, scanning, hashing, headers, serving)
}
# These are measured at the size that they are made for.
MODELS = {"serving": 1_000_000, "growth": 1_000_000}
OTHERWISE_MODELS = 20_000
QUICK_MODELS = 2_000
IDLE = 400
RATE = 200


# --- running them -----------------------------------------------------------------------------------------


def main() -> None:
    """Run every benchmark in its own process, or one of them in this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, help="size of the catalog (20000; serving: 1000000)")
    parser.add_argument("--quick", action="store_true", help="small and few rounds: does it still run?")
    parser.add_argument("--only", choices=ALL, action="append", help="this one alone")
    parser.add_argument(
        "--no-payloads", action="store_true", help="records take gigabytes from 100000 models on"
    )
    parser.add_argument("--catalog", type=Path, help="take or make the catalog here, and keep it")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    scale = 1 if args.quick else 8
    if args.child:
        with tempfile.TemporaryDirectory(prefix="modelmgr-benchmark-") as folder:
            bench = Bench(Path(folder), args.catalog, args.models, scale)
            ALL[args.child](bench)
        print(json.dumps({"lines": bench.lines, "peak_mib": peak_mib()}))
        return
    with tempfile.TemporaryDirectory(prefix="modelmgr-benchmark-") as folder:
        print(f"{'':60} {'ours':>11} {'limit':>11} {'':9} {'ratio':>6}")
        for name in args.only or ALL:
            models = args.models or MODELS.get(name, OTHERWISE_MODELS)
            if args.quick:
                models = min(models, QUICK_MODELS)
            catalog = args.catalog or Path(folder) / f"catalog {models}.sqlite"
            if not catalog.exists():
                begun = time.perf_counter()
                each = 0 if args.no_payloads else made.SPARSE if models >= made.SPARSE_FROM else 1
                made.make_catalog(catalog, models, payload_each=each)
                size = catalog.stat().st_size / 1e6
                took = time.perf_counter() - begun
                print(f"made a catalog of {models:,} models, {size:,.0f} MB: {took:.1f} s")
            words = [
                sys.executable,
                __file__,
                *(["--quick"] if args.quick else []),
                *("--child", name, "--catalog", str(catalog), "--models", str(models)),
            ]
            done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
            report(name, json.loads(done.stdout.splitlines()[-1]))


def report(name: str, answer: dict[str, Any]) -> None:
    """Print what a benchmark found."""
    for line in answer["lines"]:
        if len(line) == 1:
            print(line[0])
            continue
        title, ours, limit, unit, amount = line
        print(f"{title:60} {per(ours / amount):>11} {per(limit / amount):>11} a {unit:7} {ours / limit:6.2f}")
    print(f"{name}: peak memory {answer['peak_mib']} MiB\n", flush=True)


def per(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1:
            return f"{seconds * factor:,.2f} {unit}"
    return f"{seconds * 1e9:,.0f} ns"


if __name__ == "__main__":
    main()
