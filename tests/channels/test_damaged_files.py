"""Files that are cut short, have wrong bits, or hold NaN: every reader gives one line that names the file."""

import h5py
import numpy as np
import pytest
import torch

from channels.errors import ChannelInputError
from channels.formats.finite_numbers import require_finite
from channels.source import SOURCES
from tests.channels import file_readers, made_up_links, test_response_source
from tests.channels.file_readers import READERS, Reader, refused

MIB = 1 << 20


@pytest.fixture(params=READERS)
def reader(request) -> Reader:
    return READERS[request.param]


def test_every_source_of_files_has_a_reader_here():
    named = {"file", "folder", "test_file"}
    of_files = {str(key) for key in SOURCES.keys() if named & set(SOURCES.get_class(key).Parameters.model_fields)}  # noqa: SIM118
    assert of_files == {reader.source for reader in READERS.values()}


@pytest.mark.parametrize("there", ["no such file", "a folder"])
def test_what_is_no_file_is_called_what_it_is(tmp_path, reader, there):
    path = tmp_path / reader.name
    reader.write(path)
    path.unlink()
    if there == "a folder":
        path.mkdir()
    if reader.source == "deepmimo":
        # One of several files of the folder, of any of three kinds.
        there = "no such file"
    with pytest.raises(ChannelInputError, match=rf": {there}, expected ") as caught:
        reader.read(path)
    assert str(path.with_suffix("")) in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.04, 0.5, 0.97])
def test_truncated_files_are_refused(tmp_path, reader, share):
    path = tmp_path / reader.name
    reader.write(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    refused(reader, path)


def test_wrong_bits_are_read_or_refused_in_bounded_memory(tmp_path, reader, monkeypatch):
    """Single wrong bits, most of them in the first KiB, where the sizes are."""
    path = tmp_path / reader.name
    reader.write(path)
    whole = path.read_bytes()
    random = np.random.default_rng(len(whole))
    monkeypatch.setattr("channels.bounds.memory_bound", lambda: 64 * MIB)
    for number in range(16):
        content = bytearray(whole)
        content[random.integers(min(1024 if number % 4 else 10**9, len(whole)))] ^= 1 << random.integers(8)
        path.write_bytes(content)
        message = ""
        try:
            response = reader.read(path)
        except ChannelInputError as error:
            message = str(error)
        assert "\n" not in message
        # Nothing of Python's own objects, such as the parser's.
        assert " object at 0x" not in message
        assert message or torch.isfinite(response.abs()).all()


def spoil(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on made-up files have NaN in their last sample, and nowhere else."""
    for place, name in ((file_readers, "matrices"), (file_readers, "images"), (test_response_source, "channels")):
        values = getattr(place, name)
        monkeypatch.setattr(place, name, lambda *shape, values=values: with_nan(values(*shape)))
    links = made_up_links.made_up_links
    monkeypatch.setattr(
        made_up_links,
        "made_up_links",
        lambda n_links: [*links(n_links=n_links)[:-1], link_with_nan(links(n_links=n_links)[-1])],
    )


def with_nan(values: np.ndarray) -> np.ndarray:
    values[-1].flat[-1] = np.nan
    return values


def link_with_nan(link: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return link | {"coeff": with_nan(link["coeff"])}


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_the_first_bad_sample_is_named(axis):
    values = np.zeros((4, 5, 6), np.complex64)
    require_finite(values, "file: H", 100, axis)
    values[(3, 3, 3)] = complex(0, np.nan)
    values[(2, 4, 5)] = np.inf
    sample = 100 + min((2, 4, 5)[axis], 3)
    with pytest.raises(ChannelInputError, match=f"^file: H: got NaN or infinity in sample {sample}, expected finite"):
        require_finite(values, "file: H", 100, axis)


def test_nan_shows_when_all_samples_are_checked(tmp_path, reader, monkeypatch):
    """Reading the first samples finds nothing; ``linksim validate`` reads all."""
    if reader.source == "deepmimo":
        pytest.skip("NaN is a path that is not there")
    reader.write(tmp_path / reader.name)
    reader.open(tmp_path / reader.name).check_samples()
    spoil(monkeypatch)
    path = tmp_path / "spoilt" / reader.name
    path.parent.mkdir()
    reader.write(path)
    if reader.source == "dataset":
        with h5py.File(path, "r+") as file:
            file["test"][-1] = np.nan
    with pytest.raises(ChannelInputError, match=r"(sample|link) [1-9][0-9]*.*expected finite numbers") as caught:
        reader.open(path).check_samples()
    assert "got NaN or infinity" in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
