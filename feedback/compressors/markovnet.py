"""MarkovNet: what has changed since the report before, through a network of wide convolutions (Liu et al., 2021)."""

import torch
from torch import Tensor, nn

from feedback.complexity import count_macs
from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.markovnet import MarkovNetParameters
from feedback.csi_report.scale import learnt_range
from feedback.initialisation.klt import real_klt
from feedback.initialisation.quantiser_gains import spread
from feedback.layers.basic import CentredLinear, FullyConnectedDecoder, FullyConnectedEncoder
from feedback.layers.csinet_pro import (
    decoder_convolutions,
    encoder_convolutions,
    from_spherical,
    spherical,
    start_as_identity,
    unit_power,
)
from feedback.layers.set_later import Linear
from feedback.networks.over_time import NetworkOverTime
from feedback.networks.sides_over_time import DecoderOverTime, EncoderOverTime, State
from feedback.quantiser import Quantiser
from feedback.training_set import TrainingSet

# Norm of what has changed over that of what is known, dB: lowest and highest that a report tells.
_RATIO_RANGE_DB = (-40.0, 10.0)
# Of norms before there are training channels, dB.
_ANY_NORM_DB = (-120.0, 120.0)
# Sequences that the start is found from.
_START_SEQUENCES = 8000
_TINY = 1e-30


class SphericalScale(nn.Module):
    """What is taken off a matrix before it is encoded, and the norm of what is left, as a side of the link knows them.

    Args:
        n_following: networks of reports that build on others.
        bits: of the norm of a report that stands alone, and of one that builds on another.

    Attributes:
        gamma: share of what is known that is taken off, for each of these networks, ``[n_following]``.
        norm_range_db: lowest and highest norm that a report which stands alone can tell, dB, ``[2]``.
    """

    gamma: Tensor
    norm_range_db: Tensor

    def __init__(self, n_following: int, bits: tuple[int, int]) -> None:
        super().__init__()
        self.bits = bits
        self.register_buffer("gamma", torch.ones(n_following))
        self.register_buffer("norm_range_db", torch.tensor(_ANY_NORM_DB))

    def base(self, channel: Tensor, place: int | Tensor) -> Tensor:
        """What is taken off of known channels ``[n, Na, Nt]``; nothing of those that stand alone.

        Args:
            channel: as known.
            place: of the reports, of all or ``[n]``.
        """
        place = place if isinstance(place, Tensor) else torch.full((), place, device=channel.device)
        place = place.to(channel.device).expand(len(channel))
        share = self.gamma[(place - 1).clamp(0, len(self.gamma) - 1)]
        return channel * torch.where(place > 0, share, 0.0)[:, None, None]

    def number(self, norm: Tensor, base: Tensor, place: int) -> Tensor:
        """At the UE: number of a norm ``[n]``, int64; those outside saturate."""
        low, cell, reference = self._cells(base, place)
        decibel = 20 * (norm / reference.clamp_min(_TINY)).clamp_min(_TINY).log10()
        return ((decibel - low) / cell).floor().clamp(0, 2 ** self.bits[place > 0] - 1).to(torch.int64)

    def norm(self, number: Tensor, base: Tensor, place: int) -> Tensor:
        """The norms that numbers stand for, ``[n, 1, 1]``."""
        low, cell, reference = self._cells(base, place)
        norm = reference * 10 ** ((low + (number + 0.5) * cell) / 20)
        return norm.clamp_min(_TINY)[:, None, None]

    def within_bounds(self, csi: Tensor) -> Tensor:
        """Matrices of no more than twice the largest norm that can be told, whatever arrived."""
        most = 2 * 10 ** (self.norm_range_db[1] / 20)
        return csi * (most / norm_of(csi).clamp_min(_TINY)).clamp(max=1)[:, None, None]

    def _cells(self, base: Tensor, place: int) -> tuple[Tensor, Tensor, Tensor]:
        """Lower end of the first cell and width of each, dB, and what norms are relative to, ``[n]``."""
        low, high = self.norm_range_db
        if place:
            low, high = (torch.full((), end, device=base.device) for end in _RATIO_RANGE_DB)
        reference = norm_of(base) if place else torch.ones(len(base), device=base.device)
        return low, (high - low) / 2 ** self.bits[place > 0], reference


