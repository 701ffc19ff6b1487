"""Codecs put together of their parts: of what a scenario says, nothing learnt, or of a compressor that has learnt."""

from dataclasses import replace

from feedback.codec import Codec
from feedback.compressor import Compressor, CompressorParameters
from feedback.csi_report.normalisation import Normalisation
from feedback.csi_report.scale import EXACT_BITS, ScaleQuantiser
from feedback.denoiser import DENOISERS, DenoiserParameters
from feedback.observation import CsiDimensions
from feedback.plugin_file import build_compressor
from feedback.quantiser import QUANTISERS, QuantiserParameters


def build_codec(
    parameters: CompressorParameters,
    dimensions: CsiDimensions,
    quantiser: QuantiserParameters,
    denoiser: DenoiserParameters,
    normalisation: Normalisation,
    scale: ScaleQuantiser | None = None,
) -> Codec:
    """A codec that has learnt nothing."""
    return Codec(
        build_compressor(parameters, dimensions),
        normalisation,
        QUANTISERS.get_class(quantiser.name)(quantiser),
        DENOISERS.get_class(denoiser.name)(denoiser),
        scale,
    )


def plain_codec(compressor: Compressor, normalisation: Normalisation) -> Codec:
    """A codec of a fitted compressor whose values are sent as they are, and the scale as the number itself."""
    quantiser, denoiser = QUANTISERS.get_class("none"), DENOISERS.get_class("none")
    codec = Codec(
        compressor,
        normalisation,
        quantiser(quantiser.Parameters(name="none")),
        denoiser(denoiser.Parameters(name="none")),
    )
    return replace(codec, scale=ScaleQuantiser(EXACT_BITS)) if codec.needs_scale else codec
