"""What a CSI report says of the channel's quality."""

from typing import Literal

CqiReport = Literal["none", "wideband", "subband"]
