"""Sigmoid, mu-law, Lloyd-Max and vector quantisers against closed forms and published distortions."""

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError
from feedback.quantiser import QUANTISERS, Quantiser
from feedback.quantisers.code_vectors import distortion as distortion_of
from feedback.quantisers.code_vectors import k_means, nearest
from feedback.quantisers.lloyd_max import lloyd_levels

# Max, "Quantizing for minimum distortion", 1960, table I: mean-square error of 2^B levels on a unit Gaussian.
MAX_GAUSSIAN = {1: 0.3634, 2: 0.1175, 3: 0.03454, 4: 0.009497}

# The same of a unit Laplacian: Paez and Glisson, "Minimum mean-squared-error quantization in speech PCM and DPCM
# systems", 1972, table I.
LAPLACIAN = {1: 0.5, 2: 0.1762, 3: 0.0545, 4: 0.0154}


def build(name: str, **parameters: float) -> Quantiser:
    quantiser_class = QUANTISERS.get_class(name)
    return quantiser_class(quantiser_class.Parameters(**parameters))


def through(quantiser: Quantiser, values: Tensor) -> Tensor:
    return quantiser.dequantise(quantiser.quantise(Codeword(values))).values


def distortion(quantiser: Quantiser, values: Tensor) -> float:
    return float((through(quantiser, values) - values).double().square().mean())


def gaussian(n: int) -> Tensor:
    """The ``n`` quantiles of a unit Gaussian, a sample without Monte-Carlo error, ``[n, 1]``."""
    return torch.special.ndtri((torch.arange(n, dtype=torch.float64) + 0.5) / n).to(torch.float32)[:, None]


@pytest.mark.parametrize(("bits", "published"), MAX_GAUSSIAN.items())
def test_lloyd_max_has_the_published_distortion_on_a_gaussian(bits: int, published: float) -> None:
    # 2^18 quantiles: the variance misses 1 by less than 1e-4, what Lloyd's iteration misses is less.
    values = gaussian(2**18)
    lloyd = build("lloyd_max", bits=bits)
    lloyd.fit(values)
    assert distortion(lloyd, values) == pytest.approx(published, rel=0.01)


def test_lloyd_max_of_one_bit_is_the_mean_of_the_half_gaussian() -> None:
    lloyd = build("lloyd_max", bits=1)
    values = gaussian(2**16)
    lloyd.fit(5 + 3 * torch.cat([values, values / 10], dim=1))
    # Levels of +-sqrt(2 / pi) deviations around the mean; quantiles miss the tail's last 4e-5.
    half = math.sqrt(2 / math.pi)
    expected = 5 + 3 * half * torch.tensor([[-1.0, 1.0], [-0.1, 0.1]])
    torch.testing.assert_close(lloyd.state()["levels"], expected, rtol=0, atol=3e-4)
    rebuilt = through(lloyd, torch.tensor([[20.0, 5.1]]))
    torch.testing.assert_close(rebuilt, expected[None, :, 1], rtol=1e-4, atol=0)


@pytest.mark.parametrize("bits", [2, 4, 6, 8])
@pytest.mark.parametrize("power", [1.0, 1.5])
def test_lloyd_max_and_mu_law_beat_uniform_on_heavy_tails(bits: int, power: float) -> None:
    values = gaussian(2**16)
    values = values.sign() * values.abs() ** power
    errors = {}
    for name in ("lloyd_max", "uniform", "mu_law"):
        quantiser = build(name, bits=bits) if name != "mu_law" else build(name, bits=bits, mu=10.0)
        quantiser.fit(values)
        errors[name] = distortion(quantiser, values)
    assert errors["lloyd_max"] < errors["mu_law"]
    assert errors["lloyd_max"] < errors["uniform"]
    if power > 1 and bits > 2:
        assert errors["mu_law"] < errors["uniform"]


