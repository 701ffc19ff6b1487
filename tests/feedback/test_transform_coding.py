"""Transform codes as compressors: theory of Gaussian sources, keys, bits over every link."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from feedback import make_compressor
from feedback.compressor import Compressor
from feedback.compressors.coded_klt import CodedKlt
from feedback.compressors.coded_topk import CodedTopK
from feedback.compressors.mixture_klt import MixtureKlt
from feedback.conformance.candidate import Candidate
from feedback.conformance.compressor import CHECKS, Check
from feedback.errors import FeedbackInputError
from feedback.link import LINKS
from feedback.training_set import TrainingSet
from feedback.transform_coding.mixture import fit_mixture
from feedback.transform_coding.training import unit_power
from feedback.transform_compressor import TransformCompressor

SHAPE = (8, 8)
KINDS = [
    {"name": "klt"},
    {"name": "klt", "separable": True},
    {"name": "topk"},
    {"name": "mixture_klt", "components": 3},
    {"name": "mixture_klt", "components": 3, "covariance": "separable"},
    {"name": "mixture_klt", "components": 3, "covariance": "full"},
]
MODES = [{"step": 0.4}, {"target_bits": 90}, {"payload_bits": 100}]


def unitary(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(64, 64, dtype=torch.complex128, generator=generator)).Q


def gaussian(n: int, spectrum: Tensor, axes: Tensor, seed: int) -> Tensor:
    """Proper complex Gaussian vectors of the given eigenvalues, as matrices."""
    generator = torch.Generator().manual_seed(seed)
    white = torch.randn(n, 64, dtype=torch.complex128, generator=generator)
    return ((white * spectrum.sqrt()) @ axes.T).to(torch.complex64).unflatten(1, SHAPE)


def channels(n: int, seed: int = 0) -> Tensor:
    """Sparse matrices that fade with the delay, 20 dB apart in strength."""
    generator = np.random.default_rng(seed)
    parts = generator.standard_normal((2, n, *SHAPE)) * generator.gamma(0.3, 1, (n, *SHAPE))
    fading = np.exp(-np.arange(8) / 2)[:, None] * 10 ** generator.uniform(-2, -1, (n, 1, 1))
    return torch.from_numpy((parts[0] + 1j * parts[1]) * fading).to(torch.complex64)


def make(keys: dict) -> Compressor:
    return make_compressor(keys["name"], shape=SHAPE, **{key: value for key, value in keys.items() if key != "name"})


def fitted(keys: dict, train: Tensor, validation: Tensor) -> TransformCompressor:
    compressor = make(keys)
    assert isinstance(compressor, TransformCompressor)
    compressor.fit(TrainingSet(train, validation), torch.Generator().manual_seed(0))
    return compressor


@cache
def of(kind: int, mode: int) -> TransformCompressor:
    return fitted({**KINDS[kind], **MODES[mode]}, channels(80), channels(40, seed=1))


def measured(compressor: TransformCompressor, csi: Tensor) -> tuple[float, float]:
    """Mean bits of a report, and mean of the squared error over the energy."""
    sent = compressor.encode(csi)
    assert isinstance(sent.value_bits, Tensor)
    error = (compressor.decode(sent) - csi).abs().square().sum((1, 2)) / csi.abs().square().sum((1, 2))
    return float(sent.value_bits.double().mean()), float(error.double().mean())


def rate(spectrum: Tensor, distortion: float) -> tuple[float, int]:
    """Rate-distortion function of the Gaussian source, bits, and how many coefficients get some."""
    low, high = 0.0, float(spectrum.max())
    for _ in range(60):
        level = (low + high) / 2
        below = float(torch.clamp(spectrum, max=level).sum()) < distortion * float(spectrum.sum())
        low, high = (level, high) if below else (low, level)
    active = spectrum > level
    return float((spectrum[active] / level).log2().sum()), int(active.sum())


SPECTRUM = torch.exp(-torch.arange(64, dtype=torch.float64) / 6)


@pytest.mark.parametrize("step", [0.05, 0.3, 1.0])
def test_a_gaussian_source_takes_what_theory_says(step: float) -> None:
    r"""Above :math:`R(D)`, by no more than a quarter of a bit for each real part that gets any (Gish and Pierce, 1968).

    Six bits of scale and two or three that close the stream are none of the Gaussian's. What the tables know of an axis
    may be off by an eighth of an octave, which costs less than 0.02 bits a part; the axes come from 2000 channels,
    which leaks 64 / 2000 of the power of the strong ones to the weak ones, and shows where the step is finest: 0.06.
    The norm of 64 coefficients, of which 6 to 12 matter, is sent as the scale and not once more, so that the mean over
    channels of unit norm may lie below the Gaussian's by the bits of one real part, 4 to 10 here.
    """
    axes = unitary(5)
    train, validation, test = (gaussian(n, SPECTRUM, axes, seed) for seed, n in enumerate((2000, 400, 300)))
    bits, distortion = measured(fitted({"name": "klt", "step": step}, train, validation), test)
    least, active = rate(SPECTRUM, distortion)
    assert least - 5 < bits < least + 9 + (0.255 + 0.06) * 2 * active


def test_a_gaussian_source_wants_its_own_axes() -> None:
    """By the Gaussian's theory, entries of equal power take log2 of the mean over the geometric mean more bits each."""
    axes = unitary(5)
    train, validation, test = (gaussian(n, SPECTRUM, axes, seed) for seed, n in enumerate((2000, 400, 300)))
    klt = measured(fitted({"name": "klt", "step": 0.2}, train, validation), test)
    topk = measured(fitted({"name": "topk", "step": 0.2}, train, validation), test)
    power = (axes.abs().square() * SPECTRUM).sum(1)
    gap = rate(power, topk[1])[0] - rate(SPECTRUM, klt[1])[0]
    assert topk[0] - klt[0] == pytest.approx(gap, rel=0.15)


