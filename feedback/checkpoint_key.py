"""Names of files of trained weights: a hash of what is trained, and for what."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from feedback.compressor import Compressor, CompressorIdentity
from feedback.file_digest import content_of
from feedback.number_text import number_text
from feedback.plugin_content import plugin_digest
from feedback.plugin_file import split_plugin
from feedback.training.recipe_section import recipe_in_key


def checkpoint_key(compressor: Compressor | CompressorIdentity, training: Mapping[str, Any]) -> str:
    """Short content hash of a compressor's parameters (defaults and run-time ones left out), shape, and training.

    Args:
        compressor: what is trained; its identity is enough.
        training: what it is trained for, as JSON-ready values.
    """
    content = [described(compressor), list(compressor.shape), dict(training)]
    text = json.dumps(content, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def checkpoint_path(folder: Path, compressor: Compressor | CompressorIdentity, training: Mapping[str, Any]) -> Path:
    """Where a compressor's tensors lie: ``folder/NAME-crRATIO-KEY.safetensors``, the document beside it ``.json``."""
    ratio = number_text(compressor.settings.compression_ratio or 0)
    return folder / f"{compressor.settings.name}-cr{ratio}-{checkpoint_key(compressor, training)}.safetensors"


def described(compressor: Compressor | CompressorIdentity) -> dict[str, Any]:
    """A compressor's parameters as documents have them: defaults and run-time ones left out, files by content."""
    parameters = compressor.settings
    given = parameters.model_dump(mode="json", exclude_defaults=True, exclude=set(parameters.run_time))
    for name, field in type(parameters).model_fields.items():
        common = _common_default(type(parameters), name)
        if name not in parameters.run_time and field.default != common:
            # What a network has a default of its own for is always stated: documents keep their meaning.
            value = getattr(parameters, name)
            stated = isinstance(value, BaseModel)
            given[name] = value.model_dump(mode="json", exclude_defaults=True) if stated else value
    code = {"code": compressor.code} if compressor.code else {}
    return {"name": parameters.name, **_by_content(given, type(parameters)), **code}


def _by_content(given: dict[str, Any], model: type[BaseModel] | None = None) -> dict[str, Any]:
    """A section with what files hold in place of their names, sections within it as well."""
    named = {name for name, field in model.model_fields.items() if _is_path(field.annotation)} if model else set()
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name == "plugin" and isinstance(value, str):
            file, class_name = split_plugin(value)
            found[name] = f"{class_name} {plugin_digest(file)}"
        elif name in named and value is not None:
            found[name] = f"sha256 {content_of(Path(value))}"
        elif name == "recipe" and isinstance(value, dict):
            found[name] = recipe_in_key(value)
        else:
            found[name] = _by_content(value) if isinstance(value, dict) else value
    return found


def _is_path(annotation: Any) -> bool:
    return Path in (annotation, *get_args(annotation))


def _common_default(model: type[BaseModel], name: str) -> Any:
    """Default of a parameter in the most general class that has it."""
    bases = (base for base in reversed(model.__mro__) if issubclass(base, BaseModel) and name in base.model_fields)
    return next(bases).model_fields[name].default
