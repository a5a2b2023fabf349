"""`Library`: one object with all deeds, made of a part for each walk of the data."""

from modelmgr.catalog import engine
from modelmgr.errors import CatalogBusy
from modelmgr.library.choosing import Choosing
from modelmgr.library.exporting import Exporting
from modelmgr.library.places import Places
from modelmgr.library.promoting import Promoting
from modelmgr.migration.installed import find_installed
from modelmgr.progress import Progress
from modelmgr.values import InstalledTool, Problem


class Library(Promoting, Choosing, Exporting, Places):
    """What the doors ask to be done. The questions go to `catalog`."""

    @staticmethod
    def installed_tools() -> list[InstalledTool]:
        """Return the tools that are found at their usual places on this computer; nothing is opened."""
        return find_installed()

    def look_after_crash(self, progress: Progress) -> list[Problem]:
        """Register this program as a user of the catalog; if one before it died, check the catalog's pages.

        Returns:
            What is damaged; empty if all is well. Batches of dead programs are `interrupted` afterwards.
        """
        died = bool(self.catalog.dead_sessions())
        problems = engine.check_file(self.catalog.path, progress, deep=False) if died else []
        self.catalog.mark_interrupted()
        self.catalog.session()
        return problems

    def backup(self, target: str, progress: Progress) -> list[Problem]:
        """Copy the catalog while it is in use; the copy is checked before it gets its name.

        Returns:
            Defects of the copy; then there is no backup. Empty if all is well.
        """
        return self.catalog.backup(target, progress)

    def check(self, progress: Progress) -> list[Problem]:
        """Check the catalog's pages, references and the digest of every payload; changes nothing."""
        return self.catalog.check(progress)

    @staticmethod
    def restore(source: str, catalog_path: str, progress: Progress) -> str | None:
        """Put a backup in the catalog's place; see `engine.restore_from`.

        Raises:
            CatalogBusy: a window or a long run has the catalog open.
        """
        if engine.is_in_use(catalog_path):
            raise CatalogBusy(
                "The catalog is open in another program; close it, then restore again.", path=catalog_path
            )
        return engine.restore_from(source, catalog_path, progress)
