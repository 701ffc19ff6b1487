"""What each compressor of a run has learnt from, for its tables and manifest.

A learnt thing beside a fitted one says something only at equal training channels, so every table says how many. Weights
from the zoo were trained under a scenario of their own: their document says what was used, whatever this run asks for.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from feedback.checkpoint_info import CheckpointInfo, read_info
from feedback.plugin_file import weights_of_others
from feedback.training.recipe import TrainingRecipe
from linksim.preparation.fitting import FIT_CODEWORDS
from linksim.preparation.network_training import recipe_of
from linksim.preparation.networks import UNIMPROVED
from linksim.preparation.prepare import weights_file
from linksim.preparation.scheme_spec import SchemeSpec, is_trained, schemes_of
from linksim.preparation.weights_origin import outdated
from linksim.scenario.sources import source_of
from linksim.scenario.sweep import Point

# How long a network was trained is told as the channels that it saw.
_BUDGETS = ("epochs", "samples", "minutes")
# Parts of a recipe that change how often is looked at the network, not how it is trained.
_NOT_LISTED = {*_BUDGETS, "validations"}


@dataclass(frozen=True)
class LearningRecord:
    """What one compressor of a run has learnt from.

    Attributes:
        compressor: label in tables and figures.
        compression_ratio: codeword entries over matrix entries, inverted; ``None`` where it has none.
        learnt_from: distinct training channels, 0 for what learns nothing, ``None`` where nobody knows: weights that
            others trained.
        weights: document of a network's weights, with their file; empty for the others.
        differences: what the weights were trained with otherwise than the scenario asks.
        earlier_default: keys of their recipe which the scenario says nothing of, and of which the default is another
            now; a better default makes no weights wrong, but they are not what it would make.
    """

    compressor: str
    compression_ratio: float | None
    learnt_from: int | None
    weights: Mapping[str, Any]
    differences: tuple[str, ...] = ()
    earlier_default: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As a mapping that ``json`` can write."""
        common = {
            "compressor": self.compressor,
            "compression_ratio": self.compression_ratio,
            "learnt_from": self.learnt_from,
        }
        weights = {"weights": dict(self.weights)} if self.weights else {}
        told = {"differences": list(self.differences), "earlier_default": list(self.earlier_default)}
        return common | weights | {name: lines for name, lines in told.items() if lines}


def learning_records(points: Iterable[Point]) -> list[LearningRecord]:
    """Of every compressor at every compression ratio of some points, each once; weights must be in the zoo.

    Raises:
        FeedbackInputError: if the document of some weights cannot be read.
    """
    specs = {spec.key: spec for point in points for spec in schemes_of(point)}
    records: dict[str, LearningRecord] = {}
    for spec in specs.values():
        record = learning_record(spec)
        records.setdefault(repr(record), record)
    return list(records.values())


def learnt_from(points: Iterable[Point]) -> dict[str, dict[str, int | None]]:
    """Distinct training channels of each compressor, by the key of a point and the compressor's label."""
    known: dict[str, int | None] = {}
    found: dict[str, dict[str, int | None]] = {}
    for point in points:
        specs = schemes_of(point)
        for spec in specs:
            if spec.key not in known:
                known[spec.key] = read_info(weights_file(spec)).learnt_from if is_trained(spec) else _fitted_to(spec)
        found[point.key] = {spec.label: known[spec.key] for spec in specs}
    return found


def compression_ratios(points: Iterable[Point]) -> dict[str, dict[str, float | None]]:
    """Ratio of each compressor, its own where it has one, by the key of a point and the compressor's label."""
    return {
        point.key: {spec.label: spec.parameters.compression_ratio for spec in schemes_of(point)} for point in points
    }


def warnings_of(records: Iterable[LearningRecord]) -> Iterator[str]:
    """A line for each network whose weights were trained otherwise than the scenario asks, or gained nothing by it."""
    for record in records:
        ratio = record.compression_ratio
        name = record.compressor if ratio is None else f"{record.compressor} at CR {ratio:g}"
        if record.differences:
            remedy = "`linksim train --again` trains them anew"
            yield f"WARNING: {name}: its weights have {'; '.join(record.differences)} ({remedy})"
        if record.weights and not record.weights["improved"]:
            yield f"WARNING: {name}: {UNIMPROVED}"


