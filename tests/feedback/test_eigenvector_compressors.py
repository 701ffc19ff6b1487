"""Compressors of matrices on eigenvectors: against closed forms, and trained by the SGCS."""

import pytest
import torch
from pydantic import ValidationError

from feedback.aligned_beams import AlignedBeams
from feedback.beam_delay import BeamDelay
from feedback.codebooks.targets import squared_cosines
from feedback.compressor import COMPRESSORS, Compressor
from feedback.compressors.parameters.csinet import CsiNetParameters
from feedback.compressors.parameters.klt import KltParameters
from feedback.conformance.candidate import csi_for, delivered
from feedback.csi_dimensions import CsiDimensions
from feedback.layers.images import to_unit_interval
from feedback.neural import NeuralCompressor
from feedback.plugin_file import build_compressor, identity_of
from feedback.training.direction_error import DirectionError
from feedback.training.recipe import TrainingRecipe
from feedback.training_set import TrainingSet
from tests.feedback.test_aligned_beams import path, vectors_of

DIMENSIONS = CsiDimensions(8, 16, n_rx=2, n_polarizations=2, n_rows=2, bands=((0, 2), (2, 4), (4, 6), (6, 8)))
ENTRIES = 2 * 4 * 16


def klt(csi: torch.Tensor, ratio: float, **keys: object) -> torch.Tensor:
    """What a KLT that has learnt from some eigenvectors makes of the same."""
    section = KltParameters.model_validate({"csi": "eigenvectors", "compression_ratio": ratio, **keys})
    made = build_compressor(section, DIMENSIONS)
    made.fit(TrainingSet(csi, csi[:0]), torch.Generator())
    return made.decode(delivered(made.encode(csi)))


def sgcs(rebuilt: torch.Tensor, csi: torch.Tensor) -> torch.Tensor:
    """Of each report and layer, ``[batch, n_layers]``."""
    return squared_cosines(rebuilt.permute(0, 2, 3, 1), csi.permute(0, 2, 3, 1))


@pytest.mark.parametrize("keys", [{}, {"align": False}, {"rank": 2}], ids=str)
def test_all_coefficients_are_the_eigenvectors(keys: dict[str, object]) -> None:
    form = AlignedBeams.of(DIMENSIONS, int(str(keys.get("rank", 1))))
    csi = vectors_of(form, 6).to(torch.complex64)
    # Rounding of some hundred products in float32.
    assert float(sgcs(klt(csi, 1.0, **keys), csi).min()) > 1 - 1e-5


def test_one_coefficient_is_every_single_path_once_aligned() -> None:
    form = BeamDelay.of(DIMENSIONS)
    places = [(0, 0, 0), (1, 0.5, 2.75), (0, 1.25, 1.5), (1, 1, 3.25), (0, 0, 2)]
    csi = torch.cat([path(form, *place) for place in places]).to(torch.complex64)
    assert float(sgcs(klt(csi, ENTRIES / 2), csi).min()) > 1 - 1e-5
    # Five orthogonal or nearly orthogonal channels, of which one axis holds about one.
    assert float(sgcs(klt(csi, ENTRIES / 2, align=False), csi).mean()) < 0.5


