"""Reports of the context codec: any array, exact payloads, one clear answer to whatever arrives."""

import json
import os
import subprocess
import sys
from importlib.resources import files
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.context_codec import rotation, side_information
from feedback.context_codec.codec import ContextCodec
from feedback.context_codec.kernel import LevelShape
from feedback.context_codec.side_information import ScaleGrid
from feedback.context_codec.tables import read_tables, shipped_tables, tables_of
from feedback.errors import FeedbackInputError

SHAPES = [
    LevelShape(8, 1, 1, 8),
    LevelShape(6, 2, 1, 5),
    LevelShape(4, 2, 2, 4),
    LevelShape(5, 2, 1, 1),
    LevelShape(1, 1, 1, 16),
]


def matrices(shape: LevelShape, n: int = 5, seed: int = 0) -> np.ndarray:
    """Few strong entries that fade with the delay, scales of their own."""
    generator = np.random.default_rng(seed)
    parts = generator.standard_normal((2, n, *shape)) * generator.gamma(0.3, 1, (n, *shape))
    fading = np.exp(-np.arange(shape.rows) / 2)[:, None, None, None]
    return ((parts[0] + 1j * parts[1]) * fading * 10 ** generator.uniform(-3, 1, (n, 1, 1, 1, 1))).astype(np.complex64)