def learning_record(spec: SchemeSpec) -> LearningRecord:
    """Of one compressor; weights must be in the zoo.

    Raises:
        FeedbackInputError: if the document of its weights cannot be read.
    """
    ratio = spec.parameters.compression_ratio
    if not is_trained(spec):
        return LearningRecord(spec.label, ratio, _fitted_to(spec), {})
    file = weights_file(spec)
    info = read_info(file)
    weights = {
        "file": str(file),
        "sha256": info.sha256,
        "channels": info.learnt_from,
        "samples_seen": info.samples_seen,
        "recipe": info.recipe.model_dump(mode="json", exclude_none=True),
        "seed": info.seed,
        "improved": info.improved,
        "best_epoch": info.best_epoch,
        "start_nmse_db": info.start_nmse_db,
        "validation_nmse_db": info.validation_nmse_db,
        "validated_through": info.measured_through or "nothing, codewords as they are",
    }
    wanted, pool = recipe_of(spec), _pool(spec)
    asked, earlier = _recipe_differences(spec, info, wanted, pool)
    differences = (*_differences(spec, info, wanted, pool), *asked)
    return LearningRecord(spec.label, ratio, info.learnt_from, weights, differences, earlier)


def _fitted_to(spec: SchemeSpec) -> int | None:
    """Training channels of a quick fit."""
    if weights_of_others(spec.parameters) is not None:
        return None
    training = spec.scenario.training
    available = source_of(spec.scenario).n_samples("train")
    count = training.samples if available is None else min(training.samples, available)
    if spec.parameters.traits.learns:
        return count
    return min(count, FIT_CODEWORDS) if spec.learns_codewords else 0


def _differences(spec: SchemeSpec, info: CheckpointInfo, wanted: TrainingRecipe, pool: int) -> Iterator[str]:
    """What of seed, channels and budget is not as the scenario asks."""
    if info.seed != spec.scenario.seed:
        yield f"seed {info.seed}, the scenario asks for {spec.scenario.seed}"
    origin = outdated(spec, info)
    if origin is not None:
        yield origin
    if spec.adapted_to is None:
        if not spec.scenario.training.fresh and info.learnt_from != pool:
            yield f"{info.learnt_from} training channels, the scenario asks for {pool}"
        steps = wanted.steps(max(pool // wanted.batch_size, 1))
        seen = 0 if steps is None else steps * min(wanted.batch_size, pool)
        if steps is not None and info.samples_seen != seen:
            yield f"{info.samples_seen} channels seen, the scenario asks for {seen}"


def _recipe_differences(
    spec: SchemeSpec, info: CheckpointInfo, wanted: TrainingRecipe, pool: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What of the recipe is not as the scenario asks, and what is not as the default that holds below what it asks."""
    if getattr(spec.parameters, "phases_are_chosen", False):
        # Never turned, also where an older document says so.
        wanted = wanted.model_copy(update={"random_phase": info.recipe.random_phase})
    used, wanted = (one.acting(max(pool // one.batch_size, 1), info.start_nmse_db) for one in (info.recipe, wanted))
    asked_keys = _asked_keys(spec)
    asked, earlier = [], []
    for key in sorted(TrainingRecipe.model_fields.keys() - _NOT_LISTED):
        found, now = getattr(used, key), getattr(wanted, key)
        if found != now and key in asked_keys:
            asked.append(f"{key} {_text(found)}, the scenario asks for {_text(now)}")
        elif found != now:
            earlier.append(f"{key} {_text(found)}, by default {_text(now)} now")
    return tuple(asked), tuple(earlier)


def _asked_keys(spec: SchemeSpec) -> set[str]:
    """Keys of the recipe that the scenario or the compressor's section speaks of; all where one names another base."""
    # A plug-in's own section is typed once it is built.
    sections = (spec.scenario.training.recipe, getattr(spec.build().compressor.settings, "recipe", None))
    given = [section for section in sections if section is not None]
    if any(section.base not in (None, "default") for section in given):
        return set(TrainingRecipe.model_fields)
    return {key for section in given for key in section.given}


def _pool(spec: SchemeSpec) -> int:
    """Training channels that a network would have."""
    available, wanted = source_of(spec.scenario).n_samples("train"), spec.scenario.training.network_samples
    return wanted if available is None else min(wanted, available)


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else "none" if value is None else str(value)
