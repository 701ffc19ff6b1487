"""Export in the layout of the public CsiNet files, and back through the source that reads these."""

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from made_up_dataset import ARRAY, N_DELAY, made_up_arrays, made_up_plan, write_dataset

from channels.channel_batch import Snapshots
from channels.dataset.csinet_export import csinet_images, export_csinet
from channels.dataset.file import DatasetFile
from channels.errors import ChannelInputError
from channels.sources.mat import MatSource
from channels.sources.parameters.mat import MatParameters

FILES = ["DATA_HtestFin_all.mat", "DATA_Htestin.mat", "DATA_Htrainin.mat", "DATA_Hvalin.mat"]


@pytest.fixture
def dataset(tmp_path) -> DatasetFile:
    plan = made_up_plan()
    return DatasetFile(write_dataset(tmp_path / "set.h5", plan, made_up_arrays(plan)))


@pytest.fixture(params=["5", "7.3"])
def version(request):
    return request.param


def test_round_trip_through_the_mat_source(dataset, version, tmp_path):
    written = export_csinet(dataset, tmp_path / "mat", version, overwrite=False)
    assert sorted(path.name for path in written) == FILES
    assert sorted(path.name for path in (tmp_path / "mat").iterdir()) == FILES
    parameters = MatParameters(
        train_file=tmp_path / "mat/DATA_Htrainin.mat",
        validation_file=tmp_path / "mat/DATA_Hvalin.mat",
        test_file=tmp_path / "mat/DATA_Htestin.mat",
        hf_all_file=tmp_path / "mat/DATA_HtestFin_all.mat",
        n_delay=N_DELAY,
        n_columns=ARRAY.n_columns,
        n_subcarriers=64,
        normalise=False,
    )
    channels = MatSource(parameters, seed=0, device=torch.device("cpu"))
    for split, csi in made_up_arrays(made_up_plan()).items():
        if split == "hf_all":
            continue
        expected = csi / (2 * np.abs(csi).max(axis=(1, 2), keepdims=True))
        read = channels.read_truncated(split, 0, len(csi), N_DELAY).numpy()
        # The offset of 0.5 leaves half an ulp of 1 (6e-8); then two unitary DFTs of up to 64 points in float32.
        np.testing.assert_allclose(read, expected, atol=1e-6)
    reference = channels.read("test", 0, 5, Snapshots()).hf_all
    assert np.array_equal(reference.numpy(), made_up_arrays(made_up_plan())["hf_all"])


def test_layout_as_matlab_and_the_public_scripts_see_it(dataset, version, tmp_path):
    export_csinet(dataset, tmp_path, version, overwrite=False)
    if version == "5":
        images = scipy.io.loadmat(tmp_path / "DATA_Htestin.mat")["HT"]
        reference = scipy.io.loadmat(tmp_path / "DATA_HtestFin_all.mat")["HF_all"]
    else:
        assert (tmp_path / "DATA_Htestin.mat").read_bytes().startswith(b"MATLAB 7.3 MAT-file")
        with h5py.File(tmp_path / "DATA_Htestin.mat") as file:
            assert file["HT"].attrs["MATLAB_class"] == b"single"
            images = file["HT"][:].T
        with h5py.File(tmp_path / "DATA_HtestFin_all.mat") as file:
            assert file["HF_all"].attrs["MATLAB_class"] == b"single"
            pairs = file["HF_all"][:].T
            reference = pairs["real"] + 1j * pairs["imag"]
    arrays = made_up_arrays(made_up_plan())
    csi, hf_all = arrays["test"], arrays["hf_all"]
    assert images.dtype == np.float32
    assert images.shape == (5, 2 * ARRAY.n_columns * N_DELAY)
    assert images.min() >= 0
    assert images.max() <= 1
    parts = images.reshape(5, 2, ARRAY.n_columns, N_DELAY)
    scale = 2 * np.abs(csi[3]).max()
    # One rounding at 0.5 to 1.
    assert parts[3, 0, 2, 1] == pytest.approx(0.5 + csi[3, 1, 2].real / scale, abs=1.2e-7)
    assert parts[3, 1, 2, 1] == pytest.approx(0.5 + csi[3, 1, 2].imag / scale, abs=1.2e-7)
    assert reference.shape == (5, ARRAY.n_columns * 125)
    assert np.array_equal(reference.reshape(5, ARRAY.n_columns, 125)[2, 1, 7], hf_all[2, 7, 1])


def test_images_have_a_largest_modulus_of_a_half():
    csi = made_up_arrays(made_up_plan())["train"]
    csi[1] = 0
    csi[2] = csi[2].real
    csi[3, 0, 0] = 1e3
    images = csinet_images(csi)
    assert images.min() >= 0
    assert images.max() <= 1
    real, imag = (images.astype(np.float64) - 0.5).reshape(len(csi), 2, -1).swapaxes(0, 1)
    expected = np.full(len(csi), 0.5)
    expected[1] = 0
    # Half an ulp of 1 from the offset in each part.
    np.testing.assert_allclose(np.hypot(real, imag).max(axis=1), expected, atol=1e-7)


def test_existing_files_are_kept(dataset, version, tmp_path):
    (tmp_path / "DATA_Hvalin.mat").write_text("precious")
    with pytest.raises(ChannelInputError, match=r"DATA_Hvalin\.mat: exists, --force replaces it"):
        export_csinet(dataset, tmp_path, version, overwrite=False)
    assert (tmp_path / "DATA_Hvalin.mat").read_text() == "precious"
    assert not (tmp_path / "DATA_Htrainin.mat").exists()
    export_csinet(dataset, tmp_path, version, overwrite=True)
    assert (tmp_path / "DATA_Hvalin.mat").read_bytes()[:6] == b"MATLAB"


def test_empty_splits_and_missing_references_give_no_file(tmp_path, version):
    plan = made_up_plan(samples={"train": 0, "validation": 0, "test": 3}, hf_all=False)
    dataset = DatasetFile(write_dataset(tmp_path / "set.h5", plan, made_up_arrays(plan)))
    assert export_csinet(dataset, tmp_path, version, overwrite=False) == [tmp_path / "DATA_Htestin.mat"]


def test_what_version_5_cannot_hold_is_refused(tmp_path):
    """3 GiB on paper: nothing is read before the refusal."""
    plan = made_up_plan(hf_all=False)
    dataset = DatasetFile(write_dataset(tmp_path / "set.h5", plan, made_up_arrays(plan)))
    big = made_up_plan(samples={"train": 2**24, "validation": 0, "test": 0}, hf_all=False)
    dataset.manifest = dataset.manifest.model_copy(update={"samples": big.samples})
    with pytest.raises(ChannelInputError, match=r"train: got 3\.0 GiB, expected at most 2 GiB .* use 7\.3"):
        export_csinet(dataset, tmp_path / "mat", "5", overwrite=False)
    assert not (tmp_path / "mat").exists()