def nmse(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    axes = (1, 2, 3, 4)
    return (np.abs(found - true) ** 2).sum(axes) / (np.abs(true) ** 2).sum(axes)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_fine_step_leaves_its_rounding(shape: LevelShape) -> None:
    codec, sent = ContextCodec(shape, step=0.02), matrices(shape)
    found, erased = codec.decode(*codec.encode(sent))
    assert not erased.any()
    # Each part errs by at most one step (a level that is cheaper by a bit is taken up to 0.095 squared steps of further
    # error) and half a step of centroid; the scale that is told is within 0.75 dB of the root mean square.
    assert (nmse(found, sent) < 2 * (1.5 * 0.02) ** 2 * 10**0.075).all()
    assert (nmse(found, sent) > 0).all()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("payload", [60, 150, 301])
def test_a_payload_is_kept_to_the_bit(shape: LevelShape, payload: int) -> None:
    codec, sent = ContextCodec(shape, payload_bits=payload), matrices(shape)
    bits, lengths = codec.encode(sent)
    assert bits.shape == (len(sent), payload)
    assert (lengths == payload).all()
    found, erased = codec.decode(bits, lengths)
    assert not erased.any()
    assert (nmse(found, sent) < 1).all()


def test_more_bits_leave_less_error() -> None:
    sent = matrices(SHAPES[0], n=20)
    errors = []
    for payload in (80, 160, 320, 640):
        codec = ContextCodec(SHAPES[0], payload_bits=payload)
        errors.append(nmse(codec.decode(*codec.encode(sent))[0], sent))
    assert all((finer < coarser).mean() > 0.9 for coarser, finer in pairwise(errors))
    means = [error.mean() for error in errors]
    assert means == sorted(means, reverse=True)


@pytest.mark.parametrize("mode", [{"step": 0.3}, {"payload_bits": 200}], ids=str)
def test_a_report_depends_on_its_matrix_alone(mode: dict) -> None:
    codec, sent = ContextCodec(SHAPES[0], **mode), matrices(SHAPES[0], n=7)
    bits, lengths = codec.encode(sent)
    found, _ = codec.decode(bits, lengths)
    for index in range(len(sent)):
        alone, length = codec.encode(sent[index : index + 1].astype(np.complex128))
        assert length[0] == lengths[index]
        assert np.array_equal(alone[0, : length[0]], bits[index, : length[0]])
        assert np.array_equal(codec.decode(alone, length)[0][0], found[index])


@pytest.mark.parametrize("compiler", [True, False], ids=["compiled", "in Python"])
def test_another_process_reads_the_same(compiler: bool) -> None:
    codec, sent = ContextCodec(LevelShape(4, 2, 1, 4), payload_bits=120), matrices(LevelShape(4, 2, 1, 4), n=2)
    bits, lengths = codec.encode(sent)
    found, _ = codec.decode(bits, lengths)
    program = (
        "import sys, numpy as np; from feedback.context_codec.codec import ContextCodec, LevelShape\n"
        f"bits = np.array({bits.tolist()}, np.uint8)\n"
        "codec = ContextCodec(LevelShape(4, 2, 1, 4), payload_bits=120)\n"
        "found, erased = codec.decode(bits, np.array([120, 120])); assert not erased.any()\n"
        "again = codec.encode(found)[0].shape; sys.stdout.write(found.tobytes().hex())"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "3", "PYTHONHASHSEED": "7", "PYTHONWARNINGS": "ignore"}
    environment["PATH"] = os.environ["PATH"] if compiler else "/nowhere"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert bytes.fromhex(done.stdout) == found.tobytes()


@pytest.mark.parametrize("mode", [{"step": 0.3}, {"payload_bits": 200}], ids=str)
def test_a_report_cut_short_is_erased(mode: dict) -> None:
    codec = ContextCodec(SHAPES[0], **mode)
    bits, lengths = codec.encode(matrices(SHAPES[0], n=1))
    cut = np.arange(int(lengths[0]))
    found, erased = codec.decode(np.repeat(bits, len(cut), axis=0), cut)
    assert erased.all()
    assert not found.any()


@given(
    seed=st.integers(0, 2**32 - 1), flips=st.floats(0, 0.5), mode=st.sampled_from([{"step": 0.3}, {"payload_bits": 99}])
)
@settings(max_examples=30)
def test_wrong_bits_are_erased_or_a_matrix(seed: int, flips: float, mode: dict) -> None:
    codec, generator = ContextCodec(SHAPES[2], **mode), np.random.default_rng(seed)
    bits, lengths = codec.encode(matrices(SHAPES[2], n=3, seed=seed))
    wrong = bits ^ (generator.random(bits.shape) < flips)
    found, erased = codec.decode(wrong, lengths)
    assert np.isfinite(found).all()
    assert not found[erased].any()


def test_random_bits_of_a_payload_are_mostly_told_from_reports() -> None:
    """What is left of a payload must be zeros: reports leave a few per cent of it, so chance alone rarely passes."""
    codec = ContextCodec(SHAPES[0], payload_bits=400)
    bits = np.random.default_rng(1).integers(0, 2, (200, 400)).astype(np.uint8)
    _, erased = codec.decode(bits, np.full(200, 400))
    assert erased.mean() > 0.9


@pytest.mark.parametrize("entry", [np.nan, np.inf, complex(0, -np.inf)])
def test_what_is_not_finite_is_refused(entry: complex) -> None:
    wrong = matrices(SHAPES[0])
    wrong[2, 3, 0, 0, 1] = entry
    with pytest.raises(FeedbackInputError, match="NaN or infinity among the entries, expected finite"):
        ContextCodec(SHAPES[0], step=1).encode(wrong)


@pytest.mark.parametrize("mode", [{"step": 0.5}, {"payload_bits": 60}], ids=str)
@pytest.mark.parametrize("amplitude", [0.0, 1e-45, 1e-20, 1e30])
def test_any_amplitude_is_reported(mode: dict, amplitude: float) -> None:
    codec, sent = ContextCodec(SHAPES[0], **mode), (matrices(SHAPES[0]) * amplitude).astype(np.complex64)
    found, erased = codec.decode(*codec.encode(sent))
    assert np.isfinite(found).all()
    assert not erased.any()
    if amplitude == 0:
        assert not found.any()


def test_a_matrix_of_one_strong_entry_fits_the_fewest_bits() -> None:
    shape, sent = SHAPES[0], np.zeros((1, *SHAPES[0]), np.complex64)
    sent[0, 5, 0, 0, 3] = 1
    with pytest.raises(FeedbackInputError, match=r"payload_bits: got 1, expected ([0-9]+) to"):
        ContextCodec(shape, payload_bits=1)
    codec = next(one for bits in range(19, 60) if (one := built(shape, bits)) is not None)
    found, erased = codec.decode(*codec.encode(sent))
    assert not erased.any()
    assert np.isfinite(found).all()


def built(shape: LevelShape, bits: int) -> ContextCodec | None:
    try:
        return ContextCodec(shape, payload_bits=bits)
    except FeedbackInputError:
        return None


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "none of step and payload_bits"),
        ({"step": 1.0, "payload_bits": 200}, "both or none"),
        ({"step": 0.0}, "step: got 0, expected 0.001"),
        ({"step": float("nan")}, "step: got nan"),
        ({"payload_bits": 2**40}, "payload_bits: got 1099511627776"),
    ],
)
def test_keys_are_checked(keys: dict, message: str) -> None:
    with pytest.raises(FeedbackInputError, match=message):
        ContextCodec(SHAPES[0], **keys)


