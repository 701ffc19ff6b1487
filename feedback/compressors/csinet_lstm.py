"""CsiNet-LSTM: CsiNet for each report, and LSTM layers over those that have arrived (Wang et al., 2019)."""

import torch
from torch import Tensor, nn

from feedback.complexity import count_macs
from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.csinet_lstm import CsiNetLstmParameters
from feedback.initialisation.convolutions import ImageStatistics
from feedback.initialisation.klt import real_klt, start_as_klt
from feedback.initialisation.quantiser_gains import spread
from feedback.layers.basic import (
    CentredLinear,
    ConvBn,
    FullyConnectedDecoder,
    FullyConnectedEncoder,
    RefineNet,
    leaky_relu,
)
from feedback.layers.images import from_unit_interval, to_unit_interval
from feedback.layers.lstm import ImageLstm
from feedback.layers.set_later import Linear
from feedback.networks.over_time import NetworkOverTime
from feedback.networks.sides_over_time import DecoderOverTime, EncoderOverTime, State
from feedback.training.disturbance import Disturbance
from feedback.training_set import TrainingSet

# The LSTM layers work on this share of what images deviate from 0.5 by, where their tangents are nearly linear.
_SHARE = 0.25
# Matrices that each start is found from.
_START_MATRICES = 8000
# Share of the mean power of codewords that keeps the estimates' normal equations solvable.
_LOADING = 1e-3


class LstmEncoder(EncoderOverTime):
    """Images to codewords, one network for each kind of report; nothing is remembered but which kind is due."""

    def __init__(self, alone: FullyConnectedEncoder, following: FullyConnectedEncoder) -> None:
        super().__init__()
        self.alone, self.following = alone, following

    def forward(self, image: Tensor) -> Tensor:
        """Images ``[n, 2, Na, Nt]`` to codewords of reports that stand alone."""
        codeword: Tensor = self.alone(image)
        return codeword

    def describe(self, csi: Tensor, state: State, place: int) -> tuple[Tensor, Tensor]:
        """Codewords; no scale is told beside that of the normalisation."""
        network = self.following if place else self.alone
        return network(to_unit_interval(csi)), torch.zeros(len(csi), dtype=torch.int64, device=csi.device)


class LstmDecoder(DecoderOverTime):
    """Codewords to images, those that build on others beside the last one that stands alone; then LSTM layers.

    Args:
        alone: codewords of reports that stand alone to images.
        following: these codewords, and shorter ones behind them, to images.
        lstm: over the images.
        length: values of a codeword that stands alone.
    """

    def __init__(
        self, alone: FullyConnectedDecoder, following: FullyConnectedDecoder, lstm: ImageLstm, length: int
    ) -> None:
        super().__init__()
        self.alone, self.following, self.lstm, self.length = alone, following, lstm, length

    def forward(self, values: Tensor) -> Tensor:
        """Codewords of reports that stand alone to images ``[n, 2, Na, Nt]``."""
        none = torch.zeros(len(values), dtype=torch.int64, device=values.device)
        return to_unit_interval(self.rebuilt(values, none, {}, 0)[0])

    def rebuilt(self, values: Tensor, number: Tensor, state: State, place: int) -> tuple[Tensor, State]:
        """The last LSTM layer's output."""
        if not place:
            state = {**self.blank(len(values)), "first": values}
        image = self.following(torch.cat([state["first"], values], dim=1)) if place else self.alone(values)
        before = tuple(state[name].transpose(0, 1).contiguous() for name in ("hidden", "cell"))
        made, (hidden, cell) = self.lstm(_SHARE * (image - 0.5).flatten(1)[:, None], before)
        csi = from_unit_interval(0.5 + made[:, 0].unflatten(1, image.shape[1:]) / _SHARE)
        after = {"hidden": hidden.transpose(0, 1), "cell": cell.transpose(0, 1)}
        return csi, {"first": state["first"], **after}

    def blank(self, n: int) -> State:
        """No codeword, and LSTM layers at 0."""
        device = self.lstm.device
        layers = torch.zeros(n, self.lstm.num_layers, self.lstm.hidden_size, device=device)
        return {"first": torch.zeros(n, self.length, device=device), "hidden": layers, "cell": layers}


