"""Pictures of models: recorded where they lie with their digests, copied only where the user wishes it."""

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from modelmgr import discovery, tree
from modelmgr.catalog import Catalog
from modelmgr.discovery.digests import open_regular
from modelmgr.durable import sync_folder
from modelmgr.errors import ModelmgrError
from modelmgr.library.merging import Merging
from modelmgr.migration.normal_form import normal_form
from modelmgr.migration.previews import is_picture, pictures_of
from modelmgr.pictures import image_format
from modelmgr.progress import Progress, Within
from modelmgr.values import MIB, Attachment, Claims, FileState, Problem, Record, is_below_any

DIGEST_LIMIT_BYTES = 256 * MIB
"""Larger pictures are recorded without a digest, and never copied."""

_FILES_A_MODEL = 16
_DISK_REFUSES = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS))


class Attaching(Merging):
    """What a promotion does with the pictures of its model. Nothing here holds a transaction while it reads."""

    def pictures(
        self,
        path: str,
        record: Record,
        claims: Claims,
        keep: bool,
        problems: list[Problem],
        progress: Progress,
    ) -> list[Attachment]:
        """Look at the pictures beside a model's files and at the one that a record names.

        Those whose size and time are as they were recorded are not read again.

        Args:
            path: the model's file to which the record is bound.
            record: about to be promoted, and what it claims.
            claims: see above.
            keep: whether the catalog's own folder shall have a copy of each.
            problems: told of pictures that are not kept although they should be.
            progress: asked whether to stop.

        Raises:
            ModelmgrError: the disk of the catalog takes no copies.
            Cancelled: between two blocks of a picture.
        """
        known = {found.path: found for found in self.catalog.attachments_at(path)}
        unheard = Within(progress)  # a promotion counts records, not pictures
        files = self._files_beside(path)
        near = list(dict.fromkeys(os.path.dirname(file) for file in files))
        candidates: dict[str, str] = {}
        named = _named(claims)
        if (
            named is not None
            and is_below_any(named, [*near, *self._grounds(record)])
            and os.path.isfile(named)
        ):
            candidates[named] = "preview"
        for file in files:
            folder, name = os.path.split(file)
            stem = os.path.splitext(name)[0]
            for picture, kind in pictures_of(stem, self.names_in(folder).beginning_with(stem)).items():
                candidates.setdefault(os.path.join(folder, picture), kind)
        found: list[Attachment] = []
        real_near = [os.path.realpath(folder) for folder in near] if candidates else []
        for picture, kind in candidates.items():
            real = os.path.realpath(picture)
            # A link may lead elsewhere.
            if not is_below_any(real, real_near) and not is_below_any(
                real, [os.path.realpath(folder) for folder in self._grounds(record)]
            ):
                continue
            seen = _look(picture, real, kind, known.get(picture), unheard)
            if seen is not None:
                found.append(self._kept(seen, real, problems, unheard) if keep else seen)
        return found

    def kept_picture(self, path: str, progress: Progress) -> str:
        """Copy a picture that the user chose into the catalog's own folder; return the path of the copy.

        Raises:
            ModelmgrError: it is too large, can't be read, or the disk of the catalog takes no copies.
            Cancelled: between two blocks of it.
        """
        problems: list[Problem] = []
        real = os.path.realpath(path)
        seen = _look(path, real, "preview", None, progress)
        kept = self._kept(seen, real, problems, progress).kept if seen is not None else None
        if kept is None:
            reason = problems[0].message if problems else "It is no file."
            raise ModelmgrError(f"{path} can't be kept. {reason}", code="not_kept", path=path)
        return self.catalog.copy_path(kept)

    def forget_named(self, model_id: int, claims: Claims) -> None:
        """Forget the picture that a record named which has left a model, unless it is the model's in any other way."""
        named = _named(claims)
        if named is None or not any(found.path == named for found in self.catalog.attachments_of(model_id)):
            return
        folder, name = os.path.split(named)
        files = [os.path.split(file.path) for file in self.catalog.files_of(model_id)]
        is_beside = any(
            name in pictures_of(os.path.splitext(file)[0], (name,))
            for place, file in files
            if place == folder
        )
        case = self._case_of(model_id)
        others = case.witnesses if case is not None else []
        if not is_beside and not any(_named(witness.claims) == named for witness in others):
            self.catalog.forget_attachment(model_id, named)

    def _files_beside(self, path: str) -> list[str]:
        """Return the file and others of its model: a copy elsewhere may have pictures of its own."""
        known = self.catalog.known_file(path)
        others = self.catalog.files_of(known.model_id) if known is not None else []
        present = [file.path for file in others if file.state == FileState.PRESENT]
        return list(dict.fromkeys((path, *present)))[:_FILES_A_MODEL]

    def _grounds(self, record: Record) -> list[str]:
        """Return the folders that the user named, and the record's own: an export may claim to be from anywhere."""
        named = [*self.catalog.folder_facts(), *self.catalog.imported_paths()]
        beside = [os.path.dirname(record.source_path)] if is_below_any(record.source_path, named) else []
        return named + beside

    def _kept(
        self, picture: Attachment, real: str, problems: list[Problem], progress: Progress
    ) -> Attachment:
        """Return the picture with its copy; without one where that can't be."""
        if picture.sha256 is None:
            reason = (
                f"it is larger than {DIGEST_LIMIT_BYTES // MIB} MiB"
                if picture.size_bytes > DIGEST_LIMIT_BYTES
                else "it can't be read"
            )
            problems.append(_not_kept(picture.path, reason))
            return picture
        name = picture.sha256 + os.path.splitext(picture.path)[1].lower()
        target = self.catalog.copy_path(name)
        try:
            if not _is_copied(target, picture.size_bytes):
                _copy(real, target, picture.sha256, picture.size_bytes, progress)
        except OSError as error:
            if error.errno in _DISK_REFUSES:
                raise ModelmgrError(
                    f"{target} can't be written: {error.strerror}.", code="unwritable", path=target
                ) from error
            problems.append(_not_kept(picture.path, error.strerror or str(error)))
            return picture
        return replace(picture, kept=name)