def test_inputs_are_checked() -> None:
    codec = ContextCodec(SHAPES[0], step=1)
    with pytest.raises(FeedbackInputError, match=r"got matrices of \[5, 2, 1, 1\], expected \[8, 1, 1, 8\]"):
        codec.encode(matrices(SHAPES[3]))
    with pytest.raises(FeedbackInputError, match="expected 0 and 1 alone"):
        codec.decode(np.full((1, 9), 2, np.uint8), np.array([9]))
    with pytest.raises(FeedbackInputError, match="beyond the 9 bits"):
        codec.decode(np.zeros((1, 9), np.uint8), np.array([10]))
    with pytest.raises(FeedbackInputError, match="expected 1 to 1048576 entries"):
        ContextCodec(LevelShape(2**11, 1, 1, 2**11), step=1)
    with pytest.raises(FeedbackInputError, match="scale bits: got 17"):
        ScaleGrid(bits=17)


def test_a_path_between_beams_is_rotated_into_one() -> None:
    """A plane wave at 3 + 5/8 bins has all of its energy in one beam once it is moved by 3/8."""
    n, angle = 16, 3 + 5 / 8
    wave = np.fft.fft(np.exp(2j * np.pi * np.arange(n) * angle / n))[None, None, None, None] / n
    every = rotation.all_rotations(wave)
    numbers = rotation.best_rotation(np.abs(every.reshape(1, 8, n)) ** 2, np.array([0.1]))
    assert numbers.tolist() == [3]
    expected = np.zeros(n)
    expected[4] = 1
    assert np.allclose(np.abs(every[0, 3].ravel()), expected, atol=1e-12)
    assert np.allclose(rotation.rotate(every[:, 3], numbers, back=True), wave, atol=1e-12)


def test_steps_have_their_numbers_by_integers() -> None:
    for step in np.exp2(np.linspace(-9, 9, 1001)):
        # Halves of a number do not occur among these.
        assert side_information.step_number(float(step)) == round(16 * np.log2(step))
    numbers = np.arange(2**side_information.STEP_BITS)
    expected = [side_information.step_number(float(step)) for step in side_information.steps(numbers)]
    assert side_information.context_steps(numbers).tolist() == expected


def test_numbers_are_written_in_bits() -> None:
    numbers = np.array([0, 5, 31])
    bits = side_information.to_bits(numbers, 5)
    assert bits.tolist() == [[0] * 5, [0, 0, 1, 0, 1], [1] * 5]
    assert side_information.from_bits(bits).tolist() == numbers.tolist()


def test_the_shipped_tables_are_what_their_document_says() -> None:
    document = json.loads(files("feedback.context_codec").joinpath("data/tables.json").read_text("utf-8"))
    tables = shipped_tables()
    assert document["sha256"] == tables.digest
    assert document["ue_bytes"] == tables.ue_bytes
    assert tables.macs_per_entry() * 1024 < 1e5


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "no safetensors file"), (b"\x08\0\0\0\0\0\0\0{}      ", "tables: got \\[\\], expected")],
)
def test_other_files_are_no_tables(content: bytes, message: str, tmp_path) -> None:
    (tmp_path / "tables.safetensors").write_bytes(content)
    with pytest.raises(FeedbackInputError, match=message):
        read_tables(tmp_path / "tables.safetensors")
    with pytest.raises(FeedbackInputError, match=r"none\.safetensors: No such file"):
        read_tables(tmp_path / "none.safetensors")


def test_tables_come_back_from_their_file() -> None:
    assert tables_of(shipped_tables().to_bytes()).digest == shipped_tables().digest
