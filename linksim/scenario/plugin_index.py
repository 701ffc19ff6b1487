"""Names of plug-ins and what they are, read from the text of the files that register them: nothing is imported.

A registered plug-in is a class below ``@REGISTRY.register("name")``; importing them all takes PyTorch and seconds.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

# Registry, by the name of its variable -> what its plug-ins are called together.
TITLES = {
    "SOURCES": "channel sources",
    "ESTIMATORS": "estimators",
    "COMPRESSORS": "compressors",
    "QUANTISERS": "quantisers",
    "LINKS": "feedback links",
    "DENOISERS": "denoisers",
    "PREDICTORS": "predictors",
    "PRECODERS": "precoders",
    "METRICS": "metrics",
}
_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("channels", "feedback", "linksim")


def plugin_index() -> dict[str, dict[str, str]]:
    """Of every registry its plug-ins that ship: name -> first line of the class's docstring.

    >>> sorted(plugin_index()["PRECODERS"])
    ['mrt', 'mrt_subband']
    """
    index: dict[str, dict[str, str]] = {registry: {} for registry in TITLES}
    for file in (file for package in _PACKAGES for file in (_ROOT / package).rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if ".register(" in text:
            for registry, name, line in _registered(ast.parse(text)):
                index[registry][name] = line
    return index


def _registered(module: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Registry, name and first docstring line of every plug-in of a module."""
    constants = {
        target.id: node.value.value
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in (node for node in module.body if isinstance(node, ast.ClassDef)):
        for decorator in node.decorator_list:
            match decorator:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=registry), attr="register"), args=[argument]):
                    name = constants.get(argument.id) if isinstance(argument, ast.Name) else ast.literal_eval(argument)
                    if registry in TITLES and isinstance(name, str):
                        yield registry, name, (ast.get_docstring(node) or "").partition("\n")[0]
