"""Versions of the stages that results are made by.

Every plug-in class has a ``results_version``, and what joins them has ``CHAIN``. Whoever changes the digits that a
stage makes raises its version: results, fits and channels that were kept under the old one are then not used any more.
``tests/linksim/test_results_versions.py`` fails where digits change and the version does not.

Whoever edits a class of their own, registered beside those that ship, need not think of that: its file is part of the
version, with the modules beside it that it imports.
"""

import sys
from pathlib import Path
from typing import Any

from class_registry import ClassRegistry

from feedback.compressor_parameters import CompressorParameters
from feedback.plugin_content import plugin_digest
from feedback.plugin_file import PluginParameters, own_parameters
from linksim.scenario import plugin_kinds
from linksim.scenario.model import Scenario
from linksim.scenario.plugin_kinds import COMPRESSOR, METRIC, SOURCE, PluginKind
from linksim.scenario.typed_class import typed_class_digest

# Transform, normalisation, eigenvectors of subbands, side information, report times, delivery: all that
# ``linksim.chain.chain`` does by itself.
CHAIN = 6

_STAGES: dict[str, PluginKind] = {
    "source": SOURCE,
    "metric": METRIC,
    **{kind.section.rpartition(".")[2]: kind for kind in plugin_kinds.KINDS if kind.section and kind.swept},
}
# The registry of each kind of plug-in, by its name among stages.
KINDS: dict[str, ClassRegistry[Any]] = {stage: kind.registry for stage, kind in _STAGES.items()}


# Packages whose classes say by their versions when digits change.
_OURS = ("channels", "feedback", "linksim")


def version_of(stage: str, name: str) -> int | str:
    """The version of a registered plug-in; of a user's own with what its file holds."""
    return _version(_STAGES[stage], name)


def _version(kind: PluginKind, name: str) -> int | str:
    version = int(kind.traits(name).results_version)
    content = _own_content(kind, name)
    return version if content is None else f"{version} sha256 {content}"


def _own_content(kind: PluginKind, name: str) -> str | None:
    """SHA-256 of the code of a class that a user registered; ``None`` for those that ship."""
    ships = getattr(kind.registry, "ships", None)
    if ships is not None and ships(name):
        return None
    plugin = kind.registry.get_class(name)
    if plugin.__module__.partition(".")[0] in _OURS:
        return None
    module = plugin.__module__
    file = getattr(sys.modules.get(module), "__file__", None)
    # One that a call of `type` made says the module of that call: the standard library's for abstract classes.
    if file is not None and Path(file).is_file() and module not in sys.stdlib_module_names:
        return plugin_digest(Path(file))
    return typed_class_digest(plugin)


def source_versions(section: Any) -> dict[str, int | str]:
    """Versions of the sources in a channel section: its own, and those of a mixture's parts."""
    found = {section.source: version_of("source", section.source)}
    for part in getattr(section, "parts", ()):
        found |= source_versions(part)
    return found


def compressor_version(parameters: CompressorParameters) -> int | str:
    """The version of a compressor; a plug-in file tells itself apart by its content."""
    return 0 if isinstance(parameters, PluginParameters) else _version(COMPRESSOR, parameters.name)


def fit_versions(scenario: Scenario, parameters: CompressorParameters) -> dict[str, Any]:
    """Versions of all that makes a fit to a scenario's channel."""
    feedback = scenario.feedback
    quantiser = own_parameters(parameters).own_quantiser or feedback.quantiser
    return {
        "chain": CHAIN,
        "source": source_versions(scenario.channel),
        "compressor": compressor_version(parameters),
        "quantiser": version_of("quantiser", quantiser.name),
        "denoiser": version_of("denoiser", feedback.denoiser.name),
    }


def point_versions(scenario: Scenario) -> dict[str, Any]:
    """Versions of all that measures a point; those of its compressors stand with them."""
    feedback = scenario.feedback
    return {
        "chain": CHAIN,
        "source": source_versions(scenario.channel),
        "estimation": version_of("estimation", scenario.estimation.name),
        "quantiser": version_of("quantiser", feedback.quantiser.name),
        "own quantisers": _own_quantisers(scenario),
        "link": version_of("link", feedback.link.name),
        "denoiser": version_of("denoiser", feedback.denoiser.name),
        "predictor": version_of("predictor", feedback.predictor.name),
        "precoder": version_of("precoder", scenario.precoder.name),
        "metrics": {name: version_of("metric", name) for name in scenario.metrics},
    }


def _own_quantisers(scenario: Scenario) -> dict[str, int | str]:
    sections = filter(None, (own_parameters(entry).own_quantiser for entry in scenario.compressors))
    return {section.name: version_of("quantiser", section.name) for section in sections}
