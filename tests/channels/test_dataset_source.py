"""The source that reads a built data set."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made_up_dataset import ARRAY, N_DELAY, made_up_arrays, made_up_plan, write_dataset

from channels.channel_batch import ArrayShape, Snapshots
from channels.errors import ChannelInputError
from channels.sources.dataset import DatasetSource
from channels.sources.parameters.cost2100 import Cost2100Parameters
from channels.sources.parameters.dataset import DatasetParameters
from channels.transforms.angular_delay import AngularDelayTransform


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    full = Cost2100Parameters(environment="indoor", placement="paper").model_dump(mode="json")
    plan = made_up_plan(parameters=full)
    return write_dataset(tmp_path_factory.mktemp("source") / "set.h5", plan, made_up_arrays(plan))


def source(file: Path, **parameters: object) -> DatasetSource:
    return DatasetSource(DatasetParameters(file=file, **parameters), seed=0, device=torch.device("cpu"))


def test_the_splits_come_back(file):
    channels = source(file, normalise=False)
    transform = AngularDelayTransform(channels.grid, channels.array, N_DELAY)
    arrays = made_up_arrays(made_up_plan())
    for split in ("train", "validation", "test"):
        count = channels.n_samples(split)
        assert count == len(arrays[split])
        batch = channels.read(split, 1, count, Snapshots())
        assert batch.response.shape == (count - 1, 1, 64, ARRAY.n_tx)
        # Two unitary DFTs of up to 64 points in float32.
        np.testing.assert_allclose(transform.truncate(batch.response[:, 0]).numpy(), arrays[split][1:], atol=3e-6)
        if split == "test":
            assert np.array_equal(batch.hf_all.numpy(), arrays["hf_all"][1:])
        else:
            assert batch.hf_all is None


def test_normalised_to_mean_power_1(file):
    power = source(file).read("test", 0, 5, Snapshots()).response.abs().square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(power, torch.ones(5), rtol=1e-5, atol=0)


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("n_delay", [1, N_DELAY - 2, N_DELAY, N_DELAY + 3, 64])
def test_truncated_without_the_response(file, normalise, n_delay):
    channels = source(file, normalise=normalise)
    transform = AngularDelayTransform(channels.grid, channels.array, n_delay)
    expected = transform.truncate(channels.read("train", 2, 6, Snapshots()).response[:, 0])
    # Two DFTs of up to 64 points in float32, entries of order 1 to 5 after normalisation.
    torch.testing.assert_close(channels.read_truncated("train", 2, 6, n_delay), expected, rtol=0, atol=1e-5)


def test_planar_arrays(tmp_path):
    array = ArrayShape(2, 1, 2)
    plan = made_up_plan(array=array)
    channels = source(write_dataset(tmp_path / "planar.h5", plan, made_up_arrays(plan)), normalise=False)
    assert channels.array == array
    transform = AngularDelayTransform(channels.grid, array, N_DELAY)
    response = channels.read("train", 0, 7, Snapshots()).response[:, 0]
    np.testing.assert_allclose(transform.truncate(response).numpy(), made_up_arrays(plan)["train"], atol=3e-6)


@pytest.mark.parametrize(
    "expect",
    [
        {"source": "cost2100", "parameters": {"placement": "paper"}},
        {"source": "cost2100", "parameters": {"placement": "paper", "environment": "indoor"}, "seed": 7},
    ],
)
def test_what_is_expected_is_opened(file, expect):
    assert source(file, expect=expect).n_samples("train") == 7
    assert hash(DatasetParameters(file=file, expect=expect)) == hash(DatasetParameters(file=file, expect=expect))


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ({"source": "cost2100"}, "made with other parameters: parameters.placement: got 'paper', expected 'csinet'"),
        (
            {"source": "cost2100", "parameters": {"placement": "paper"}, "seed": 8},
            "made with other parameters: seed: got 7, expected 8",
        ),
        (
            {"source": "cost2100", "parameters": {"placement": "paper"}, "content_hash": "00"},
            "made with other parameters: content_hash: got .*, expected '00'",
        ),
        ({"source": "sionna"}, "source: got 'cost2100', expected 'sionna'$"),
        ({"source": "raytracer"}, "channel.expect.source: got 'raytracer', expected one of cost2100"),
        ({"source": "cost2100", "parameters": {"place": 1}}, "channel.expect.parameters.place: Extra inputs"),
    ],
)
def test_another_data_set_is_refused_and_the_difference_shown(file, expect, message):
    with pytest.raises(ChannelInputError, match=message) as caught:
        source(file, expect=expect)
    assert "\n" not in str(caught.value)


def test_samples_motion_and_rows_that_it_lacks_are_refused(file):
    channels = source(file)
    with pytest.raises(ChannelInputError, match="got 2 snapshots, expected 1"):
        channels.read("test", 0, 1, Snapshots.every(1e-3, 2))
    with pytest.raises(ChannelInputError, match="got train samples 5 to 7, expected a range within the 7"):
        channels.read("train", 5, 8, Snapshots())
    with pytest.raises(ChannelInputError, match="n_delay: got 65, expected 1 to 64"):
        channels.read_truncated("train", 0, 1, 65)
    with pytest.raises(ChannelInputError, match="no such file"):
        source(file.with_name("none.h5"))
