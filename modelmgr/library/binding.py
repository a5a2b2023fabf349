"""Which file a record speaks of, as far as names, places and known hashes tell; no byte of it is read."""

import contextlib
import os
import re
from collections.abc import Callable, Collection, Sequence

from modelmgr import tree
from modelmgr.catalog import Catalog
from modelmgr.catalog.file_store import KnownFile
from modelmgr.lazily import dataclass
from modelmgr.migration import promotion
from modelmgr.migration.beside import base_name, models_beside
from modelmgr.values import Claims, Record, is_below, is_below_any

_NO_FOLDERS_OF_FILES = ("/proc", "/sys")
"""What lies there may be read without end, though it looks like a file."""
_COUNTER = re.compile(r" \(\d{1,3}\)")
"""What file managers write into the name of a copy."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Which file a record speaks of, as far as names and known hashes tell.

    Attributes:
        file_path: the one file, or None.
        candidates: all that it may be, if more than one, or if nothing but a likeness speaks for it.
        outside: an existing file that it names where the program may not look, or None.
        is_loose: only a hash can make one of the candidates the file.
    """

    file_path: str | None = None
    candidates: tuple[str, ...] = ()
    outside: str | None = None
    is_loose: bool = False

    def problem(self, claims: Claims) -> tuple[str | None, str]:
        """Return the problem code and sentence that the file alone gives rise to."""
        if self.file_path is not None:
            return None, ""
        facts = promotion.Facts(candidates=self.candidates, outside=self.outside)
        verdict = promotion.verdict(claims, facts, attach_anyway=False, allow_missing=False)
        return verdict.problem, verdict.message


