"""The notebooks run from top to bottom in a folder of their own."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.documentation.blocks import NOTEBOOKS

# Far more than a cell takes on one core; a cell that hangs ends the test.
_MOST_S = 600


@pytest.mark.validate
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_it_runs(file: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(file, as_version=4)
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=_MOST_S, kernel_name="python3", resources=where).execute()
