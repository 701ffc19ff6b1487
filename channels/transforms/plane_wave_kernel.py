"""Truncated matrices and powers of plane waves by a kernel in C; ``plane_wave_power`` does the same in PyTorch."""

import ctypes
import math
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor

from channels.c_library import load_library
from channels.channel_batch import OfdmGrid
from channels.transforms.delay_cells import N_POLYNOMIALS, cell_bounds, rows_for, rows_kept
from channels.transforms.dirichlet_kernel import cosecant_at, cotangent
from channels.transforms.plane_waves import outer_factor

# Rows that the kernel sums at a time.
_BLOCK = 6
_FLAGS = ("-O3", "-march=native", "-std=gnu11", "-fno-trapping-math", "-fno-math-errno", f"-DBLOCK={_BLOCK}")


@cache
def compiled() -> ctypes.CDLL | None:
    """The compiled kernel, or None, with a warning, where it cannot be compiled; found out once in a process."""
    without = "COST 2100 channels are summed in PyTorch, which takes several times as long"
    return load_library("channels.transforms", "plane_wave_kernel.c", _FLAGS, without=without)


def takes(amplitude: Tensor, delay_s: Tensor, spatial_frequency: Tensor) -> bool:
    """Whether the kernel is there, and is for such waves: on the CPU, of its precision, without gradient."""
    waves = (amplitude, delay_s, spatial_frequency)
    suits = all(values.device.type == "cpu" and not values.requires_grad for values in waves)
    suits &= [values.dtype for values in waves] == [torch.complex64, torch.float64, torch.float32]
    return suits and compiled() is not None


def matrices(
    amplitude: Tensor, delay_s: Tensor, spatial_frequency: Tensor, grid: OfdmGrid, n_columns: int, n_delay: int
) -> Tensor:
    """Truncated matrices of links, ``[n_links, n_delay, n_columns]``; the rest as of ``matrices_and_powers``."""
    return _sums((amplitude, delay_s, spatial_frequency), grid, n_columns, n_delay, None)


def matrices_and_powers(
    amplitude: Tensor, delay_s: Tensor, spatial_frequency: Tensor, grid: OfdmGrid, n_columns: int, n_delay: int
) -> tuple[Tensor, Tensor]:
    """Truncated matrices and mean powers of links, for waves that the kernel takes.

    Args:
        amplitude: complex gains, ``[n_links, n_waves]``, complex64.
        delay_s: delays in seconds, ``[n_links, n_waves]``, float64.
        spatial_frequency: phase advance per port in turns, ``[n_links, n_waves]``, float32.
        grid: subcarriers.
        n_columns: ports of the ULA.
        n_delay: delay rows kept, 0 or more.

    Returns:
        ``[n_links, n_delay, n_columns]``, complex64, and ``[n_links]``, float64.

    Raises:
        ValueError: if the shapes differ.
        MemoryError: if there is none for the sums of a link.
    """
    power = torch.empty(len(amplitude), dtype=torch.float64)
    matrix = _sums((amplitude, delay_s, spatial_frequency), grid, n_columns, n_delay, power)
    return matrix, power / (grid.n_subcarriers * n_columns) ** 2


def _sums(
    waves: tuple[Tensor, Tensor, Tensor], grid: OfdmGrid, n_columns: int, n_delay: int, power: Tensor | None
) -> Tensor:
    """Truncated matrices, and sums of powers over rows and columns where there is room for them."""
    amplitude, delay_s, spatial_frequency = waves
    if not amplitude.shape == delay_s.shape == spatial_frequency.shape or amplitude.ndim != 2:
        shapes = [tuple(values.shape) for values in waves]
        raise ValueError(f"plane waves: got shapes {shapes}, expected one [n_links, n_waves]")
    n_links, n_waves = amplitude.shape
    contiguous = [values.resolve_conj().contiguous() for values in waves]
    matrix = torch.empty(n_links, n_delay, n_columns, dtype=torch.complex64)
    earliest, latest = _span(amplitude, delay_s, grid)
    bounds = cell_bounds(earliest, math.floor(float(latest.max())) if n_links else earliest)
    constants = _constants(grid, n_columns, n_delay, bounds)
    ends = torch.tensor(bounds[1:-1], dtype=torch.float64)
    numbers = (torch.bucketize(latest, ends, right=True) + 1).unique().tolist()
    tables = (_CRows * constants.in_c.n_cells)()
    kept = [_table(bounds[: number + 1], grid.n_subcarriers, n_delay, power is not None) for number in numbers]
    for number, table in zip(numbers, kept, strict=True):
        tables[number - 1] = table.in_c
    library = compiled()
    assert library is not None
    status = library.sum_plane_waves(
        ctypes.byref(constants.in_c),
        tables,
        ctypes.c_int64(n_links),
        ctypes.c_int64(n_waves),
        *(ctypes.c_void_p(values.data_ptr()) for values in (*contiguous, matrix)),
        None if power is None else ctypes.c_void_p(power.data_ptr()),
    )
    if status == 1:
        raise MemoryError("plane waves: no memory for the sums of one link")
    if status:
        raise RuntimeError("plane waves: a link has waves beyond its cells")
    return matrix


