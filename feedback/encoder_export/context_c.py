"""The context codec's encoder as C for a UE: integer tables, settings, and the very kernel that runs here.

What is exported needs a C compiler and its mathematical library, nothing else.
"""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from feedback.beam_delay import ALIGNMENTS
from feedback.context_codec import side_information as side
from feedback.context_codec import sizes
from feedback.context_codec.codec import RATE_WEIGHT, ContextCodec
from feedback.context_codec.layer_codec import LayerCodec
from feedback.context_codec.rotation import axis_rotations, rotation_bits
from feedback.context_codec.tables import BS_ONLY, ContextTables
from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError

PROGRAM, LIBRARY = "encode.c", "context_encoder.c"
# What stands as the library for eigenvectors.
_EIGENVECTORS = "context_eigenvectors.c"
FLAGS = ("-std=c11", "-O2")
_KERNEL = ("report_kernel.c", "context_model.h", "arithmetic_coder.h")
_OWN = (PROGRAM, "context_encoder.h", "context_report.h")
# Width of lines of numbers.
_LINE = 120


@dataclass(frozen=True)
class CompiledEncoder:
    """What the exported sources give when they are compiled.

    Attributes:
        reports: bits of each report, as text of 0 and 1.
        code_bytes: of the object file: instructions.
        table_bytes: of the object file: constants, the tables among them.
        memory_bytes: of the object file: arrays that change; the kernel takes a little more for each report.
    """

    reports: list[str]
    code_bytes: int
    table_bytes: int
    memory_bytes: int


def context_sources(codec: ContextCodec | LayerCodec) -> dict[str, str]:
    """The files of an encoder by name.

    Args:
        codec: fitted: of a payload, or of a step and the bits that no report may exceed; ``LayerCodec`` for one that
            takes the eigenvectors of subbands, as ``BeamDelay`` makes coefficients of them.

    Raises:
        FeedbackInputError: if it has a step and no bound on the bits.
    """
    own, kernel = files("feedback.encoder_export"), files("feedback.context_codec")
    library = LIBRARY if isinstance(codec, ContextCodec) else _EIGENVECTORS
    return {
        **{name: own.joinpath(name).read_text("utf-8") for name in _OWN},
        LIBRARY: own.joinpath(library).read_text("utf-8"),
        "context_settings.h": _settings(codec),
        "context_tables.h": _tables(codec.tables),
        **{name: kernel.joinpath(name).read_text("utf-8") for name in _KERNEL},
    }


def compiled_encoder(
    sources: Mapping[str, str], matrices: NDArray[np.complex64], flags: Sequence[str] = FLAGS
) -> CompiledEncoder | None:
    """Compiles exported sources with gcc and runs the program; ``None`` where there is no gcc.

    Args:
        sources: of ``context_sources``.
        matrices: to encode, ``[n, ...]``, axes as in ``context_encoder.h``.
        flags: of gcc.

    Raises:
        FeedbackInputError: if gcc or the program fails.
    """
    compiler = shutil.which("gcc")
    if compiler is None:
        return None
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in sources.items():
            (folder / file).write_text(text, "utf-8")
        _run([compiler, *flags, "-c", LIBRARY, "-o", "encoder.o"], folder)
        _run([compiler, *flags, PROGRAM, "encoder.o", "-lm", "-o", "encode"], folder)
        printed = _run([str(folder / "encode")], folder, stdin=floats_of(matrices))
        return CompiledEncoder(printed.decode().split(), *_section_bytes(_run(["size", "-A", "encoder.o"], folder)))


def floats_of(matrices: NDArray[np.complex64]) -> bytes:
    """Matrices as the program reads them: real and imaginary parts in turn, float32 of this machine's byte order."""
    return np.ascontiguousarray(matrices, np.complex64).tobytes()


def report_lines(codeword: Codeword) -> list[str]:
    """Bits of each report of a codeword, as text of 0 and 1."""
    bits, lengths = codeword.arrived()
    return ["".join(map(str, row[:length])) for row, length in zip(bits.tolist(), lengths.tolist(), strict=True)]


