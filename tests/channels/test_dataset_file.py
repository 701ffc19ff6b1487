"""Data set files: what is written is read, the same to the byte, and every damage is refused in one line."""

import hashlib
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_dataset import made_up_arrays, made_up_plan, write_dataset

from channels.dataset.file import DatasetFile, verify
from channels.dataset.manifest import DatasetPlan, canonical_json, differences, input_hashes
from channels.errors import ChannelInputError
from channels.sources.parameters.mat import MatParameters


@pytest.fixture
def plan() -> DatasetPlan:
    return made_up_plan()


@pytest.fixture
def file(tmp_path, intact) -> Path:
    copy = tmp_path / "set.h5"
    copy.write_bytes(intact.read_bytes())
    return copy


@pytest.fixture(scope="module")
def intact(tmp_path_factory) -> Path:
    plan = made_up_plan()
    return write_dataset(tmp_path_factory.mktemp("intact") / "set.h5", plan, made_up_arrays(plan))


def test_what_is_written_is_read(file, plan):
    manifest = verify(file)
    assert manifest.model_dump(include=set(DatasetPlan.model_fields)) == plan.model_dump()
    dataset = DatasetFile(file)
    for name, expected in made_up_arrays(plan).items():
        count = len(expected)
        assert np.array_equal(dataset.read(name, 0, count), expected)
        assert np.array_equal(dataset.read(name, 1, count - 1), expected[1:-1])
        assert np.array_equal(np.concatenate(list(dataset.chunks(name))), expected)
        # The documented recipe: little-endian complex64, row-major.
        assert manifest.sha256[name] == hashlib.sha256(expected.astype("<c8").tobytes()).hexdigest()


def test_any_program_that_reads_hdf5_reads_it(file, plan):
    with h5py.File(file) as stored:
        assert sorted(stored) == ["hf_all", "test", "train", "validation"]
        assert stored["train"].dtype == np.complex64
        assert np.array_equal(stored["train"][:], made_up_arrays(plan)["train"])
        assert json.loads(stored.attrs["manifest"])["parameters"]["environment"] == "indoor"


def test_the_same_bytes_however_the_shards_are_cut(tmp_path, plan):
    arrays = made_up_arrays(plan)
    files = [write_dataset(tmp_path / f"{size}.h5", plan, arrays, size) for size in (1, 2, 5, 100)]
    assert len({file.read_bytes() for file in files}) == 1


def test_chunks_are_filled_whatever_the_shards(tmp_path):
    """Shards that do not end where chunks do: 3 MiB in chunks of 1 MiB."""
    plan = made_up_plan(
        samples={"train": 300, "validation": 0, "test": 0}, n_delay=32, array={"n_columns": 41}, hf_all=False
    )
    assert plan.rows_per_chunk("train") == 2**20 // (8 * 32 * 41)
    arrays = made_up_arrays(plan)
    files = [write_dataset(tmp_path / f"{size}.h5", plan, arrays, size) for size in (7, 250)]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert np.array_equal(DatasetFile(files[0]).read("train", 0, 300), arrays["train"])
    assert verify(files[0]).samples["validation"] == 0


def test_content_hash_covers_data_and_parameters_only(tmp_path, plan):
    def content_hash(name: str, other: DatasetPlan, seed: int = 1) -> str:
        return verify(write_dataset(tmp_path / name, other, made_up_arrays(other, seed))).content_hash

    reference = content_hash("a.h5", plan)
    assert content_hash("b.h5", made_up_plan(versions={"torch": "3.0"}, command="another")) == reference
    assert content_hash("c.h5", plan, seed=2) != reference
    for number, changes in enumerate(
        ({"seed": 8}, {"parameters": {"environment": "outdoor"}}, {"inputs": {"file": "0"}}, {"source": "sionna"})
    ):
        assert content_hash(f"{number}.h5", made_up_plan(**changes)) != reference


def refused(file: Path, match: str) -> None:
    with pytest.raises(ChannelInputError, match=match) as caught:
        verify(file)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(file))


def edit_data(file: Path, edit) -> None:
    with h5py.File(file, "r+") as stored:
        values = stored["train"][:]
        stored["train"][:] = edit(values)


def replace_data(file: Path, edit) -> None:
    with h5py.File(file, "r+") as stored:
        values = edit(stored["train"][:])
        del stored["train"]
        stored.create_dataset("train", data=values, chunks=values.shape)


def edit_manifest(file: Path, *, consistent: bool, **changes: object) -> None:
    with h5py.File(file, "r+") as stored:
        manifest = json.loads(stored.attrs["manifest"])
        for key, value in changes.items():
            manifest[key] = value
        text = canonical_json(manifest).encode()
        stored.attrs["manifest"] = np.bytes_(text)
        if consistent:
            stored.attrs["manifest_sha256"] = np.bytes_(hashlib.sha256(text).hexdigest())


def set_value(values: np.ndarray, value: complex) -> np.ndarray:
    values[2, 3, 1] = value
    return values


def test_damaged_data_are_refused(file):
    edit_data(file, lambda values: set_value(values, np.nextafter(values[2, 3, 1].real, np.float32(9))))
    refused(file, "train: SHA-256: got .*, expected .*: the file is damaged or was edited")


