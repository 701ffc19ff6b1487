"""What makes two results, fits, weights or channels the same: every content key, and the table of what goes where.

Names of files are no part of a key: what the files hold is (``feedback.file_digest``). Neither are labels,
descriptions, and whatever says how a run goes on or is shown. The key of a checkpoint,
``feedback.checkpoint.checkpoint_key``, is over the compressor's own parameters, its shape and ``weights_document``.
"""

from collections.abc import Mapping
from enum import Flag, auto
from functools import cache
from pathlib import Path
from typing import Any

from feedback.compressor_parameters import CompressorParameters
from feedback.file_digest import content_of
from feedback.plugin_content import plugin_digest
from feedback.plugin_file import own_parameters, split_plugin
from linksim.content_hash import content_hash
from linksim.scenario.model import Scenario
from linksim.scenario.motion import MOTION, motion_of
from linksim.scenario.paths import NameChange, map_paths
from linksim.scenario.plugin_sections import compressor_label
from linksim.scenario.results_versions import CHAIN, compressor_version, fit_versions, point_versions, source_versions


class Key(Flag):
    """The content keys."""

    NONE = 0
    # Folder of a run, and a point among those of a run. Files count by name here, so that a finished run can be
    # looked at where its data are not.
    RUN = auto()
    POINT = auto()
    # Partial results and sample values, shared by all runs.
    RESULT = auto()
    # Fitted compressor, quantiser and denoiser.
    FIT = auto()
    # Normalisation, mean channel and range of the scale, of a training set.
    CHANNEL_FIT = auto()
    # Statistics that the UE's estimator knows.
    ESTIMATOR_FIT = auto()
    # Training set of a network.
    TRAINING_SET = auto()
    # Trained weights in a zoo, and the log of their training.
    WEIGHTS = auto()
    # Test channels.
    CHANNELS = auto()


_POINT = Key.RUN | Key.POINT | Key.RESULT
# What a compressor, or what is between it and the link, learns; and all that is learnt.
_FEEDBACK_LEARNT = Key.FIT | Key.CHANNEL_FIT | Key.TRAINING_SET | Key.WEIGHTS
_LEARNT = _FEEDBACK_LEARNT | Key.ESTIMATOR_FIT

# Which keys a scenario key moves, with all below it that has no line of its own. Versions of the stages
# (``linksim.scenario.results_versions``) are part of RESULT, FIT, CHANNEL_FIT, ESTIMATOR_FIT, TRAINING_SET and
# CHANNELS; the kind of device that computes is part of RESULT and CHANNELS.
MOVES: Mapping[str, Key] = {
    "name": Key.NONE,
    "description": Key.NONE,
    "device": Key.NONE,
    "zoo": Key.NONE,
    "seed": _POINT | Key.FIT | Key.CHANNEL_FIT | Key.ESTIMATOR_FIT | Key.TRAINING_SET | Key.CHANNELS,
    "channel": _POINT | _LEARNT | Key.CHANNELS,
    # Nothing learns from a moving channel but networks over time, as `weights_document` says.
    "channel.speed_m_s": _POINT | Key.CHANNELS,
    "channel.indoor_speed_m_s": _POINT | Key.CHANNELS,
    "snr_db": _POINT,
    "link_budget": _POINT,
    "estimation": _POINT | Key.ESTIMATOR_FIT,
    "estimation.snr_db": _POINT,
    "estimation.n_pilots": _POINT,
    # Says where the delay axis begins of all that is learnt from.
    "estimation.timing": _POINT | _LEARNT,
    "transform": _POINT,
    "transform.n_delay": _POINT | _LEARNT,
    "transform.normalisation": _POINT | _FEEDBACK_LEARNT,
    # By way of the compressors, which have a ratio of their own.
    "compression_ratio": _POINT | Key.FIT | Key.WEIGHTS,
    "compressors": _POINT | Key.FIT | Key.WEIGHTS,
    "compressors.label": Key.NONE,
    "compressors.curve": Key.NONE,
    "compressors.quantiser": _POINT | Key.FIT,
    # Networks of eigenvectors, of as many layers as `rank` says, learn from these.
    "compressors.csi": _POINT | Key.FIT | Key.WEIGHTS | Key.TRAINING_SET,
    # Says which compressors a point has.
    "compressors.only_ratios": Key.RUN,
    # A channel section, which moves what is learnt from it.
    "compressors.trained_on": _POINT | _FEEDBACK_LEARNT,
    "feedback": _POINT,
    "feedback.quantiser": _POINT | Key.FIT,
    "feedback.denoiser": _POINT | Key.FIT,
    "precoder": _POINT,
    "overhead": _POINT,
    "metrics": _POINT,
    "reference_curves": Key.NONE,
    "sgcs": _POINT,
    "multi_user": _POINT,
    "link_adaptation": _POINT,
    "samples_without_energy": _POINT,
    "monte_carlo": Key.RUN | Key.POINT,
    "monte_carlo.batch_size": Key.NONE,
    "training": _POINT | Key.FIT | Key.TRAINING_SET,
    "training.samples": _POINT | Key.FIT | Key.TRAINING_SET | Key.CHANNEL_FIT | Key.ESTIMATOR_FIT,
    "sweeps": Key.RUN,
}


