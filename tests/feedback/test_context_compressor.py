"""The context codec as a compressor: its keys, its bits over every link, its cost."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from feedback import make_compressor
from feedback.compressors.context import Context
from feedback.compressors.parameters.context import ContextParameters
from feedback.context_codec.kernel import LevelShape
from feedback.context_codec.operations import operations
from feedback.context_codec.rate_control import finest_step
from feedback.context_codec.tables import shipped_tables
from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError
from feedback.link import LINKS
from feedback.observation import CsiDimensions
from feedback.training_set import TrainingSet

SHAPE = (8, 16)
MODES = [{"step": 0.4}, {"target_bits": 120}, {"payload_bits": 130}]


def channels(n: int, shape: tuple[int, int] = SHAPE, seed: int = 0) -> torch.Tensor:
    """Sparse matrices that fade with the delay, 40 dB apart in strength."""
    generator = np.random.default_rng(seed)
    parts = generator.standard_normal((2, n, *shape)) * generator.gamma(0.3, 1, (n, *shape))
    fading = np.exp(-np.arange(shape[0]) / 2)[:, None] * 10 ** generator.uniform(-3, -1, (n, 1, 1))
    return torch.from_numpy((parts[0] + 1j * parts[1]) * fading).to(torch.complex64)


def fitted(keys: dict, shape: tuple[int, int] | CsiDimensions = SHAPE) -> Context:
    compressor = make_compressor("context", shape=SHAPE, **keys)
    assert isinstance(compressor, Context)
    if isinstance(shape, CsiDimensions):
        compressor = Context.build(compressor.settings, shape)
    csi = channels(60, compressor.shape)
    compressor.fit(TrainingSet(csi, csi[:0]), torch.Generator())
    return compressor


@cache
def of_mode(index: int) -> Context:
    return fitted(MODES[index])


def nmse(found: torch.Tensor, csi: torch.Tensor) -> float:
    return float(((found - csi).abs().square().sum((1, 2)) / csi.abs().square().sum((1, 2))).mean())


@pytest.mark.parametrize("mode", range(3), ids=str)
def test_channels_come_back_with_their_scale(mode: int) -> None:
    compressor, csi = of_mode(mode), channels(20, seed=1)
    sent = compressor.encode(csi)
    assert nmse(compressor.decode(sent), csi) < 0.25
    assert isinstance(sent.value_bits, torch.Tensor)
    assert sent.bits is sent.value_bits or torch.equal(torch.as_tensor(sent.bits), sent.value_bits)
    assert sent.max_bits is not None
    assert int(sent.value_bits.max()) <= sent.max_bits


def test_a_payload_is_every_reports_bits() -> None:
    assert of_mode(2).encode(channels(5, seed=1)).value_bits.tolist() == [130] * 5


def test_a_target_is_the_mean_over_training() -> None:
    """Steps of a 96th of an octave: bits within about 1 per cent below the target, of 40 reports of the training."""
    compressor, csi = of_mode(1), channels(60)
    mean = float(compressor.encode(csi).value_bits.double().mean())
    assert 0.98 * 120 < mean <= 120


def test_a_target_is_the_mean_of_fresh_channels_too() -> None:
    """But for the sampling of either set, of independent channels, and at most two steps of the grid of 0.7 % each."""
    training, fresh = channels(200, seed=11), channels(200, seed=12)
    compressor = make_compressor("context", shape=SHAPE, target_bits=120)
    compressor.fit(TrainingSet(training, training[:0]), torch.Generator())
    bits = compressor.encode(fresh).value_bits.double()
    assert abs(float(bits.mean()) - 120) < 3.3 * float(bits.std()) * (2 / 200) ** 0.5 + 0.014 * 120


def test_validation_channels_choose_the_step_where_there_are_some() -> None:
    keys = {"target_bits": 120}
    csi, louder = channels(60), channels(30, seed=5)
    compressor = make_compressor("context", shape=SHAPE, **keys)
    compressor.fit(TrainingSet(csi, louder), torch.Generator())
    assert float(compressor.encode(louder).value_bits.double().mean()) <= 120


@pytest.mark.parametrize("mode", range(3), ids=str)
@pytest.mark.parametrize(
    "link", [{"name": "perfect"}, {"name": "bsc", "flip_rate": 0.0}, {"name": "uci", "snr_db": 30.0}], ids=str
)
def test_every_link_of_bits_carries_it(mode: int, link: dict) -> None:
    compressor, csi = of_mode(mode), channels(4, seed=2)
    section = LINKS.get_class(link["name"])
    sent = compressor.encode(csi)
    received = section(section.Parameters(**link)).transmit(sent, lambda shape: torch.ones(len(csi), *shape))
    rebuilt, _ = compressor.rebuild(received, {})
    assert rebuilt.erased is not None
    assert not rebuilt.erased.any()
    assert torch.equal(rebuilt.csi, compressor.decode(sent))


@pytest.mark.parametrize("mode", range(3), ids=str)
def test_reports_that_are_cut_or_erased_are_lost(mode: int) -> None:
    compressor, csi = of_mode(mode), channels(3, seed=3)
    sent = compressor.encode(csi)
    cut = compressor.rebuild(replace(sent, value_bits=sent.value_bits - 1), {})[0]
    assert cut.erased.all() if mode != 2 else cut.erased.tolist() == [True] * 3
    gone = replace(sent, erased=torch.tensor([True, False, True]))
    assert compressor.rebuild(gone, {})[0].erased.tolist() == [True, False, True]


def test_longer_reports_than_are_reserved_drop_levels() -> None:
    compressor = fitted({"step": 0.05, "max_bits": 200})
    csi = channels(20, seed=4)
    sent = compressor.encode(csi)
    assert int(sent.value_bits.max()) <= 200
    free = fitted({"step": 0.05}).encode(csi)
    assert int(free.value_bits.max()) > 200
    rebuilt, _ = compressor.rebuild(sent, {})
    assert not rebuilt.erased.any()
    assert nmse(rebuilt.csi, csi) < 1


def test_an_array_is_coded_along_its_axes() -> None:
    """Two polarisations of two rows and four columns, two UE antennas: 8 delays x 4 layers x 2 tilts x 4 columns."""
    known = CsiDimensions(n_delay=8, n_tx=16, n_rx=2, n_polarizations=2, n_rows=2)
    compressor = fitted({"step": 0.3}, known)
    assert compressor.level_shape == LevelShape(8, 4, 2, 4)
    csi = channels(5, (8, 32), seed=1)
    assert nmse(compressor.decode(compressor.encode(csi)), csi) < 0.1


def test_what_was_learnt_is_kept() -> None:
    for mode, keys in enumerate(MODES):
        twin = make_compressor("context", shape=SHAPE, **keys)
        twin.load_state(of_mode(mode).state())
        csi = channels(3, seed=6)
        assert torch.equal(twin.encode(csi).values, of_mode(mode).encode(csi).values)
    step = of_mode(0).state()
    twin = make_compressor("context", shape=SHAPE, step=0.4)
    unusable = {"step": torch.tensor(0.0), "scale_grid": torch.tensor([0.0, -1.0]), "max_bits": torch.zeros(())}
    for name, tensor in unusable.items():
        with pytest.raises(FeedbackInputError, match="context: got"):
            twin.load_state({**step, name: tensor})


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "step: got none, expected one of step, target_bits, payload_bits"),
        ({"step": 1, "payload_bits": 200}, "payload_bits: got step and payload_bits, expected one of"),
        ({"step": 0}, "step: got 0, expected"),
        ({"payload_bits": 3}, "payload_bits: got 3, expected [0-9]+ to"),
        ({"payload_bits": 300, "max_bits": 300}, "max_bits: got it with payload_bits"),
        ({"payload_bits": 300, "memory": 1}, "memory: got 1 with payload_bits, expected it with step"),
        ({"step": 1, "compression_ratio": 4}, "compression_ratio: got 4"),
        ({"step": 1, "tables": "none.safetensors"}, "none.safetensors: No such file"),
    ],
)
def test_keys_are_checked(keys: dict, message: str) -> None:
    with pytest.raises(FeedbackInputError, match=message):
        make_compressor("context", shape=SHAPE, **keys)


@pytest.mark.parametrize("csi", [{}, {"csi": "eigenvectors", "rank": 2}])
def test_bits_that_hold_no_report_with_memory_are_refused_before_a_run(csi: dict) -> None:
    """One bit says whether a report stands alone, two say its number: what holds zeros without memory is 3 short."""
    known = CsiDimensions(12, 8, bands=((0, 6), (6, 12)))
    keys = {"name": "context", "step": 1, **csi}
    with pytest.raises(FeedbackInputError, match=r"expected \d+ to") as found:
        ContextParameters.model_validate({**keys, "max_bits": 1}).check(known)
    fewest = int(str(found.value).split("expected ")[1].split()[0])
    ContextParameters.model_validate({**keys, "max_bits": fewest}).check(known)
    with pytest.raises(FeedbackInputError, match=f"max_bits: got {fewest + 2}, expected {fewest + 3} or more"):
        ContextParameters.model_validate({**keys, "max_bits": fewest + 2, "memory": 1}).check(known)
    ContextParameters.model_validate({**keys, "max_bits": fewest + 3, "memory": 1}).check(known)


def test_nothing_is_reported_before_it_has_learnt() -> None:
    with pytest.raises(FeedbackInputError, match="expected fit"):
        make_compressor("context", shape=SHAPE, step=1).encode(channels(1))


@pytest.mark.parametrize("told", [True, False])
def test_memory_is_told_of_losses_or_not(told: bool) -> None:
    """Static channels, the second report lost: the third stands alone if the UE is told, else it builds on that."""
    compressor = fitted({"step": 0.3, "memory": 1, "told_of_losses": told})
    assert compressor.told_of_losses == told
    csi, ue, bs, lost = channels(3, seed=7), {}, {}, None
    seen = []
    for number in range(3):
        sent, ue = compressor.report(csi, ue, lost if told else None)
        gone = torch.full((3,), number == 1)
        rebuilt, bs = compressor.rebuild(replace(sent, erased=gone), bs)
        lost = rebuilt.erased
        seen.append((sent.value_bits, lost))
    assert seen[0][1].tolist() == [False] * 3
    assert (seen[1][0] < 30).all()
    assert seen[2][1].tolist() == [not told] * 3
    if told:
        assert torch.equal(seen[2][0], seen[0][0])
        assert nmse(rebuilt.csi, csi) < 0.1


def test_nan_is_refused() -> None:
    csi = channels(2)
    csi[1, 2, 3] = float("nan")
    with pytest.raises(FeedbackInputError, match="NaN or infinity"):
        of_mode(0).encode(csi)


def test_a_target_that_no_step_has_is_refused() -> None:
    with pytest.raises(FeedbackInputError, match="target_bits: got 5, expected at least 11"):
        fitted({"target_bits": 5})


def test_a_target_below_the_coarsest_step_is_refused() -> None:
    with pytest.raises(
        FeedbackInputError, match="target_bits: got 5, expected more than 20, which is what reports take"
    ):
        finest_step(lambda step, n: 20.0, 10, 5.0)


def test_cost_of_a_32_by_32_matrix() -> None:
    """By hand, 5 hidden units: 12 inputs and 2 outputs each, 7 neighbours of both parts: 84 an entry.

    Rotations: 9 FFTs of 32 columns, 320 a row and delay, and 8 ramps of 4 and moduli of 2 an entry.
    """
    shape, tables = LevelShape(32, 1, 1, 32), shipped_tables()
    assert tables.hidden_units == 5
    cost = operations(shape, tables, passes=1)
    assert cost.model == 1024 * (5 * (12 + 2) + 2 * 7)
    assert cost.model < 1e5
    transform = 32 * 320
    assert cost.ue == 4 * 1024 + transform + 8 * (6 * 1024 + transform) + cost.model + 2 * 1024
    panel = operations(LevelShape(32, 2, 2, 8), tables, passes=1)
    assert panel.model == 1024 * (5 * (16 + 2) + 2 * 8)
    compressor = make_compressor("context", shape=(32, 32), step=1)
    assert compressor.complexity().ue_macs == cost.ue
    assert compressor.complexity().ue_bytes == tables.ue_bytes < 2**15


def test_a_codeword_without_lengths_is_read() -> None:
    sent = of_mode(0).encode(channels(2, seed=8)[:1])
    plain = Codeword(sent.values, value_bits=sent.values.shape[1])
    assert torch.equal(of_mode(0).decode(plain), of_mode(0).decode(sent))
