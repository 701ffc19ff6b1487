"""What the codeword goes through while a network is trained, so that it learns to live with noise and few bits."""

from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from torch import Generator, Tensor


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
    rate_weight: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="weight of a report's bits in the loss, error per bit: codewords are rounded to whole numbers, "
        "whose bits under distributions that are learnt with the network are added to the error; for the quantiser "
        "entropy_coded with step 1",
    )

    @property
    def text(self) -> str:
        """In a few words, as ``-5 to 40 dB, 4 bits``; empty for nothing."""
        noise = "" if self.snr_db is None else " to ".join(f"{end:g}" for end in self.snr_db) + " dB"
        rate = "" if self.rate_weight is None else f"whole numbers, {self.rate_weight:g} a bit"
        return ", ".join(filter(None, (noise, "" if self.bits is None else f"{self.bits} bits", rate)))

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.snr_db is not None and self.snr_db[0] > self.snr_db[1]:
            raise ValueError(f"snr_db is {list(self.snr_db)}, expected the lower bound first")
        if self.bits is not None and self.rate_weight is not None:
            raise ValueError("got bits and rate_weight, expected one of them: values have one quantiser")
        return self

    def apply(self, codewords: "Tensor", generator: "Generator") -> "Tensor":
        r"""Codewords ``[batch, M]`` as the BS receives them: quantised, then with noise.

        .. math:: r = v + \sqrt{\lVert v \rVert^2 / (M \gamma)} \, z

        with :math:`\gamma` the drawn SNR; the gradient also goes through the noise's scale.

        Args:
            codewords: as the encoder makes them.
            generator: draws on the CPU.
        """
        from feedback.training.noise import drawn_snr_db, with_noise

        codewords = self.quantise(codewords)
        if self.snr_db is None:
            return codewords
        return with_noise(codewords, drawn_snr_db(self.snr_db, len(codewords), generator), generator)

    def quantise(self, codewords: "Tensor") -> "Tensor":
        """Codewords ``[batch, M]`` quantised, with a straight-through gradient; as they are without a quantiser."""
        if self.rate_weight is not None:
            from feedback.training.noise import rounded

            return rounded(codewords)
        if self.bits is None:
            return codewords
        from feedback.quantisers.parameters.sigmoid_uniform import SigmoidUniformParameters
        from feedback.quantisers.sigmoid_uniform import SigmoidUniform

        return SigmoidUniform(SigmoidUniformParameters(bits=self.bits)).straight_through(codewords)
