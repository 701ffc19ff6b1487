"""What the codeword goes through while a network is trained, so that it learns to live with noise and few bits."""

from typing import Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from feedback.quantisers.sigmoid_uniform import SigmoidUniform, SigmoidUniformParameters


class Disturbance(BaseModel):
    """Noise and quantisation of codewords in training."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    snr_db: tuple[float, float] | None = Field(
        default=None,
        description="feedback SNR against the report's own power [dB], drawn uniformly from this range for each report",
    )
    bits: int | None = Field(
        default=None,
        ge=1,
        le=16,
        description="bits per codeword value of the quantiser sigmoid_uniform, with a straight-through gradient",
    )

    @property
    def text(self) -> str:
        """In a few words, as ``-5 to 40 dB, 4 bits``; empty for nothing."""
        noise = "" if self.snr_db is None else " to ".join(f"{end:g}" for end in self.snr_db) + " dB"
        return ", ".join(filter(None, (noise, "" if self.bits is None else f"{self.bits} bits")))

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.snr_db is not None and self.snr_db[0] > self.snr_db[1]:
            raise ValueError(f"snr_db is {list(self.snr_db)}, expected the lower bound first")
        return self

    def apply(self, codewords: Tensor, generator: torch.Generator) -> Tensor:
        r"""Codewords ``[batch, M]`` as the BS receives them: quantised, then with noise.

        .. math:: r = v + \sqrt{\lVert v \rVert^2 / (M \gamma)} \, z

        with :math:`\gamma` the drawn SNR; the gradient also goes through the noise's scale.

        Args:
            codewords: as the encoder makes them.
            generator: draws on the CPU.
        """
        codewords = self.quantise(codewords)
        if self.snr_db is None:
            return codewords
        return with_noise(codewords, drawn_snr_db(self.snr_db, len(codewords), generator), generator)

    def quantise(self, codewords: Tensor) -> Tensor:
        """Codewords ``[batch, M]`` quantised, with a straight-through gradient; as they are without ``bits``."""
        if self.bits is None:
            return codewords
        return SigmoidUniform(SigmoidUniformParameters(bits=self.bits)).straight_through(codewords)


def drawn_snr_db(limits: tuple[float, float], count: int, generator: torch.Generator) -> Tensor:
    """Feedback SNRs, uniform in dB between two limits, ``[count, 1]``, on the CPU."""
    low, high = limits
    return low + (high - low) * torch.rand(count, 1, generator=generator)


def with_noise(codewords: Tensor, snr_db: Tensor, generator: torch.Generator) -> Tensor:
    """Codewords ``[batch, M]`` with white noise at an SNR of each, ``[batch, 1]``, dB, against its own power."""
    noise = torch.randn(codewords.shape, generator=generator) * 10 ** (-snr_db / 20)
    power = codewords.square().mean(dim=1, keepdim=True)
    # The square root has no gradient at 0, and a codeword without power gets no noise.
    return codewords + noise.to(codewords.device) * power.clamp_min(torch.finfo(power.dtype).tiny).sqrt()
