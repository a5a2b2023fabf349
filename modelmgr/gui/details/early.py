"""What there is of the details before anything is selected: the parts that other programs find by their names."""

from PySide6.QtWidgets import QWidget

from modelmgr.gui.details.files import FilesTable
from modelmgr.gui.details.name_line import NameLine
from modelmgr.gui.details.pictures import PictureStrip
from modelmgr.gui.details.raw_view import RawView
from modelmgr.gui.labels import ElidedBox
from modelmgr.gui.payload_tree import PayloadTree
from modelmgr.gui.previews import Previews


class EarlyParts(QWidget):
    """Holds them, unseen, until the page of a model is made around them.

    Attributes:
        strip, name, files: as in `ModelPage`.
        source, tree, raw: as in `RecordsView`.
    """

    def __init__(self, previews: Previews, parent: QWidget) -> None:
        super().__init__(parent)
        self.strip = PictureStrip(previews, self)
        self.name = NameLine(self)
        self.files = FilesTable(self)
        self.source = ElidedBox(self)
        self.source.setObjectName("metadataSource")
        self.source.setAccessibleName(self.tr("Record"))
        self.tree = PayloadTree(self)
        self.tree.setObjectName("metadataTree")
        self.tree.setAccessibleName(self.tr("Metadata as a tree"))
        self.raw = RawView(self)
        self.raw.setObjectName("metadataRaw")
        self.raw.setAccessibleName(self.tr("Metadata as text"))
        self.hide()