@COMPRESSORS.register("csinet-lstm")
class CsiNetLstm(NetworkOverTime):
    """CsiNet at the UE; at the BS CsiNet and LSTM layers, which remember the reports before.

    A report that stands alone has a long codeword, which the BS goes on using beside the short ones of those that build
    on it. UE: conv 3x3 2->2, batch norm, leaky ReLU; FC. BS: FC, two RefineNets, conv 3x3 2->2, sigmoid; then
    ``lstm_layers`` LSTM layers of ``2 Na Nt`` units, whose last output is the image. Weights of reports that build on
    others are the same at all times.

    Source: T. Wang, C.-K. Wen, S. Jin, G. Y. Li, 2019, arXiv:1807.11673, doi:10.1109/LWC.2018.2874264. The LSTM layers
    hold 100.7 M weights for matrices of 32 x 32, and 6.3 M for those of 16 x 16. The quantiser in training, and LSTM
    layers on a share of the images, are those of this implementation.
    """

    Parameters = CsiNetLstmParameters
    settings: CsiNetLstmParameters
    encoder: LstmEncoder
    decoder: LstmDecoder

    @property
    def scale_bits(self) -> tuple[int, int]:
        """None beside that of the normalisation."""
        return 0, 0

    def build_encoder(self) -> LstmEncoder:
        """Two encoders of CsiNet."""
        return LstmEncoder(*(self._encoder(length) for length in self.settings.lengths(self.shape)))

    def build_decoder(self) -> LstmDecoder:
        """Two decoders of CsiNet, and the LSTM layers."""
        alone, following = self.settings.lengths(self.shape)
        size = 2 * self.shape[0] * self.shape[1]
        lstm = ImageLstm(size, self.settings.lstm_layers)
        return LstmDecoder(self._decoder(alone), self._decoder(alone + following), lstm, alone)

    @torch.no_grad()
    def start(self, training: TrainingSet) -> None:
        """The KLT of single matrices; beside it that of what it leaves of later ones, and LSTM layers that pass on."""
        if not self.starts_as_klt:
            return
        sequences = training.train[: max(_START_MATRICES // training.train.shape[1], 1)]
        csi = sequences.flatten(0, 1)
        single = TrainingSet(csi, csi[:0])
        disturbance = Disturbance(bits=self.settings.bits)
        start_as_klt(self.encoder.alone, self.decoder.alone, single, disturbance)
        following = self.decoder.following
        fc = following.fc
        # The short codeword alone, drawing nothing; only what lies around the FC layers stays.
        following.fc = nn.utils.skip_init(nn.Linear, self.lengths[1], fc.out_features, device=csi.device)
        start_as_klt(self.encoder.following, following, single, disturbance)
        fc.bias.copy_(following.fc.bias)
        following.fc = fc
        self._start_beside_first(sequences)
        self.decoder.lstm.start_as_identity()

    def _start_beside_first(self, sequences: Tensor) -> None:
        r"""FC layers of reports that build on one that stands alone: linear estimates of images from both codewords.

        The short codeword reports on the principal axes of what the long one, :math:`q_1`, leaves of later matrices,
        and the BS takes the estimate of least squares, :math:`\hat d_t = W [q_1; q_t]`.

        Args:
            sequences: ``[n, T, Na, Nt]``.
        """
        images = to_unit_interval(sequences)
        unit = ImageStatistics.of(images.flatten(0, 1)).deviation
        later = (images[:, 1:] - 0.5).flatten(0, 1).flatten(1) / unit
        first = self.quantiser.straight_through(self.encoder.alone.eval()(images[:, 0]))
        first = first.repeat_interleave(images.shape[1] - 1, dim=0)
        left = (later - first @ _least_squares(first, later)).unflatten(1, images.shape[2:])
        matrices = torch.complex(left[:, 0], left[:, 1])
        klt = real_klt(TrainingSet(matrices, matrices[:0]), self.lengths[1])
        values = later @ klt.T
        gains, _ = spread(values, self.quantiser.straight_through)
        self.encoder.following.fc.weight.copy_(gains[:, None] * klt)
        both = torch.cat([first, self.quantiser.straight_through(gains * values)], dim=1)
        self.decoder.following.fc.weight.copy_(_least_squares(both, later).T)

    def report_macs(self, follows: bool) -> tuple[int, int]:
        """CsiNet at both sides, and the LSTM layers at the BS."""
        encoder = self.encoder.following if follows else self.encoder.alone
        decoder = self.decoder.following if follows else self.decoder.alone
        lstm, device = self.decoder.lstm, self.decoder.lstm.device
        taken = sum(self.lengths) if follows else self.lengths[0]
        ue = count_macs(encoder, torch.zeros(1, 2, *self.shape, device=device))
        bs = count_macs(decoder, torch.zeros(1, taken, device=device))
        # Its size alone counts: running it takes longer than all the rest.
        image = torch.zeros(1, 1, lstm.input_size, device=device)
        return ue, bs + lstm.macs((image,), image)

    def _encoder(self, length: int) -> FullyConnectedEncoder:
        size = 2 * self.shape[0] * self.shape[1]
        return FullyConnectedEncoder(ConvBn(2, 2, 3, leaky_relu()), CentredLinear(size, length))

    def _decoder(self, length: int) -> FullyConnectedDecoder:
        refinement = nn.Sequential(RefineNet(), RefineNet(), nn.Conv2d(2, 2, 3, padding="same"), nn.Sigmoid())
        return FullyConnectedDecoder(Linear(length, 2 * self.shape[0] * self.shape[1]), refinement, self.shape)


def _least_squares(known: Tensor, wanted: Tensor) -> Tensor:
    """The matrix that estimates rows of ``wanted`` ``[n, k]`` from those of ``known`` ``[n, m]``, ``[m, k]``."""
    known = known.double()
    power = known.T @ known
    power.diagonal().add_(_LOADING * power.diagonal().mean())
    return torch.linalg.solve(power, known.T @ wanted.double()).float()
