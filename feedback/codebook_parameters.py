"""What a scenario says of codebooks of TS 38.214; without PyTorch."""

from pydantic import Field

from feedback.compressor_parameters import FixedCostParameters


class CodebookParameters(FixedCostParameters):
    """Parameters that every codebook has; each extends it with its own ``name`` literal."""

    gives = "precoder"
    own_scale = True
    has_ratio = False

    rank: int = Field(default=1, ge=1, le=4, description="layers of the precoder")
