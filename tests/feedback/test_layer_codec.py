"""Layers of eigenvectors as bits: every report read by itself, whatever bits arrive."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from feedback.context_codec.kernel import LevelShape
from feedback.context_codec.layer_codec import LayerCodec
from feedback.errors import FeedbackInputError
from tests.feedback.context_tables import random_tables

SHAPE = LevelShape(5, 2, 2, 4)
few = settings(max_examples=30)


def matrices(n: int, layers: int, seed: int = 0) -> np.ndarray:
    """Few strong coefficients, of unit mean square."""
    generator = np.random.default_rng(seed)
    parts = generator.standard_normal((2, n, layers, *SHAPE)) * generator.gamma(0.3, 1, (n, layers, *SHAPE))
    made = parts[0] + 1j * parts[1]
    return made / np.sqrt((np.abs(made) ** 2).mean(axis=(2, 3, 4, 5), keepdims=True))


def rotations(n: int, layers: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 64, (n, layers))


def codec(layers: int = 1, **keys: float) -> LayerCodec:
    return LayerCodec(SHAPE, layers, 64, **keys)  # type: ignore[arg-type]


MODES: list[Callable[[int], LayerCodec]] = [
    lambda layers: codec(layers, step=0.7),
    lambda layers: codec(layers, step=0.2, max_bits=100 * layers),
    lambda layers: codec(layers, payload_bits=120 * layers),
]


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("mode", range(3))
def test_a_report_is_read_by_itself(mode: int, layers: int) -> None:
    """Bits alone make up matrices and rotations, also with zeros behind and in another batch."""
    coder, csi, turned = MODES[mode](layers), matrices(7, layers), rotations(7, layers)
    bits, lengths = coder.encode(csi, turned)
    found, rotation, erased = coder.decode(bits, lengths)
    assert not erased.any()
    assert np.array_equal(rotation, turned)
    for report in range(7):
        one = np.pad(bits[report, : lengths[report]], (0, 9))[None]
        alone = coder.decode(one, np.array([one.shape[1]]))
        assert np.array_equal(alone[0][0], found[report])
        assert not alone[2].any()
    if coder.payload_bits is not None:
        assert (lengths == coder.payload_bits).all()
    if coder.max_bits is not None:
        assert lengths.max() <= coder.max_bits


def test_the_error_is_of_the_step() -> None:
    """Levels are the nearest or one below, no value lies elsewhere than its level: no part errs by 1.5 steps."""
    coder = LayerCodec(SHAPE, 2, 64, step=0.05, tables=random_tables(2, centroids=0, inputs=24))
    csi = matrices(5, 2)
    found, _, erased = coder.decode(*coder.encode(csi, rotations(5, 2)))
    assert not erased.any()
    error = np.stack([(found - csi).real, (found - csi).imag])
    assert np.abs(error).max() <= 1.5 * 0.05 + 1e-9


def test_a_finer_payload_errs_less() -> None:
    csi, turned = matrices(20, 2), rotations(20, 2)
    errors = []
    for payload in (100, 250, 700):
        found, _, erased = (coder := codec(2, payload_bits=payload)).decode(*coder.encode(csi, turned))
        assert not erased.any()
        errors.append(np.square(np.abs(found - csi)).mean())
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("mode", range(3))
def test_a_report_cut_short_anywhere_is_lost(mode: int, layers: int) -> None:
    """Between the streams of two layers too: no report begins with another."""
    coder = MODES[mode](layers)
    bits, lengths = coder.encode(matrices(1, layers), rotations(1, layers))
    cuts = np.arange(int(lengths[0]))
    found, _, erased = coder.decode(np.repeat(bits, len(cuts), axis=0), cuts)
    assert erased.all()
    assert not found.any()
    assert coder.decode(bits[:, :0], np.zeros(1, np.int64))[2].all()


@given(seed=st.integers(0, 2**32 - 1), flips=st.floats(0, 0.5), mode=st.integers(0, 2), layers=st.integers(1, 3))
@few
def test_flipped_bits_are_lost_or_a_report(seed: int, flips: float, mode: int, layers: int) -> None:
    coder, generator = MODES[mode](layers), np.random.default_rng(seed)
    bits, lengths = coder.encode(matrices(3, layers, seed), rotations(3, layers))
    wrong = bits ^ (generator.random(bits.shape) < flips)
    found, rotation, erased = coder.decode(wrong, lengths)
    assert np.isfinite(found).all()
    assert ((rotation >= 0) & (rotation < 64)).all()
    assert not found[erased].any()
    if np.array_equal(wrong, bits):
        assert not erased.any()


@given(bits=arrays(np.uint8, (3, 150), elements=st.integers(0, 1)), mode=st.integers(0, 2), layers=st.integers(1, 3))
@few
def test_whatever_bits_arrive_are_a_report_or_none(bits: np.ndarray, mode: int, layers: int) -> None:
    found, rotation, erased = MODES[mode](layers).decode(bits, np.array([0, 75, 150]))
    assert np.isfinite(found).all()
    assert ((rotation >= 0) & (rotation < 64)).all()
    assert erased[0]


@pytest.mark.parametrize("compiler", [True, False], ids=["compiled", "in Python"])
def test_another_process_reads_the_same(compiler: bool, tmp_path: Path) -> None:
    """On another number of threads, with or without a compiler."""
    coder, csi = LayerCodec(SHAPE, 2, 64, step=0.5), matrices(2, 2)
    bits, lengths = coder.encode(csi, rotations(2, 2))
    np.savez(tmp_path / "sent.npz", bits=bits, lengths=lengths)
    program = (
        "import sys, numpy as np\n"
        "from feedback.context_codec.layer_codec import LayerCodec, LevelShape\n"
        f"sent = np.load(sys.argv[1]); coder = LayerCodec(LevelShape(*{tuple(SHAPE)}), 2, 64, step=0.5)\n"
        "np.save(sys.argv[2], coder.decode(sent['bits'], sent['lengths'])[0])\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "3", "PYTHONHASHSEED": "7"}
    environment["PATH"] = os.environ["PATH"] if compiler else "/nowhere"
    command = [sys.executable, "-c", program, str(tmp_path / "sent.npz"), str(tmp_path / "read.npy")]
    subprocess.run(command, check=True, timeout=60, env=environment, capture_output=True)
    assert np.array_equal(np.load(tmp_path / "read.npy"), coder.decode(bits, lengths)[0])


def test_zeros_are_a_report() -> None:
    coder = codec(2, step=1.0)
    bits, lengths = coder.encode(np.zeros((2, 2, *SHAPE)), np.zeros((2, 2), np.int64))
    assert lengths.tolist() == [coder.fewest_bits] * 2
    assert not coder.decode(bits, lengths)[2].any()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "both or none of step and payload_bits"),
        ({"step": 1.0, "payload_bits": 200}, "both or none"),
        ({"step": 0.0}, "step: got 0, expected"),
        ({"payload_bits": 9}, "payload_bits: got 9, expected [0-9]+ to"),
        ({"step": 1.0, "max_bits": 3}, "max_bits: got 3, expected"),
        ({"step": 1.0, "n_rotations": 3}, "got 3 rotations, expected a power of two"),
        ({"step": 1.0, "n_layers": 0}, "got 0 matrices"),
    ],
)
def test_keys_are_checked(keys: dict, message: str) -> None:
    with pytest.raises(FeedbackInputError, match=message):
        LayerCodec(**{"shape": SHAPE, **keys})


def test_matrices_are_checked() -> None:
    with pytest.raises(FeedbackInputError, match=r"got matrices of \[1, 5, 2, 2, 4\], expected \[2, 5"):
        codec(2, step=1.0).encode(matrices(1, 1), rotations(1, 1))
    wrong = matrices(1, 1)
    wrong[0, 0, 0, 0, 0, 0] = np.nan
    with pytest.raises(FeedbackInputError, match="NaN or infinity"):
        codec(1, step=1.0).encode(wrong, rotations(1, 1))