def _settings(codec: ContextCodec | LayerCodec) -> str:
    shape = codec.shape
    if codec.payload_bits is not None:
        report = codec.payload_bits
        step: dict[str, float] = {
            "STEP_BITS": side.STEP_BITS,
            "UNIT_STEP": side.UNIT_STEP,
            "STEPS_PER_OCTAVE": side.STEPS_PER_OCTAVE,
        }
        mode = "every report has REPORT_BITS, and tells its step"
    else:
        if codec.max_bits is None or codec.step is None:
            raise FeedbackInputError("max_bits: got none, expected the bits that no report of a step may exceed")
        report = codec.max_bits
        step = {"STEP_BITS": 0, "STEP": codec.step, "STEP_NUMBER": side.step_number(codec.step)}
        mode = "all reports share the step, none has more than REPORT_BITS"
    if isinstance(codec, ContextCodec):
        axes, matrices = "delays, polarisations and UE antennas, vertical and horizontal beams", 1
        scale = {
            "SCALE_BITS": codec.scale.bits,
            "SCALE_LOW_DB": codec.scale.low_db,
            "SCALE_CELL_DB": codec.scale.cell_db,
        }
        turned = {"ROTATIONS": axis_rotations(shape.columns), "ROTATION_BITS": rotation_bits(shape.columns)}
    else:
        axes, matrices = "subbands, polarisations, rows and columns of the panel", codec.n_layers
        scale = {"SCALE_BITS": 0}
        turned = {"ROW_ROTATIONS": axis_rotations(shape.tilts), "COLUMN_ROTATIONS": axis_rotations(shape.columns)}
        turned |= {"ROTATION_BITS": codec.rotation_bits, "ALIGNMENTS": ALIGNMENTS}
    model = {name: value for name, value in vars(sizes).items() if name.isupper() and name != "FLAGS"}
    groups: list[tuple[str, Mapping[str, float]]] = [
        (f"Matrices of a report, and their axes: {axes}.", {"MATRICES": matrices, **_upper(shape._asdict())}),
        (f"Bits: {mode}.", {"REPORT_BITS": report, **step}),
        ("The scale.", scale),
        ("Rotations.", turned),
        ("What a bit is worth, 1/4096 squared step.", {"RATE_WEIGHT": RATE_WEIGHT}),
        ("The context model.", model),
    ]
    lines = ["/* Settings of an encoder; written by `linksim export`. */", ""]
    for title, group in groups:
        lines.append(f"/* {title} */")
        lines += [f"#define {name} {_number(value)}" for name, value in group.items()]
    return "\n".join(lines) + "\n"


def _tables(tables: ContextTables) -> str:
    """The tables as constants; those that only the BS needs are left out."""
    kinds = {"int16": "int16_t", "uint8": "uint8_t", "uint16": "uint16_t"}
    lines = [f"/* Tables of the context model, SHA-256 {tables.digest}; context_model.h says what each is. */", ""]
    entries = [f".width = {tables.hidden_units}", f".inputs = {tables.inputs}"]
    network = tables.network()
    for field in fields(tables):
        if field.name in BS_ONLY:
            continue
        array = network[field.name] if field.name in network else getattr(tables, field.name)
        lines.append(f"static const {kinds[str(array.dtype)]} {field.name.upper()}_TABLE[{array.size}] = {{")
        lines += _wrapped(array.ravel().tolist())
        lines.append("};")
        entries.append(f".{field.name} = {field.name.upper()}_TABLE")
    lines += ["", "static const struct tables TABLES = {", *(f"    {entry}," for entry in entries), "};"]
    return "\n".join(lines) + "\n"


def _wrapped(numbers: list[int]) -> list[str]:
    lines, line = [], "   "
    for number in numbers:
        if len(line) + len(text := f" {number},") > _LINE:
            lines.append(line)
            line = "   "
        line += text
    return [*lines, line]


def _upper(values: Mapping[str, int]) -> dict[str, int]:
    return {name.upper(): value for name, value in values.items()}


def _number(value: float) -> str:
    """With all its digits; negative ones in brackets."""
    return f"({value!r})" if value < 0 else repr(value)


def _run(command: list[str], folder: Path, stdin: bytes = b"") -> bytes:
    done = subprocess.run(command, cwd=folder, input=stdin, capture_output=True, check=False)
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise FeedbackInputError(f"{Path(command[0]).name} failed: {reason[0]}")
    return done.stdout


def _section_bytes(printed: bytes) -> tuple[int, int, int]:
    """Bytes of instructions, constants and changing arrays out of what binutils' ``size -A`` prints."""
    totals = {"text": 0, "rodata": 0, "bss": 0, "data": 0}
    for line in printed.decode().splitlines():
        name, _, rest = line.partition(" ")
        kind = name.split(".")[1] if name.startswith(".") else ""
        if name.startswith(".data.rel.ro"):
            # Pointers to the tables, which no one changes.
            kind = "rodata"
        if kind in totals:
            totals[kind] += int(rest.split()[0])
    return totals["text"], totals["rodata"], totals["bss"] + totals["data"]
