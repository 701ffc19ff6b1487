"""The same channels from every format and order of axes, and what is refused."""

import itertools

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from pydantic import ValidationError

from channels.channel_batch import ArrayShape, Snapshots
from channels.errors import ChannelInputError
from channels.sources.parameters.response import ResponseParameters
from channels.sources.response import ResponseSource

N, N_TIMES, N_SUBCARRIERS, N_RX, N_TX = 6, 3, 5, 2, 4
SIZES = {"sample": N, "time": N_TIMES, "subcarrier": N_SUBCARRIERS, "rx": N_RX, "tx": N_TX}
ORDER = ("sample", "time", "subcarrier", "rx", "tx")


def channels() -> np.ndarray:
    """``[sample, time, subcarrier, rx, tx]``, complex64, every entry another."""
    values = np.random.default_rng(1).standard_normal((2, *SIZES.values())).astype(np.float32)
    return values[0] + np.complex64(1j) * values[1]


def pairs(values: np.ndarray, names: tuple[str, str]) -> np.ndarray:
    compound = np.empty(values.shape, dtype=[(names[0], "f4"), (names[1], "f4")])
    compound[names[0]], compound[names[1]] = values.real, values.imag
    return compound


def write_mat_5(path, values):
    scipy.io.savemat(path, {"H": values, "other": 1.0})


def write_mat_7(path, values):
    scipy.io.savemat(path, {"H": values}, do_compression=True)


def write_mat_73(path, values):
    # MATLAB drops trailing axes of length 1.
    shape = values.shape
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    turned = values.reshape(shape).T
    with h5py.File(path, "w", userblock_size=512) as file:
        data = pairs(turned, ("real", "imag")) if np.iscomplexobj(turned) else turned
        dataset = file.create_dataset("H", data=data, chunks=True, compression="gzip")
        dataset.attrs["MATLAB_class"] = np.bytes_("single")


def write_h5(path, values):
    with h5py.File(path, "w") as file:
        file["H"] = values


def write_h5_pairs(path, values):
    with h5py.File(path, "w") as file:
        file["H"] = pairs(values, ("real", "imag"))


def write_h5_integer_pairs(path, values):
    compound = np.empty(values.shape, dtype=[("r", "i4"), ("i", "i4")])
    compound["r"], compound["i"] = values.real, values.imag
    with h5py.File(path, "w") as file:
        file["H"] = compound


def write_npy(path, values):
    np.save(path, values)


def write_npy_columns_first(path, values):
    np.save(path, np.asfortranarray(values))


def write_npy_pairs(path, values):
    np.save(path, pairs(values, ("r", "i")))


def write_npz(path, values):
    np.savez(path, H=values, other=1)


def write_npz_packed(path, values):
    np.savez_compressed(path, H=values.astype(complex if np.iscomplexobj(values) else float))


WRITERS = {
    "x5.mat": write_mat_5,
    "x7.mat": write_mat_7,
    "x73.mat": write_mat_73,
    "x.h5": write_h5,
    "pairs.h5": write_h5_pairs,
    "x.npy": write_npy,
    "f.npy": write_npy_columns_first,
    "pairs.npy": write_npy_pairs,
    "x.npz": write_npz,
    "packed.npz": write_npz_packed,
}


def source(file, axes=ORDER, **parameters: object) -> ResponseSource:
    wanted = {"carrier_hz": 3.5e9, "bandwidth_hz": 20e6, "normalise": False, "file": file, "axes": axes} | parameters
    return ResponseSource(ResponseParameters(**wanted), seed=0, device=torch.device("cpu"))


def expected(first: int = 0, last: int = N) -> torch.Tensor:
    return torch.from_numpy(channels()[first:last].reshape(last - first, N_TIMES, N_SUBCARRIERS, N_RX * N_TX))


