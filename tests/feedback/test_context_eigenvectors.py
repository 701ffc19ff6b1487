"""The context codec on eigenvectors: directions from bits alone, any array, any number of layers."""

import math
from dataclasses import replace
from functools import cache

import pytest
import torch

import feedback.links  # noqa: F401 - registers them
from feedback.codebooks.targets import covariances, eigenvectors
from feedback.compressors.context import Context
from feedback.compressors.context_eigenvectors import ContextOfEigenvectors, orthogonal_layers
from feedback.compressors.parameters.context import ContextParameters
from feedback.context_codec.operations import layer_operations
from feedback.csi_dimensions import CsiDimensions
from feedback.errors import FeedbackInputError
from feedback.link_parameters import LINKS
from feedback.plugin_file import build_compressor
from feedback.training_set import TrainingSet

MODES = [{"step": 1.0}, {"target_bits": 150}, {"payload_bits": 160}]


def dimensions(n_subbands: int = 6, polarizations: int = 2, rows: int = 2, columns: int = 4) -> CsiDimensions:
    bands = tuple((4 * band, 4 * band + 4) for band in range(n_subbands))
    return CsiDimensions(8, polarizations * rows * columns, 4, polarizations, rows, bands)


def vectors(n: int, known: CsiDimensions, layers: int = 1, seed: int = 0) -> torch.Tensor:
    """Eigenvectors of channels of a few paths, ``[n, layers, n_subbands, n_tx]``."""
    draw = torch.Generator().manual_seed(seed)
    parts = []
    for count, length in ((known.n_rows, 1), (known.n_columns, 1), (known.n_subcarriers, 0.2)):
        place = torch.arange(count) * length * torch.rand(n, 5, 1, generator=draw)
        parts.append(torch.polar(torch.ones_like(place), 2 * math.pi * place))
    gains = torch.randn(n, 5, 4, known.n_polarizations, dtype=torch.complex64, generator=draw)
    gains = gains * torch.rand(n, 5, 1, 1, generator=draw) ** 3
    response = torch.einsum("npr,npc,npf,npax->nfaxrc", *parts, gains).flatten(3)
    found, _ = eigenvectors(covariances(response, known.slices), layers)
    return found.permute(0, 3, 1, 2).to(torch.complex64)


def fitted(keys: dict, known: CsiDimensions) -> ContextOfEigenvectors:
    section = ContextParameters.model_validate({"csi": "eigenvectors", **keys})
    compressor = build_compressor(section, known)
    assert isinstance(compressor, ContextOfEigenvectors)
    csi = vectors(40, known, compressor.n_layers)
    compressor.fit(TrainingSet(csi, csi[:0]), torch.Generator())
    return compressor


@cache
def of_mode(index: int) -> ContextOfEigenvectors:
    return fitted(MODES[index], dimensions())


def sgcs(found: torch.Tensor, csi: torch.Tensor) -> torch.Tensor:
    """Of each layer, mean over reports and subbands."""
    return (found.conj() * csi).sum(-1).abs().square().mean((0, 2))


def test_a_key_chooses_the_class() -> None:
    matrix, of_vectors = (ContextParameters(step=1, csi=csi) for csi in ("matrix", "eigenvectors"))
    assert (matrix.traits.takes, of_vectors.traits.takes) == ("truncated", "eigenvectors")
    assert (matrix.traits.gives, of_vectors.traits.gives) == ("channel", "precoder")
    assert Context.chosen_by(of_vectors) is ContextOfEigenvectors
    for trait in ("takes", "gives", "sends", "own_scale", "reserves_bits", "has_ratio", "learns"):
        assert getattr(of_vectors.traits, trait) == getattr(ContextOfEigenvectors, trait)


@pytest.mark.parametrize("mode", range(3))
def test_directions_come_back(mode: int) -> None:
    """150 bits for 6 subbands of 16 ports: a rotation, and two dozen of 96 coefficients."""
    compressor, csi = of_mode(mode), vectors(30, dimensions(), seed=1)
    sent = compressor.encode(csi)
    assert float(sgcs(compressor.decode(sent), csi)) > 0.8
    assert isinstance(sent.value_bits, torch.Tensor)
    assert int(sent.value_bits.max()) <= (sent.max_bits or 0)
    assert sent.side_bits == 0


@pytest.mark.parametrize("mode", range(3))
def test_the_phase_of_a_subband_does_not_matter(mode: int) -> None:
    """Exactly the same bits: values in double precision are hardly ever within rounding of a decision."""
    compressor, csi = of_mode(mode), vectors(10, dimensions(), seed=2).to(torch.complex128)
    turned = csi * torch.polar(torch.ones(6), torch.arange(6.0) ** 2)[:, None]
    first, second = compressor.encode(csi.to(torch.complex64)), compressor.encode(turned)
    # What differs is the rounding of complex64 to which both are brought: 1e-7 of a value, in units of 1/256 step.
    same = (first.value_bits == second.value_bits).float().mean()
    assert float(same) >= 0.9
    assert float(sgcs(compressor.decode(first), compressor.decode(second))) > 0.99


