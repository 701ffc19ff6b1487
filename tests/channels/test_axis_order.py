"""HDF5 files in MATLAB's and in NumPy's order of axes: told apart by MATLAB's mark or the shape, or refused."""

import h5py
import numpy as np
import pytest
import torch

from channels.channel_batch import Snapshots
from channels.errors import ChannelInputError
from channels.formats.axis_order import decided_order
from channels.source import SOURCES
from tests.channels import made_up_links

N_COLUMNS, N_DELAY = 4, 3
WIDTH = 2 * N_COLUMNS * N_DELAY


def read(source: str, **parameters: object) -> torch.Tensor:
    cls = SOURCES.get_class(source)
    opened = cls(cls.Parameters(**parameters), seed=0, device=torch.device("cpu"))
    return opened.read("test", 0, opened.n_samples("test"), Snapshots()).response


def read_mat(path, **parameters: object) -> torch.Tensor:
    return read("mat", test_file=path, n_delay=N_DELAY, n_columns=N_COLUMNS, n_subcarriers=16, **parameters)


def images(n: int) -> np.ndarray:
    return np.random.default_rng(n).random((n, WIDTH))


def write(path, name, values, marked=False, in_header=False):
    with h5py.File(path, "w", userblock_size=512) as file:
        dataset = file.create_dataset(name, data=values)
        if marked:
            dataset.attrs["MATLAB_class"] = np.bytes_("double")
        if name == "X":
            file.attrs.update({"fc": 5.3e9, "B": 20e6, "Nc": 16, "Nt": 4})
    if in_header:
        with path.open("r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return path


def refused(match: str, action, *arguments: object, **parameters: object) -> None:
    with pytest.raises(ChannelInputError, match=match) as caught:
        action(*arguments, **parameters)
    assert "\n" not in str(caught.value)


ASKED = r"no MATLAB_class attribute and a shape that fits both orders .* layout: matlab .* or numpy"


@pytest.mark.parametrize("mark", ["marked", "in_header"])
@pytest.mark.parametrize("n", [7, WIDTH])
def test_matlabs_mark_decides_for_images(tmp_path, mark, n):
    marked = read_mat(write(tmp_path / "m.mat", "HT", images(n).T, **{mark: True}))
    assert torch.equal(marked, read_mat(write(tmp_path / "n.mat", "HT", images(n)), layout="numpy"))
    # The mark outranks the shape, and the key outranks the mark.
    wrong = write(tmp_path / "w.mat", "HT", images(n), **{mark: True})
    assert torch.equal(read_mat(wrong, layout="numpy"), marked)


def test_the_shape_decides_for_images_or_the_key(tmp_path):
    few, square = images(7), images(WIDTH)
    assert torch.equal(read_mat(write(tmp_path / "n.mat", "HT", few)), read_mat(write(tmp_path / "m.mat", "HT", few.T)))
    path = write(tmp_path / "square.mat", "HT", square)
    refused(rf"square\.mat: HT: got {ASKED}", read_mat, path)
    by_rows, by_columns = read_mat(path, layout="numpy"), read_mat(path, layout="matlab")
    assert not torch.equal(by_rows, by_columns)
    assert torch.equal(by_rows, read_mat(write(tmp_path / "m.mat", "HT", square.T, marked=True)))
    refused(
        "HT: got shape 24 x 7, expected N x 24, or the key layout: numpy",
        read_mat,
        write(tmp_path / "x.mat", "HT", few, marked=True),
    )


def matrices(*shape: int) -> np.ndarray:
    values = np.random.default_rng(1).standard_normal((2, *shape)).astype(np.float32)
    return values[0] + 1j * values[1]


def pairs(values: np.ndarray, names: tuple[str, str]) -> np.ndarray:
    compound = np.empty(values.shape, dtype=[(names[0], "f4"), (names[1], "f4")])
    compound[names[0]], compound[names[1]] = values.real, values.imag
    return compound


@pytest.mark.parametrize("names", [("real", "imag"), ("r", "i")])
@pytest.mark.parametrize("shape", [(6, 8, 4), (6, 3, 8, 4), (4, 8, 4), (4, 3, 8, 4)])
def test_hdf5_matrices_in_either_order(tmp_path, shape, names):
    """With as many samples as antennas, 4, the shape does not decide."""
    values = matrices(*shape)
    times = {} if len(shape) == 3 else {"dt": 1e-3}

    def written(name: str, stored: np.ndarray, **mark: bool):
        path = write(tmp_path / name, "X", stored, **mark)
        with h5py.File(path, "r+") as file:
            file.attrs.update(times)
        return path

    expected = read("hdf5", file=written("n.h5", values), layout="numpy")
    turned = pairs(values, names).T
    assert torch.equal(read("hdf5", file=written("m.h5", turned, marked=True)), expected)
    for name, stored in (("plain.h5", values), ("turned.h5", turned)):
        path = written(name, stored)
        if shape[0] == 4:
            refused(f"{name}: X: got {ASKED}", read, "hdf5", file=path)
            assert torch.equal(read("hdf5", file=path, layout="numpy" if name == "plain.h5" else "matlab"), expected)
        else:
            assert torch.equal(read("hdf5", file=path), expected)


def write_fields(path, link, order, marked=False):
    with h5py.File(path, "w") as file:
        for name, values in link.items():
            stored = made_up_links.as_matlab(values) if order == "matlab" else values
            dataset = file.create_dataset(name, data=stored)
            if marked:
                dataset.attrs["MATLAB_class"] = np.bytes_("double")
    return path


@pytest.mark.parametrize("individual_delays", [False, True])
@pytest.mark.parametrize("order", ["matlab", "numpy"])
def test_quadriga_fields_in_either_order(tmp_path, order, individual_delays):
    """With delays of their own for each pair of antennas both fields have one shape, which fits either order."""
    link = made_up_links.made_up_links(individual_delays)[0]
    expected = torch.from_numpy(made_up_links.direct_response(link))

    def response(path, **parameters: object) -> torch.Tensor:
        return made_up_links.source(path, **parameters).read("test", 0, 1, made_up_links.ALL).response[0]

    def same(found: torch.Tensor) -> bool:
        return bool(np.allclose(found, expected, rtol=0, atol=made_up_links.TOLERANCE * expected.abs().max()))

    path = write_fields(tmp_path / "links.mat", link, order)
    if individual_delays:
        refused(rf"links\.mat: link 1: coeff: got {ASKED}", response, path)
    else:
        assert same(response(path))
    assert same(response(path, layout=order))
    if order == "matlab":
        assert same(response(write_fields(tmp_path / "marked.mat", link, order, marked=True)))


@pytest.mark.parametrize(
    ("wanted", "marked", "fits_matlab", "fits_numpy", "order"),
    [
        ("numpy", True, True, False, "numpy"),
        ("matlab", False, False, True, "matlab"),
        (None, True, True, True, "matlab"),
        (None, True, False, True, "matlab"),
        (None, False, True, False, "matlab"),
        (None, False, False, True, "numpy"),
        (None, False, False, False, "matlab"),
        (None, False, True, True, None),
    ],
)
def test_who_decides(wanted, marked, fits_matlab, fits_numpy, order):
    fits = {"fits_matlab": fits_matlab, "fits_numpy": fits_numpy}
    if order is None:
        refused(f"x: got {ASKED}", decided_order, wanted, marked=marked, **fits, what="x")
    else:
        assert decided_order(wanted, marked=marked, **fits, what="x") == order
