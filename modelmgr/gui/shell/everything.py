"""All that the window is made of but its first rows; to be loaded as a whole, while it waits for nothing."""

from modelmgr.gui import api_door as api_door
from modelmgr.gui import jobs_panel as jobs_panel
from modelmgr.gui import mending as mending
from modelmgr.gui import news as news
from modelmgr.gui import previews as previews
from modelmgr.gui import states as states
from modelmgr.gui import upkeep as upkeep
from modelmgr.gui import use as use
from modelmgr.gui.details import pane as pane
from modelmgr.gui.grid import large as large
from modelmgr.gui.grid import view as view
from modelmgr.gui.overview import page as page
from modelmgr.gui.pending import place as place
from modelmgr.gui.search import chips as chips
from modelmgr.gui.search import edit as edit
from modelmgr.gui.search import panel as panel
from modelmgr.gui.search import saved as saved
from modelmgr.gui.shell import actions as actions
from modelmgr.gui.shell import choices as choices
from modelmgr.gui.shell import deeds as deeds
from modelmgr.gui.shell import drafts as drafts
from modelmgr.gui.shell import drops as drops
from modelmgr.gui.shell import errands as errands
from modelmgr.gui.shell import help as help
from modelmgr.gui.shell import messages as messages
