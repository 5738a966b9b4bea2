"""The networks that can be trained."""

from typing import Annotated

from pydantic import Field

from stemtree.networks.bs_roformer import BsRoformerSettings
from stemtree.networks.component_query import ComponentQuerySettings
from stemtree.networks.demucs import DemucsSettings
from stemtree.networks.folded_conv import FoldedConvSettings
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.networks.moises_light import MoisesLightSettings
from stemtree.networks.open_unmix import OpenUnmixSettings
from stemtree.networks.query_by_example import QueryByExampleSettings
from stemtree.networks.scnet import ScNetSettings
from stemtree.networks.tfc_tdf import TfcTdfSettings
from stemtree.networks.x_umx import XUmxSettings

NetworkSettings = Annotated[
    MaskInferenceSettings
    | QueryByExampleSettings
    | FoldedConvSettings
    | ComponentQuerySettings
    | OpenUnmixSettings
    | XUmxSettings
    | TfcTdfSettings
    | ScNetSettings
    | BsRoformerSettings
    | DemucsSettings
    | MoisesLightSettings,
    Field(discriminator="kind"),
]
"""The settings of any network, a `BaseNetworkSettings`; in files, ``kind`` says which. A new network is added here."""