# Keys of a compressor that say how it is shown.
_SHOWN = ("label", "curve")


def run_key(scenario: Scenario) -> str:
    """Names the folder of a run."""
    return content_hash(_selected(scenario.model_dump(mode="json"), Key.RUN))


def point_key(scenario: Scenario) -> str:
    """Tells a point from the others of its run."""
    document = _selected(scenario.model_dump(mode="json"), Key.POINT)
    return content_hash(document | {"compressors": [_compressor(*one) for one in taking_part(scenario)]})


def result_document(scenario: Scenario, fitted: str, device: str) -> dict[str, Any]:
    """Everything that the results of one test channel at a point depend on; ``content_hash`` of it names them.

    Args:
        scenario: the scenario at the point.
        fitted: hash over what is fitted.
        device: kind of device that computes; results of different kinds differ in their last digits.
    """
    document = with_contents(_selected(scenario.model_dump(mode="json"), Key.RESULT))
    return document | {
        "compressors": [
            {**with_contents(_compressor(*one), "compressors"), "version": compressor_version(one[0])}
            for one in taking_part(scenario)
        ],
        "versions": point_versions(scenario),
        "fitted": fitted,
        "device": device,
    }


def compressor_keys(scenario: Scenario) -> dict[str, str]:
    """By label, what tells each compressor of a point from the others whatever it is called."""
    return {
        compressor_label(entry): content_hash(with_contents(_compressor(entry, ratio), "compressors"))
        for entry, ratio in taking_part(scenario)
    }


def fit_key(scenario: Scenario, parameters: CompressorParameters, adapted_to: Scenario | None) -> str:
    """Names what is fitted for a compressor: its own state, its quantiser's and its denoiser's.

    Args:
        scenario: a point, with the channel that is learnt from.
        parameters: the compressor's section, compression ratio filled in.
        adapted_to: the point itself where a trained network is adapted to its channel.
    """
    section = parameters.model_dump(mode="json", exclude={*_SHOWN, "only_ratios", "trained_on"})
    document = _selected(scenario.model_dump(mode="json"), Key.FIT) | {"compression_ratio": None}
    over_time = parameters.traits.learns_over_time
    document |= {"compressors": [section], "learns": weights_document(scenario, adapted_to, over_time)}
    if parameters.traits.takes == "eigenvectors":
        document["n_subbands"] = scenario.sgcs.n_subbands
    return content_hash([with_contents(document), fit_versions(scenario, parameters)])


def weights_document(scenario: Scenario, adapted_to: Scenario | None = None, over_time: bool = False) -> dict[str, Any]:
    """What a compressor is trained for: the channel at rest, the transform, and what it is adapted to.

    Values that are their section's default are left out, so that a new parameter does not orphan old weights. For what
    learns ``over_time``, how UEs move and how often they report counts as well.
    """
    transform = {"n_delay": scenario.transform.n_delay, "normalisation": scenario.transform.normalisation}
    document: dict[str, Any] = {"channel": _channel_at_rest(scenario), "transform": transform}
    if scenario.estimation.timing != "perfect":
        document["timing"] = scenario.estimation.timing
    if over_time:
        document["motion"] = motion_of(scenario)
    return document if adapted_to is None else {**document, "adapted_to": _channel_at_rest(adapted_to)}


def channel_fit_key(scenario: Scenario) -> str:
    """Names what is fitted to training channels alone: normalisation, mean channel, range of the scale."""
    document = with_contents(_selected(scenario.model_dump(mode="json"), Key.CHANNEL_FIT))
    return content_hash([document, source_versions(scenario.channel), CHAIN])