def _span(amplitude: Tensor, delay_s: Tensor, grid: OfdmGrid) -> tuple[int, Tensor]:
    """Row of the earliest wave of all that have gain, and latest delay of each link's in rows, ``[n_links]``."""
    taps = delay_s * grid.bandwidth_hz
    silent = amplitude == 0
    if taps.numel() == 0 or bool(silent.all()):
        return 0, taps.new_zeros(len(taps))
    earliest = math.floor(float(taps.masked_fill(silent, math.inf).amin()))
    latest = taps.masked_fill_(silent, -math.inf).amax(dim=1)
    return earliest, latest.clamp(min=earliest)


class _CGrid(ctypes.Structure):
    n_cells: int

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("n_rows", "n_columns", "n_delay", "n_polynomials", "n_cells")),
        ("bandwidth", ctypes.c_double),
        *((f"{axis}_{name}", ctypes.c_void_p) for axis in ("row", "column") for name in ("cotangent", "cosecant")),
        *((name, ctypes.c_void_p) for name in ("column_power", "outer", "bounds")),
    ]


class _CRows(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("n", "n_cells")),
        *((name, ctypes.c_void_p) for name in ("coefficients", "weights", "kept")),
        *((name, ctypes.c_void_p) for name in ("n_near", "near", "near_cotangent")),
    ]


@dataclass(frozen=True)
class _ForC:
    """A structure, and the contiguous tensors that it points to."""

    in_c: Any
    tensors: tuple[Tensor, ...]


@lru_cache(maxsize=32)
def _constants(grid: OfdmGrid, n_columns: int, n_delay: int, bounds: tuple[int, ...]) -> _ForC:
    """What the kernel knows of grid, ports and cells."""
    n_rows, cpu = grid.n_subcarriers, torch.device("cpu")
    row, column = torch.arange(n_rows), torch.arange(n_columns)
    tensors = (
        cotangent(row, n_rows),
        cosecant_at(row, n_rows),
        cotangent(column, n_columns),
        cosecant_at(column, n_columns),
        cosecant_at(column, n_columns).square().repeat(2),
        outer_factor(n_delay, n_columns, grid, cpu).contiguous(),
        torch.tensor(bounds, dtype=torch.float64),
    )
    sizes = (n_rows, n_columns, n_delay, N_POLYNOMIALS, len(bounds) - 1)
    return _ForC(_CGrid(*sizes, grid.bandwidth_hz, *(tensor.data_ptr() for tensor in tensors)), tensors)


@lru_cache(maxsize=128)
def _table(bounds: tuple[int, ...], n_rows: int, n_delay: int, with_power: bool) -> _ForC:
    """Rows of links whose latest wave lies in the last of some cells: those kept, and all that their power needs."""
    rows = rows_for(bounds, n_rows, n_delay) if with_power else rows_kept(bounds, n_rows, n_delay)
    n = len(rows.weights)
    everywhere = torch.arange(n)
    tensors = (
        torch.nn.functional.pad(rows.coefficients, (0, 0, 0, -n % _BLOCK)),
        rows.weights,
        rows.kept.contiguous(),
        torch.tensor([len(near) for near in rows.near_rows]),
        torch.cat([everywhere[place] for place in rows.near]),
        cotangent(torch.cat(rows.near_rows), n_rows),
    )
    return _ForC(_CRows(n, len(bounds) - 1, *(tensor.data_ptr() for tensor in tensors)), tensors)
