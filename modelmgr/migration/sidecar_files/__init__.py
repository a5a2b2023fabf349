"""What the library knows of one model as the sidecar of another tool, to the letter as that tool would write it.

Pure: takes what is known, gives bytes. A sidecar that was once imported and of which the user has edited nothing since
is given back byte for byte; that other tools say more or otherwise is no edit. Else a document is made: the original
with the values set that changed, every other key kept; or, where there is none, a new one, with Civitai's own answer in
it if any record holds that. A format says what it has words for; what it has none for stays in the library.
"""

from collections.abc import Mapping

from modelmgr.migration.sidecar_files.a1111 import A1111Files
from modelmgr.migration.sidecar_files.civitai import CivitaiHelperFiles
from modelmgr.migration.sidecar_files.format import NOT_HELD as NOT_HELD
from modelmgr.migration.sidecar_files.format import Format as Format
from modelmgr.migration.sidecar_files.format import Known as Known
from modelmgr.migration.sidecar_files.format import SidecarFile as SidecarFile
from modelmgr.migration.sidecar_files.lora_manager import LoraManagerFiles
from modelmgr.migration.sidecar_files.stability_matrix import StabilityMatrixFiles

FORMATS: Mapping[str, Format] = {
    form.id: form for form in (CivitaiHelperFiles(), LoraManagerFiles(), A1111Files(), StabilityMatrixFiles())
}
"""The word on the command line -> the format."""
