"""Compressors of the user's own, each a class in one Python file that a scenario names: ``plugin: my_net.py:MyNet``.

Naming a file there runs it, as importing it would. Nothing else is executed because of a scenario.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field, model_validator

from feedback.compressor_parameters import COMPRESSORS, CompressorIdentity, CompressorParameters, CompressorTraits
from feedback.csi_dimensions import CsiDimensions
from feedback.errors import FeedbackInputError
from feedback.plugin_content import plugin_digest
from feedback.user_error import one_line, user_line

if TYPE_CHECKING:
    from feedback.compressor import Compressor

_FORM = "expected FILE.py:CLASS"
_PREFIX = "linksim_plugin_"


class PluginParameters(CompressorParameters):
    """Section of a compressor of the user's own; keys beside these are those of its class's ``Parameters``.

    All values are plain, so that a section may be sent to any process; the class is loaded where it is needed, and only
    from a file of the content that was validated.
    """

    model_config = ConfigDict(extra="allow")

    name: str = Field(default="", description="the class, as plugin names it")
    plugin: str = Field(description="FILE.py:CLASS, relative to the scenario file; the file is run")
    sha256: str = Field(
        default="", description="hash of the file and of the modules beside it that it imports; by default as they are"
    )

    @model_validator(mode="before")
    @classmethod
    def _checked(cls, section: Any) -> Any:
        """Fills in name, hash and the class's defaults, and has the class check its own parameters."""
        if not isinstance(section, dict) or not isinstance(section.get("plugin"), str):
            return section
        file, class_name = split_plugin(section["plugin"])
        if section.get("name", class_name) != class_name:
            raise FeedbackInputError(f"got the name {section['name']!r} beside plugin, expected a `label` instead")
        digest = _digest(file)
        plugin = load_plugin(file, class_name, section.get("sha256") or digest)
        own = {key: value for key, value in section.items() if key not in ("name", "plugin", "sha256")}
        parameters = _own_parameters(plugin, own).model_dump(mode="json")
        return {**parameters, "name": class_name, "plugin": f"{file.resolve()}:{class_name}", "sha256": digest}

    def load(self) -> "type[Compressor]":
        """The class.

        Raises:
            FeedbackInputError: if the file is not what it was when the section was validated.
        """
        return load_plugin(*split_plugin(self.plugin), self.sha256)

    @property
    def traits(self) -> type[CompressorTraits]:
        """Those of the class."""
        return compressor_class(self)

    def own(self) -> CompressorParameters:
        """What the class is built with."""
        given = self.model_dump(exclude={"name", "plugin", "sha256"})
        return _own_parameters(self.load(), given)


def compressor_class(parameters: CompressorParameters) -> "type[Compressor]":
    """The class of a compressor's section: a registered one, or the user's own, or the one that its keys choose."""
    if isinstance(parameters, PluginParameters):
        return parameters.load().chosen_by(parameters.own())
    registered: type[Compressor] = COMPRESSORS.get_class(parameters.name)
    return registered.chosen_by(parameters)


def own_parameters(parameters: CompressorParameters) -> CompressorParameters:
    """What the class of a section is built with."""
    return parameters.own() if isinstance(parameters, PluginParameters) else parameters


def identity_of(parameters: CompressorParameters, dimensions: CsiDimensions | tuple[int, int]) -> CompressorIdentity:
    """What a section's compressor is, without building it.

    Args:
        parameters: the section, ``compression_ratio`` filled in.
        dimensions: sizes of the channel, or the shape of the matrices that it works on.
    """
    own, code = own_parameters(parameters), parameters.load().code if isinstance(parameters, PluginParameters) else ""
    shape = dimensions if isinstance(dimensions, tuple) else own.matrix_shape(dimensions)
    return CompressorIdentity(own, shape, code)


def has_training_run(parameters: CompressorParameters) -> bool:
    """Whether the weights of a section's compressor come from a training run that is kept."""
    return parameters.traits.trained and own_parameters(parameters).needs_training


def weights_of_others(parameters: CompressorParameters) -> str | None:
    """File of the weights of a section's compressor that were trained elsewhere; ``None`` if there is none."""
    return own_parameters(parameters).weights_of_others


def build_compressor(parameters: CompressorParameters, dimensions: CsiDimensions | tuple[int, int]) -> "Compressor":
    """The compressor of a section.

    Args:
        parameters: the section, ``compression_ratio`` filled in.
        dimensions: sizes of the channel; or the shape of the matrices that it works on, for the plainest such channel.

    Raises:
        FeedbackInputError: if the parameters give no codeword, or a plug-in's file has changed.
    """
    own, kind = own_parameters(parameters), compressor_class(parameters)
    dimensions = own.dimensions_of(dimensions) if isinstance(dimensions, tuple) else dimensions
    if not isinstance(parameters, PluginParameters):
        return kind.build(parameters, dimensions)
    try:
        return kind.build(own, dimensions)
    except FeedbackInputError:
        raise
    except Exception as error:
        file = split_plugin(parameters.plugin)[0]
        place = user_line(error, file.parent) or str(file)
        raise FeedbackInputError(
            f"plugin: {place}: got {one_line(error)}, expected {parameters.name} to be built for matrices of "
            f"{dimensions.matrix[0]} x {dimensions.matrix[1]}"
        ) from error


