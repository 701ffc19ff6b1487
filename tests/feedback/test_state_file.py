"""States of trainings on disk: what is damaged is set aside, what is another training's is refused."""

import hashlib
import logging
import re
import zipfile
from pathlib import Path

import pytest
import torch

from feedback.errors import FeedbackInputError
from feedback.state_file import kept_state, save_state_file

SIGNATURE = {"seed": 1, "recipe": {"rate": 0.5}}
ROOM = 2**16


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "training.state"
    save_state_file(path, {"step": 3, "weights": {"w": torch.arange(100.0)}}, SIGNATURE)
    return path


def test_gives_back_what_was_kept(file: Path) -> None:
    found = kept_state(file, SIGNATURE, ROOM)
    assert found is not None
    assert found["step"] == 3
    assert torch.equal(found["weights"]["w"], torch.arange(100.0))
    assert kept_state(file.with_name("absent"), SIGNATURE, ROOM) is None


def test_a_state_without_checksum_is_taken(file: Path) -> None:
    """PyTorch reads the file as it is, and what PyTorch wrote is one."""
    torch.save(torch.load(file, weights_only=True), file)
    found = kept_state(file, SIGNATURE, ROOM)
    assert found is not None
    assert found["step"] == 3


@pytest.mark.parametrize("damage", ["a flipped bit", "the half of it", "nothing", "text", "code", "no signature"])
def test_damaged_states_are_set_aside_in_one_line(damage: str, file: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = bytearray(file.read_bytes())
    if damage == "a flipped bit":
        # One of the numbers 0 to 99, which no reader of the format would miss.
        content[content.index(torch.arange(90.0, 95.0).numpy().tobytes())] ^= 1
        file.write_bytes(content)
    elif damage == "code":
        torch.save({"signature": print}, file)
    elif damage == "no signature":
        torch.save({"step": 1}, file)
    else:
        file.write_bytes({"the half of it": bytes(content[: len(content) // 2]), "text": b"a text"}.get(damage, b""))
    before = file.read_bytes()
    assert kept_state(file, SIGNATURE, ROOM) is None
    (line,) = caplog.messages
    assert re.fullmatch(
        rf"{re.escape(str(file))}: damaged \([^\n]+\), set aside as training.state.damaged; training starts anew", line
    )
    assert caplog.records[0].levelno == logging.WARNING
    assert [path.name for path in file.parent.iterdir()] == ["training.state.damaged"]
    assert file.with_name("training.state.damaged").read_bytes() == before


@pytest.mark.parametrize(
    ("signature", "line"),
    [
        ({"seed": 2, "recipe": {"rate": 0.5}}, "seed 1, expected 2"),
        ({"seed": 1, "recipe": {"rate": 0.25}}, r"recipe\.rate 0\.5, expected 0\.25"),
        ({"seed": 1}, r"recipe {'rate': 0\.5}, expected None"),
    ],
)
def test_states_of_other_trainings_stay_where_they_are(signature: dict[str, object], line: str, file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(FeedbackInputError, match=f"is the state of a training with {line}; without it") as caught:
        kept_state(file, signature, ROOM)
    assert str(caught.value).startswith(f"{file}: ")
    assert file.read_bytes() == before


def test_no_more_is_read_than_a_state_may_hold(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(FeedbackInputError, match="got more than 100 bytes, expected the state of this training"):
        kept_state(file, SIGNATURE, 100)
    # 1 MB of zeros takes 1 kB in a zip file.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(2**20))
    assert file.stat().st_size < ROOM
    assert kept_state(file, SIGNATURE, ROOM) is None
    assert "got 1048576 bytes, expected at most 65536" in caplog.text


def test_checksum_is_of_what_pytorch_wrote(file: Path) -> None:
    content, _, digest = file.read_bytes().rpartition(b"\nsha256 ")
    assert hashlib.sha256(content).hexdigest() == digest.decode()
