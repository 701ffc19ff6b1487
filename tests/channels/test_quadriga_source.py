"""Links saved from QuaDRiGa in all layouts that are read, and bad files in their place."""

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.angular_delay import AngularDelayTransform
from channels.channel_batch import Snapshots
from channels.errors import ChannelInputError
from channels.quadriga_source import QuadrigaParameters, QuadrigaSource

N_RX, N_TX, N_SNAPSHOTS, N_SUBCARRIERS = 2, 4, 3, 16
CARRIER_HZ = 5.3e9
Links = list[dict[str, np.ndarray]]


def made_up_links(individual_delays: bool = False, n_links: int = 3, dtype: str = "f8") -> Links:
    """Links with 5, 6, ... paths; the carrier in single precision, as QuaDRiGa stores it."""
    random = np.random.default_rng(1)
    links = []
    for n_paths in range(5, 5 + n_links):
        shape = (N_RX, N_TX, n_paths, N_SNAPSHOTS)
        coeff = random.standard_normal(shape) + 1j * random.standard_normal(shape)
        delay = random.uniform(0, 1e-6, shape if individual_delays else shape[2:])
        frequency = np.array([[CARRIER_HZ]], np.float32)
        links.append(
            {
                "coeff": coeff.astype(f"c{2 * int(dtype[1])}"),
                "delay": delay.astype(dtype),
                "center_frequency": frequency,
            }
        )
    return links


