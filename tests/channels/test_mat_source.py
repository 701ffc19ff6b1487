"""The public COST 2100 files of CsiNet, and bad files in their place."""

from functools import cache

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.channel_batch import Snapshots
from channels.errors import ChannelInputError
from channels.formats.mat5 import read_variable
from channels.sources.mat import MatSource
from channels.sources.parameters.mat import MatParameters
from channels.transforms.angular_delay import AngularDelayTransform

N, N_COLUMNS, N_DELAY = 7, 4, 3
WIDTH = 2 * N_COLUMNS * N_DELAY


def images(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((N, WIDTH), dtype=np.float32)


def hf_all() -> np.ndarray:
    values = np.random.default_rng(2).standard_normal((2, N, N_COLUMNS * 125))
    return values[0] + 1j * values[1]


def write_version_5(path, **variables):
    scipy.io.savemat(path, variables)


def write_version_73(path, **variables):
    """As MATLAB does: a 512-byte header, axes reversed, complex numbers as a compound of real and imag."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in variables.items():
            if np.iscomplexobj(values):
                pairs = np.empty(values.T.shape, dtype=[("real", "f8"), ("imag", "f8")])
                pairs["real"], pairs["imag"] = values.T.real, values.T.imag
                file[name] = pairs
            else:
                file[name] = values.T
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def write_compressed(path, **variables):
    scipy.io.savemat(path, variables, do_compression=True)


WRITERS = {"version 5": write_version_5, "version 7": write_compressed, "version 7.3": write_version_73}


@pytest.fixture(params=WRITERS)
def write(request):
    return WRITERS[request.param]


def source(**parameters: object) -> MatSource:
    small = {"n_delay": N_DELAY, "n_columns": N_COLUMNS, "n_subcarriers": 16}
    return MatSource(MatParameters(**(small | parameters)), seed=0, device=torch.device("cpu"))


def test_axes_and_offset(tmp_path, write):
    values = images()
    write(tmp_path / "test.mat", HT=values)
    channels = source(test_file=tmp_path / "test.mat", normalise=False)
    assert channels.n_samples("test") == N
    assert channels.n_samples("train") == 0
    response = channels.read("test", 2, 5, Snapshots()).response
    assert response.shape == (3, 1, 16, N_COLUMNS)
    assert response.dtype == torch.complex64
    csi = AngularDelayTransform(channels.grid, channels.array, N_DELAY).truncate(response[:, 0])
    for delay in range(N_DELAY):
        for angle in range(N_COLUMNS):
            position = angle * N_DELAY + delay
            real, imag = values[2:5, position] - 0.5, values[2:5, N_COLUMNS * N_DELAY + position] - 0.5
            # Two unitary DFTs of up to 16 points in float32.
            np.testing.assert_allclose(csi[:, delay, angle].numpy(), real + 1j * imag, atol=1e-6)


def test_normalised_to_mean_power_1(tmp_path, write):
    values = images()
    values[3] = 0.5
    write(tmp_path / "test.mat", HT=values)
    power = source(test_file=tmp_path / "test.mat").read("test", 0, N, Snapshots()).response.abs().square()
    expected = torch.ones(N)
    expected[3] = 0
    torch.testing.assert_close(power.mean(dim=(1, 2, 3)), expected, rtol=1e-5, atol=0)


def test_double_precision_files_are_read(tmp_path, write):
    write(tmp_path / "test.mat", HT=images().astype(np.float64))
    assert source(test_file=tmp_path / "test.mat").read("test", 0, N, Snapshots()).response.dtype == torch.complex64


def test_hf_all_belongs_to_the_test_split(tmp_path, write):
    reference = hf_all()
    write(tmp_path / "images.mat", HT=images())
    write(tmp_path / "hf.mat", HF_all=reference)
    files = {"train_file": tmp_path / "images.mat", "test_file": tmp_path / "images.mat"}
    channels = source(**files, hf_all_file=tmp_path / "hf.mat")
    read = channels.read("test", 1, 4, Snapshots()).hf_all
    assert read is not None
    assert read.dtype == torch.complex64
    np.testing.assert_allclose(read.numpy(), reference.reshape(N, N_COLUMNS, 125)[1:4].swapaxes(1, 2), rtol=1e-6)
    assert channels.read("train", 1, 4, Snapshots()).hf_all is None


def refused(match: str, split: str = "test", snapshots: Snapshots = Snapshots(), **parameters: object) -> None:  # noqa: B008
    with pytest.raises(ChannelInputError, match=match) as caught:
        source(**parameters).read(split, 0, 2, snapshots)
    assert "\n" not in str(caught.value)


def with_value(value: float) -> np.ndarray:
    values = images()
    values[1, 5] = value
    return values


@pytest.mark.parametrize(
    ("variables", "match"),
    [
        ({"X": images()}, "got .* X, expected HT"),
        ({"HT": images()[:, :-1]}, "HT: got shape 7 x 23, expected N x 24"),
        ({"HT": with_value(np.nan)}, "HT: got NaN or infinity"),
        ({"HT": with_value(np.inf)}, "HT: got NaN or infinity"),
        ({"HT": with_value(1.5)}, "HT: got values from .* to 1.5, expected 0 to 1"),
        ({"HT": with_value(-0.1)}, "HT: got values from -0.1 to .*, expected 0 to 1"),
        ({"HT": images() + 1j}, "HT: got complex values, expected real"),
    ],
)
def test_wrong_images_are_refused(tmp_path, write, variables, match):
    write(tmp_path / "test.mat", **variables)
    refused(match, test_file=tmp_path / "test.mat")


def test_wrong_hf_all_is_refused(tmp_path, write):
    write(tmp_path / "test.mat", HT=images())
    files = {"test_file": tmp_path / "test.mat", "hf_all_file": tmp_path / "hf.mat"}
    write(tmp_path / "hf.mat", HF_all=hf_all().real)
    refused("HF_all: got real values, expected complex", **files)
    write(tmp_path / "hf.mat", HF_all=hf_all()[:-1])
    refused("HF_all: got 6 samples, expected 7", **files)
    write(tmp_path / "hf.mat", HF_all=hf_all()[:, :-1])
    refused("HF_all: got shape 7 x 499, expected N x 500", **files)


def test_text_in_place_of_numbers_is_refused(tmp_path):
    scipy.io.savemat(tmp_path / "test.mat", {"HT": np.array([["text"] * WIDTH], dtype=object)})
    refused("HT: got other values, expected real", test_file=tmp_path / "test.mat")


@pytest.mark.parametrize("variables", [{"A": 1.0, "HT": images()}, {"text": "abc", "cell": [{"a": 1}], "HT": images()}])
def test_other_variables_are_passed_over(tmp_path, variables):
    for compressed in (False, True):
        scipy.io.savemat(tmp_path / "test.mat", variables, do_compression=compressed)
        channels = source(test_file=tmp_path / "test.mat")
        assert torch.isfinite(channels.read("test", 0, N, Snapshots()).response.abs()).all()


@pytest.mark.parametrize("dtype", ["f8", "f4", "i1", "u1", "i4", "u8"])
@pytest.mark.parametrize("compressed", [False, True])
def test_version_5_numbers_of_every_type(tmp_path, dtype, compressed):
    expected = np.arange(15).reshape(3, 5).astype(dtype)
    scipy.io.savemat(tmp_path / "x.mat", {"X": expected, "Z": expected * (1 + 2j)}, do_compression=compressed)
    assert np.array_equal(read_variable(tmp_path / "x.mat", "X"), expected)
    assert np.array_equal(read_variable(tmp_path / "x.mat", "Z"), expected * (1 + 2j))


@cache
def intact(writer, path):
    WRITERS[writer](path, HT=images())
    return path.read_bytes()


@settings(max_examples=200, deadline=None)
@given(position=st.integers(0, 10**6), value=st.integers(0, 255), writer=st.sampled_from(sorted(WRITERS)))
def test_a_wrong_byte_is_read_or_refused(tmp_path_factory, position, value, writer):
    path = tmp_path_factory.getbasetemp() / "wrong_byte.mat"
    content = bytearray(intact(writer, path))
    content[position % len(content)] = value
    path.write_bytes(content)
    message = ""
    try:
        response = source(test_file=path).read("test", 0, 2, Snapshots()).response
    except ChannelInputError as error:
        message = str(error)
    assert "\n" not in message
    assert message or torch.isfinite(response.abs()).all()


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_truncated_files_are_refused(tmp_path, write, share):
    write(tmp_path / "test.mat", HT=np.tile(images(), (50, 1)))
    whole = (tmp_path / "test.mat").read_bytes()
    (tmp_path / "test.mat").write_bytes(whole[: int(share * len(whole))])
    refused("test.mat", test_file=tmp_path / "test.mat")


@pytest.mark.parametrize(
    "content", [b"", b"HT = 1\n", b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\xff" * 99]
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "test.mat").write_bytes(content)
    refused("test.mat", test_file=tmp_path / "test.mat")


def test_missing_files_splits_samples_and_motion_are_refused(tmp_path):
    refused("no such file", test_file=tmp_path / "none.mat")
    write_version_5(tmp_path / "test.mat", HT=images()[:1])
    refused("train_file: got none", split="train", test_file=tmp_path / "test.mat")
    refused("got samples 0 to 1, expected a range within the 1 it has", test_file=tmp_path / "test.mat")
    refused("got 2 snapshots, expected 1", snapshots=Snapshots.every(1e-3, 2), test_file=tmp_path / "test.mat")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "test_file: got no file"),
        ({"train_file": "a.mat", "hf_all_file": "b.mat"}, "hf_all_file: got no test_file"),
        ({"test_file": "a.mat", "n_delay": 64, "n_subcarriers": 32}, "n_delay: got 64, expected at most"),
    ],
)
def test_wrong_parameters_are_refused(parameters, message):
    with pytest.raises(ValidationError, match=message):
        MatParameters(**parameters)


# Published profiles of the reference files (share of the energy): by delay 0..3, by angle 0, 1, 15, 16.
PROFILES = {
    "indoor": ((0.1340, 0.5778, 0.1628, 0.0556), (0.0210, 0.0254, 0.0743, 0.1183)),
    "outdoor": ((0.0004, 0.0005, 0.0011, 0.0038), (0.0461, 0.0459, 0.0049, 0.0422)),
}


@pytest.mark.parametrize("place", PROFILES)
def test_reference_files_have_their_published_profiles(reference_data, place):
    file = reference_data / f"DATA_Htest_{place}_cost2100_N2000.mat"
    if not file.exists():
        pytest.skip(f"no {file.name}")
    channels = MatSource(
        MatParameters(test_file=file, normalise=False, n_subcarriers=32), seed=0, device=torch.device("cpu")
    )
    assert channels.n_samples("test") == 2000
    transform = AngularDelayTransform(channels.grid, channels.array, 32)
    csi = transform.truncate(channels.read("test", 0, 2000, Snapshots()).response[:, 0])
    power = csi.abs().double().square()
    by_delay, by_angle = power.sum(dim=(0, 2)) / power.sum(), power.sum(dim=(0, 1)) / power.sum()
    delays, angles = PROFILES[place]
    # The published shares have four decimals.
    np.testing.assert_allclose(by_delay[:4], delays, atol=6e-5)
    np.testing.assert_allclose(by_angle[[0, 1, 15, 16]], angles, atol=6e-5)
    # Images are scaled to a largest modulus of 0.5.
    assert csi.abs().amax(dim=(1, 2)).sub(0.5).abs().max() < 1e-5


@pytest.mark.parametrize("excess", [1e-7, 9e-7])
def test_rounding_beyond_the_range_is_taken(tmp_path, write, excess):
    values = images().astype(np.float64)
    values[0, 0], values[1, 1] = 1 + excess, -excess
    write(tmp_path / "test.mat", HT=values)
    response = source(test_file=tmp_path / "test.mat", normalise=False).read("test", 0, N, Snapshots()).response
    # Unitary: the energy of the images, in float32.
    energy = np.square(values - 0.5).sum(axis=1)
    np.testing.assert_allclose(response.abs().square().sum(dim=(1, 2, 3)), energy, rtol=1e-5)


def test_the_message_has_the_digits_that_matter(tmp_path, write):
    values = images().astype(np.float64)
    values[0, 0] = 1 + 3e-6
    write(tmp_path / "test.mat", HT=values)
    refused(r"HT: got values from 0\.\d+ to 1\.000003, expected 0 to 1", test_file=tmp_path / "test.mat")


def test_variables_of_other_names(tmp_path, write):
    write(tmp_path / "test.mat", HT=images(), H_train=images(2), HF_all=hf_all(), reference=hf_all())
    files = {"test_file": tmp_path / "test.mat", "hf_all_file": tmp_path / "test.mat"}
    named = source(**files, variable="H_train", hf_all_variable="reference").read("test", 0, N, Snapshots())
    write(tmp_path / "plain.mat", HT=images(2), HF_all=hf_all())
    plain = source(test_file=tmp_path / "plain.mat", hf_all_file=tmp_path / "plain.mat").read("test", 0, N, Snapshots())
    assert torch.equal(named.response, plain.response)
    assert torch.equal(named.hf_all, plain.hf_all)
    refused("got the .*H_train.*, expected H", variable="H", test_file=tmp_path / "test.mat")
