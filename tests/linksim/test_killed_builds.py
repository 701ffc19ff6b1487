"""A build of a data set that is killed at any moment goes on to the same file."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from channels.dataset.file import verify
from channels.dataset.writer import staging_path
from channels.errors import ChannelInputError
from tests.linksim.test_dataset_cli import Command


@pytest.mark.validate
def test_killed_at_random_moments(command: Command, tmp_path: Path) -> None:
    """SIGKILL at 20 random moments: what is left is refused or whole, and the file comes out the same to the byte."""
    arguments = ["dataset", "build", "--source", "cost2100", "--set", "environment=outdoor", "--seed", "3"]
    arguments += ["--samples", "6000", "--batch-size", "250", "--workers", "2"]
    program = [sys.executable, "-m", "linksim", *arguments, "--out"]
    started = time.monotonic()
    subprocess.run([*program, str(tmp_path / "undisturbed.h5")], check=True, capture_output=True)
    longest = time.monotonic() - started
    expected = (tmp_path / "undisturbed.h5").read_bytes()
    file, moments = tmp_path / "set.h5", random.Random(1)
    kills = continued = 0
    while kills < 20:
        build = subprocess.Popen([*program, str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert build.wait(timeout=moments.uniform(0.5, 1.0) * longest) == 0
        except subprocess.TimeoutExpired:
            build.kill()
            build.wait()
            kills += 1
        # Workers outlive a killed parent by up to a second.
        time.sleep(1.5)
        continued += any(staging_path(file).glob("*.npy"))
        for left in staging_path(file).glob("*"):
            # A file that was complete but for its name is as good as the finished one.
            if left.read_bytes() != expected:
                with pytest.raises(ChannelInputError):
                    verify(left)
        if file.exists():
            assert file.read_bytes() == expected
            file.unlink()
    assert continued > 0
    subprocess.run([*program, str(file)], check=True, capture_output=True)
    assert file.read_bytes() == expected
    assert command("dataset", "verify", file)[0] == 0
    assert not staging_path(file).exists()
