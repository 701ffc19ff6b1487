"""The kernels of ``convolution.c``: compiled by gcc for the machine at first use, then kept in the user's cache."""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path

from torch import Tensor

FLAGS = ("-O3", "-march=native", "-fno-trapping-math", "-fno-math-errno", "-fopenmp", "-shared", "-fPIC")

_SHAPE = "samples n_in n_out groups height width kernel_height kernel_width dilation_height dilation_width"
_NORM = "mean scale shift slope du_mean product"


class KernelsUnavailableError(Exception):
    """The kernels cannot be compiled or loaded here; says why in a few words."""


class Shape(ctypes.Structure):
    """Sizes of a convolution, as in the C source."""

    samples: int
    n_out: int
    height: int
    width: int

    _fields_ = [(name, ctypes.c_int) for name in _SHAPE.split()]


class Norm(ctypes.Structure):
    """What the gradient of batch norm needs, per channel, as in the C source; all null without batch norm."""

    _fields_ = [(name, ctypes.c_void_p) for name in _NORM.split()]


def address(tensor: Tensor | None) -> ctypes.c_void_p | None:
    """Where the elements of a contiguous tensor lie."""
    return None if tensor is None else ctypes.c_void_p(tensor.data_ptr())


def kernels() -> ctypes.CDLL:
    """The compiled kernels.

    Raises:
        KernelsUnavailableError: if there is no gcc, or what it makes does not load.
    """
    found = load()
    if isinstance(found, KernelsUnavailableError):
        raise found
    return found


@cache
def load() -> ctypes.CDLL | KernelsUnavailableError:
    """The compiled kernels, or why there are none; found out once in a process."""
    try:
        return _load()
    except OSError as error:
        return KernelsUnavailableError(str(error))
    except KernelsUnavailableError as error:
        return error


def _load() -> ctypes.CDLL:
    compiler = shutil.which("gcc")
    if compiler is None:
        raise KernelsUnavailableError("no gcc was found")
    source = files("feedback.cpu_kernels").joinpath("convolution.c").read_bytes()
    version = subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout
    # Home folders are shared by machines whose instructions differ.
    made_for = [source, version, " ".join(FLAGS).encode(), _processor()]
    name = f"convolution-{hashlib.sha256(b'/'.join(made_for)).hexdigest()[:16]}.so"
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "linksim" / name
    if kept.exists():
        return ctypes.CDLL(str(kept))
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / name
        _compile(compiler, source, made)
        _keep(made, kept)
        return ctypes.CDLL(str(made))


def _compile(compiler: str, source: bytes, library: Path) -> None:
    command = [compiler, *FLAGS, "-x", "c", "-", "-o", str(library)]
    outcome = subprocess.run(command, input=source, capture_output=True, check=False)
    if outcome.returncode:
        reason = outcome.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise KernelsUnavailableError(f"gcc failed: {reason[0]}")


def _keep(made: Path, kept: Path) -> None:
    """Copies a library to the cache in one step, so that other processes find all of it or none."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as copy:
            copy.write(made.read_bytes())
        Path(copy.name).replace(kept)
    except OSError:
        # A cache that cannot be written costs each process two seconds.
        return


def _processor() -> bytes:
    try:
        lines = Path("/proc/cpuinfo").read_bytes().splitlines()
    except OSError:
        return platform.processor().encode()
    return b"".join(sorted({line for line in lines if line.startswith((b"model name", b"flags", b"Features"))}))