def test_lloyd_levels_are_the_means_of_their_cells() -> None:
    values = torch.randn(20000, 1, generator=torch.Generator().manual_seed(0)) ** 3
    lloyd = build("lloyd_max", bits=5)
    lloyd.fit(values)
    numbers = lloyd.quantise(Codeword(values)).values.long()
    for number, level in enumerate(lloyd.state()["levels"][0].tolist()):
        # Iterations end when no level moves by 1e-6 deviations of 4; levels up to 60 round at 4e-6.
        assert float(values[numbers == number].double().mean()) == pytest.approx(level, abs=1e-4)


@pytest.mark.parametrize(("bits", "published"), MAX_GAUSSIAN.items())
def test_lloyd_max_is_the_optimum_of_each_element_whatever_the_others_are(bits: int, published: float) -> None:
    """A Gaussian, a Laplacian and two points: the optimum of one is far from that of all together."""
    uniform = (torch.arange(2**16, dtype=torch.float64) + 0.5) / 2**16
    laplacian = (uniform - 0.5).sign() * -torch.log1p(-2 * (uniform - 0.5).abs()) / math.sqrt(2)
    values = torch.stack([100 * torch.special.ndtri(uniform), laplacian, (uniform > 0.5).double()], dim=1)
    lloyd = build("lloyd_max", bits=bits)
    lloyd.fit(values.to(torch.float32)[torch.randperm(2**16, generator=torch.Generator().manual_seed(0))])
    errors = (through(lloyd, values.to(torch.float32)) - values).square().mean(0)
    # 2^16 quantiles of a Gaussian lack 2e-4 of its variance, those of a Laplacian 1e-3.
    assert float(errors[0]) / 100**2 == pytest.approx(published, rel=0.01)
    assert float(errors[1]) == pytest.approx(LAPLACIAN[bits], rel=0.01)
    # Two values are levels themselves, up to float32.
    assert float(errors[2]) < 1e-12


def test_few_codewords_get_the_levels_of_all_elements_together() -> None:
    """64 Gaussian elements, 40 codewords: of its own an element would learn its 16 outer levels by heart."""
    train, test = (torch.randn(n, 64, generator=torch.Generator().manual_seed(n)) for n in (40, 4000))
    lloyd = build("lloyd_max", bits=4)
    lloyd.fit(train)
    own = lloyd_levels(train.double().T, 16)
    nearest_own = (test.T[:, :, None] - own[:, None]).abs().amin(-1).square().mean()
    assert distortion(lloyd, test) < 0.7 * float(nearest_own)
    # Mean and deviation are those of 40 values: an error of 1/40 of the variance in the mean, and another 1/80 of the
    # squared levels in the scale, which levels between which values fall feel only in part.
    assert distortion(lloyd, test) < 2 * MAX_GAUSSIAN[4]


