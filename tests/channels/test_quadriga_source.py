"""Links saved from QuaDRiGa in all layouts that are read."""

import h5py
import numpy as np
import pytest
import scipy.io
import torch

from channels.channel_batch import Snapshots
from channels.transforms.angular_delay import AngularDelayTransform
from tests.channels.made_up_links import (
    ALL,
    CARRIER_HZ,
    N_RX,
    N_TX,
    TOLERANCE,
    direct_response,
    made_up_links,
    source,
    write_hdf5,
    write_saved_6,
    write_struct_73,
    write_struct_array_5,
    write_struct_array_7,
    write_struct_array_73,
)


@pytest.mark.parametrize("individual_delays", [False, True])
def test_every_layout_gives_the_defining_sum(tmp_path, write_links, individual_delays):
    links = made_up_links(individual_delays)
    write_links(tmp_path / "links.mat", links)
    channels = source(tmp_path / "links.mat")
    assert channels.n_samples("test") == len(links)
    assert (channels.array.n_rx, channels.array.n_columns, channels.grid.carrier_hz) == (N_RX, N_TX, CARRIER_HZ)
    response = channels.read("test", 1, 3, ALL).response
    assert response.dtype == torch.complex64
    np.testing.assert_allclose(response, [direct_response(link) for link in links[1:]], atol=TOLERANCE)


@pytest.mark.parametrize("writer", [write_struct_73, lambda path, links: scipy.io.savemat(path, {"c": links[0]})])
def test_one_struct(tmp_path, writer):
    links = made_up_links(n_links=1)
    writer(tmp_path / "link.mat", links)
    np.testing.assert_allclose(
        source(tmp_path / "link.mat").read("test", 0, 1, ALL).response[0], direct_response(links[0]), atol=TOLERANCE
    )


def test_fields_of_one_link_as_variables(tmp_path):
    links = made_up_links(n_links=1)
    scipy.io.savemat(tmp_path / "link.mat", links[0])
    np.testing.assert_allclose(
        source(tmp_path / "link.mat").read("test", 0, 1, ALL).response[0], direct_response(links[0]), atol=TOLERANCE
    )


@pytest.mark.parametrize("individual_delays", [False, True])
def test_one_snapshot_has_three_axes(tmp_path, write_links, individual_delays):
    links = made_up_links(individual_delays)
    for link in links:
        link["coeff"] = link["coeff"][..., 0]
        link["delay"] = link["delay"][..., 0] if individual_delays else link["delay"][:, :1]
    full = [
        link
        | {
            "coeff": link["coeff"][..., None],
            "delay": link["delay"].reshape(*link["delay"].shape[: 3 if individual_delays else 1], 1),
        }
        for link in links
    ]
    write_links(tmp_path / "links.mat", full if write_links is write_hdf5 else links)
    response = source(tmp_path / "links.mat", dt_s=None).read("test", 0, 3, Snapshots()).response
    np.testing.assert_allclose(response, [direct_response(link) for link in full], atol=TOLERANCE)


def test_antennas_of_the_ue_are_chosen_in_order(tmp_path):
    links = made_up_links()
    write_struct_array_5(tmp_path / "links.mat", links)
    both = source(tmp_path / "links.mat").read("test", 0, 1, ALL).response
    swapped = source(tmp_path / "links.mat", rx_antennas=[2, 1])
    assert swapped.array.n_rx == 2
    assert torch.equal(swapped.read("test", 0, 1, ALL).response, both.unflatten(-1, (2, N_TX)).flip(-2).flatten(-2))
    one = source(tmp_path / "links.mat", rx_antennas=[2])
    assert one.array.n_rx == 1
    assert torch.equal(one.read("test", 0, 1, ALL).response, both[..., N_TX:])


def test_panels_have_the_polarisation_fastest(tmp_path):
    """Element (column c, row r, polarisation p) of a 3gpp-3d panel is number 4 c + 2 r + p for two rows."""
    links = made_up_links(n_links=1)
    links[0]["coeff"] = np.tile(np.arange(1, 9), (1, 1))[:, :, None] + 0j
    links[0]["delay"] = np.zeros((1, 1))
    write_struct_array_5(tmp_path / "links.mat", links)
    channels = source(tmp_path / "links.mat", n_rows=2, n_polarizations=2, dt_s=None)
    assert (channels.array.n_columns, channels.array.n_rows, channels.array.n_polarizations) == (2, 2, 2)
    response = channels.read("test", 0, 1, Snapshots()).response[0, 0, 0]
    assert response.real.tolist() == [1 + 4 * c + 2 * r + p for p in range(2) for r in range(2) for c in range(2)]


