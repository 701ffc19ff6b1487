"""Before the first point: everything that learns, learns.

Quick fits (KLT, quantisers, denoisers) are made for the run; trained networks come from the zoo, or are trained into
it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from channels.source import Split
from feedback.checkpoint import load_checkpoint
from feedback.checkpoint_info import read_info
from feedback.checkpoint_key import checkpoint_path
from feedback.neural import NeuralCompressor
from feedback.plugin_file import weights_of_others
from feedback.training_set import TrainingSet
from linksim.errors import InputError
from linksim.execution.executor import Executor, one_thread
from linksim.preparation.estimator_fit import fit_estimator
from linksim.preparation.fitted_file import FittedFile
from linksim.preparation.fitting import (
    fit_fallback,
    fit_generator,
    fit_normalisation,
    fit_scale_range,
    fit_spectrum,
    fit_to_codewords,
    load_normalisation,
    save_scheme,
)
from linksim.preparation.kept_axes import KeptAxes
from linksim.preparation.prepared_point import PreparedPoint, fitted_file, prepared_point, prepared_scheme
from linksim.preparation.quick_fit import (
    WantedFit,
    can_be_sent,
    fit_quickly,
    fit_tasks,
    is_fitted_quickly,
    learns_itself,
)
from linksim.preparation.scheme_spec import SchemeSpec, adaptation_of, is_trained, schemes_of
from linksim.preparation.taken_channels import TakenForm
from linksim.preparation.training_channels import TrainingChannels, form_key
from linksim.scenario.identity import channel_fit_key
from linksim.scenario.model import Scenario
from linksim.scenario.paths import zoo_folders
from linksim.scenario.sources import source_of
from linksim.scenario.sweep import Point
from linksim.storage.run_folder import RunFolder
from linksim.zoo_folders import find_weights

_LOGGER = logging.getLogger(__name__)


@dataclass
class Preparation:
    """Fits what a run's points need.

    Args:
        folder: the run's folder.
        executor: where training channels are generated.
    """

    folder: RunFolder
    executor: Executor
    device: torch.device
    _sets: dict[str, TrainingSet] = field(default_factory=dict)
    _fitted: dict[str, FittedFile | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._made = TrainingChannels(self.executor)

    @property
    def warnings(self) -> list[str]:
        """What a reader of the results should know of the training channels, a line each."""
        return self._made.warnings

    def prepare(self, points: Sequence[Point]) -> None:
        """Fits every scheme of the points that is not fitted yet.

        Raises:
            InputError: if trained weights are missing; one line says how to get them.
        """
        specs = {spec.key: spec for point in points for spec in schemes_of(point)}
        self._require_weights(list(specs.values()))
        for spec in specs.values():
            self._fitted[spec.key] = fitted_file(spec, self.folder.fitted) if spec.learns else None
        quick = [spec for spec in specs.values() if spec.learns and learns_itself(spec)]
        self._made.expect(spec for spec in quick if self._fitted[spec.key] is None)
        for point in points:
            fit_fallback(point.scenario, self.folder.fitted, partial(self._made.of_quick_fits, point.scenario))
            # Digits of eigenvectors depend on the number of threads.
            with one_thread():
                fit_estimator(point.scenario, self.folder.fitted, self.executor)
        unfitted: list[SchemeSpec] = []
        for spec in specs.values():
            self.fit_normalisation(spec.scenario)
            checkpoint = read_info(weights_file(spec)).sha256 if is_trained(spec) else ""
            fitted = self._fitted[spec.key]
            if spec.learns and (fitted is None or fitted.checkpoint != checkpoint):
                unfitted.append(spec)
                if not is_fitted_quickly(spec):
                    # Digits of what is trained depend on the number of threads.
                    with one_thread():
                        self._fit(spec, checkpoint)
        self._fit_quickly([spec for spec in unfitted if is_fitted_quickly(spec)])
        self._fitted |= {spec.key: fitted_file(spec, self.folder.fitted) for spec in unfitted}
        for point in points:
            if point.scenario.reference_curves:
                self.fit_normalisation(point.scenario)
                with one_thread():
                    fit_spectrum(point.scenario, self.folder.fitted, partial(self.training_set, point.scenario))
            for spec in filter(lambda spec: spec.sends_scale, schemes_of(point)):
                fit_scale_range(spec.scenario, self.folder.fitted, partial(self._made.of_range, spec.scenario))
        self._sets.clear()
        self._made.forget()

    def prepared(self, point: Point) -> PreparedPoint:
        """A point that ``prepare`` has fitted, as workers get it."""
        tested, folder = point.scenario, self.folder.fitted
        schemes = [prepared_scheme(spec, tested, folder, self._fitted[spec.key]) for spec in schemes_of(point)]
        return prepared_point(point.scenario, schemes, self.folder, self.device)

    def _require_weights(self, specs: Sequence[SchemeSpec]) -> None:
        missing = [spec for spec in specs if is_trained(spec) and not weights_file(spec).exists()]
        if missing:
            names = ", ".join(spec.title for spec in missing)
            places = " or ".join(map(str, zoo_folders(missing[0].scenario)))
            raise InputError(
                f"compressors: no trained weights for {names} in {places}, expected them there: add --train, or "
                "train those of a scenario with `linksim train SCENARIO`"
            )

    def _fit_quickly(self, specs: Sequence[SchemeSpec]) -> None:
        """Fits what learns from the channels of quick fits and takes no training, on the workers."""
        tasks = fit_tasks([self._wanted_fit(spec) for spec in specs], self.folder.fitted, self.device)
        for _ in self.executor.run(fit_quickly, [task for task in tasks if can_be_sent(task)]):
            pass
        with one_thread():
            for task in tasks:
                if not can_be_sent(task):
                    fit_quickly(*task)

    def _wanted_fit(self, spec: SchemeSpec) -> WantedFit:
        weights = weights_file(spec) if is_trained(spec) else None
        kind, scenario = spec.parameters.traits, spec.scenario
        if kind.learns_over_time or kind.takes != "truncated" or kind.own_scale:
            return WantedFit(spec, self._set_for(spec), weights=weights)
        # Workers normalise: here they would wait for it.
        key = f"{channel_fit_key(scenario)}, not normalised"
        if key not in self._sets:
            train = self._made.of_quick_fits(scenario)
            self._sets[key] = TrainingSet(train, train[:0], axes=KeptAxes(self.folder.fitted))
        normalisation = load_normalisation(scenario, self.folder.fitted)
        return WantedFit(spec, self._sets[key], normalisation, weights)

    def _fit(self, spec: SchemeSpec, checkpoint: str) -> None:
        """Takes trained weights, and fits quantiser and denoiser to them."""
        scheme = spec.build()
        scheme.compressor.to(self.device)
        if is_trained(spec):
            load_checkpoint(weights_file(spec), scheme.compressor)
        elif weights_of_others(spec.parameters) is not None:
            assert isinstance(scheme.compressor, NeuralCompressor)
            scheme.compressor.take_weights_of_others()
        if spec.learns_codewords:
            training = self._joint_set_for(spec) if spec.learns_jointly else self._set_for(spec)
            if spec.learns_jointly:
                denoiser = spec.scenario.feedback.denoiser.name
                _LOGGER.info("fitting %s with %s", denoiser, spec.title)
            fit_to_codewords(scheme, training, fit_generator(spec.scenario, f"denoiser {spec.key}"))
        save_scheme(scheme, spec, self.folder.fitted, checkpoint)

    def fit_normalisation(self, scenario: Scenario) -> None:
        """Fits the normalisation of schemes that learn from a scenario's channel, if it learns anything."""
        fit_normalisation(scenario, self.folder.fitted, partial(self._made.of_quick_fits, scenario))

    def training_set(self, scenario: Scenario) -> TrainingSet:
        """Normalised channels for quick fits, which select nothing and so have no validation channels; made once."""
        key = channel_fit_key(scenario)
        if key not in self._sets:
            train = self._normalised(self._made.of_quick_fits(scenario), scenario)
            self._sets[key] = TrainingSet(train, train[:0], axes=KeptAxes(self.folder.fitted))
        return self._sets[key]

    def _set_for(self, spec: SchemeSpec) -> TrainingSet:
        """The channels for quick fits as the compressor gets them: with their scale, where it reports that itself."""
        kind = spec.parameters.traits
        if kind.learns_over_time:
            return TrainingSet(csi := self._sequences(spec, "train", spec.scenario.training.samples), csi[:0])
        if kind.takes != "truncated":
            return self._other_form(spec)
        if not kind.own_scale:
            return self.training_set(spec.scenario)
        train = self._made.of_quick_fits(spec.scenario).to(self.device)
        return TrainingSet(train, train[:0])

    def _other_form(self, spec: SchemeSpec) -> TrainingSet:
        """The channels for quick fits in another form than the truncated matrix; made once for those who take it."""
        key = form_key(spec.scenario, TakenForm.of(spec.build().compressor))
        if key not in self._sets:
            train = self._taken(spec, "train", spec.scenario.training.samples)
            self._sets[key] = TrainingSet(train, train[:0])
        return self._sets[key]

    def _taken(self, spec: SchemeSpec, split: Split, wanted: int) -> Tensor:
        """Channels of the point itself as a compressor takes them, scaled as it was fitted or trained."""
        normalisation = load_normalisation(spec.scenario, self.folder.fitted)
        return self._made.taken(spec, normalisation, split, wanted).to(self.device)

    def _sequences(self, spec: SchemeSpec, split: Split, wanted: int) -> Tensor:
        """Sequences of reports for a network that learns over time, scaled as it takes them."""
        normalisation = load_normalisation(spec.scenario, self.folder.fitted)
        return self._made.sequences(spec, normalisation, split, wanted).to(self.device)

    def _joint_set_for(self, spec: SchemeSpec) -> TrainingSet:
        """The channels for quick fits as the compressor gets them, and validation channels to select on."""
        if spec.parameters.traits.takes == "truncated":
            return self.joint_training_set(spec.scenario)
        validation = self._taken(spec, "validation", spec.scenario.training.validation_samples)
        return replace(self._other_form(spec), validation=validation)

    def joint_training_set(self, scenario: Scenario) -> TrainingSet:
        """The truncated channels for quick fits, and validation channels to select on; made once."""
        n_validation = scenario.training.validation_samples
        key = f"{channel_fit_key(scenario)}, {n_validation} to select on"
        if key not in self._sets:
            validation = self._normalised(self._made.truncated(scenario, "validation", n_validation), scenario)
            self._sets[key] = replace(self.training_set(scenario), validation=validation)
        return self._sets[key]

    def network_training_set(self, spec: SchemeSpec) -> TrainingSet:
        """Normalised channels for a network; those for quick fits come first among them.

        A network that is adapted gets those of its new source, scaled as it was trained, and selects on as many as it
        learns from, at most.
        """
        source, training = spec.adapted_to or spec.scenario, spec.scenario.training
        n_train, n_validation = training.network_samples, training.validation_samples
        if spec.parameters.traits.learns_over_time:
            train = self._sequences(spec, "train", n_train)
            return TrainingSet(train, self._sequences(spec, "validation", n_validation))
        if spec.adapted_to is not None:
            n_train = adaptation_of(spec).samples
            there = source_of(source).n_samples("train")
            if there is not None and there < n_train:
                raise InputError(
                    f"compressors: {spec.label}: adaptation.samples: got {n_train}, expected at most the {there} train "
                    "channels there are"
                )
            n_validation = min(n_train, n_validation)
        if spec.build().compressor.takes != "truncated":
            taken = self._taken(spec, "train", n_train), self._taken(spec, "validation", n_validation)
            return TrainingSet(*taken)
        train = self._made.truncated(source, "train", n_train)
        validation = self._made.truncated(source, "validation", n_validation)
        return TrainingSet(
            self._normalised(train, spec.scenario),
            self._normalised(validation, spec.scenario),
            axes=KeptAxes(self.folder.fitted),
        )

    def _normalised(self, csi: Tensor, scenario: Scenario) -> Tensor:
        normalisation = load_normalisation(scenario, self.folder.fitted)
        return normalisation.apply(csi, normalisation.scale(csi)).to(self.device)


def weights_file(spec: SchemeSpec) -> Path:
    """Where the zoo keeps a compressor's weights."""
    folders = zoo_folders(spec.scenario)
    return find_weights(folders, checkpoint_path(folders[0], spec.identity, spec.trained_for).name)
