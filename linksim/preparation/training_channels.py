"""Channels to learn from, made on a run's workers: those of quick fits once for all who learn from them."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from channels.source import Split
from feedback.csi_report.normalisation import Normalisation
from linksim.chain.samples_without_energy import channels_with_energy, left_out_warning, require_some
from linksim.errors import InputError
from linksim.execution.executor import Executor
from linksim.preparation.scheme_spec import SchemeSpec
from linksim.preparation.taken_channels import TakenForm, taken_channels, truncated_and_eigenvectors
from linksim.preparation.taken_sequences import SequenceForm, taken_sequences
from linksim.scenario.identity import channel_fit_key
from linksim.scenario.model import Scenario
from linksim.scenario.outlines import split_hint
from linksim.scenario.sources import source_of
from linksim.scenario.true_channels import truncated_channels

# Training channels per task.
_TASK_SIZE = 250
# Training channels that the range of the scale is learnt from.
_RANGE_SAMPLES = 1000

_LOGGER = logging.getLogger(__name__)


class TrainingChannels:
    """Training channels of the points of a run.

    Args:
        executor: where they are made.

    Attributes:
        warnings: what a reader of the results should know of them, a line each.
    """

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.warnings: list[str] = []
        self._truncated: dict[str, Tensor] = {}
        self._eigenvectors: dict[str, Tensor] = {}
        self._expected: dict[str, dict[str, tuple[Scenario, TakenForm]]] = {}

    def expect(self, specs: Iterable[SchemeSpec]) -> None:
        """Eigenvectors that these will learn from come out of the pass that makes truncated channels, if there is one.

        Truncated channels of a UE whose timing is perfect are made without a response to take eigenvectors of.
        """
        for spec in specs:
            scenario = spec.scenario
            if spec.parameters.traits.takes == "eigenvectors" and scenario.estimation.timing != "perfect":
                form = TakenForm.of(spec.build().compressor)
                expected = self._expected.setdefault(channel_fit_key(scenario), {})
                expected[form_key(scenario, form)] = (scenario, form)

    def forget(self) -> None:
        """Forgets the channels that were made, and those that are expected."""
        for kept in (self._truncated, self._eigenvectors, self._expected):
            kept.clear()

    def of_quick_fits(self, scenario: Scenario) -> Tensor:
        """Training channels of quick fits, truncated, not normalised; made once."""
        key = channel_fit_key(scenario)
        if key not in self._truncated:
            expected = self._expected.pop(key, {})
            if not expected:
                self._truncated[key] = self.truncated(scenario, "train", scenario.training.samples)
                return self._truncated[key]
            wanted = tuple(expected.values())
            ranges = self._ranges(scenario, "train", scenario.training.samples)
            tasks = [(scenario, wanted, "train", *each) for each in ranges]
            made = dict(self.executor.run(truncated_and_eigenvectors, tasks))
            csi, *others = (
                torch.cat([torch.from_numpy(made[number][form]) for number in range(len(tasks))])
                for form in range(1 + len(wanted))
            )
            self._truncated[key] = self._with_energy(csi, scenario, "train")
            self._eigenvectors |= dict(zip(expected, others, strict=True))
        return self._truncated[key]

    def of_range(self, scenario: Scenario) -> Tensor:
        """The first training channels, as many as a range takes; not made again where others have needed them.

        Raises:
            InputError: if there are none.
        """
        if source_of(scenario).n_samples("train") == 0:
            raise InputError(
                "transform.scale_bits: got no train channels, expected some: the range of the scale is learnt from "
                "them (0 sends none, and 32 needs none where the link carries real numbers)"
            )
        key = channel_fit_key(scenario)
        wanted = min(_RANGE_SAMPLES, scenario.training.samples)
        known = self._truncated.get(key)
        return self.truncated(scenario, "train", wanted) if known is None else known[:wanted]

    def taken(self, spec: SchemeSpec, normalisation: Normalisation, split: Split, wanted: int) -> Tensor:
        """Channels of the point itself as a compressor takes them, scaled as it was fitted or trained."""
        source, form = spec.adapted_to or spec.scenario, TakenForm.of(spec.build().compressor)
        if spec.adapted_to is None and (split, wanted) == ("train", source.training.samples):
            known = self._eigenvectors.get(form_key(source, form))
            if known is not None:
                return known
        ranges = self._ranges(source, split, wanted)
        tasks = [(source, form, normalisation, split, *each) for each in ranges]
        return self._told(self._gathered(taken_channels, tasks), ranges[-1][1], source, split)

    def sequences(self, spec: SchemeSpec, normalisation: Normalisation, split: Split, wanted: int) -> Tensor:
        """What UEs report over time, as a network that learns from it takes it, ``[n, T, Na, n_ports]``."""
        scenario, form = spec.scenario, SequenceForm.of(spec)
        ranges = self._ranges(scenario, split, wanted)
        tasks = [(scenario, form, normalisation, split, *each) for each in ranges]
        return self._told(self._gathered(taken_sequences, tasks), ranges[-1][1], scenario, split)

    def truncated(self, scenario: Scenario, split: Split, wanted: int) -> Tensor:
        """So many truncated channels of a split, less those without energy, of which a warning tells."""
        tasks = [(scenario, split, *each) for each in self._ranges(scenario, split, wanted)]
        return self._with_energy(self._gathered(truncated_channels, tasks), scenario, split)

    def _with_energy(self, csi: Tensor, scenario: Scenario, split: Split) -> Tensor:
        return self._told(channels_with_energy(csi, scenario, split), len(csi), scenario, split)

    def _told(self, kept: Tensor, of: int, scenario: Scenario, split: Split) -> Tensor:
        """Channels with energy, of so many; a warning tells of those that are left out."""
        require_some(len(kept), of, scenario, split)
        if len(kept) < of:
            self.warnings.append(left_out_warning(of - len(kept), of, split))
        return kept

    def _ranges(self, scenario: Scenario, split: Split, wanted: int) -> list[tuple[int, int]]:
        """Which channels each task makes."""
        available = source_of(scenario).n_samples(split)
        if available == 0:
            where = split_hint(scenario.channel, split)
            raise InputError(f"channel: got no {split} channels, expected some: a compressor has to learn{where}")
        count = wanted if available is None else min(wanted, available)
        _LOGGER.info("making %d %s channels", count, split)
        return [(a, min(a + _TASK_SIZE, count)) for a in range(0, count, _TASK_SIZE)]

    def _gathered(self, task: Callable[..., Any], tasks: list[tuple[Any, ...]]) -> Tensor:
        parts = dict(self.executor.run(task, tasks))
        return torch.cat([torch.from_numpy(parts[number]) for number in range(len(tasks))])


def form_key(scenario: Scenario, form: TakenForm) -> str:
    """Names the channels of quick fits in another form than the truncated matrix."""
    return f"{channel_fit_key(scenario)}, {scenario.sgcs.n_subbands} subbands, {form}"