def split_plugin(plugin: str) -> tuple[Path, str]:
    """File and class of ``FILE.py:CLASS``.

    Raises:
        FeedbackInputError: if it is not of that form.
    """
    file, separator, class_name = plugin.rpartition(":")
    if not separator or not file.endswith(".py") or not class_name.isidentifier():
        raise FeedbackInputError(f"plugin: got {plugin!r}, {_FORM}")
    return Path(file), class_name


def load_plugin(file: Path, class_name: str, sha256: str | None = None) -> "type[Compressor]":
    """Runs a user's file and takes a compressor out of it; a file of the same content runs once in a process.

    Args:
        file: Python file.
        class_name: a subclass of ``Compressor`` in it.
        sha256: hash that the file must have; any by default.

    Raises:
        FeedbackInputError: if the file has another hash, does not run, or has no such class; one line says which.
    """
    from feedback.compressor import Compressor
    from feedback.plugin_parameters import adapt

    content = _content(file)
    digest = _digest(file)
    if sha256 and digest != sha256:
        raise FeedbackInputError(
            f"plugin: {file} has changed: got SHA-256 {digest[:12]}, expected {sha256[:12]} (without the key sha256, "
            "the file is taken as it is)"
        )
    module = _module(file, content, digest)
    found = getattr(module, class_name, None)
    if not (isinstance(found, type) and issubclass(found, Compressor) and found.__module__ == module.__name__):
        raise FeedbackInputError(
            f"plugin: got {'nothing' if found is None else repr(found)} as {class_name} in {file}, "
            f"expected a subclass of Compressor that is defined there{_hint(found)}"
        )
    if missing := sorted(getattr(found, "__abstractmethods__", ())):
        raise FeedbackInputError(f"plugin: {class_name} in {file} has no {', '.join(missing)}, expected these methods")
    if not (isinstance(found.Parameters, type) and issubclass(found.Parameters, CompressorParameters)):
        raise FeedbackInputError(
            f"plugin: got {found.Parameters!r} as Parameters of {class_name} in {file}, expected a subclass of "
            "feedback.compressor.CompressorParameters (of networks: feedback.neural.NeuralParameters), or none"
        )
    adapt(found, file)
    found.code = f"{class_name} {digest}"
    return found


def _module(file: Path, content: bytes, digest: str) -> ModuleType:
    name = f"{_PREFIX}{digest[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module
    registered = set(COMPRESSORS.keys())
    try:
        with _importing_from(file.resolve().parent):
            exec(compile(content, str(file), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        place = user_line(error, file.parent) or str(file)
        if isinstance(error, SyntaxError):
            place = f"{error.filename or file}, line {error.lineno}"
        raise FeedbackInputError(f"plugin: {place}: {one_line(error)}, expected a file that runs") from error
    finally:
        # A file made for the registry works here too, but the registry stays what ships.
        for added in set(COMPRESSORS.keys()) - registered:
            COMPRESSORS.unregister(added)
    return module


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Lets a file import modules beside it; they are its own, so that helpers of one name in two folders stay apart."""
    before, writes_nothing = set(sys.modules), sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    # Compiled files are told from older ones by whole seconds, which is too coarse for a file being edited.
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes_nothing
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            origin = getattr(sys.modules[name], "__file__", None)
            if origin and not name.startswith(_PREFIX) and Path(origin).is_relative_to(folder):
                del sys.modules[name]


def _hint(found: object) -> str:
    from torch import nn

    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        return ""
    return (
        ": derive a class from feedback.neural.NeuralCompressor whose build_encoder returns the module at the UE, "
        "images [batch, 2, Na, n_ports] to codewords [batch, self.length], and whose build_decoder the one back"
    )


def _own_parameters(plugin: "type[Compressor]", given: dict[str, Any]) -> CompressorParameters:
    model = plugin.Parameters
    named = {} if "name" in given or not model.model_fields["name"].is_required() else {"name": plugin.__name__}
    return model.model_validate({**named, **given})


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise FeedbackInputError(f"plugin: {file}: {error.strerror}, {_FORM} of a file that can be read") from error


def _digest(file: Path) -> str:
    """Hash of the file and of the modules beside it that it imports."""
    _content(file)
    return plugin_digest(file)
