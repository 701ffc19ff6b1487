"""What happens at a build: generated pages are added, formulas rendered."""

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

# A hook is loaded as a file, so the repository has to be found for the modules beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from docs.generators import api_pages, chain_picture, commands, docstrings, notebook_pages, scenario_keys


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made from the code, and a page for each notebook."""
    made = scenario_keys.pages() | commands.pages() | api_pages.pages()
    for notebook in sorted(Path(config.docs_dir).glob("notebooks/*.ipynb")):
        made[f"notebooks/{notebook.stem}.md"] = notebook_pages.page(notebook)
    for path, text in made.items():
        files.append(File.generated(config, path, content=docstrings.markdown_of(text)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Puts the picture of the chain where a page asks for it."""
    return chain_picture.with_picture(markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Renders formulas."""
    return docstrings.with_mathml(html)
