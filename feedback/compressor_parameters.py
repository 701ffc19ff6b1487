"""What a scenario says of a compressor, and what is known of it before it is built; without PyTorch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from feedback.csi_dimensions import CsiDimensions, CsiForm
from feedback.errors import FeedbackInputError
from feedback.plugin_section import PluginSection
from feedback.registry import Registry
from feedback.signals import Reconstructed, Signal
from feedback.traits import Traits


class CompressorTraits(Traits):
    """What is known of a compressor before it is built, of its ``Parameters`` and of its class alike.

    Attributes:
        trained: ``True`` where ``fit`` is a training run whose result is kept in a checkpoint, ``False`` where
            nothing is learnt or ``fit`` takes seconds.
        learns: whether ``fit`` does anything.
        takes: the form of the channel that ``encode`` gets: ``truncated``, ``[batch, Na, n_ports]``; ``estimate``,
            ``[batch, n_rx, n_subcarriers, n_tx]``; ``whitened``, the same over the noise's standard deviation at the
            UE; ``eigenvectors``, ``[batch, n_layers, n_subbands, n_tx]``. One that is built may need another form
            than its class, where a key says so.
        own_scale: whether it takes the channel as it is: nothing is taken off by the normalisation, and no scale is
            sent beside its codeword. Eigenvectors have no scale in any case, and a precoder needs none.
        sends: ``analogue`` values, which a quantiser and a denoiser follow; or bits of its own, for which there is
            neither: ``levels`` of a fixed number of bits, or a ``bitstream`` of a length of its own for each report.
        reserves_bits: whether its bitstreams say in ``max_bits`` how many bits to reserve for each.
        gives: what the BS gets back: a ``channel``, ``[batch, Na, n_ports]``, or a ``precoder``, ``[batch, n_layers,
            n_subbands, n_tx]``.
        has_ratio: whether the compression ratio says how long its codeword is.
        learns_over_time: whether it is trained on what UEs report one after the other, ``[n, T, ...]`` with the oldest
            first, and not on single channels.
    """

    trained: ClassVar[bool] = False
    learns: ClassVar[bool] = False
    takes: ClassVar[CsiForm] = "truncated"
    own_scale: ClassVar[bool] = False
    sends: ClassVar[Signal] = "analogue"
    reserves_bits: ClassVar[bool] = False
    gives: ClassVar[Reconstructed] = "channel"
    has_ratio: ClassVar[bool] = True
    learns_over_time: ClassVar[bool] = False

    @classmethod
    def sends_scale(cls) -> bool:
        """Whether the scale that the normalisation takes off stands beside its codeword."""
        return cls.gives == "channel" and cls.takes != "eigenvectors" and not cls.own_scale


COMPRESSORS: Registry[Any] = Registry("feedback.compressors", "compressor")


class CompressorParameters(CompressorTraits, PluginSection):
    """Parameters that every compressor has; each compressor extends it with its own ``name`` literal.

    Attributes:
        run_time: names of parameters that say how trained weights are used; weights do not depend on them.
        example: keys of a section that shows a compressor which has no defaults for all of them.
    """

    run_time: ClassVar[frozenset[str]] = frozenset({"label", "curve", "only_ratios", "trained_on"})
    example: ClassVar[dict[str, object]] = {}

    name: str
    label: str | None = Field(default=None, description="name in tables and figures; by default the compressor's own")
    curve: str | None = Field(
        default=None,
        description="compressors of the same curve are operating points of one system: joined in figures over the bits",
    )
    compression_ratio: float | None = Field(
        default=None, ge=0.01, le=1e6, description="2 Na Nt / codeword length; by default the scenario's"
    )
    only_ratios: tuple[float, ...] | None = Field(
        default=None, description="compression ratios of a sweep at which it takes part; by default all"
    )
    trained_on: dict[str, Any] | None = Field(
        default=None, description="channel section that it is fitted or trained on; by default the scenario's channel"
    )

    @property
    def traits(self) -> type[CompressorTraits]:
        """What is known of the compressor that the section stands for: its own traits, unless a key chooses others."""
        return type(self)

    @property
    def needs_training(self) -> bool:
        """Whether a class that is ``trained`` is so with these parameters too."""
        return True

    @property
    def weights_of_others(self) -> str | None:
        """File of weights that were trained elsewhere, on channels that nobody here knows; ``None`` for the rest."""
        return None

    @property
    def own_quantiser(self) -> Any:
        """Section of a quantiser of its own codewords; ``None`` for the feedback's."""
        return None

    def matrix_shape(self, dimensions: CsiDimensions) -> tuple[int, int]:
        """Rows and columns of the matrices that the compressor works on."""
        return dimensions.matrix

    def dimensions_of(self, shape: tuple[int, int]) -> CsiDimensions:
        """Sizes of a channel for which ``matrix_shape`` is a shape: the plainest of them."""
        return CsiDimensions.of(shape)

    def check(self, dimensions: CsiDimensions) -> bool:
        """Refuses a channel of sizes for which the compressor cannot be built, without building it.

        Returns:
            Whether it can be built then; ``False``, the default, where only building it will tell.

        Raises:
            FeedbackInputError: as building it would.
        """
        return False