@pytest.mark.parametrize("mode", range(3))
def test_precision_batch_and_threads_do_not_matter(mode: int) -> None:
    """Neither to the bits of the UE nor to what the BS makes of them: each report is computed alone."""
    compressor, csi = of_mode(mode), vectors(9, dimensions(), seed=3)
    whole = compressor.encode(csi)
    double = compressor.encode(csi.to(torch.complex128))
    assert torch.equal(whole.values, double.values)
    for report in (0, 3, 8):
        one = compressor.encode(csi[report : report + 1])
        assert torch.equal(one.values[0], whole.values[report, : int(whole.value_bits[report])])
    threads, found = torch.get_num_threads(), compressor.decode(whole)
    try:
        torch.set_num_threads(threads % 3 + 1)
        again = compressor.encode(csi)
        assert torch.equal(again.values, whole.values)
        assert torch.equal(again.value_bits, whole.value_bits)
        assert torch.equal(compressor.decode(whole), found)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("mode", range(3))
def test_reports_that_are_cut_or_erased_are_lost(mode: int) -> None:
    """Lost ones are told, and stand for some unit vector all the same."""
    compressor, csi = of_mode(mode), vectors(3, dimensions(), seed=3)
    sent = compressor.encode(csi)
    for left in (sent.value_bits - 1, sent.value_bits // 2, 0 * sent.value_bits):
        rebuilt, _ = compressor.rebuild(replace(sent, value_bits=left), {})
        assert rebuilt.erased.all()
        # 16 products of complex64 numbers.
        assert torch.allclose(rebuilt.csi.abs().square().sum(-1), torch.ones(3, 1, 6), atol=1e-5)
    gone = replace(sent, erased=torch.tensor([True, False, True]))
    assert compressor.rebuild(gone, {})[0].erased.tolist() == [True, False, True]


@pytest.mark.parametrize(
    "known",
    [
        dimensions(13, 2, 2, 8),
        dimensions(1, 2, 1, 2),
        dimensions(5, 1, 1, 3),
        dimensions(4, 1, 3, 1),
        dimensions(3, 2, 1, 1),
        dimensions(2, 1, 1, 1),
    ],
    ids=lambda known: f"{known.n_subbands} x {known.n_tx}",
)
def test_any_array_and_band_will_do(known: CsiDimensions) -> None:
    """Fine steps leave little error: a step of 0.1 is a distortion of about 2 x 0.1^2 / 12 of each unit entry."""
    compressor, csi = fitted({"step": 0.1}, known), vectors(6, known, seed=4)
    assert float(sgcs(compressor.decode(compressor.encode(csi)), csi)) > 0.99


@pytest.mark.parametrize("rank", [2, 3, 4])
def test_layers_are_orthogonal_and_close(rank: int) -> None:
    known = dimensions()
    compressor, csi = fitted({"step": 0.3, "rank": rank}, known), vectors(10, known, rank, seed=5)
    found = compressor.decode(compressor.encode(csi))
    gram = torch.einsum("nlsp,nmsp->nslm", found.conj(), found)
    # Products of 16 complex64 numbers of unit vectors.
    assert float((gram - torch.eye(rank)).abs().max()) < 1e-5
    assert (sgcs(found, csi) > 0.9).all()


def test_orthogonal_layers_of_the_same_vector() -> None:
    same = torch.ones(1, 2, 3, 4, dtype=torch.complex128)
    found = orthogonal_layers(same)
    assert torch.allclose(found[0, 0], torch.full((3, 4), 0.5, dtype=torch.complex128))
    assert torch.allclose(found.abs().square().sum(-1), torch.ones(1, 2, 3, dtype=torch.float64))


def test_a_payload_is_every_reports_bits() -> None:
    assert of_mode(2).encode(vectors(5, dimensions(), seed=1)).value_bits.tolist() == [160] * 5


def test_a_target_is_the_mean_over_training() -> None:
    """Steps of a 96th of an octave: bits within about 1 per cent below the target, of 40 reports of the training."""
    mean = float(of_mode(1).encode(vectors(40, dimensions())).value_bits.double().mean())
    assert 0.98 * 150 < mean <= 150


def test_a_target_is_the_mean_of_fresh_eigenvectors_too() -> None:
    """But for the sampling of either set, of independent channels, and at most two steps of the grid of 0.7 % each."""
    known = dimensions()
    training, fresh = vectors(150, known, seed=11), vectors(150, known, seed=12)
    compressor = build_compressor(of_mode(1).settings, known)
    compressor.fit(TrainingSet(training, training[:0]), torch.Generator())
    bits = compressor.encode(fresh).value_bits.double()
    assert abs(float(bits.mean()) - 150) < 3.3 * float(bits.std()) * (2 / 150) ** 0.5 + 0.014 * 150


@pytest.mark.parametrize("link", [{"name": "perfect"}, {"name": "bsc", "flip_rate": 0.0}], ids=str)
def test_links_of_bits_carry_it(link: dict) -> None:
    compressor, csi = of_mode(0), vectors(4, dimensions(), seed=2)
    section = LINKS.get_class(link["name"])
    sent = compressor.encode(csi)
    received = section(section.Parameters(**link)).transmit(sent, lambda shape: torch.ones(len(csi), *shape))
    rebuilt, _ = compressor.rebuild(received, {})
    assert rebuilt.erased is not None
    assert not rebuilt.erased.any()
    assert torch.equal(rebuilt.csi, compressor.decode(sent))


def test_longer_reports_than_are_reserved_drop_levels() -> None:
    known = dimensions()
    compressor = fitted({"step": 0.1, "max_bits": 100}, known)
    csi = vectors(10, known, seed=4)
    sent = compressor.encode(csi)
    assert int(sent.value_bits.max()) <= 100
    assert not compressor.rebuild(sent, {})[0].erased.any()


def test_what_was_learnt_is_kept() -> None:
    for mode, keys in enumerate(MODES):
        twin = build_compressor(ContextParameters.model_validate({"csi": "eigenvectors", **keys}), dimensions())
        twin.load_state(of_mode(mode).state())
        csi = vectors(3, dimensions(), seed=6)
        assert torch.equal(twin.encode(csi).values, of_mode(mode).encode(csi).values)
    state = of_mode(0).state()
    with pytest.raises(FeedbackInputError, match="context: got step 0"):
        of_mode(0).load_state({**state, "step": torch.tensor(0.0)})


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"target_bits": 99, "csi": "eigenvectors", "memory": 1}, "memory: got 1 with target_bits"),
        ({"step": 1, "csi": "eigenvectors", "enhancer": "filters"}, "enhancer: got 'filters' with csi 'eigenvectors'"),
        ({"step": 1, "rank": 2}, "rank: got 2 with csi 'matrix'"),
        ({"step": 1, "csi": "eigenvectors", "rank": 5}, "rank"),
        ({"csi": "eigenvectors"}, "step: got none, expected one of step, target_bits, payload_bits"),
    ],
)
def test_keys_are_checked(keys: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ContextParameters.model_validate(keys)


def test_a_payload_without_room_is_refused() -> None:
    section = ContextParameters(csi="eigenvectors", payload_bits=9)
    with pytest.raises(FeedbackInputError, match=r"payload_bits: got 9, expected [0-9]+ to"):
        section.check(dimensions())


def test_nan_is_refused() -> None:
    compressor, csi = of_mode(0), vectors(3, dimensions(), seed=3)
    csi[1, 0, 2, 3] = float("nan")
    with pytest.raises(FeedbackInputError, match="NaN or infinity"):
        compressor.encode(csi)


def test_cost_of_a_layer_of_32_ports() -> None:
    """By hand, 8 hidden units, 13 x 2 x 2 x 8: 24 inputs and 2 outputs each, 8 neighbours of both parts: 224 an entry.

    Beams and delays for 8 + 8 + 1 rotations: ramps 4, FFTs 2 log2(16) and 2 log2(13), phases 4, moduli 2 an entry.
    Eight alignments: two FFTs over the delays, phases, powers, products of 4 each.
    """
    compressor = of_mode(0)
    compressor = build_compressor(compressor.settings, dimensions(13, 2, 2, 8))
    assert isinstance(compressor, ContextOfEigenvectors)
    shape, tables = compressor.settings.level_shape(compressor.dimensions), compressor.tables
    assert (tables.hidden_units, tables.inputs) == (8, 24)
    cost = layer_operations(shape, tables, 1, 1, 8)
    assert cost.model == 416 * (8 * 26 + 2 * 8) < 1e5
    delays = math.ceil(416 * 2 * math.log2(13))
    assert cost.ue == 17 * (416 * (4 + 8 + 4 + 2) + delays) + 8 * (2 * delays + 12 * 416) + cost.model + 2 * 416
    assert compressor.complexity().ue_macs == cost.ue
    assert compressor.complexity().ue_bytes == tables.ue_bytes < 2**15
