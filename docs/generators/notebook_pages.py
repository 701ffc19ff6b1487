"""Pages of the notebooks: text as it stands, code in fences. They are committed without outputs."""

import json
from pathlib import Path


def page(notebook: Path) -> str:
    """Markdown of a notebook (format 4).

    Args:
        notebook: the ``.ipynb`` file.
    """
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    text = "\n\n".join(_cell(cell["cell_type"], "".join(cell["source"])) for cell in cells)
    return f"{text}\n\n[Open as a notebook]({notebook.name})\n"


def _cell(kind: str, source: str) -> str:
    return source if kind == "markdown" else f"```python\n{source}\n```"