class FixedCostParameters(CompressorParameters):
    """Parameters of compressors whose reports take what their own keys say, whatever the compression ratio."""

    @model_validator(mode="after")
    def _no_ratio(self) -> Self:
        if self.compression_ratio is not None:
            raise ValueError(
                f"compression_ratio: got {self.compression_ratio}, expected none for {self.name}, which takes the bits "
                "that its other keys say"
            )
        return self


@dataclass(frozen=True)
class CompressorIdentity:
    """What tells a compressor from others that learn otherwise; a built ``Compressor`` says the same of itself.

    Attributes:
        settings: parameters of its class, compression ratio filled in.
        shape: of the matrices that it works on, ``(Na, n_ports)``.
        code: name and hash of the file of a user's own class, empty for those that ship.
    """

    settings: CompressorParameters
    shape: tuple[int, int]
    code: str = ""


def codeword_length(shape: tuple[int, int], compression_ratio: float | None, key: str = "compression_ratio") -> int:
    r"""Codeword length :math:`M = 2 N_a N_t / \mathrm{CR}`.

    Args:
        shape: rows and columns of the matrix.
        compression_ratio: the ratio.
        key: of the scenario that says it.

    Raises:
        FeedbackInputError: if the ratio is missing, below 1, or gives no whole number of at least 1.
    """
    entries = 2 * shape[0] * shape[1]
    if compression_ratio is None:
        raise FeedbackInputError(f"{key}: got nothing, expected a ratio here or in the scenario")
    length = entries / compression_ratio
    if not 1 <= round(length) <= entries or abs(length - round(length)) > 1e-9 * length:
        raise FeedbackInputError(
            f"{key}: got {compression_ratio:g}, which gives a codeword of {length:g} values, "
            f"expected a ratio of at least 1 that divides 2 x {shape[0]} x {shape[1]} = {entries}"
        )
    return round(length)


def complex_codeword_length(shape: tuple[int, int], compression_ratio: float | None) -> int:
    """Codeword length ``M`` of a compressor that reports ``M / 2`` complex numbers.

    Raises:
        FeedbackInputError: as ``codeword_length``, and if ``M`` is odd.
    """
    length = codeword_length(shape, compression_ratio)
    if length % 2:
        raise FeedbackInputError(
            f"compression_ratio: got {compression_ratio:g}, which gives a codeword of {length} values, "
            "expected an even number"
        )
    return length


def latent_maps(shape: tuple[int, int], compression_ratio: float | None) -> int:
    """Feature maps ``m`` of a codeword, ``2 Na`` over the compression ratio.

    Raises:
        FeedbackInputError: as ``codeword_length``, and if the codeword is not a whole number of maps of ``Nt`` values.
    """
    length = codeword_length(shape, compression_ratio)
    if length % shape[1]:
        raise FeedbackInputError(
            f"compression_ratio: got {compression_ratio:g}, which gives {length / shape[1]:g} feature maps of "
            f"{shape[1]} values, expected a ratio that divides 2 x {shape[0]} = {2 * shape[0]}"
        )
    return length // shape[1]


def whole_maps(shape: tuple[int, int], compression_ratio: float | None, size: tuple[int, int]) -> int:
    """Feature maps of a codeword of maps of fewer rows and columns than the matrix.

    Args:
        shape: delay rows and ports.
        compression_ratio: which says how many there are.
        size: rows and columns of a map.

    Raises:
        FeedbackInputError: if the codeword is not a whole number of maps.
    """
    length, (rows, columns) = codeword_length(shape, compression_ratio), size
    if length % (rows * columns):
        raise FeedbackInputError(
            f"compression_ratio: got {compression_ratio:g}, which gives a codeword of {length} values, "
            f"expected a multiple of {rows} x {columns}, the size of a map of {shape[0]} x {shape[1]} entries"
        )
    return length // (rows * columns)


def reduced_sizes(shape: tuple[int, int], factors: Sequence[int]) -> list[tuple[int, int]]:
    """Rows and columns of a matrix and after each layer that leaves one in so many, rounded up."""
    sizes = [shape]
    for factor in factors:
        rows, columns = sizes[-1]
        sizes.append((-(-rows // factor), -(-columns // factor)))
    return sizes
