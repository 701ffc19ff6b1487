"""API reference: what each package offers at its face, in the order of its ``__all__``."""

from importlib import import_module

PACKAGES = ("linksim", "channels", "feedback")


def pages() -> dict[str, str]:
    """Markdown of every page by its path in the documentation; mkdocstrings fills in the docstrings."""
    return {f"api/{package}.md": _page(package) for package in PACKAGES}


def _page(package: str) -> str:
    face = import_module(package)
    summary = (face.__doc__ or "").split("\n\n")[0]
    parts = [f"# `{package}`", summary]
    for name in sorted(face.__all__, key=lambda name: (name.isupper(), name[0].isupper(), name)):
        module = face._MODULES.get(name, package)
        parts.append(f"::: {module}.{name}\n    options: {{heading_level: 2, show_root_full_path: false}}")
    return "\n\n".join(parts) + "\n"