def direct_response(link: dict[str, np.ndarray]) -> np.ndarray:
    """The defining sum in double precision, ``[snapshot, subcarrier, port]``."""
    coeff, delay = link["coeff"].astype(complex), link["delay"].astype(float)
    frequencies = (np.arange(N_SUBCARRIERS) - N_SUBCARRIERS // 2) * 20e6 / N_SUBCARRIERS
    waves = np.exp(-2j * np.pi * frequencies * np.broadcast_to(delay, coeff.shape)[..., None])
    return np.einsum("rmpt,rmptk->tkrm", coeff, waves).reshape(coeff.shape[3], N_SUBCARRIERS, -1)


def struct_array(links: Links) -> np.ndarray:
    array = np.empty((1, len(links)), dtype=[(name, object) for name in ("name", *links[0])])
    for index, link in enumerate(links):
        array[0, index] = ("UMa_Tx1_Rx1", *link.values())
    return array


def cell_array(links: Links) -> np.ndarray:
    array = np.empty((1, len(links)), dtype=object)
    array[0, :] = links
    return array


def saved_variables(links: Links) -> dict[str, np.ndarray]:
    names = {"coeff": "Coeffs", "delay": "Delays", "center_frequency": "CenterFrequency"}
    variables = {"ChannelDims": np.array([[len(links), 1, 1, 1]], np.int64), "Order": np.arange(1, 9, dtype=np.uint16)}
    for index, link in enumerate(links, 1):
        variables |= {f"channel_{index:05}_{names[field]}": values for field, values in link.items()}
        variables[f"channel_{index:05}_PARnames"] = np.array([["ds_cb"]], dtype=object)
    return variables


def write_struct_array_5(path, links):
    scipy.io.savemat(path, {"x": 1.0, "c": struct_array(links)})


def write_struct_array_7(path, links):
    scipy.io.savemat(path, {"c": struct_array(links), "text": "abc"}, do_compression=True)


def write_cell_array_5(path, links):
    scipy.io.savemat(path, {"c": cell_array(links)}, do_compression=True)


def write_saved_6(path, links):
    scipy.io.savemat(path, saved_variables(links))


def as_matlab(values: np.ndarray) -> np.ndarray:
    """Axes reversed, complex numbers as a compound of real and imag."""
    if not np.iscomplexobj(values):
        return values.T
    pairs = np.empty(values.T.shape, dtype=[("real", values.real.dtype), ("imag", values.real.dtype)])
    pairs["real"], pairs["imag"] = values.T.real, values.T.imag
    return pairs


def add_group(parent: h5py.Group, name: str, link: dict[str, np.ndarray]) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["MATLAB_class"] = np.bytes_("struct")
    for field, values in link.items():
        group[field] = as_matlab(values)
    return group


def write_struct_73(path, links):
    with h5py.File(path, "w", userblock_size=512) as file:
        add_group(file, "c", links[0])


def write_struct_array_73(path, links):
    with h5py.File(path, "w", userblock_size=512) as file:
        group = file.create_group("c")
        for field in links[0]:
            references = np.empty((len(links), 1), dtype=h5py.ref_dtype)
            for index, link in enumerate(links):
                file[f"#refs#/{field}{index}"] = as_matlab(link[field])
                references[index, 0] = file[f"#refs#/{field}{index}"].ref
            group.create_dataset(field, data=references, dtype=h5py.ref_dtype)


def write_cell_array_73(path, links):
    with h5py.File(path, "w", userblock_size=512) as file:
        refs = file.create_group("#refs#")
        references = np.empty((len(links), 1), dtype=h5py.ref_dtype)
        for index, link in enumerate(links):
            references[index, 0] = add_group(refs, f"s{index}", link).ref
        file.create_dataset("c", data=references, dtype=h5py.ref_dtype)


def write_saved_73(path, links):
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in saved_variables(links).items():
            if values.dtype != object:
                file[name] = as_matlab(values)


def write_hdf5(path, links):
    """As QuaDRiGa-Lib does: real and imaginary parts in single precision, one group a snapshot, an index of places."""
    with h5py.File(path, "w") as file:
        file["ChannelDims"], file["Version"] = np.array([8, 1, 1, 1], np.uint32), np.uint32(2)
        # Links were written in another order than they lie in the array.
        numbers = list(range(len(links), 0, -1))
        file["Order"] = np.array([*numbers, *[0] * (8 - len(links))], np.uint32)
        for number, link in zip(numbers, links, strict=True):
            group = file.create_group(f"channel_{number}")
            group.attrs["CenterFrequency"] = np.float32(link["center_frequency"].item())
            delays = link["delay"] if link["delay"].ndim == 4 else link["delay"][None, None]
            for snapshot in range(link["coeff"].shape[3]):
                part = group.create_group(f"Snap_{snapshot}")
                part["coeff_re"] = link["coeff"][..., snapshot].real.T.astype("f4")
                part["coeff_im"] = link["coeff"][..., snapshot].imag.T.astype("f4")
                part["delay"] = delays[..., snapshot].T.astype("f4")


WRITERS = {
    "struct array, version 5": write_struct_array_5,
    "struct array, version 7": write_struct_array_7,
    "struct array, version 7.3": write_struct_array_73,
    "cell array, version 7": write_cell_array_5,
    "cell array, version 7.3": write_cell_array_73,
    "mat_save, version 6": write_saved_6,
    "mat_save, version 7.3": write_saved_73,
    "hdf5_write": write_hdf5,
}


@pytest.fixture(params=WRITERS)
def write(request):
    return WRITERS[request.param]


def source(file, **parameters: object) -> QuadrigaSource:
    wanted = {"n_subcarriers": N_SUBCARRIERS, "dt_s": 1e-3, "delay_alignment": "none", "normalise": False} | parameters
    return QuadrigaSource(QuadrigaParameters(file=file, **wanted), seed=0, device=torch.device("cpu"))


ALL = Snapshots(N_SNAPSHOTS, 1e-3)
# Gains and the phasors of at most 20 turns are rounded to float32 a few times each, delays of up to 1 us to float32 by
# hdf5_write: 6e-8 of 10 turns is 4e-6 rad. Sums of 7 random terms.
TOLERANCE = 2e-5


@pytest.mark.parametrize("individual_delays", [False, True])
def test_every_layout_gives_the_defining_sum(tmp_path, write, individual_delays):
    links = made_up_links(individual_delays)
    write(tmp_path / "links.mat", links)
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
def test_one_snapshot_has_three_axes(tmp_path, write, individual_delays):
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
    write(tmp_path / "links.mat", full if write is write_hdf5 else links)
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
    assert torch.equal(channels.read("test", 0, 1, Snapshots(2, 2e-3)).response, every[:, ::2])
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


def test_links_and_splits(tmp_path, write):
    links = made_up_links(n_links=5)
    write(tmp_path / "links.mat", links)
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


def refused(match: str, file, snapshots: Snapshots = ALL, **parameters: object) -> None:
    with pytest.raises(ChannelInputError, match=match) as caught:
        source(file, **parameters).read("test", 0, 1, snapshots)
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value)


