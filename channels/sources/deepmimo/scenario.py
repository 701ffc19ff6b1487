"""Folders of DeepMIMO v4 scenarios: parameters in ``params.json``, one file for each quantity of the paths.

Read without the package, which asks for a download where a folder is missing and pins an old NumPy.
"""

import json
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from channels.bounds import require_memory, size_text
from channels.errors import ChannelInputError
from channels.formats.hdf5 import one_line
from channels.formats.mat5 import read_variable
from channels.formats.mat5_stream import DamagedFileError
from channels.formats.npy import read_npy
from channels.formats.regular_file import require_file

_LONGEST_PARAMETERS: Final = 16 << 20
QUANTITIES: Final = ("power", "phase", "delay", "aod_az", "aod_el", "aoa_az", "aoa_el")


class _TxRxSet(BaseModel):
    id: int = Field(ge=0)
    is_tx: bool
    is_rx: bool


class _RayTracing(BaseModel):
    frequency: float = Field(gt=0, allow_inf_nan=False)


class _Scene(BaseModel):
    num_scenes: int = 1


class _Scenario(BaseModel):
    rt_params: _RayTracing
    txrx_sets: dict[str, _TxRxSet]
    scene: _Scene = _Scene()


class DeepMimoScenario:
    """Paths between one transmitter and the users of one set.

    Args:
        folder: folder with ``params.json`` and the files of a static scenario; or that of one scene of a dynamic
            scenario, whose ``params.json`` may lie in the folder around it.
        tx_set: set of the transmitter, ``None`` for the first.
        tx: the transmitter in its set.
        rx_set: set of the users, ``None`` for the first that does not transmit.
        max_paths: paths kept of each user, the first ones.

    Attributes:
        carrier_hz: carrier frequency, Hz.
        paths: quantities by name, ``[n_users, n_paths]``, float64, of the users that have a path: ``power`` in dBW,
            ``phase`` and angles in degrees (``el`` from the zenith), ``delay`` in seconds; NaN for a missing path,
            which one of no power (minus infinity in dBW) is as well.

    Raises:
        ChannelInputError: if the folder is missing, damaged, or has another layout.
    """

    def __init__(self, folder: Path, tx_set: int | None, tx: int, rx_set: int | None, max_paths: int) -> None:
        own, around = folder / "params.json", folder.parent / "params.json"
        is_scene = folder.name.startswith("scene") and not own.is_file() and around.is_file()
        scenario = _read_parameters(around if is_scene else own)
        scenes = sorted(one.name for one in folder.glob("scene*") if one.is_dir()) if folder.is_dir() else []
        if scenes and not is_scene:
            count = max(len(scenes), scenario.scene.num_scenes)
            raise ChannelInputError(
                f"{folder}: got a dynamic scenario of {count} scenes, whose paths are not followed between them; "
                f"expected the folder of one scene, such as {folder / scenes[0]}"
            )
        self.carrier_hz = scenario.rt_params.frequency
        sets = scenario.txrx_sets.values()
        transmitters = sorted(one.id for one in sets if one.is_tx)
        receivers = sorted((one.is_tx, one.id) for one in sets if one.is_rx)
        tx_set = _chosen("tx_set", tx_set, transmitters, folder)
        rx_set = _chosen("rx_set", rx_set, [number for _, number in receivers], folder)
        name = f"t{tx_set:03}_tx{tx:03}_r{rx_set:03}"
        self.paths = _active({key: _read_matrix(folder, key, name)[:, :max_paths] for key in QUANTITIES}, folder, name)


def _read_parameters(path: Path) -> _Scenario:
    require_file(path, "the folder of a DeepMIMO v4 scenario")
    if path.stat().st_size > _LONGEST_PARAMETERS:
        found = size_text(path.stat().st_size)
        raise ChannelInputError(f"{path}: got {found}, expected at most {size_text(_LONGEST_PARAMETERS)} of parameters")
    try:
        return _Scenario.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise ChannelInputError(f"{path}: {key}: {one_line(first['msg'])}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ChannelInputError(f"{path}: cannot be read as JSON ({one_line(error)})") from error


def _chosen(name: str, wanted: int | None, there: list[int], folder: Path) -> int:
    if not there or wanted not in (None, *there):
        sets = ", ".join(map(str, there)) or "none at all"
        raise ChannelInputError(f"{folder}: {name}: got {wanted}, expected one of the sets it has: {sets}")
    return there[0] if wanted is None else wanted


def _read_matrix(folder: Path, key: str, name: str) -> NDArray[np.float64]:
    path = folder / f"{key}_{name}"
    found = [path.with_suffix(suffix) for suffix in (".npz", ".mat", ".npy") if path.with_suffix(suffix).is_file()]
    if not found:
        raise ChannelInputError(f"{path}: no such file, expected it as .npz, .mat or .npy")
    try:
        values = read_variable(found[0], key) if found[0].suffix == ".mat" else read_npy(found[0], key)
    except (OSError, MemoryError, DamagedFileError) as error:
        raise ChannelInputError(f"{found[0]}: cannot be read, damaged ({one_line(error)})") from error
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise ChannelInputError(
            f"{found[0]}: {key}: got {values.dtype} of shape {values.shape}, expected real numbers [user, path]"
        )
    require_memory(8 * values.size, f"{found[0]}: {key}")
    return values.astype(np.float64)


def _active(paths: dict[str, NDArray[np.float64]], folder: Path, name: str) -> dict[str, NDArray[np.float64]]:
    shape = paths["power"].shape
    paths = paths | {"power": np.where(np.isneginf(paths["power"]), np.nan, paths["power"])}
    there = ~np.isnan(paths["power"])
    for key, values in paths.items():
        where = f"{folder / key}_{name}"
        if values.shape != shape:
            raise ChannelInputError(f"{where}: got shape {values.shape}, expected {shape} as that of the power")
        if not np.isfinite(values[there]).all():
            raise ChannelInputError(f"{where}: got NaN or infinity for a path with power, expected finite numbers")
    users = there.any(axis=1)
    if not users.any():
        raise ChannelInputError(f"{folder}: got no user with a path among {shape[0]}, expected some ({name})")
    return {key: values[users] for key, values in paths.items()}
