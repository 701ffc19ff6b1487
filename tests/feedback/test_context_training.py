"""Tables of the context model from channels: seeded, counted right, worth their bits."""

import numpy as np
import pytest

from feedback.context_codec import sizes
from feedback.context_codec.codec import ContextCodec
from feedback.context_codec.context_network import Observations, train_network
from feedback.context_codec.counting import ContextCounts, number_tables, predictor_weights
from feedback.context_codec.kernel import LevelShape
from feedback.context_codec.tables import ContextTables
from feedback.context_codec.training import save_tables, train_tables
from feedback.errors import FeedbackInputError
from tests.feedback.context_tables import random_tables


def channels(n: int, seed: int) -> np.ndarray:
    """A path on one of 8 beams, over the first delays."""
    generator = np.random.default_rng(seed)
    made = np.zeros((n, 4, 1, 1, 8), np.complex64)
    parts = generator.standard_normal((2, n, 2))
    made[np.arange(n), :2, 0, 0, generator.integers(0, 8, n)] = parts[0] + 1j * parts[1]
    return made


@pytest.fixture(scope="module")
def trained() -> ContextTables:
    return train_tables({"paths": channels(60, 0)}, seed=3, hidden_units=2, network_steps=30)


def test_the_same_seed_gives_the_same_tables(trained: ContextTables) -> None:
    again = train_tables({"paths": channels(60, 0)}, seed=3, hidden_units=2, network_steps=30)
    assert trained.digest == again.digest


def test_tables_save_bits_on_channels_like_their_own(trained: ContextTables) -> None:
    test = channels(40, 1)
    bits, even = (
        ContextCodec(LevelShape(4, 1, 1, 8), step=0.5, tables=tables).encode(test)[1].mean()
        for tables in (trained, random_tables(0))
    )
    # Of 32 entries two are not zero: two parts each of 2 bits at least and log2(8) for the beam, and 13 bits ahead.
    assert 13 + 11 < bits < 0.7 * even


def test_tables_are_saved_with_what_they_are(trained: ContextTables, tmp_path) -> None:
    save_tables(tmp_path / "new" / "tables.safetensors", trained, {"seed": 3})
    assert '"seed": 3' in (tmp_path / "new" / "tables.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "no channels to learn from"),
        ({"a": np.zeros((2, 4, 1, 1, 8), np.complex64)}, "a: got a channel of zeros"),
        ({"a": np.full((2, 4, 1, 1, 8), np.nan)}, "NaN or infinity"),
        ({"a": np.ones((2, 4, 8), np.complex64)}, r"shape \[2, 4, 8\]"),
    ],
)
def test_channels_are_checked(wrong: dict, message: str) -> None:
    with pytest.raises(FeedbackInputError, match=message):
        train_tables(wrong, seed=0)


def test_probabilities_are_those_of_the_counts() -> None:
    """10 000 entries in one context: real parts are 0 three times in four, else 1 or -2 at odds of 4 to 1."""
    levels = np.zeros((10_000, 2), np.int16)
    levels[:2000, 0], levels[2000:2500, 0] = 1, -2
    contexts = np.zeros((10_000, 2, 4), np.uint8)
    contexts[:, 0] = 3, 2, 4, 0
    contexts[:, 1] = 3, 2, 4, 2
    counts = ContextCounts()
    for half in (slice(0, 2100), slice(2100, None)):
        counts.add(levels[half], contexts[half], 256 * levels[half])
    tables = counts.decision_tables()
    p = number_tables()["probability"] / 65536
    # Numbers lie 0.062 apart in log odds, so that p is within 0.25 * 0.031 of it; the prior weighs 8 of 2500.
    assert p[tables["zero"][3, 2, 4, 0]] == pytest.approx(0.75, abs=0.009)
    assert p[tables["zero"][3, 2, 4, 1]] == pytest.approx(1, abs=0.002)
    assert p[tables["agrees"][3, 4, 0]] == pytest.approx(0.8, abs=0.01)
    assert p[tables["larger"][3, 2, 1, 2, 0]] == pytest.approx(0, abs=0.01)
    assert p[tables["larger"][3, 2, 0, 2, 0]] == pytest.approx(1, abs=0.02)
    assert p[tables["larger"][3, 2, 0, 2, 1]] == pytest.approx(0, abs=0.03)


def test_centroids_are_means_along_the_sign() -> None:
    n = 4000
    levels, contexts = np.zeros((n, 2), np.int16), np.zeros((n, 2, 4), np.uint8)
    values = np.zeros((n, 2), np.int32)
    levels[: n // 2, 0] = np.tile([1, -1], n // 4)
    values[:, 0] = 256 * levels[:, 0] - 30 * np.sign(levels[:, 0])
    contexts[:, :, 2] = 5
    # Zeros that were predicted to be negative lie at -12.
    contexts[n // 2 :, 0, 3], values[n // 2 :, 0] = 1, -12
    contexts[:, 1, 3] = 2
    counts = ContextCounts()
    counts.add(levels, contexts, values)
    table = counts.centroid_table()
    assert table[1, 0, 5, 0, 0] == table[1, 1, 5, 0, 0] == -30
    assert table[0, 0, 5, 0, 0] == 12
    assert not table[0, :, 0].any()


def test_prediction_finds_the_weights_that_made_the_levels() -> None:
    generator = np.random.default_rng(0)
    around = generator.integers(-50, 50, (4000, sizes.NEIGHBOURS, 2)).astype(np.int16)
    weights = np.array([16, 0, 8, 32, 0, -16, 4, 0])
    levels = np.round(np.einsum("mkp,k->mp", around, weights / 64)).astype(np.int16)
    # Rounding errs by 0.29 on average, weights by 64 * 0.29 / (29 sqrt(8000)): far below one half.
    assert predictor_weights(around, levels).tolist() == weights.tolist()


def test_the_network_learns_where_levels_are() -> None:
    """Real parts are 4 where one of 16 inputs is high, and 0 elsewhere: one bit an entry to whoever does not know."""
    generator = np.random.default_rng(0)
    m = 300
    inputs = generator.integers(0, 90, (m, sizes.INPUTS + 2)).astype(np.int16)
    levels = np.zeros((m, 2), np.int16)
    levels[inputs[:, 3] > 45, 0] = 4
    seen = Observations(inputs, levels, np.zeros((m, 2), np.uint8), np.zeros((m, 2), np.bool_))
    lines: list[str] = []
    network = train_network(seen, 3, 500, 0, lines.append)
    assert lines[-1].startswith("context network: step 500 of 500")
    assert float(lines[-1].split()[-4]) < 0.85
    # Rounded to integers, the two numbers still tell the entries apart: their means differ by over two deviations.
    tables = {name: table.astype(np.int64) for name, table in network.items()}
    hidden = np.clip((inputs @ tables["hidden"].T + tables["hidden_bias"]) >> 6, 0, sizes.MOST_HIDDEN)
    numbers = (hidden @ tables["output"].T + tables["output_bias"]) >> 10
    numbers = np.clip(numbers, 0, [sizes.PRIMARY - 1, sizes.SECONDARY - 1])
    high, low = numbers[levels[:, 0] > 0], numbers[levels[:, 0] == 0]
    apart = np.abs(high.mean(axis=0) - low.mean(axis=0)) / (high.std(axis=0) + low.std(axis=0) + 0.1)
    assert apart.max() > 1
