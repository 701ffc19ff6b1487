"""The context codec's encoder in C: the bits that Python makes, to the last one."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feedback.context_codec.codec import ContextCodec
from feedback.context_codec.kernel import LevelShape
from feedback.context_codec.layer_codec import LayerCodec
from feedback.context_codec.side_information import ScaleGrid
from feedback.csi_dimensions import CsiDimensions
from feedback.encoder_export.context_c import compiled_encoder, context_sources, floats_of, report_lines
from feedback.errors import FeedbackInputError
from tests.feedback.context_tables import random_tables
from tests.feedback.test_context_codec import SHAPES, matrices
from tests.feedback.test_context_eigenvectors import dimensions, fitted, vectors

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc to compile the exported sources with")

GRID = ScaleGrid(6, -120.3, 1.7)
CASES = {
    "a step": ContextCodec(SHAPES[0], step=0.1, max_bits=2000, scale=GRID),
    "reports that are too long": ContextCodec(SHAPES[1], step=0.02, max_bits=150),
    "a payload, two polarisations, two rows": ContextCodec(SHAPES[2], payload_bits=140, scale=GRID),
    "a payload that hardly anything fits into": ContextCodec(SHAPES[1], payload_bits=25),
    "one column, tables of more inputs": ContextCodec(
        SHAPES[3], payload_bits=99, tables=random_tables(3, 4, inputs=24)
    ),
}


@pytest.mark.parametrize(("case", "optimised"), [*((case, "-O0") for case in CASES), (next(iter(CASES)), "-O2")])
def test_c_makes_the_bits_of_python(case: str, optimised: str) -> None:
    """Also of a matrix of zeros, of one strong entry, and of amplitudes beyond the grid of the scale."""
    codec = CASES[case]
    sent = np.concatenate([matrices(codec.shape, 20), 0 * matrices(codec.shape, 1), 1e9 * matrices(codec.shape, 1)])
    sent[3] = 0
    sent[3, 0, 0, 0, 0] = 1 - 2j
    bits, lengths = codec.encode(sent)
    found = compiled_encoder(context_sources(codec), sent, ["-std=c11", optimised])
    assert found is not None
    assert found.reports == ["".join(map(str, row[:length])) for row, length in zip(bits, lengths, strict=True)]


@pytest.mark.parametrize(
    ("keys", "known"),
    [
        ({"step": 0.7, "max_bits": 500}, dimensions(6, 2, 2, 4)),
        ({"step": 0.1, "max_bits": 150, "rank": 2}, dimensions(5, 1, 1, 3)),
        ({"payload_bits": 140, "rank": 3}, dimensions(6, 2, 2, 4)),
        ({"payload_bits": 60}, dimensions(1, 2, 3, 1)),
    ],
    ids=["a step", "two layers that are too long", "three layers in a payload", "one subband, one column"],
)
def test_c_makes_the_bits_of_python_of_eigenvectors(keys: dict[str, Any], known: CsiDimensions) -> None:
    """From the vectors: the rotation of the beams, phases of the subbands, and levels."""
    compressor = fitted(keys, known)
    sent = vectors(20, known, compressor.n_layers, seed=8)
    found = compiled_encoder(context_sources(compressor.codec), sent.numpy(), ["-std=c11", "-O0"])
    assert found is not None
    assert found.reports == report_lines(compressor.encode(sent))


@pytest.mark.parametrize(
    "codec",
    [
        ContextCodec(LevelShape(2, 1, 1, 4), payload_bits=60),
        LayerCodec(LevelShape(2, 1, 1, 4), n_rotations=8, payload_bits=60),
        LayerCodec(LevelShape(2, 1, 1, 4), n_rotations=8, step=1, max_bits=60),
    ],
    ids=["matrices", "eigenvectors", "a step"],
)
def test_the_sources_give_no_warning_and_refuse_bad_input(codec: ContextCodec | LayerCodec, tmp_path: Path) -> None:
    for name, text in context_sources(codec).items():
        (tmp_path / name).write_text(text)
    flags = ["-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O0"]
    subprocess.run(["gcc", *flags, "encode.c", "context_encoder.c", "-lm", "-o", "encode"], cwd=tmp_path, check=True)
    sent = matrices(codec.shape, 2)
    sent[1, 0, 0, 0, 1] = np.nan
    for content, message in (
        (floats_of(sent), b"got NaN or infinity"),
        (floats_of(sent)[:70], b"got 1 numbers at the end"),
    ):
        done = subprocess.run([tmp_path / "encode"], input=content, capture_output=True, check=False)
        assert done.returncode == 1
        assert done.stdout.count(b"\n") == 1
        assert message in done.stderr


def test_what_the_sources_take() -> None:
    """Tables of the UE are all constants but for what a compiler aligns and the program's own few."""
    codec = ContextCodec(LevelShape(2, 1, 1, 4), payload_bits=60)
    found = compiled_encoder(context_sources(codec), matrices(codec.shape, 1), ["-std=c11", "-O0"])
    assert found is not None
    assert codec.tables.ue_bytes <= found.table_bytes < codec.tables.ue_bytes + 512
    # Eight rotations of eight complex numbers in double precision, values of 4 bytes, two streams of a byte a bit.
    needed = 8 * 8 * 16 + 8 * 8 + 2 * (60 - codec.side_bits)
    assert needed <= found.memory_bytes < needed + 64


def test_a_step_without_a_bound_has_no_room() -> None:
    with pytest.raises(FeedbackInputError, match="max_bits: got none"):
        context_sources(ContextCodec(SHAPES[0], step=0.5))
