"""Parameters of MAT files."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from channels.formats.axis_order import ORDER_DESCRIPTION, AxisOrder
from channels.source_parameters import SourceParameters, Split


class MatParameters(SourceParameters):
    """Files ``DATA_Htrainin.mat``, ``DATA_Hvalin.mat``, ``DATA_Htestin.mat`` (variable ``HT``) and their like."""

    titles = ("MAT file",)

    source: Literal["mat"] = "mat"
    train_file: Path | None = Field(default=None, description="file of the training split")
    validation_file: Path | None = Field(default=None, description="file of the validation split")
    test_file: Path | None = Field(default=None, description="file of the test split")
    hf_all_file: Path | None = Field(default=None, description="file with HF_all of the test split")
    variable: str = Field(default="HT", min_length=1, description="variable with the images in these files")
    hf_all_variable: str = Field(default="HF_all", min_length=1, description="variable in hf_all_file")
    layout: AxisOrder | None = Field(default=None, description=ORDER_DESCRIPTION)
    n_delay: int = Field(default=32, ge=1, le=4096, description="delay rows in the files")
    n_columns: int = Field(default=32, ge=1, le=1024, description="BS antennas, a uniform linear array")
    n_subcarriers: int = Field(default=1024, ge=2, le=65536, description="subcarriers of the response made from them")
    bandwidth_hz: float = Field(default=20e6, gt=0, description="bandwidth, Hz")
    carrier_hz: float = Field(default=5.3e9, gt=0, description="carrier frequency, Hz")
    normalise: bool = Field(default=True, description="scale each sample to mean power 1 in the response")

    def split_key(self, split: Split) -> str | None:
        """The file of the split."""
        return f"{split}_file"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.train_file is None and self.validation_file is None and self.test_file is None:
            raise ValueError("test_file: got no file at all, expected train_file, validation_file or test_file")
        if self.hf_all_file is not None and self.test_file is None:
            raise ValueError("hf_all_file: got no test_file, expected the file that it belongs to")
        if self.n_delay > self.n_subcarriers:
            raise ValueError(f"n_delay: got {self.n_delay}, expected at most n_subcarriers, {self.n_subcarriers}")
        return self