class MarkovEncoder(EncoderOverTime):
    """Images of unit norm to codewords.

    Args:
        alone: network of reports that stand alone.
        following: networks of the reports that build on them, by place; the last one is that of all later ones too.
        scale: what both sides know of norms.
    """

    def __init__(self, alone: FullyConnectedEncoder, following: nn.ModuleList, scale: SphericalScale) -> None:
        super().__init__()
        self.alone, self.following, self.scale = alone, following, scale

    def network(self, place: int) -> FullyConnectedEncoder:
        """The network of reports of a place."""
        found = self.following[min(place, len(self.following)) - 1] if place else self.alone
        assert isinstance(found, FullyConnectedEncoder)
        return found

    def forward(self, image: Tensor) -> Tensor:
        """Images ``[n, 2, Na, Nt]`` to codewords of reports that stand alone."""
        codeword: Tensor = self.alone(image)
        return codeword

    def describe(self, csi: Tensor, state: State, place: int) -> tuple[Tensor, Tensor]:
        """Codewords of what is left of matrices over its norm, and the number of the norm."""
        base = self.scale.base(state["channel"], place)
        left = csi - base
        number = self.scale.number(norm_of(left), base, place)
        return self.network(place)(spherical(left / self.scale.norm(number, base, place))), number

    def may_follow(self, csi: Tensor, state: State, place: Tensor) -> Tensor:
        """Where less is left than there was, and a report can tell how much."""
        base = self.scale.base(state["channel"], place.to(csi.device))
        left = norm_of(csi - base)
        return (left < norm_of(csi)) & (left <= 10 ** (_RATIO_RANGE_DB[1] / 20) * norm_of(base))


class MarkovDecoder(DecoderOverTime):
    """Codewords to images of unit norm.

    Args:
        alone: network of reports that stand alone.
        following: networks of the reports that build on them, as the encoder's.
        scale: what both sides know of norms.
        shape: ``(Na, Nt)``.
    """

    def __init__(
        self, alone: FullyConnectedDecoder, following: nn.ModuleList, scale: SphericalScale, shape: tuple[int, int]
    ) -> None:
        super().__init__()
        self.alone, self.following, self.scale, self.shape = alone, following, scale, shape

    def network(self, place: int) -> FullyConnectedDecoder:
        """The network of reports of a place."""
        found = self.following[min(place, len(self.following)) - 1] if place else self.alone
        assert isinstance(found, FullyConnectedDecoder)
        return found

    def forward(self, values: Tensor) -> Tensor:
        """Codewords of reports that stand alone to images ``[n, 2, Na, Nt]``."""
        image: Tensor = self.alone(values)
        return image

    def rebuilt(self, values: Tensor, number: Tensor, state: State, place: int) -> tuple[Tensor, State]:
        """What is known, with what has changed added to it."""
        base = self.scale.base(state["channel"], place)
        norm = self.scale.norm(number, base, place)
        csi = self.scale.within_bounds(base + norm * from_spherical(self.network(place)(values)))
        # Each report is trained on what those before it left, not they for the sake of those that come.
        return csi, {"channel": csi.detach()}

    def blank(self, n: int) -> State:
        """No channel."""
        device = self.scale.gamma.device
        return {"channel": torch.zeros(n, *self.shape, dtype=torch.complex64, device=device)}