def changed(index: int = 0, **fields: np.ndarray | None) -> Links:
    links = made_up_links(n_links=2)
    links[index] = {name: values for name, values in (links[index] | fields).items() if values is not None}
    return links


def with_nan(values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values.flat[-1] = np.nan
    return values


GOOD = made_up_links(n_links=2)[0]


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"coeff": with_nan(GOOD["coeff"])}, "link 1: coeff: got NaN or infinity"),
        ({"delay": with_nan(GOOD["delay"])}, "link 1: delay: got NaN or infinity"),
        ({"coeff": GOOD["coeff"] * 1e39}, "link 1: coeff: got NaN or infinity"),
        ({"delay": GOOD["delay"][:-1]}, "delay: got float64 of shape 4 x 3, expected real 5 x 3 or 2 x 4 x 5 x 3"),
        ({"delay": GOOD["coeff"]}, "delay: got complex128"),
        ({"coeff": GOOD["coeff"][..., None].repeat(2, -1)}, "coeff: got complex128 of shape 2 x 4 x 5 x 3 x 2"),
        ({"center_frequency": np.array([[1e9, 2e9]])}, "center_frequency: got 2 of them, expected one"),
        ({"center_frequency": np.array([[0.0]])}, "got no center_frequency, expected it or carrier_hz"),
    ],
)
@pytest.mark.parametrize("writer", [write_struct_array_7, write_cell_array_73, write_saved_6])
def test_wrong_fields_are_refused(tmp_path, writer, fields, match):
    writer(tmp_path / "links.mat", changed(**fields))
    refused(match, tmp_path / "links.mat")


@pytest.mark.parametrize("writer", [write_cell_array_5, write_cell_array_73, write_saved_6, write_saved_73])
def test_links_without_delays_are_refused(tmp_path, writer):
    writer(tmp_path / "links.mat", changed(delay=None))
    refused("link 1: got no delay, expected coeff and delay", tmp_path / "links.mat")


def test_links_unlike_the_first_are_refused(tmp_path, write):
    write(tmp_path / "links.mat", changed(1, coeff=GOOD["coeff"][:, :2], delay=GOOD["delay"]))
    with pytest.raises(ChannelInputError, match="link 2: got 2 x 2 antennas, expected 2 x 4"):
        source(tmp_path / "links.mat").read("test", 0, 2, ALL)
    write(tmp_path / "links.mat", changed(1, center_frequency=np.array([[28e9]])))
    with pytest.raises(ChannelInputError, match=r"link 2: got the carrier 2.8e\+10 Hz, expected 5.3e\+09 Hz"):
        source(tmp_path / "links.mat").read("test", 0, 2, ALL)


def test_parameters_that_the_file_contradicts_are_refused(tmp_path, write):
    path = tmp_path / "links.mat"
    write(path, made_up_links())
    refused(r"carrier_hz: got 2.8e\+10 Hz, expected 5.3e\+09 Hz", path, carrier_hz=28e9)
    refused("links: got 1 to 4, expected a range within the 3", path, links=[1, 4])
    refused("rx_antennas: got 3, expected at most 2", path, rx_antennas=[3])
    refused("got 4 antennas of the BS, expected a multiple of n_rows x n_polarizations, 3", path, n_rows=3)
    refused("got 2 snapshots, expected 1", path, Snapshots(2, 1e-3), dt_s=None)
    refused("expected a multiple of dt", path, Snapshots(2, 1.5e-3))
    refused("expected at most 0.002 s in all", path, Snapshots(4, 1e-3))
    refused("expected coeff and delay of qd_channel objects in other", path, variable="other")
    with pytest.raises(ChannelInputError, match="got train samples 0 to 0, expected a range within the 0"):
        source(path).read("train", 0, 1, ALL)


