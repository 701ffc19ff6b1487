"""Can link and denoiser carry what is sent? And what of a scenario do its compressors not use?"""

from collections.abc import Iterable, Iterator, Sequence

from feedback.compressor_parameters import CompressorParameters, CompressorTraits
from feedback.errors import FeedbackInputError
from feedback.plugin_file import own_parameters
from feedback.signals import Signal
from feedback.training.recipe_section import RecipeSection, check_phases
from linksim.metrics import METRICS
from linksim.scenario.feedback_section import FeedbackSection
from linksim.scenario.plugin_sections import compressor_label

_SIGNALS: dict[Signal, str] = {
    "analogue": "real values",
    "levels": "level numbers",
    "bitstream": "bitstreams of variable length",
}

_BITS: dict[Signal, str] = {"levels": "bits", "bitstream": "bitstreams of variable length"}


def check_signals(feedback: FeedbackSection, compressors: Sequence[CompressorParameters]) -> None:
    """Refuses a link or denoiser that cannot take what is sent.

    Raises:
        ValueError: in a line that begins with the key.
    """
    classes = {compressor_label(entry): entry.traits for entry in compressors}
    link, denoiser = feedback.link, feedback.denoiser
    analogue = [entry for entry in compressors if not _makes_bits(entry.traits)]
    for quantiser in {(own_parameters(entry).own_quantiser or feedback.quantiser): None for entry in analogue}:
        sends = quantiser.sends
        sender = f"quantiser {quantiser.name!r}, which sends {_SIGNALS[sends]}"
        _check("link", feedback.link.name, link.carries, sends, sender)
        _check("denoiser", feedback.denoiser.name, denoiser.accepts, sends, sender)
        _check_fit(feedback, sends, False)
    for label, compressor in classes.items():
        if _makes_bits(compressor):
            sender = f"compressor {label!r}, which sends {_BITS[compressor.sends]} of its own"
            _check("link", feedback.link.name, link.carries, compressor.sends, sender)
            _check_fit(feedback, compressor.sends, compressor.reserves_bits)


def check_recipe(recipe: RecipeSection | None, compressors: Sequence[CompressorParameters]) -> None:
    """Refuses a recipe of all networks that one of them, by its own keys over it, cannot be trained by.

    Raises:
        ValueError: in a line that begins with the key.
    """
    for entry in compressors:
        own = own_parameters(entry)
        if recipe is None or not entry.traits.trained:
            continue
        try:
            check_phases([recipe, getattr(own, "recipe", None)], getattr(own, "phases_are_chosen", False))
        except FeedbackInputError as error:
            raise ValueError(f"training.recipe.{error} (compressor {compressor_label(entry)!r})") from error


def check_stop(metric: str, compressors: Sequence[CompressorParameters]) -> None:
    """Refuses a rule for stopping by a metric that no compressor has.

    Raises:
        ValueError: in a line that begins with the key.
    """
    if METRICS.get_class(metric).needs_channel and not _of_channels(compressors):
        labels = ", ".join(map(compressor_label, compressors))
        raise ValueError(
            f"monte_carlo.stop.metric: got {metric!r}, which is not defined for {labels}, as precoders are reported; "
            "expected a metric of precoders, such as 'sgcs'"
        )


def unused_sections(feedback: FeedbackSection, entries: Sequence[CompressorParameters]) -> Iterator[str]:
    """A line for each stage that all compressors pass by, and for a predictor that some do, as it has no substitute."""
    classes = {compressor_label(entry): entry.traits for entry in entries}
    of_bits = [label for label, compressor in classes.items() if _makes_bits(compressor)]
    of_precoders = [label for label, compressor in classes.items() if compressor.gives == "precoder"]
    for key, labels, neutral, why in (
        ("quantiser", of_bits, "none", "bits of their own are sent as they are"),
        ("denoiser", of_bits, "none", "bits of their own are sent as they are"),
        ("predictor", of_precoders, "hold", "the newest precoder that arrived is held"),
    ):
        name = getattr(feedback, key).name
        enough = len(labels) == len(classes) or key == "predictor"
        if labels and enough and name != neutral:
            yield f"feedback.{key}: {name} is not used for {', '.join(labels)}: {why}"


def stop_warning(metric: str, compressors: Sequence[CompressorParameters]) -> str | None:
    """A line where a rule for stopping looks at some compressors only."""
    if not METRICS.get_class(metric).needs_channel:
        return None
    without = [compressor_label(entry) for entry in compressors if entry.traits.gives == "precoder"]
    if not without or len(without) == len(compressors):
        return None
    return (
        f"monte_carlo.stop.metric: {metric} is not defined for {', '.join(without)}, whose intervals do not decide "
        "when a point ends"
    )


def _of_channels(compressors: Iterable[CompressorParameters]) -> list[CompressorParameters]:
    return [entry for entry in compressors if entry.traits.gives == "channel"]


def _makes_bits(compressor: type[CompressorTraits]) -> bool:
    return compressor.sends != "analogue"


def _check(key: str, name: str, takes: frozenset[Signal], sends: Signal, sender: str) -> None:
    if sends not in takes:
        wanted = " or ".join(text for signal, text in _SIGNALS.items() if signal in takes)
        raise ValueError(f"feedback: got {key} {name!r} with {sender}, expected {wanted}")


def _check_fit(feedback: FeedbackSection, sends: Signal, reserves_bits: bool) -> None:
    lack = feedback.link.misfit(sends, reserves_bits)
    if lack is not None:
        raise ValueError(f"feedback: link {feedback.link.name!r}: got {lack}")