@COMPRESSORS.register("markovnet")
class MarkovNet(NetworkOverTime):
    r"""CsiNet Pro on what has changed since the report before, as UE and BS know it.

    .. math:: E_t = H_t - \gamma_t \hat H_{t-1}, \qquad
              \hat H_t = \gamma_t \hat H_{t-1} + \hat r_t \, g_t(f_t(E_t / \hat r_t))

    with an encoder ``f`` and a decoder ``g`` for each report after one that stands alone, and the norm :math:`r_t =
    \lVert E_t \rVert`, which the report tells beside the codeword. :math:`\gamma` is of least squares over the training
    sequences. A report that stands alone has no :math:`\hat H_{t-1}`, a longer codeword; where a channel is smaller
    than what has changed, a report stands alone. The UE computes :math:`\hat H_t` too, with the BS's networks. Reports
    beyond the length of the training sequences have the networks of the last of these.

    Both networks: conv 7x7 2->16->8->4->2 with batch norm and leaky ReLU, FC; FC, the same convolutions, the last one
    with tanh alone. Source: Z. Liu, M. del Rosario, Z. Ding, 2021, arXiv:2009.09468, doi:10.1109/TWC.2021.3104319;
    layers as in its authors' public code (github.com/mdelrosa/csinet-quant). The quantiser in training, the
    norms in reports, and the scale that gives what its layers see a mean power of 1 are those of this implementation.
    """

    Parameters = MarkovNetParameters
    settings: MarkovNetParameters
    encoder: MarkovEncoder
    decoder: MarkovDecoder

    @property
    def scale_bits(self) -> tuple[int, int]:
        """Bits of both norms."""
        return self.settings.norm_bits, self.settings.ratio_bits

    @property
    def ue_decodes(self) -> bool:
        """It does."""
        return True

    def build_encoder(self) -> MarkovEncoder:
        """Encoders of CsiNet Pro."""
        alone, following = (
            [self._encoder(length) for _ in range(count)]
            for length, count in zip(self.settings.lengths(self.shape), (1, self.settings.n_following), strict=True)
        )
        return MarkovEncoder(alone[0], nn.ModuleList(following), self._scale())

    def build_decoder(self) -> MarkovDecoder:
        """Decoders of CsiNet Pro."""
        alone, following = (
            [self._decoder(length) for _ in range(count)]
            for length, count in zip(self.settings.lengths(self.shape), (1, self.settings.n_following), strict=True)
        )
        return MarkovDecoder(alone[0], nn.ModuleList(following), self._scale(), self.shape)

    @torch.no_grad()
    def start(self, training: TrainingSet) -> None:
        """Norms and shares of least squares; the KLT of matrices, and that of what has changed at each place."""
        first, n_reports = training.train[:, 0], training.train.shape[1]
        ends = torch.tensor(learnt_range(norm_of(first)), dtype=torch.float32)
        for side in (self.encoder.scale, self.decoder.scale):
            side.norm_range_db.copy_(ends)
        some = training.train[:_START_SEQUENCES]
        known = some[:, 0]
        for place in range(min(n_reports, self.settings.training_reports)):
            csi, before = some[:, place], {"channel": known}
            if place:
                self._set_gamma(place, known, csi)
            if self.starts_as_klt:
                left = csi - self.encoder.scale.base(known, place)
                _start_pair(self.encoder.network(place), self.decoder.network(place), left, self.quantiser)
                values, number = self.encoder.describe(csi, before, place)
                known, _ = self.decoder.rebuilt(self.quantiser.straight_through(values), number, before, place)
            else:
                known = csi

    def report_macs(self, follows: bool) -> tuple[int, int]:
        """Encoder and decoder at the UE, the decoder at the BS."""
        device, place = self.encoder.scale.gamma.device, int(follows)
        ue = count_macs(self.encoder.network(place), torch.zeros(1, 2, *self.shape, device=device))
        bs = count_macs(self.decoder.network(place), torch.zeros(1, self.lengths[place], device=device))
        return ue + bs, bs

    def _encoder(self, length: int) -> FullyConnectedEncoder:
        size = 2 * self.shape[0] * self.shape[1]
        return FullyConnectedEncoder(encoder_convolutions(unit_power(self.shape)), CentredLinear(size, length))

    def _decoder(self, length: int) -> FullyConnectedDecoder:
        size = 2 * self.shape[0] * self.shape[1]
        return FullyConnectedDecoder(Linear(length, size), decoder_convolutions(unit_power(self.shape)), self.shape)

    def _scale(self) -> SphericalScale:
        return SphericalScale(self.settings.n_following, self.scale_bits)

    def _set_gamma(self, place: int, known: Tensor, csi: Tensor) -> None:
        r""":math:`\gamma = \Re \sum \langle \hat H_{t-1}, H_t \rangle / \sum \lVert \hat H_{t-1} \rVert^2`."""
        gamma = (known.conj() * csi).real.sum() / known.abs().square().sum().clamp_min(_TINY)
        for side in (self.encoder.scale, self.decoder.scale):
            side.gamma[place - 1] = gamma


def norm_of(matrices: Tensor) -> Tensor:
    """Frobenius norms of matrices ``[n, Na, Nt]``, ``[n]``."""
    return torch.linalg.vector_norm(matrices.flatten(1), dim=1)


def _start_pair(
    encoder: FullyConnectedEncoder, decoder: FullyConnectedDecoder, matrices: Tensor, quantiser: Quantiser
) -> None:
    """Makes a pair of networks the KLT of matrices ``[n, Na, Nt]``, their norms left out, through a quantiser."""
    matrices = matrices / norm_of(matrices).clamp_min(_TINY)[:, None, None]
    images, scale = spherical(matrices), unit_power((matrices.shape[1], matrices.shape[2]))
    klt = real_klt(TrainingSet(matrices, matrices[:0]), encoder.fc.out_features)
    encoder.fc.centre.fill_(start_as_identity(encoder.features, images, scale))
    values = scale * images.flatten(1) @ klt.T
    gains, weights = spread(values, quantiser.straight_through)
    encoder.fc.weight.copy_(gains[:, None] * klt)
    received = weights * quantiser.straight_through(gains * values)
    decoder.fc.weight.copy_((weights[:, None] * klt).T)
    for fc in (encoder.fc, decoder.fc):
        nn.init.zeros_(fc.bias)
    start_as_identity(decoder.refinement, (received @ klt).unflatten(1, images.shape[1:]), scale)
