"""The language of the search field, the command line and the HTTP door: text to conditions, completed and explained.

Nothing here knows how a catalog answers; nothing that is typed is an error. What is not understood is a plain word.
"""

from modelmgr.search.completing import Candidate as Candidate
from modelmgr.search.completing import Completion as Completion
from modelmgr.search.completing import complete as complete
from modelmgr.search.completing import quote as quote
from modelmgr.search.completing import written as written
from modelmgr.search.explaining import explain as explain
from modelmgr.search.fields import FIELDS as FIELDS
from modelmgr.search.fields import Field as Field
from modelmgr.search.fields import Kind as Kind
from modelmgr.search.fields import field_of as field_of
from modelmgr.search.fields import help_text as help_text
from modelmgr.search.parsing import MOST_CHARACTERS as MOST_CHARACTERS
from modelmgr.search.parsing import MOST_WORDS as MOST_WORDS
from modelmgr.search.parsing import Search as Search
from modelmgr.search.parsing import Term as Term
from modelmgr.search.parsing import Token as Token
from modelmgr.search.parsing import parse as parse
from modelmgr.search.reading import Match as Match
from modelmgr.search.reading import Value as Value
