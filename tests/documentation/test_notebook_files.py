"""The notebooks are committed without outputs, and their code compiles; ``make validate`` runs them."""

import ast
import json

import pytest

from tests.documentation.blocks import NOTEBOOKS


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_no_outputs_are_committed(file) -> None:
    cells = json.loads(file.read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert not [cell for cell in code if cell["outputs"] or cell["execution_count"]]
    for cell in code:
        source = "".join(cell["source"])
        if not source.startswith(("!", "%%writefile")):
            ast.parse(source)


def test_there_are_three() -> None:
    assert len(NOTEBOOKS) == 3