def test_the_report_counts_the_beam_beside_the_codeword() -> None:
    csi = vectors_of(AlignedBeams.of(DIMENSIONS, 2), 3).to(torch.complex64)
    section = KltParameters(csi="eigenvectors", rank=2, compression_ratio=8)
    made = build_compressor(section, DIMENSIONS)
    made.fit(TrainingSet(csi, csi[:0]), torch.Generator())
    sent = made.encode(csi)
    # 2 rank n_subbands n_tx over the ratio; 2 x 8 x 16 beams in each layer.
    assert sent.values.shape == (3, 2 * ENTRIES // 8)
    assert sent.side_bits == sent.side_formats["alignment"].bits == 16
    packed = sent.side_formats["alignment"].pack(sent.side["alignment"])
    assert torch.equal(sent.side_formats["alignment"].unpack(packed)[0], sent.side["alignment"])


def test_shape_is_known_without_building() -> None:
    section = KltParameters(csi="eigenvectors", rank=2, compression_ratio=8)
    assert section.matrix_shape(DIMENSIONS) == build_compressor(section, DIMENSIONS).shape == (8, 16)
    assert identity_of(section, DIMENSIONS).shape == (8, 16)
    assert build_compressor(section, (8, 16)).shape == (8, 16)
    assert KltParameters(compression_ratio=8).matrix_shape(DIMENSIONS) == (8, 32)


@pytest.mark.parametrize(("keys", "key"), [({"rank": 2}, "rank: got 2"), ({"align": False}, "align: got False")])
def test_keys_of_eigenvectors_are_refused_for_a_matrix(keys: dict[str, object], key: str) -> None:
    with pytest.raises(ValidationError, match=f"{key} with csi 'matrix', expected it with csi 'eigenvectors'"):
        KltParameters.model_validate(keys)


CODES: tuple[dict[str, object], ...] = (
    {"name": "klt"},
    {"name": "klt", "separable": True},
    {"name": "topk"},
    {"name": "mixture_klt", "components": 3},
)


def coded(csi: torch.Tensor, **keys: object) -> Compressor:
    """A transform code of eigenvectors that has learnt from some."""
    section = COMPRESSORS.parameters(str(keys["name"])).model_validate({"csi": "eigenvectors", **keys})
    made = build_compressor(section, DIMENSIONS)
    made.fit(TrainingSet(csi, csi[:0]), torch.Generator().manual_seed(0))
    return made


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize("keys", CODES, ids=str)
def test_a_fine_step_gives_back_the_eigenvectors(keys: dict[str, object], align: bool, rank: int) -> None:
    r"""Errors of a step, over the root mean square, are uniform in a cell but for its dead zone.

    The part of it that is no common factor turns a vector by at most :math:`\Delta^2 / 6`, and the dead zone, half
    again as wide, doubles that at most.
    """
    csi = vectors_of(AlignedBeams.of(DIMENSIONS, rank), 30).to(torch.complex64)
    made = coded(csi, **keys, align=align, rank=rank, step=0.05)
    assert made.gives == "precoder"
    assert float((1 - sgcs(made.decode(made.encode(csi)), csi)).mean()) < 2 * 0.05**2 / 6


@pytest.mark.parametrize("keys", CODES, ids=str)
def test_bits_of_a_code_hold_the_beam_ahead_of_the_matrix(keys: dict[str, object]) -> None:
    csi = vectors_of(AlignedBeams.of(DIMENSIONS, 1), 30).to(torch.complex64)
    payload = coded(csi, **keys, payload_bits=100)
    sent = payload.encode(csi)
    assert sent.value_bits.tolist() == [100] * 30
    assert (sent.side, sent.side_bits) == ({}, 0)
    beams = AlignedBeams.of(DIMENSIONS, 1)
    # 2 x 8 x 16 beams in natural binary.
    numbers = (sent.values[:, : beams.bits] @ 2.0 ** torch.arange(beams.bits).flip(0)).long()
    assert torch.equal(numbers, beams.matrices(csi)[1])
    # Of any phase in each subband, as no precoder depends on it.
    turned = csi * torch.polar(torch.ones(30, 1, 4, 1), torch.rand(30, 1, 4, 1) * 6)
    assert torch.equal(payload.beams.matrices(turned)[1], numbers)
    target = coded(csi, **keys, target_bits=120)
    assert 0.95 * 120 < float(target.encode(csi).value_bits.double().mean()) <= 120


def test_bits_of_the_beams_are_known_without_building() -> None:
    for align in (True, False):
        for rank in (1, 2, 4):
            section = KltParameters(csi="eigenvectors", rank=rank, align=align, step=0.5)
            assert section.alignment_bits(DIMENSIONS) == AlignedBeams.of(DIMENSIONS, rank, align).bits
    assert KltParameters(step=0.5).alignment_bits(DIMENSIONS) == 0


def test_a_code_of_single_paths_needs_the_axes_of_one_only() -> None:
    """Once aligned, single paths are one matrix: at a step of that matrix they cost no more than a few levels."""
    form = BeamDelay.of(DIMENSIONS)
    places = [(0, 0, 0), (1, 0.5, 2.75), (0, 1.25, 1.5), (1, 1, 3.25), (0, 0, 2)] * 6
    csi = torch.cat([path(form, *place) for place in places]).to(torch.complex64)
    aligned, plain = (coded(csi, name="klt", step=0.5, align=align) for align in (True, False))
    assert float((1 - sgcs(aligned.decode(aligned.encode(csi)), csi)).max()) < 1e-3
    bits = [float(made.encode(csi).value_bits.double().mean()) for made in (aligned, plain)]
    assert bits[0] < bits[1]


@pytest.mark.parametrize("name", ["lasso", "amp"])
def test_sparse_recovery_finds_single_paths_on_the_grid(name: str) -> None:
    """An aligned path on the grid is one entry of the matrix, which any 16 projections of 64 tell."""
    form = BeamDelay.of(DIMENSIONS)
    csi = torch.cat([path(form, pol, row, column) for pol in (0, 1) for row in (0, 1) for column in (0, 1, 2, 3)])
    csi = csi.to(torch.complex64)
    made = coded(csi, name=name, compression_ratio=4)
    assert float(sgcs(made.decode(delivered(made.encode(csi))), csi).min()) > 0.999


def test_direction_error_is_one_less_the_sgcs() -> None:
    form = AlignedBeams(BeamDelay(5, 2, 2, 4), 2)
    true, rebuilt = (vectors_of(form, 4, seed).to(torch.complex64) for seed in (0, 1))
    images = [to_unit_interval(form.matrices(part)[0]) for part in (true, rebuilt)]
    # Both are aligned by their own beams, so that the vectors that the images stand for are compared.
    pair = [form.subbands(form.matrices(part)[0]).permute(0, 2, 3, 1) for part in (rebuilt, true)]
    expected = 1 - squared_cosines(*pair).mean(1)
    found = DirectionError(form)(images[0], images[1])
    assert torch.allclose(found, expected, atol=1e-5)
    # A precoder has no strength.
    weaker = 0.5 + 0.3 * (images[1] - 0.5)
    assert torch.allclose(DirectionError(form)(images[0], weaker), found, atol=1e-5)
    assert torch.allclose(DirectionError(form)(images[0], images[0]), torch.zeros(4), atol=1e-5)


def test_a_network_learns_by_the_sgcs() -> None:
    section = CsiNetParameters(csi="eigenvectors", init="xavier", compression_ratio=8)
    network = build_compressor(section, DIMENSIONS)
    assert isinstance(network, NeuralCompressor)
    training = TrainingSet(csi_for(network, 60), csi_for(network, 20, seed=1))
    recipe = TrainingRecipe(epochs=5, batch_size=20)
    outcome = network.train_networks(training, recipe, torch.Generator().manual_seed(0))
    assert outcome.validation_nmse_db < outcome.start_nmse_db
    # The error that weights are chosen by is that of what the BS gets.
    rebuilt = network.decode(delivered(network.encode(training.validation)))
    expected = 1 - float(sgcs(rebuilt, training.validation).mean())
    assert 10 ** (outcome.validation_nmse_db / 10) == pytest.approx(expected, abs=1e-4)
    figures = network.diagnostics(network.training_matrices(training).validation)
    assert figures["sgcs"] == pytest.approx(1 - expected, abs=1e-4)
