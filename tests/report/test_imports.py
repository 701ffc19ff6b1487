"""What reads results can be imported without the figures, and before them."""

import ast
from pathlib import Path

import linksim


def test_the_package_of_the_report_imports_no_module_of_itself():
    # Otherwise whoever reads a results table would load every figure, and those that the figures read from could not
    # be loaded first.
    tree = ast.parse((Path(linksim.__file__).parent / "report" / "__init__.py").read_text())
    loaded = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not any("linksim" in (getattr(node, "module", "") or "") for node in loaded)