ALL = Snapshots.every(1e-3, N_TIMES)
# Every axis comes first, last, and next to every other.
ORDERS = list(itertools.permutations(ORDER))[::7]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("axes", ORDERS)
def test_every_format_and_order_gives_the_same_tensors(tmp_path, name, axes):
    WRITERS[name](tmp_path / name, channels().transpose([ORDER.index(axis) for axis in axes]))
    opened = source(tmp_path / name, axes, dt_s=1e-3)
    assert opened.n_samples("test") == N
    assert opened.array == ArrayShape(1, 1, N_TX, N_RX)
    assert (opened.grid.n_subcarriers, opened.grid.bandwidth_hz, opened.grid.carrier_hz) == (N_SUBCARRIERS, 20e6, 3.5e9)
    for first, last in ((0, N), (2, 4)):
        response = opened.read("test", first, last, ALL).response
        assert response.dtype == torch.complex64
        assert torch.equal(response, expected(first, last))
    assert torch.equal(opened.read("test", 1, 2, Snapshots.every(2e-3, 2)).response, expected(1, 2)[:, ::2])


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("axes", [("sample", "subcarrier", "port"), ("sample", "port", "subcarrier")])
def test_ports_are_ue_antennas_times_bs_ports(tmp_path, name, axes):
    still = channels()[:, 0].reshape(N, N_SUBCARRIERS, N_RX * N_TX)
    WRITERS[name](tmp_path / name, still if axes[1] == "subcarrier" else still.swapaxes(1, 2))
    opened = source(tmp_path / name, axes, n_rx=N_RX, n_polarizations=2)
    assert opened.array == ArrayShape(2, 1, 2, N_RX)
    assert torch.equal(opened.read("test", 0, N, Snapshots()).response, expected()[:, :1])


@pytest.mark.parametrize("name", [name for name in WRITERS if "pairs" not in name])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_parts_along_an_axis(tmp_path, name, place):
    still = channels()[:, 0, :, 0]
    parts = np.stack((still.real, still.imag), axis=place)
    axes = ["sample", "subcarrier", "tx"]
    axes.insert(place, "real_imag")
    WRITERS[name](tmp_path / name, parts.real)
    response = source(tmp_path / name, tuple(axes)).read("test", 0, N, Snapshots()).response
    assert torch.equal(response, torch.from_numpy(still[:, None]))


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("axes", [("sample", "subcarrier", "port"), ("subcarrier", "port", "sample")])
def test_one_sample_and_one_port(tmp_path, name, axes):
    """MATLAB drops axes of length 1 at the end."""
    one = channels()[:1, 0, :, 0, :] if axes[0] == "subcarrier" else channels()[:, 0, :, 0, :1]
    WRITERS[name](tmp_path / name, one.transpose(1, 2, 0) if axes[0] == "subcarrier" else one)
    response = source(tmp_path / name, axes).read("test", 0, len(one), Snapshots()).response
    assert torch.equal(response, torch.from_numpy(one[:, None]))


def test_integer_pairs(tmp_path):
    values = np.round(100 * channels()[:, 0, :, 0])
    write_h5_integer_pairs(tmp_path / "x.h5", values)
    response = source(tmp_path / "x.h5", ("sample", "subcarrier", "tx")).read("test", 0, N, Snapshots()).response
    assert torch.equal(response, torch.from_numpy(values[:, None]))


def test_normalised_at_the_first_snapshot_and_split(tmp_path):
    write_npy(tmp_path / "x.npy", channels())
    opened = source(tmp_path / "x.npy", dt_s=1e-3, normalise=True, train_fraction=0.5, validation_fraction=0.17)
    assert [opened.n_samples(split) for split in ("train", "validation", "test")] == [3, 1, 2]
    response = opened.read("test", 0, 2, ALL).response
    power = response.abs().square().mean(dim=(2, 3))
    torch.testing.assert_close(power[:, 0], torch.ones(2), rtol=1e-6, atol=0)
    # One factor for all snapshots of a sample.
    factor = response / expected(4, 6)
    torch.testing.assert_close(factor, factor[:, :1, :1, :1].expand_as(factor), rtol=1e-6, atol=1e-6)


STILL = ("sample", "subcarrier", "port")


