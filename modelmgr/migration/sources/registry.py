"""All legacy sources, in the order in which they are asked whether a container is theirs."""

from modelmgr.migration.source import LegacySource
from modelmgr.migration.sources.a1111 import A1111Json, A1111Text
from modelmgr.migration.sources.a1111_cache import A1111Cache
from modelmgr.migration.sources.a1111_diskcache import A1111DiskCache
from modelmgr.migration.sources.addnet import AdditionalNetworks
from modelmgr.migration.sources.civitai import CivitaiInfo
from modelmgr.migration.sources.civitai_browser import CivitaiBrowserApi
from modelmgr.migration.sources.comfyui_assets import ComfyuiAssets
from modelmgr.migration.sources.comfyui_paths import ComfyuiPaths
from modelmgr.migration.sources.diffusers import DiffusersFolder
from modelmgr.migration.sources.diffusion_toolkit import DiffusionToolkitDatabase, DiffusionToolkitModels
from modelmgr.migration.sources.embedded import Embedded
from modelmgr.migration.sources.generic_sqlite import GenericSqlite
from modelmgr.migration.sources.generic_text import GenericCsv, GenericJson, GenericJsonl
from modelmgr.migration.sources.hf_model_card import HfModelCard
from modelmgr.migration.sources.huggingface import HfCache, HfLocalDir
from modelmgr.migration.sources.inline import Inline
from modelmgr.migration.sources.invokeai import InvokeaiDatabase
from modelmgr.migration.sources.invokeai_yaml import InvokeaiYaml
from modelmgr.migration.sources.jan import JanModelJson, JanModelYml
from modelmgr.migration.sources.lmstudio import LmStudio, LmStudioModelYaml
from modelmgr.migration.sources.lora_manager import LoraManager
from modelmgr.migration.sources.lora_manager_cache import LoraManagerCache
from modelmgr.migration.sources.lora_manager_recipe import LoraManagerRecipe
from modelmgr.migration.sources.lora_manager_settings import LoraManagerSettings
from modelmgr.migration.sources.model_header import GgufHeader, SafetensorsHeader
from modelmgr.migration.sources.model_manager import ModelManagerLink, ModelManagerNote
from modelmgr.migration.sources.modelmgr_export import ModelmgrExport
from modelmgr.migration.sources.ollama import Ollama
from modelmgr.migration.sources.pumas import PumasIndex, PumasMetadata
from modelmgr.migration.sources.pumas_launcher import PumasLauncherModels
from modelmgr.migration.sources.pumas_registry import PumasRegistry
from modelmgr.migration.sources.pysssss import PysssssHash
from modelmgr.migration.sources.rgthree import RgthreeInfo
from modelmgr.migration.sources.sdnext import SdnextMetadata
from modelmgr.migration.sources.stability_matrix import StabilityMatrix, StabilityMatrixSettings
from modelmgr.migration.sources.swarmui import SwarmUi

ALL: tuple[LegacySource, ...] = (
    CivitaiInfo(),
    LoraManager(),
    StabilityMatrix(),
    RgthreeInfo(),
    SwarmUi(),
    CivitaiBrowserApi(),
    LoraManagerRecipe(),
    PumasMetadata(),
    HfCache(),
    HfLocalDir(),
    HfModelCard(),
    DiffusersFolder(),
    Ollama(),
    LmStudio(),
    LmStudioModelYaml(),
    JanModelYml(),
    JanModelJson(),
    A1111Json(),
    ModelManagerNote(),
    A1111Text(),
    PysssssHash(),
    ModelManagerLink(),
    SdnextMetadata(),
    A1111Cache(),
    A1111DiskCache(),
    AdditionalNetworks(),
    LoraManagerCache(),
    InvokeaiDatabase(),
    ComfyuiAssets(),
    PumasIndex(),
    DiffusionToolkitDatabase(),
    PumasRegistry(),
    GenericSqlite(),
    InvokeaiYaml(),
    ComfyuiPaths(),
    DiffusionToolkitModels(),
    StabilityMatrixSettings(),
    SafetensorsHeader(),
    GgufHeader(),
    LoraManagerSettings(),
    PumasLauncherModels(),
    ModelmgrExport(),  # before the generic forms, which it has too
    GenericJsonl(),
    GenericJson(),
    GenericCsv(),
)
"""The first whose name pattern and probe both fit takes the container."""

BY_RECORD_ID: dict[str, LegacySource] = {
    record_id: source for source in (*ALL, Inline(), Embedded()) for record_id in source.record_ids
}
"""`Record.source` -> the source that reads its claims; the last two are in no container."""