def estimator_fit_key(scenario: Scenario) -> str:
    """Names what the UE's estimator has learnt from training channels of the point itself."""
    document = with_contents(_selected(scenario.model_dump(mode="json"), Key.ESTIMATOR_FIT))
    version = point_versions(scenario)["estimation"]
    return content_hash([document, source_versions(scenario.channel), version, CHAIN])


def training_set_key(
    scenario: Scenario, parameters: CompressorParameters, adapted_to: Scenario | None, samples: int | None
) -> str:
    """Names the training set of a network.

    Args:
        parameters: the network's section.
        scenario: a point, with the channel that the network is trained on.
        adapted_to: the point itself where the network is adapted to its channel.
        samples: channels that it is adapted on.
    """
    document = with_contents(_selected(scenario.model_dump(mode="json"), Key.TRAINING_SET))
    source = source_versions((adapted_to or scenario).channel)
    if parameters.traits.takes == "eigenvectors":
        layers = getattr(own_parameters(parameters), "rank", 1)
        document |= {"n_subbands": scenario.sgcs.n_subbands, "n_layers": layers}
    over_time = parameters.traits.learns_over_time
    if over_time:
        reports = getattr(own_parameters(parameters), "training_reports", 0)
        document |= {"n_reports": reports, "own_scale": parameters.traits.own_scale}
    return content_hash([document, weights_document(scenario, adapted_to, over_time), samples, source])


def channels_key(scenario: Scenario, device: str) -> str:
    """Names the test channels of a source, seed and kind of device."""
    document = with_contents(_selected(scenario.model_dump(mode="json"), Key.CHANNELS))
    return content_hash([document, device, source_versions(scenario.channel)])


def taking_part(scenario: Scenario) -> list[tuple[CompressorParameters, float | None]]:
    """The compressors of a point and their compression ratios, ``None`` for those that have none.

    Those without a ratio of their own take part where the point's is among theirs.
    """
    at = ((entry, entry.compression_ratio or scenario.compression_ratio) for entry in scenario.compressors)
    return [
        (entry, ratio if entry.traits.has_ratio else None)
        for entry, ratio in at
        if entry.only_ratios is None or ratio in entry.only_ratios
    ]


def with_contents(document: Any, key: str = "") -> Any:
    """A document, or the part that stands at a key, with what files hold in place of their names."""
    return map_paths(document, NameChange(_content, _plugin_content, str), key)


def _content(name: str) -> str:
    return f"sha256 {content_of(Path(name))}"


def _plugin_content(plugin: str) -> str:
    file, class_name = split_plugin(plugin)
    return f"{class_name} sha256 {plugin_digest(file)}"


def _compressor(entry: CompressorParameters, ratio: float | None) -> dict[str, Any]:
    """A compressor's section as far as it is about results."""
    return entry.model_dump(mode="json", exclude={*_SHOWN, "only_ratios"}) | {"compression_ratio": ratio}


def _channel_at_rest(scenario: Scenario) -> dict[str, Any]:
    channel = scenario.channel.model_dump(mode="json", exclude_defaults=True)
    channel["source"] = scenario.channel.source
    for motion in MOTION:
        channel.pop(motion, None)
    found: dict[str, Any] = with_contents(channel, "channel")
    return found


@cache
def moved_by(place: str) -> Key:
    """Which keys a scenario key moves, by its own line of the table or that of a section around it."""
    parts = place.split(".")
    for end in range(len(parts), 0, -1):
        found = MOVES.get(".".join(parts[:end]))
        if found is not None:
            return found
    # A key without a line moves results: they are measured anew rather than taken for others.
    return _POINT


def _selected(value: Any, key: Key, place: str = "") -> Any:
    """The part of a scenario's document that goes into a key."""
    if isinstance(value, list):
        return [_selected(part, key, place) for part in value]
    if not isinstance(value, dict) or (place and not _has_lines_below(place)):
        return value
    inner = {name: f"{place}.{name}" if place else name for name in value}
    return {
        name: _selected(part, key, inner[name])
        for name, part in value.items()
        if key in moved_by(inner[name]) or _goes_below(inner[name], key)
    }


@cache
def _has_lines_below(place: str) -> bool:
    return any(line.startswith(f"{place}.") for line in MOVES)


@cache
def _goes_below(place: str, key: Key) -> bool:
    return any(line.startswith(f"{place}.") and key in moves for line, moves in MOVES.items())