def test_two_variables_with_links_need_a_choice(tmp_path):
    links = made_up_links()
    scipy.io.savemat(tmp_path / "links.mat", {"a": struct_array(links), "b": struct_array(links[1:])})
    refused("variable: got none, expected one of a, b", tmp_path / "links.mat")
    assert source(tmp_path / "links.mat", variable="b").n_samples("test") == 2


def test_objects_are_refused_with_their_conversion(tmp_path):
    with h5py.File(tmp_path / "new.mat", "w", userblock_size=512) as file:
        file["c"] = np.array([[0xDD000000, 2, 1, 1, 1, 1]], np.uint32)
        file["c"].attrs["MATLAB_class"] = np.bytes_("qd_channel")
        file["c"].attrs["MATLAB_object_decode"] = np.int32(3)
        file.create_group("#subsystem#")
    refused("expected structs: s = arrayfun", tmp_path / "new.mat")
    # A variable of class 17 (opaque), as MATLAB writes objects in version 5.
    body = np.array([6, 8, 17, 0], "<u4").tobytes() + b"\x01\x00\x01\x00c\0\0\0" + bytes(16)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    (tmp_path / "old.mat").write_bytes(header + np.array([14, len(body)], "<u4").tobytes() + body)
    refused("expected structs: s = arrayfun", tmp_path / "old.mat")


def test_other_files_are_refused(tmp_path):
    refused("no such file", tmp_path / "none.mat")
    (tmp_path / "text.mat").write_text("c = 1\n")
    refused("cannot be read as a .mat or HDF5 file", tmp_path / "text.mat")
    scipy.io.savemat(tmp_path / "other.mat", {"HT": np.zeros((2, 3)), "s": {"a": 1}})
    refused("got the variables HT, s, expected coeff and delay", tmp_path / "other.mat")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["X"] = 1
    refused("got the variables X, expected coeff and delay", tmp_path / "other.h5")


def test_links_to_other_files_are_refused(tmp_path):
    write_struct_73(tmp_path / "links.mat", made_up_links())
    with h5py.File(tmp_path / "away.mat", "w") as file:
        file["c"] = h5py.ExternalLink(str(tmp_path / "links.mat"), "c")
    refused("got the variables c, expected coeff and delay", tmp_path / "away.mat")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_truncated_files_are_refused(tmp_path, write, share):
    write(tmp_path / "whole.mat", made_up_links(n_links=4))
    whole = (tmp_path / "whole.mat").read_bytes()
    (tmp_path / "cut.mat").write_bytes(whole[: int(share * len(whole))])
    refused("cut.mat", tmp_path / "cut.mat")


@settings(max_examples=80, deadline=None)
@given(position=st.integers(0, 10**6), value=st.integers(0, 255), writer=st.sampled_from(sorted(WRITERS)))
def test_a_wrong_byte_is_read_or_refused(tmp_path_factory, position, value, writer):
    path = tmp_path_factory.mktemp("wrong_byte") / "links.mat"
    WRITERS[writer](path, made_up_links(n_links=2))
    content = bytearray(path.read_bytes())
    content[position % len(content)] = value
    path.write_bytes(content)
    message = ""
    try:
        response = source(path, dt_s=None).read("test", 0, 1, Snapshots()).response
    except ChannelInputError as error:
        message = str(error)
    assert "\n" not in message
    assert message or torch.isfinite(response.abs()).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"train_fraction": 0.7, "validation_fraction": 0.5}, "got 1.2, expected at most 1"),
        ({"links": [3, 2]}, "links: got .*, expected 1 <= first <= last"),
        ({"links": [0, 2]}, "links: got .*, expected 1 <= first <= last"),
        ({"rx_antennas": [1, 1]}, "rx_antennas: got .*, expected different antennas"),
        ({"rx_antennas": [0]}, "rx_antennas: got .*, expected different antennas"),
    ],
)
def test_wrong_parameters_are_refused(parameters, message):
    with pytest.raises(ValidationError, match=message):
        QuadrigaParameters(file="x.mat", **parameters)