@pytest.mark.parametrize("value", [np.nan, np.inf, 1j * np.nan])
def test_nan_is_refused(file, value):
    edit_data(file, lambda values: set_value(values, value))
    refused(file, "train: got NaN or infinity")
    with pytest.raises(ChannelInputError, match="NaN"):
        DatasetFile(file).read("train", 0, 7)


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (lambda values: values.astype(np.complex128), "train: got type complex128, expected complex64"),
        (lambda values: values.real.copy(), "train: got type float32, expected complex64"),
        (lambda values: values.swapaxes(1, 2).copy(), r"train: got shape \(7, 4, 6\), expected \(7, 6, 4\)"),
        (lambda values: values[:-1], r"train: got shape \(6, 6, 4\), expected \(7, 6, 4\)"),
        (lambda values: values.astype(">c8"), "train: got type >c8, expected complex64"),
    ],
)
def test_other_arrays_are_refused(file, edit, match):
    replace_data(file, edit)
    refused(file, match)


def test_swapped_axes_are_refused_even_when_the_shape_is_the_same(tmp_path):
    plan = made_up_plan(n_delay=4)
    file = write_dataset(tmp_path / "square.h5", plan, made_up_arrays(plan))
    replace_data(file, lambda values: values.swapaxes(1, 2).copy())
    refused(file, "train: SHA-256")


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 8},
        {"parameters": {"source": "cost2100", "environment": "outdoor"}},
        {"command": "rm"},
        {"versions": {}},
        {"content_hash": "0" * 64},
    ],
)
def test_an_edited_manifest_is_refused(file, changes):
    edit_manifest(file, consistent=False, **changes)
    refused(file, "manifest: SHA-256")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"seed": 8}, "content hash"),
        ({"parameters": {"environment": "outdoor"}}, "content hash"),
        ({"device": "cuda"}, "content hash"),
        ({"sha256": {}}, "train: SHA-256: got .*, expected none"),
        ({"n_delay": 7}, "got shape"),
        ({"n_delay": 0}, "manifest: n_delay"),
        ({"n_delay": 65}, "manifest"),
        ({"hf_all": False}, "got the datasets hf_all, test, train, validation, expected"),
        ({"layout": "linksim-dataset-2"}, "manifest: layout"),
        ({"samples": {"train": 7}}, "manifest: .*samples"),
        ({"samples": {"train": 7, "validation": -3, "test": 5}}, "manifest: .*samples"),
        ({"array": {"n_polarizations": 1, "n_rows": 0, "n_columns": 4}}, "manifest: .*array"),
        ({"more": 1}, "manifest: more"),
    ],
)
def test_a_forged_manifest_is_refused(file, changes, match):
    edit_manifest(file, consistent=True, **changes)
    refused(file, match)


@pytest.mark.parametrize("name", ["manifest", "manifest_sha256"])
@pytest.mark.parametrize("value", [None, 1.0, "text", np.bytes_(b"\xff{")])
def test_other_attributes_are_refused(file, name, value):
    with h5py.File(file, "r+") as stored:
        del stored.attrs[name]
        if value is not None:
            stored.attrs[name] = value
    refused(file, "manifest")


def test_missing_and_additional_arrays_are_refused(file):
    with h5py.File(file, "r+") as stored:
        stored["more"] = 1
    refused(file, "got the datasets hf_all, more, test, train, validation, expected")
    with h5py.File(file, "r+") as stored:
        del stored["more"], stored["test"]
    refused(file, "got the datasets hf_all, train, validation, expected")


def test_arrays_in_other_files_are_refused(file, tmp_path):
    other = tmp_path / "other.h5"
    other.write_bytes(file.read_bytes())
    with h5py.File(file, "r+") as stored:
        del stored["test"]
        stored["test"] = h5py.ExternalLink(str(other), "test")
    refused(file, "got test as a group or link, expected a dataset in the file itself")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_truncated_files_are_refused(file, share):
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    refused(file, "set.h5")


def test_other_files_are_refused(tmp_path):
    refused(tmp_path / "none.h5", "no such file")
    (tmp_path / "text.h5").write_text("train\n")
    refused(tmp_path / "text.h5", "cannot be read as HDF5")


@settings(max_examples=120, deadline=None)
@given(position=st.integers(0, 10**6), value=st.integers(0, 255))
def test_a_wrong_byte_is_harmless_or_refused(intact, position, value):
    file, content = intact.with_name("damaged.h5"), bytearray(intact.read_bytes())
    content[position % len(content)] = value
    file.write_bytes(content)
    message = ""
    try:
        verify(file)
    except ChannelInputError as error:
        message = str(error)
    assert "\n" not in message
    if not message:
        for name, expected in made_up_arrays(made_up_plan()).items():
            assert np.array_equal(DatasetFile(file).read(name, 0, len(expected)), expected)


def test_samples_that_a_file_lacks_are_refused(file, tmp_path):
    with pytest.raises(ChannelInputError, match="got validation samples 2 to 3, expected a range within the 3"):
        DatasetFile(file).read("validation", 2, 4)
    plan = made_up_plan(hf_all=False)
    other = DatasetFile(write_dataset(tmp_path / "b.h5", plan, made_up_arrays(plan)))
    with pytest.raises(ChannelInputError, match="got no hf_all"):
        other.read("hf_all", 0, 1)


def test_differences_name_key_found_and_expected():
    found = differences({"a": 1, "b": {"c": 2, "d": 3}}, {"a": 1, "b": {"c": 4}, "e": None})
    assert found == ["b.c: got 2, expected 4", "b.d: got 3, expected 'nothing'", "e: got 'nothing', expected None"]


def test_files_that_parameters_name_are_part_of_the_identity(tmp_path):
    (tmp_path / "test.mat").write_bytes(b"content")
    hashes = input_hashes(MatParameters(test_file=tmp_path / "test.mat"))
    assert hashes == {"test_file": hashlib.sha256(b"content").hexdigest()}
