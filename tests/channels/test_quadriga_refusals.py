"""Bad files in the place of links from QuaDRiGa: one line that says what is wrong."""

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
from channels.sources.parameters.quadriga import QuadrigaParameters
from tests.channels.made_up_links import (
    ALL,
    WRITERS,
    Links,
    made_up_links,
    source,
    struct_array,
    write_cell_array_5,
    write_cell_array_73,
    write_saved_6,
    write_saved_73,
    write_struct_73,
    write_struct_array_7,
)


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


def test_links_unlike_the_first_are_refused(tmp_path, write_links):
    write_links(tmp_path / "links.mat", changed(1, coeff=GOOD["coeff"][:, :2], delay=GOOD["delay"]))
    with pytest.raises(ChannelInputError, match="link 2: got 2 x 2 antennas, expected 2 x 4"):
        source(tmp_path / "links.mat").read("test", 0, 2, ALL)
    write_links(tmp_path / "links.mat", changed(1, center_frequency=np.array([[28e9]])))
    with pytest.raises(ChannelInputError, match=r"link 2: got the carrier 2.8e\+10 Hz, expected 5.3e\+09 Hz"):
        source(tmp_path / "links.mat").read("test", 0, 2, ALL)


def test_parameters_that_the_file_contradicts_are_refused(tmp_path, write_links):
    path = tmp_path / "links.mat"
    write_links(path, made_up_links())
    refused(r"carrier_hz: got 2.8e\+10 Hz, expected 5.3e\+09 Hz", path, carrier_hz=28e9)
    refused("links: got 1 to 4, expected a range within the 3", path, links=[1, 4])
    refused("rx_antennas: got 3, expected at most 2", path, rx_antennas=[3])
    refused("got 4 antennas of the BS, expected a multiple of n_rows x n_polarizations, 3", path, n_rows=3)
    refused("got 2 snapshots, expected 1", path, Snapshots.every(1e-3, 2), dt_s=None)
    refused("expected a multiple of dt", path, Snapshots.every(1.5e-3, 2))
    refused("expected at most 0.002 s in all", path, Snapshots.every(1e-3, 4))
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
def test_truncated_files_are_refused(tmp_path, write_links, share):
    write_links(tmp_path / "whole.mat", made_up_links(n_links=4))
    whole = (tmp_path / "whole.mat").read_bytes()
    (tmp_path / "cut.mat").write_bytes(whole[: int(share * len(whole))])
    refused("cut.mat", tmp_path / "cut.mat")


@cache
def intact(writer, path):
    WRITERS[writer](path, made_up_links(n_links=2))
    return path.read_bytes()


@settings(max_examples=80, deadline=None)
@given(position=st.integers(0, 10**6), value=st.integers(0, 255), writer=st.sampled_from(sorted(WRITERS)))
def test_a_wrong_byte_is_read_or_refused(tmp_path_factory, position, value, writer):
    path = tmp_path_factory.getbasetemp() / "wrong_byte of links.mat"
    content = bytearray(intact(writer, path))
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