def keep_picture(catalog: Catalog, data: bytes | None) -> str | None:
    """Write the picture of a header into the catalog's own folder; return its name there.

    Returns:
        None if there is no picture, or the disk takes none: the header has it still.
    """
    if data is None:
        return None
    name = f"{hashlib.sha256(data).hexdigest()}.{image_format(data[:12])}"
    target = catalog.copy_path(name)
    try:
        if not _is_copied(target, len(data)):
            with _part_of(target) as part:
                part.write(data)
    except OSError:
        return None
    return name


def _named(claims: Claims) -> str | None:
    """Return the absolute path of the picture that a record names, whether or not it is there."""
    said: str | None = None if claims.marker else normal_form("preview", claims.fields.get("preview"))
    if said is None or not os.path.isabs(said) or not is_picture(said):
        return None
    return os.path.normpath(said)


def _look(
    picture: str, real: str, kind: str, known: Attachment | None, progress: Progress
) -> Attachment | None:
    """Return a picture as it is now, None if there is no regular file."""
    try:
        entry = tree.entry_of(real)
    except (OSError, ValueError):
        return None
    seen = Attachment(picture, kind, entry.size_bytes, entry.mtime_ns)
    if entry.size_bytes > DIGEST_LIMIT_BYTES:
        return seen
    if known is not None and known.sha256 and (known.size_bytes, known.mtime_ns) == _facts(entry):
        return replace(seen, sha256=known.sha256)
    try:
        digest = discovery.sha256_of(real, progress)
        if _facts(tree.entry_of(real)) == _facts(entry):
            return replace(seen, sha256=digest)
    except OSError:
        pass  # it is recorded as one that can't be read, and tried again at the next promotion
    return seen


def _facts(entry: tree.Entry) -> tuple[int, int]:
    return entry.size_bytes, entry.mtime_ns


def _is_copied(target: str, size_bytes: int) -> bool:
    try:
        return tree.entry_of(target).size_bytes == size_bytes
    except OSError:
        return False


def _copy(real: str, target: str, sha256: str, size_bytes: int, progress: Progress) -> None:
    """Write a copy under a name of its own, and give it its place if it has the digest.

    Raises:
        OSError: it can't be read or written, or has other bytes by now; nothing is left of the copy then.
    """
    digest, done = hashlib.sha256(), 0
    with _part_of(target) as copy, open(open_regular(real), "rb", buffering=0) as source:
        while done <= size_bytes and (block := source.read(MIB)):
            progress.check()
            digest.update(block)
            done += copy.write(block)
        if (digest.hexdigest(), done) != (sha256, size_bytes):
            raise OSError("it was changed while it was copied")


@contextlib.contextmanager
def _part_of(target: str) -> Iterator[BinaryIO]:
    """Give a file to write that gets its place, safe on the disk, if all goes well; else nothing is left of it.

    Raises:
        OSError: it can't be written.
    """
    folder = os.path.dirname(target)
    for place in (os.path.dirname(folder), folder):
        with contextlib.suppress(FileExistsError):
            os.mkdir(place, 0o700)
    part = os.path.join(folder, f".{secrets.token_hex(8)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(part, flags, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)
    sync_folder(target)


def _not_kept(path: str, reason: str) -> Problem:
    return Problem(path, "not_kept", f"No copy of this picture was made: {reason}.", kept=True)