@pytest.mark.parametrize(
    ("values", "parameters", "match"),
    [
        (channels(), {}, "H: got complex values of shape 6 x 3 x 5 x 2 x 4, expected numbers with 3 axes"),
        (channels()[:, 0, :, 0].real, {}, "got real numbers, expected complex ones, or an axis real_imag"),
        (channels()[:, 0], {"axes": (*STILL, "real_imag")}, "got complex numbers, expected real numbers along"),
        (channels()[:, 0].real, {"axes": (*STILL[:2], "real_imag", "port")}, None),
        (
            channels()[:, :, 0].real,
            {"axes": ("sample", "real_imag", "subcarrier", "tx")},
            "real_imag: got 3, expected 2",
        ),
        (channels()[:, 0, :, 0], {"n_rows": 3}, "got 4 ports, expected a multiple of UE .* n_rows, 3"),
        (channels()[:, 0, :, 0], {"variable": "Hest"}, "got the .*H.*, expected Hest"),
        (np.full((2, 5, 4), np.nan, np.complex64), {}, "H: got NaN or infinity"),
        (np.full((2, 5, 4), 1e39 + 0j), {}, "H: got NaN or infinity"),
        (np.zeros((0, 5, 4), np.complex64), {}, "H: got complex values of shape 0 x 5 x 4"),
        (np.full((2, 5, 4), "x"), {}, "got (other )?values of "),
    ],
)
@pytest.mark.parametrize("name", ["x5.mat", "x.h5", "x.npz"])
def test_other_arrays_are_refused(tmp_path, name, values, parameters, match):
    if values.dtype.kind == "U" and name == "x.h5":
        values = values.astype("S1")
    WRITERS[name](tmp_path / name, values)
    parameters = {"axes": STILL} | parameters
    if match is None:
        source(tmp_path / name, **parameters).read("test", 0, 1, Snapshots())
        return
    with pytest.raises(ChannelInputError, match=match) as caught:
        source(tmp_path / name, **parameters).read("test", 0, 1, Snapshots())
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_a_file_of_matlabs_name_without_matlabs_mark_needs_a_choice(tmp_path):
    path = tmp_path / "x.mat"
    write_h5(path, channels()[:, 0, :, 0])
    with pytest.raises(ChannelInputError, match=r"x\.mat: H: got no MATLAB_class .* layout: matlab .* or numpy"):
        source(path, STILL)
    still = torch.from_numpy(channels()[:, :1, :, 0])
    assert torch.equal(source(path, STILL, layout="numpy").read("test", 0, N, Snapshots()).response, still)
    # The same bytes, read as MATLAB would show them.
    turned = source(path, STILL[::-1], layout="matlab").read("test", 0, N, Snapshots()).response
    assert torch.equal(turned, still)


@pytest.mark.parametrize("name", ["x.h5", "x.npy", "x.npz"])
def test_only_matlab_drops_axes(tmp_path, name):
    WRITERS[name](tmp_path / name, channels()[:, 0, :, 0, 0])
    with pytest.raises(ChannelInputError, match="got complex values of shape 6 x 5, expected numbers with 3 axes"):
        source(tmp_path / name, STILL)


def test_missing_files_samples_and_motion_are_refused(tmp_path):
    def refused(match, snapshots=Snapshots(), stop=1, **parameters):  # noqa: B008
        with pytest.raises(ChannelInputError, match=match):
            source(tmp_path / "x.npy", **parameters).read("test", 0, stop, snapshots)

    refused("x.npy: no such file, expected H in a .mat")
    write_npy(tmp_path / "x.npy", channels())
    refused("got test samples 0 to 6, expected a range within the 6 it has", stop=7)
    refused("got 2 snapshots, expected 1: the file holds no motion", Snapshots.every(1e-3, 2))
    refused("expected at most 0.002 s in all", Snapshots.every(1e-3, 4), dt_s=1e-3)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"axes": ("sample", "subcarrier")}, "axes: got sample, subcarrier, expected"),
        ({"axes": ("sample", "subcarrier", "port", "tx")}, "axes: got"),
        ({"axes": ("sample", "subcarrier", "rx")}, "axes: got"),
        ({"axes": ("sample", "sample", "subcarrier", "port")}, "axes: got"),
        ({"n_rx": 2}, "n_rx: got 2 and an axis rx"),
        ({"axes": STILL, "dt_s": 1e-3}, "dt_s: got 0.001, expected an axis time"),
        ({"train_fraction": 0.7, "validation_fraction": 0.7}, "train_fraction"),
    ],
)
def test_wrong_parameters_are_refused(parameters, match):
    with pytest.raises(ValidationError, match=match):
        source("x.npy", **parameters)


def test_a_large_file_is_read_in_slices(tmp_path):
    """A file of holes, 64 GiB of zeros, that can only be read in slices."""
    path = tmp_path / "large.npy"
    header = np.lib.format.header_data_from_array_1_0(np.empty((1, 1, 1), np.complex64)) | {"shape": (2**27, 16, 4)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 2**27 * 16 * 4 * 8)
    opened = source(path, STILL)
    assert opened.n_samples("test") == 2**27
    assert not opened.read("test", 2**27 - 50, 2**27, Snapshots()).response.any()
