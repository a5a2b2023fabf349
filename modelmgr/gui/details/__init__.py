"""The details pane: everything that is known of the one model that is looked at."""

from modelmgr.gui.details.pane import DetailsPane

__all__ = ["DetailsPane"]
