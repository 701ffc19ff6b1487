"""Pages of the notebooks: text as it stands, code in fences. They are committed without outputs."""

import json
from pathlib import Path


def page(notebook: Path) -> str:
    """Markdown of a notebook (format 4).

    Args:
        notebook: the ``.ipynb`` file.
    """
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    title, *text = [_cell(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    opening = f"*This page is a notebook, which `make validate` runs: [{notebook.name}]({notebook.name}).*"
    return "\n\n".join([title, opening, *text]) + "\n"


def _cell(kind: str, source: str) -> str:
    # Notebooks link each other as files, pages as pages.
    return source.replace(".ipynb)", ".md)") if kind == "markdown" else f"```python\n{source}\n```"
