"""CsiNet-LSTM: CsiNet for each report, and LSTM layers over those that have arrived (Wang et al., 2019)."""

import torch
from torch import Tensor, nn

from feedback.complexity import count_macs
from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.csinet_lstm import CsiNetLstmParameters
from feedback.initialisation.klt import start_as_klt
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
from feedback.networks.over_time import NetworkOverTime
from feedback.networks.sides_over_time import DecoderOverTime, EncoderOverTime, State
from feedback.training.disturbance import Disturbance
from feedback.training_set import TrainingSet

# The LSTM layers work on this share of what images deviate from 0.5 by, where their tangents are nearly linear.
_SHARE = 0.25
# Matrices that each start is found from.
_START_MATRICES = 8000


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
        """The KLT of single matrices for both kinds of reports, and LSTM layers that pass images on."""
        if not self.starts_as_klt:
            return
        csi = training.train.flatten(0, 1)[:_START_MATRICES]
        single = TrainingSet(csi, csi[:0])
        disturbance = Disturbance(bits=self.settings.bits)
        start_as_klt(self.encoder.alone, self.decoder.alone, single, disturbance)
        following = self.decoder.following
        fc, (first, length) = following.fc, self.lengths
        # The short codeword alone, drawing nothing.
        following.fc = nn.utils.skip_init(nn.Linear, length, fc.out_features, device=csi.device)
        start_as_klt(self.encoder.following, following, single, disturbance)
        fc.weight[:, :first], fc.weight[:, first:] = 0, following.fc.weight
        fc.bias.copy_(following.fc.bias)
        following.fc = fc
        self.decoder.lstm.start_as_identity()

    def report_macs(self, follows: bool) -> tuple[int, int]:
        """CsiNet at both sides, and the LSTM layers at the BS."""
        encoder = self.encoder.following if follows else self.encoder.alone
        decoder = self.decoder.following if follows else self.decoder.alone
        lstm, device = self.decoder.lstm, self.decoder.lstm.device
        taken = sum(self.lengths) if follows else self.lengths[0]
        ue = count_macs(encoder, torch.zeros(1, 2, *self.shape, device=device))
        bs = count_macs(decoder, torch.zeros(1, taken, device=device))
        return ue, bs + count_macs(lstm, torch.zeros(1, 1, lstm.input_size, device=device))

    def _encoder(self, length: int) -> FullyConnectedEncoder:
        size = 2 * self.shape[0] * self.shape[1]
        return FullyConnectedEncoder(ConvBn(2, 2, 3, leaky_relu()), CentredLinear(size, length))

    def _decoder(self, length: int) -> FullyConnectedDecoder:
        refinement = nn.Sequential(RefineNet(), RefineNet(), nn.Conv2d(2, 2, 3, padding="same"), nn.Sigmoid())
        return FullyConnectedDecoder(nn.Linear(length, 2 * self.shape[0] * self.shape[1]), refinement, self.shape)
