"""The way in for what other tools know: where from, what is there, importing, done.

Nothing is written before the third page, and the files of other tools never. All work runs as tasks; what the
pages learn of each other stands in one `Journey`.
"""

from modelmgr.gui.wizard.wizard import MigrationWizard

__all__ = ["MigrationWizard"]