class Binder:
    """Binds records to files; the catalog is asked once for all of them, and only for what is wanted.

    Args:
        catalog: to ask.
        names_in: returns the names in a folder.
        imported: the paths that are imported; with the library folders they bound where a path is followed.
        claims: what the records say.
    """

    def __init__(
        self,
        catalog: Catalog,
        names_in: Callable[[str], Collection[str]],
        imported: Sequence[str],
        claims: Sequence[Claims],
    ) -> None:
        self._catalog = catalog
        self._names_in = names_in
        self._imported = imported
        self._claims = claims
        self._folders: list[str] | None = None
        self._files: dict[str, list[KnownFile]] | None = None
        self._named: dict[str, list[KnownFile]] | None = None
        self._real: dict[str, str] = {}

    @property
    def folders(self) -> list[str]:
        """The library folders."""
        if self._folders is None:
            self._folders = list(self._catalog.folder_facts())
        return self._folders

    def files_of(self, sha256: str | None) -> Sequence[KnownFile]:
        """Return the known files of a content that one of the records claims."""
        if sha256 is None:
            return ()
        if self._files is None:
            self._files = self._catalog.files_by_sha256([said.sha256 for said in self._claims if said.sha256])
        return self._files.get(sha256, ())

    def bind(self, record: Record, claims: Claims, named: str | None = None) -> Binding:
        """Find the file of one of the records: by stem beside it, by path, by a known hash, or by a likeness.

        Args:
            record: where the record stands.
            claims: what it says.
            named: a path that the user named himself; it may lie anywhere.
        """
        found, outside = self._beside(record, claims), None
        if not found:
            found, outside = self._at_paths(record, claims, named)
        if not found:
            found = [file.path for file in self.files_of(claims.sha256) if file.state == "present"][:1]
        if not found:
            return Binding(outside=outside) if outside is not None else self._like(record, claims)
        if len(found) == 1:
            return Binding(found[0])
        candidates = [candidate(self._catalog, path) for path in dict.fromkeys(found)]
        chosen = promotion.choose_file(claims, candidates, source=record.source)
        if isinstance(chosen, str):
            return Binding(chosen)
        return Binding(None, tuple(one.path for one in candidates))

    def _beside(self, record: Record, claims: Claims) -> list[str]:
        """Return the files beside a sidecar that it may speak of."""
        beside = os.path.dirname(record.source_path)
        return [
            path
            for name in claims.stem_names
            if os.path.isabs(path := os.path.join(beside, name))
            and os.path.isfile(path)
            and (not os.path.isabs(name) or self._allows(path))
        ]

    def _at_paths(self, record: Record, claims: Claims, named: str | None) -> tuple[list[str], str | None]:
        """Return the file at the first of the recorded paths where one may be looked at; else one where none may."""
        beside = os.path.dirname(record.source_path)
        is_placed = os.path.isabs(beside)  # else names would be looked for where the program happens to run
        outside: str | None = None
        for claimed in _paths_in(claims):
            if not (is_placed or os.path.isabs(claimed)):
                continue
            path = os.path.normpath(os.path.join(beside, claimed))
            with contextlib.suppress(OSError, ValueError):
                if os.path.isfile(path):
                    own = () if os.path.isabs(claimed) else (beside,)
                    if (
                        (claimed == named and not is_below_any(os.path.realpath(path), _NO_FOLDERS_OF_FILES))
                        or self._allows(path, own)
                        or self._catalog.known_file(path) is not None
                    ):
                        return [path], None
                    outside = outside or path
        return [], outside

    def _like(self, record: Record, claims: Claims) -> Binding:
        """Return what a record that leads to no file may speak of: a file whose path ends like the recorded one.

        At least the name and its folder are alike, and no other known file is as much so; an equal size makes it
        the file. The name is enough where a claimed hash can prove it, for tools forget where they were told to
        look. Else, beside a sidecar with a counter (``x (1).civitai.info``), the models without it.
        """
        tails: dict[KnownFile, tuple[int, int]] = {}
        for claimed in _paths_in(claims):
            for file in self._files_named(claimed):
                tail = promotion.common_tail(claimed, file.path)
                tails[file] = max(tail, tails.get(file, tail))
        best = max(tails.values(), default=(0, 0))
        enough = 1 if claims.sha256 or claims.partial_hashes else 2
        alike = [file for file, tail in tails.items() if tail == best]
        fits = promotion.size_fits(claims, alike[0].size_bytes) if len(alike) == 1 else None
        if best[0] >= enough and len(alike) == 1 and fits is not False and os.path.isfile(alike[0].path):
            (file,) = alike
            agrees = promotion.compare(claims, {"sha256": file.sha256} if file.sha256 else {})
            if best[0] > 1 and agrees.holds is not False and fits and claims.size_bytes is not None:
                return Binding(file.path)
            if agrees.holds is not False or "AutoV3" in claims.partial_hashes:
                return Binding(None, (file.path,), is_loose=True)
        folder, name = os.path.split(record.source_path)
        counter = _COUNTER.search(name) if not record.record_key and not claims.marker else None
        if counter is not None and not claims.stem_names:
            models = models_beside(name[: counter.start()], self._names_in(folder))
            return Binding(
                None, tuple(os.path.join(folder, model) for model in models), is_loose=bool(models)
            )
        return Binding()

    def _files_named(self, path: str) -> Sequence[KnownFile]:
        """Return the known files that have the name at the end of a path, of any system, that a record speaks of."""
        if self._named is None:
            self._named = {}
            names = [base_name(one) for said in self._claims for one in _paths_in(said)]
            for file in self._catalog.files_with_names(names):
                self._named.setdefault(os.path.basename(file.path).lower(), []).append(file)
        return self._named.get(base_name(path).lower(), ())

    def _allows(self, path: str, own: Sequence[str] = ()) -> bool:
        """Tell whether a file stays, links and all, below one of the folders or below a folder link there."""
        allowed = [*self._imported, *self.folders, *own]
        if os.path.islink(path):
            real = os.path.realpath(path)
        else:
            real = os.path.join(self._real_folder(os.path.dirname(path)), os.path.basename(path))
        for root in allowed:
            if not is_below(path, root):
                continue
            real_root = self._real_folder(root)
            if is_below_any(real, [real_root, *map(self._real_folder, allowed)]):
                return True
            folder = os.path.dirname(path)
            while is_below(folder, root) and folder != root:
                target = self._real_folder(folder)
                if os.path.islink(folder) and is_below(real, target) and not is_below(real_root, target):
                    return not is_below_any(real, (*_NO_FOLDERS_OF_FILES, "/dev"))
                folder = os.path.dirname(folder)
        return False

    def _real_folder(self, folder: str) -> str:
        found = self._real.get(folder)
        if found is None:
            found = self._real[folder] = os.path.realpath(folder)
        return found


def candidate(catalog: Catalog, path: str) -> promotion.Candidate:
    """Return what is known of a file that may be a record's, its hash if the file is as it was when it was hashed."""
    try:
        facts = os.stat(path)
    except OSError:
        return promotion.Candidate(path, -1)
    known = catalog.known_file(path)
    seen = (facts.st_size, tree.signed64(facts.st_mtime_ns))
    fits = known is not None and (known.size_bytes, known.mtime_ns) == seen
    return promotion.Candidate(path, facts.st_size, known.sha256 if known is not None and fits else None)


def _paths_in(claims: Claims) -> tuple[str, ...]:
    """Return the paths at which a record says that its file is or may be."""
    return tuple(path for path in (claims.path, *claims.other_paths) if path)