def two_gaussians(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Channels of two covariances of the same diagonal, and which they are of."""
    fourier = torch.fft.fft(torch.eye(64, dtype=torch.complex128), norm="ortho")
    kinds = (fourier, fourier.roll(32, dims=1))
    which = torch.arange(n) % 2
    both = [gaussian(n, SPECTRUM, axes, seed + 100 * kind) for kind, axes in enumerate(kinds)]
    return torch.where(which[:, None, None] == 0, both[0], both[1]), which


def test_two_gaussians_are_told_apart_and_coded_each_on_its_axes() -> None:
    """Single entries have the same power in both; a KLT of all needs twice as many coefficients."""
    (train, which), (validation, _), (test, of_test) = (
        two_gaussians(n, seed) for seed, n in enumerate((1500, 400, 300))
    )
    keys = {"name": "mixture_klt", "components": 2, "covariance": "full", "step": 0.2}
    found = fit_mixture(unit_power(train), 2, "full", torch.Generator().manual_seed(0)).labels
    right = float((found == which).double().mean())
    assert max(right, 1 - right) > 0.99
    mixture = fitted(keys, train, validation)
    bits, distortion = measured(mixture, test)
    least, active = rate(SPECTRUM, distortion)
    # As for one Gaussian, and a bit for the label.
    assert least - 5 < bits < least + 10 + (0.255 + 0.06) * 2 * active
    single, distortion = measured(fitted({"name": "klt", "step": 0.2}, train, validation), test)
    both = torch.cat([SPECTRUM, SPECTRUM.roll(32)]).view(2, 64).mean(0)
    assert single > bits + 0.5 * (rate(both, distortion)[0] - least)
    chosen = mixture._codec.projected(test).coded(mixture._codec.code, np.full(len(test), 0.2)).labels
    right = float((torch.from_numpy(chosen) == of_test).double().mean())
    assert max(right, 1 - right) > 0.99


def test_one_component_of_full_covariance_is_the_transform_coded_klt() -> None:
    train, validation = channels(300), channels(100, seed=1)
    klt = fitted({"name": "klt", "step": 0.3}, train, validation)
    one = fitted({"name": "mixture_klt", "components": 1, "covariance": "full", "step": 0.3}, train, validation)
    # The mixture's least variance is a hundredth of a thousandth of the mean: 16 log2 of 10^-2.5.
    strong = klt.spread > -16 * 8
    assert torch.equal(one.spread[strong], klt.spread[strong])
    # Axes of float32: products of 64 entries round at 1e-7, and near-equal eigenvalues turn theirs by more.
    overlap = (one.transforms.vectors[0].mH @ klt.transforms.vectors[0]).abs().diagonal()  # type: ignore[attr-defined]
    assert overlap.min() > 1 - 1e-3
    bits, distortion = zip(measured(one, channels(100, seed=2)), measured(klt, channels(100, seed=2)), strict=True)
    assert bits[0] == pytest.approx(bits[1], rel=2e-3)
    assert distortion[0] == pytest.approx(distortion[1], rel=2e-3)


def test_a_mixture_is_seeded() -> None:
    csi = unit_power(channels(100))
    first, again, other = (fit_mixture(csi, 4, "diagonal", torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.variances, again.variances)
    assert not torch.equal(first.variances, other.variances)


@cache
def candidate(kind: int) -> Candidate:
    compressor = (CodedKlt, CodedKlt, CodedTopK, MixtureKlt, MixtureKlt, MixtureKlt)[kind]
    return Candidate(compressor, {**KINDS[kind], "target_bits": 100})


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", [0, 1, 2, 4, 5], ids=str)
def test_contract(kind: int, check: Check) -> None:
    check(candidate(kind))


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=str)
def test_bits_are_what_the_key_says(kind: int) -> None:
    csi = channels(40, seed=1)
    assert of(kind, 2).encode(csi).value_bits.tolist() == [100] * 40
    # Steps of a 96th of an octave: bits within about 1 per cent below the target of the validation channels.
    assert 0.97 * 90 < float(of(kind, 1).encode(csi).value_bits.double().mean()) <= 90
    for mode in range(3):
        sent = of(kind, mode).encode(csi)
        assert int(sent.value_bits.max()) <= sent.max_bits
        assert measured(of(kind, mode), csi)[1] < 0.6


@pytest.mark.parametrize("mode", range(3), ids=str)
@pytest.mark.parametrize("link", [{"name": "perfect"}, {"name": "bsc", "flip_rate": 0.0}], ids=str)
def test_every_link_of_bits_carries_it(mode: int, link: dict) -> None:
    compressor, csi = of(3, mode), channels(4, seed=2)
    section = LINKS.get_class(link["name"])
    sent = compressor.encode(csi)
    received = section(section.Parameters(**link)).transmit(sent, lambda shape: torch.ones(len(csi), *shape))
    rebuilt, _ = compressor.rebuild(received, {})
    assert not rebuilt.erased.any()
    assert torch.equal(rebuilt.csi, compressor.decode(sent))


@pytest.mark.parametrize("mode", range(3), ids=str)
def test_reports_that_are_cut_or_erased_are_lost(mode: int) -> None:
    compressor, csi = of(0, mode), channels(3, seed=3)
    sent = compressor.encode(csi)
    assert compressor.rebuild(replace(sent, value_bits=sent.value_bits - 1), {})[0].erased.all()
    gone = replace(sent, erased=torch.tensor([True, False, True]))
    assert compressor.rebuild(gone, {})[0].erased.tolist() == [True, False, True]


def test_longer_reports_than_are_reserved_drop_levels() -> None:
    csi = channels(20, seed=4)
    compressor = fitted({"name": "topk", "step": 0.05, "max_bits": 90}, channels(80), csi)
    sent = compressor.encode(csi)
    assert int(sent.value_bits.max()) <= 90
    assert not compressor.rebuild(sent, {})[0].erased.any()
    assert measured(compressor, csi)[1] < 1


def test_float64_channels_have_the_same_report() -> None:
    csi = channels(5, seed=5)
    assert torch.equal(of(0, 0).encode(csi).values, of(0, 0).encode(csi.to(torch.complex128)).values)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"name": "mixture_klt"}, "step: got none, expected one of step, target_bits, payload_bits"),
        ({"name": "klt", "step": 1, "payload_bits": 200}, "payload_bits: got step and payload_bits, expected one of"),
        ({"name": "klt", "step": 0}, "step: got 0, expected"),
        ({"name": "topk", "payload_bits": 300, "max_bits": 300}, "max_bits: got it with payload_bits"),
        ({"name": "topk", "step": 1, "compression_ratio": 4}, "compression_ratio: got 4.* with step"),
        ({"name": "topk", "scale_bits": 5, "compression_ratio": 4}, "scale_bits: got it without any of step"),
        ({"name": "mixture_klt", "step": 1, "components": 0}, "components: got 0, expected"),
    ],
)
def test_keys_are_checked(keys: dict, message: str) -> None:
    with pytest.raises(FeedbackInputError, match=message):
        make(keys)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"name": "klt", "step": 0.4, "max_bits": 9}, "max_bits: got 9, expected [0-9]+ to"),
        ({"name": "mixture_klt", "components": 99, "step": 1}, "components: got 99 for 80 training channels"),
    ],
)
def test_what_no_fit_can_give_is_refused(keys: dict, message: str) -> None:
    with pytest.raises(FeedbackInputError, match=message):
        fitted(keys, channels(80), channels(20, seed=1))


def test_unusable_tables_are_refused() -> None:
    state = of(0, 0).state()
    for name in ("spread", "decision", "label", "step", "max_bits", "scale_grid"):
        with pytest.raises(FeedbackInputError, match="klt: got"):
            make_compressor("klt", shape=SHAPE, step=0.4).load_state({**state, name: -0.5 + 0 * state[name]})


def test_cost_of_a_32_by_32_matrix() -> None:
    """By hand: axes of 1024 coefficients, 4 real multiply-adds a complex one, 12 a coefficient for its levels."""
    klt = make_compressor("klt", shape=(32, 32), step=1).complexity()
    assert klt.ue_macs == 2 * 1024 + 4 * 1024**2 + 12 * 1024
    assert klt.bs_macs == 2 * 1024 + 4 * 1024**2
    tables = 64 * 4 * 27
    assert klt.ue_bytes == 4 * 2 * 1024**2 + 2 * (1024 + 1 + tables)
    separable = make_compressor("klt", shape=(32, 32), separable=True, step=1).complexity()
    assert separable.ue_macs == 2 * 1024 + 4 * 1024 * 64 + 12 * 1024
    topk = make_compressor("topk", shape=(32, 32), payload_bits=500).complexity()
    assert topk.ue_macs == 2 * 1024 + 8 * 12 * 1024
    mixture = make_compressor("mixture_klt", shape=(32, 32), components=16, step=1).complexity()
    assert mixture.ue_macs == 2 * 1024 + 16 * 12 * 1024
    assert mixture.ue_bytes == 2 * (16 * 1024 + 16 + tables)