def test_snapshots_at_multiples_of_the_step(tmp_path):
    links = made_up_links()
    write_struct_array_73(tmp_path / "links.mat", links)
    channels = source(tmp_path / "links.mat")
    every = channels.read("test", 0, 1, ALL).response
    assert torch.equal(channels.read("test", 0, 1, Snapshots.every(2e-3, 2)).response, every[:, ::2])
    assert torch.equal(channels.read("test", 0, 1, Snapshots()).response, every[:, :1])


@pytest.mark.parametrize("individual_delays", [False, True])
def test_alignment_takes_out_the_delay_of_flight(tmp_path, individual_delays):
    links = made_up_links(individual_delays)
    late = [link | {"delay": link["delay"] + 3e-6} for link in links]
    write_struct_array_5(tmp_path / "links.mat", links)
    write_struct_array_5(tmp_path / "late.mat", late)
    responses = [
        source(tmp_path / name, delay_alignment="first_path").read("test", 0, 3, ALL).response
        for name in ("links.mat", "late.mat")
    ]
    torch.testing.assert_close(responses[0], responses[1], atol=TOLERANCE, rtol=0)
    # All paths are within 25 dB of the strongest, so the earliest one gets delay 0, in the mean over the antennas.
    first = links[0]["delay"][..., 0].reshape(-1, 5).mean(axis=0).min()
    expected = direct_response(links[0] | {"delay": links[0]["delay"] - first})
    np.testing.assert_allclose(responses[0][0], expected, atol=TOLERANCE)


def test_normalised_at_the_first_snapshot(tmp_path):
    links = made_up_links()
    links[1]["coeff"] *= 1e-9
    links[2]["coeff"] *= 0
    write_struct_array_5(tmp_path / "links.mat", links)
    power = source(tmp_path / "links.mat", normalise=True).read("test", 0, 3, ALL).response.abs().double().square()
    torch.testing.assert_close(power.mean(dim=(2, 3))[:, 0], torch.tensor([1.0, 1.0, 0.0]).double(), rtol=1e-5, atol=0)
    assert abs(power[0, 1].mean() - 1) > 1e-3


def test_links_and_splits(tmp_path, write_links):
    links = made_up_links(n_links=5)
    write_links(tmp_path / "links.mat", links)
    channels = source(tmp_path / "links.mat", links=[2, 5], train_fraction=0.5, validation_fraction=0.25)
    assert [channels.n_samples(split) for split in ("train", "validation", "test")] == [2, 1, 1]
    parts = [
        channels.read(split, 0, channels.n_samples(split), ALL).response for split in ("train", "validation", "test")
    ]
    np.testing.assert_allclose(torch.cat(parts), [direct_response(link) for link in links[1:]], atol=TOLERANCE)


@pytest.mark.parametrize("writer", [write_struct_array_7, write_struct_array_73, write_saved_6])
@pytest.mark.parametrize("alignment", ["none", "first_path"])
def test_reference_links_give_their_angular_delay_matrices(reference_data, tmp_path, writer, alignment):
    """The gains and delays of QuaDRiGa's reference file rebuild the matrices that its maker computed."""
    with h5py.File(reference_data / "quad_nlos28_20.h5") as file:
        gains, delays, expected = (file[key][:8] for key in ("cir_coeff", "cir_delay_s", "X"))
    frequency = np.array([[28e9]], np.float32)
    writer(
        tmp_path / "links.mat",
        [
            {"coeff": gain[None], "delay": delay[None], "center_frequency": frequency}
            for gain, delay in zip(gains, delays, strict=True)
        ],
    )
    parameters = {"n_subcarriers": 1024, "dt_s": None, "delay_alignment": alignment}
    channels = source(tmp_path / "links.mat", **parameters)
    assert channels.grid.carrier_hz == 28e9
    response = channels.read("test", 0, 8, Snapshots()).response[:, 0]
    csi = AngularDelayTransform(channels.grid, channels.array, 32).truncate(response).numpy()
    error = np.linalg.norm(csi - expected, axis=(1, 2)) / np.linalg.norm(expected, axis=(1, 2))
    # 12 fraction bits of X, and delays in float32, as in test_angular_delay.py.
    assert error.max() < 2**-13 + 2e-5
