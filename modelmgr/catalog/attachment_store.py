"""Pictures of models: where they lie, and the copies in the catalog's own folder."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from modelmgr.catalog import engine
from modelmgr.catalog.connections import Connections
from modelmgr.catalog.schema import path_in, path_out
from modelmgr.values import Attachment, Changes


class AttachmentStore(Connections):
    """Attachments. Writes join the caller's transaction; the copies themselves are written by the library."""

    @property
    def attachments_folder(self) -> str:
        """Where copies of pictures lie, beside the catalog; it is there only once one was kept."""
        return f"{self.path}.attachments"

    def copy_path(self, name: str) -> str:
        """Return where the copy of this name lies: below the first two digits of its digest."""
        return os.path.join(self.attachments_folder, name[:2], os.path.basename(name))

    def attachments_of(self, model_id: int) -> list[Attachment]:
        """Return the pictures of a model, the previews first; of each copy whether it is there."""
        with engine.translated(self.path):
            return list(self._attachments(self._question(), "?", (model_id,)))

    def attachments_at(self, file_path: str) -> list[Attachment]:
        """Return the pictures of the model to which a file belongs, nothing for a file that isn't known."""
        of_file = "(SELECT model_id FROM files WHERE path = ?)"
        with engine.translated(self.path):
            return list(self._attachments(self._question(), of_file, (path_in(file_path),)))

    def preview_of(self, sha256: str) -> "tuple[str | None, tuple[str, ...]] | None":
        """Return where the picture of a model lies, and the folders below which it may be read.

        Returns:
            The picture, or the copy of it if it is gone itself, or None if the model has none; None for all if there
            is no such model.
        """
        with engine.translated(self.path):
            reader = self._question()
            found = reader.execute_sql(
                "SELECT id, preview, folder FROM models WHERE sha256 = ?", (sha256,)
            ).fetchone()
            if found is None:
                return None
            model_id, stored, folder = found
            folders = reader.execute_sql("SELECT path FROM library_folders").fetchall()
            roots = (*(path_out(row[0]) for row in folders), self.attachments_folder)
            if folder is not None:
                roots = (path_out(folder), *roots)
            if stored is None:
                return None, roots
            path = path_out(stored)
            if not os.path.isfile(path):
                copies = self._attachments(reader, "?", (model_id,))
                path = next((one.copy_path for one in copies if one.path == path and one.copy_path), path)
            return path, roots

    def put_attachments(self, model_id: int, attachments: Sequence[Attachment]) -> None:
        """Record pictures of a model; of a known path the new facts count, and a copy that was kept stays known."""
        with self.transaction(Changes(models=True, ids=frozenset((model_id,)))) as writer:
            writer.connection().executemany(
                "INSERT INTO attachments(model_id, path, kind, size_bytes, mtime_ns, sha256, kept) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT(model_id, path) DO UPDATE SET "
                # What one record names as the preview stays one, whatever it is by its name.
                "kind = CASE kind WHEN 'preview' THEN kind ELSE excluded.kind END, size_bytes = excluded.size_bytes, "
                "mtime_ns = excluded.mtime_ns, sha256 = excluded.sha256, kept = coalesce(excluded.kept, kept)",
                [
                    (
                        model_id,
                        path_in(found.path),
                        found.kind,
                        found.size_bytes,
                        found.mtime_ns,
                        found.sha256,
                        found.kept,
                    )
                    for found in attachments
                ],
            )

    def forget_attachment(self, model_id: int, path: str) -> None:
        """Forget a picture of a model; a copy of it stays."""
        with self.transaction(Changes(models=True, ids=frozenset((model_id,)))) as writer:
            writer.execute_sql(
                "DELETE FROM attachments WHERE model_id = ? AND path = ?", (model_id, path_in(path))
            )

    def _attachments(
        self, reader: engine.Database, model: str, parameters: tuple[Any, ...]
    ) -> Iterator[Attachment]:
        cursor = reader.execute_sql(
            "SELECT path, kind, size_bytes, mtime_ns, sha256, kept FROM attachments "
            f"WHERE model_id = {model} ORDER BY kind <> 'preview', id",
            parameters,
        )
        for path, kind, size_bytes, mtime_ns, sha256, kept in cursor.fetchall():
            copy = self.copy_path(kept) if kept else None
            if copy is not None and not os.path.isfile(copy):
                copy = None
            yield Attachment(path_out(path), kind, size_bytes, mtime_ns, sha256, kept, copy)