def test_sigmoid_uniform_is_the_floor_of_the_paper() -> None:
    values = torch.tensor([[-3.0, -0.01, 0.0, 0.01, 3.0, 200.0, -200.0]])
    sent = build("sigmoid_uniform", bits=3).quantise(Codeword(values))
    # floor(8 sigmoid(v)) by hand: sigmoid(-3) = 0.047, sigmoid(3) = 0.953; a rounded 1 stays in the last cell.
    assert sent.values.tolist() == [[0, 3, 4, 4, 7, 7, 0]]
    rebuilt = build("sigmoid_uniform", bits=3).dequantise(sent).values
    expected = [math.log(p / (1 - p)) for p in ((level + 0.5) / 8 for level in sent.values[0].tolist())]
    torch.testing.assert_close(rebuilt, torch.tensor([expected]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bits", [2, 6, 12])
def test_sigmoid_uniform_error_is_a_twelfth_of_a_squared_cell_after_the_sigmoid(bits: int) -> None:
    squashed = ((torch.arange(2**16) + 0.5) / 2**16)[:, None]
    quantiser = build("sigmoid_uniform", bits=bits)
    error = through(quantiser, squashed.logit()).sigmoid() - squashed
    # Quantiles: 2^(16 - B) points a cell fall short by 2^(2 B - 32); logit and sigmoid round at 2^-23 of 1, against a
    # cell of 2^-12 a share of 2^-11.
    assert float(error.double().square().mean()) == pytest.approx(4.0**-bits / 12, rel=0.01)


def test_mu_law_is_its_formula() -> None:
    quantiser = build("mu_law", bits=8)
    quantiser.fit(torch.tensor([[-2.0], [2.0]]))
    for value in (-2.0, -0.3, 0.001, 0.7, 1.99, 2.0):
        companded = math.copysign(math.log1p(255 * abs(value) / 2) / math.log1p(255), value)
        level = min(math.floor((companded + 1) * 128), 255)
        sent = quantiser.quantise(Codeword(torch.tensor([[value]])))
        assert sent.values.item() == level
        centre = (level + 0.5) / 128 - 1
        expanded = math.copysign(2 * (256 ** abs(centre) - 1) / 255, centre)
        assert quantiser.dequantise(sent).values.item() == pytest.approx(expanded, rel=1e-5)


def test_small_mu_is_the_uniform_quantiser() -> None:
    values = torch.linspace(-1, 1, 2001)[:, None]
    mu_law, uniform = build("mu_law", bits=4, mu=1e-3), build("uniform", bits=4)
    mu_law.fit(values)
    uniform.fit(values)
    # F(x) = x + x (1 - |x|) mu / 2 + ...: no further from x than mu / 8; values next to a cell's edge may change cell.
    difference = (through(mu_law, values) - through(uniform, values)).abs()
    assert float((difference > 1e-3).double().mean()) < 16 * 2 / 2001
    assert float(difference.max()) < 2 / 16 + 1e-3


def test_vector_quantiser_finds_the_vectors_that_there_are() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(2, 4, 3, generator=generator)
    numbers = torch.randint(0, 4, (500, 2), generator=generator)
    values = torch.cat([points[0][numbers[:, 0]], points[1][numbers[:, 1]]], dim=1)
    vector = build("vector", dimension=3, bits=4)
    vector.fit(values)
    torch.testing.assert_close(through(vector, values), values, rtol=1e-6, atol=1e-6)


def test_vector_quantiser_gains_from_dependence_within_a_piece() -> None:
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(4000, 1, generator=generator)
    values = torch.cat([first, first + 0.1 * torch.randn(4000, 1, generator=generator)], dim=1)
    vector, scalar = build("vector", dimension=2, bits=6), build("lloyd_max", bits=3)
    vector.fit(values)
    scalar.fit(values)
    assert vector.quantise(Codeword(values)).bits == scalar.quantise(Codeword(values)).bits == 6
    assert distortion(vector, values) < distortion(scalar, values) / 2


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_vector_quantiser_of_dimension_one_meets_lloyd_max(bits: int) -> None:
    """On a Gaussian, and on elements of other shapes and deviations."""
    for values in (gaussian(4096), heavy(2000, 0, 1.0), heavy(2000, 0, 2.0)):
        vector, scalar = build("vector", dimension=1, bits=bits), build("lloyd_max", bits=bits)
        vector.fit(values)
        scalar.fit(values)
        # Both meet the same conditions. k-means ends when an iteration gains less than 1e-4, and has the better of two
        # starts; optima between which tails of few values decide differ by some per cent.
        assert distortion(scalar, values) == pytest.approx(distortion(vector, values), rel=0.03)


def test_vector_quantiser_of_few_codewords_knows_those() -> None:
    vector = build("vector", dimension=3, bits=4)
    values = torch.randn(1, 6, generator=torch.Generator().manual_seed(0))
    vector.fit(values)
    torch.testing.assert_close(through(vector, values), values, rtol=0, atol=0)


def test_vector_quantiser_refuses_pieces_that_do_not_fill_the_codeword() -> None:
    vector = build("vector", dimension=3, bits=4)
    with pytest.raises(FeedbackInputError, match="got dimension 3, expected a divisor of the codeword's 8 values"):
        vector.fit(torch.zeros(16, 8))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("sigmoid_uniform", {"bits": 0}),
        ("mu_law", {"bits": 4, "mu": math.inf}),
        ("lloyd_max", {"bits": 11}),
        ("vector", {"dimension": 0, "bits": 4}),
        ("vector", {"dimension": 4, "bits": 13}),
        ("entropy_coded", {"cells": 1}),
    ],
)
def test_bounds_of_parameters(name: str, parameters: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        build(name, **parameters)


def heavy(n: int, seed: int, power: float) -> Tensor:
    """Twelve elements of falling deviation, neighbours dependent, tails heavier with ``power``."""
    white = torch.randn(n, 12, generator=torch.Generator().manual_seed(seed))
    mixed = white + 0.7 * white.roll(1, dims=1)
    return mixed.sign() * mixed.abs() ** power * torch.logspace(0, -1, 12)


# Some of all lengths, widths and tails find a wrong book; the others take longer than they tell.
BOOKS = [(1, 1, 1.0), (1, 4, 2.0), (2, 3, 1.0), (3, 2, 2.0), (6, 1, 2.0)]
MORE_BOOKS = [
    (1, 1, 2.0),
    (1, 4, 1.0),
    (2, 1, 1.0),
    (2, 1, 2.0),
    (2, 3, 2.0),
    (3, 2, 1.0),
    (4, 1, 1.0),
    (4, 1, 2.0),
    (6, 1, 1.0),
]


@pytest.mark.parametrize(
    ("dimension", "width", "power"), [*BOOKS, *(pytest.param(*book, marks=pytest.mark.validate) for book in MORE_BOOKS)]
)
def test_vector_books_are_no_worse_than_products_of_lloyd_max_books(dimension: int, width: int, power: float) -> None:
    train, test = heavy(800, 0, power), heavy(2000, 1, power)
    vector, scalar = build("vector", dimension=dimension, bits=dimension * width), build("lloyd_max", bits=width)
    for quantiser in (vector, scalar):
        quantiser.fit(train)
    assert vector.quantise(Codeword(test)).bits == scalar.quantise(Codeword(test)).bits == 12 * width
    levels = [lloyd_levels(column.double(), 2**width) for column in train.T]
    own = [
        known[(column[:, None].double() - known).abs().argmin(1)] for column, known in zip(train.T, levels, strict=True)
    ]
    # On what both learn from, up to the choice by a held-out quarter of 200, whose mean squared errors have a relative
    # deviation of 1 / sqrt(200 x 12) = 2 % where tails are light.
    products = [float((torch.stack(own, 1) - train).square().mean()), distortion(scalar, train)]
    assert distortion(vector, train) <= 1.02 * max(products)
    # Paired on the same test codewords: no worse by more than 3 standard errors.
    errors = [(through(quantiser, test) - test).double().square().sum(1) for quantiser in (vector, scalar)]
    worse = errors[0] - errors[1]
    assert float(worse.mean()) <= 3 * float(worse.std()) / math.sqrt(len(worse)) + 0.01 * float(errors[1].mean())


def test_k_means_leaves_no_code_vector_idle_and_never_gets_worse() -> None:
    points = heavy(16, 2, 1.0)[:, :2].double().numpy()
    vectors = np.repeat(points, 30, axis=0)
    # All code vectors in the same place: 15 are idle, and each round wins at least one point for good.
    book = k_means(vectors, np.zeros((16, 2)))
    assert sorted(set(nearest(vectors, book)[0])) == list(range(16))
    # A mean of 30 equal numbers rounds at 2^-52.
    assert distortion_of(vectors, book) < 1e-28
    cloud = heavy(500, 3, 2.0)[:, :2].double().numpy()
    start = cloud[:16]
    assert distortion_of(cloud, k_means(cloud, start)) < distortion_of(cloud, start)


def test_bits_of_a_piece_go_where_the_variance_is() -> None:
    # Standard deviations of 8 and 1: rate theory gives log2(8) = 3 bits more to the first, so 4 bits are 4 and 0 or
    # 3 and 1, never 2 and 2, whose error is 16 times as large in the first.
    values = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([8.0, 1.0])
    vector, even = build("vector", dimension=2, bits=4), build("lloyd_max", bits=2)
    vector.fit(values)
    even.fit(values)
    assert distortion(vector, values) < 0.4 * distortion(even, values)
