"""Quick fits as tasks: what learns from a run's training channels is fitted beside each other.

These are compressors without trained weights, and quantisers of networks that have some.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from feedback.checkpoint import load_checkpoint
from feedback.csi_report.normalisation import Normalisation
from feedback.plugin_file import weights_of_others
from feedback.training_set import PrincipalAxes, TrainingSet
from linksim.preparation.fitting import FIT_CODEWORDS, fit_generator, fit_to_codewords, save_scheme
from linksim.preparation.kept_axes import KeptAxes
from linksim.preparation.scheme_spec import SchemeSpec, is_trained

_LOGGER = logging.getLogger(__name__)

# Channels that are sent to a worker, at most; fits to more share the memory of the process that made them.
_MAX_SENT_BYTES = 2**28

# Schemes, the channels they learn from, their normalisation, where axes are kept, folder of fits, device, weights.
FitTask = tuple[
    tuple[SchemeSpec, ...], NDArray[np.complex64], Normalisation | None, Path | None, Path, str, Path | None
]


@dataclass(frozen=True)
class WantedFit:
    """A scheme to be fitted.

    Attributes:
        spec: the scheme.
        training: what it learns from.
        normalisation: of the channels before the scheme gets them; ``None`` where they are as it gets them.
        weights: trained ones of its network; ``None`` where the compressor itself learns.
    """

    spec: SchemeSpec
    training: TrainingSet
    normalisation: Normalisation | None = None
    weights: Path | None = None


def learns_itself(spec: SchemeSpec) -> bool:
    """Whether a compressor learns from the channels of quick fits: it has no trained weights."""
    return not is_trained(spec) and weights_of_others(spec.parameters) is None


def is_fitted_quickly(spec: SchemeSpec) -> bool:
    """Whether all that a scheme learns here are a compressor without trained weights, quantiser and denoiser."""
    return learns_itself(spec) or (is_trained(spec) and spec.learns_codewords and not spec.learns_jointly)


def fit_tasks(wanted: list[WantedFit], folder: Path, device: torch.device) -> list[FitTask]:
    """Arguments of ``fit_quickly`` for schemes: one task for each that makes bits of its own, which takes longest.

    So are networks. The others of a training set are one task, as they share its principal axes.

    Args:
        wanted: schemes, and what each learns from.
        folder: of what is fitted.
        device: where to compute.
    """
    groups: dict[str, list[WantedFit]] = {}
    for fit in wanted:
        alone = fit.spec.makes_bits or fit.weights is not None
        shared = f"training set {id(fit.training)}, {fit.normalisation}"
        groups.setdefault(fit.spec.key if alone else shared, []).append(fit)
    tasks = []
    for fits in groups.values():
        training, normalisation, weights = fits[0].training, fits[0].normalisation, fits[0].weights
        # A quantiser looks at no more.
        channels = training.train if weights is None else training.train[:FIT_CODEWORDS]
        axes_folder = training.axes.folder if isinstance(training.axes, KeptAxes) else None
        specs = tuple(fit.spec for fit in fits)
        tasks.append((specs, channels.cpu().numpy(), normalisation, axes_folder, folder, str(device), weights))
    return tasks


def can_be_sent(task: FitTask) -> bool:
    """Whether a task's channels are few enough to be copied to a worker."""
    return task[1].nbytes <= _MAX_SENT_BYTES


def fit_quickly(
    specs: tuple[SchemeSpec, ...],
    channels: NDArray[np.complex64],
    normalisation: Normalisation | None,
    axes_folder: Path | None,
    folder: Path,
    device: str,
    weights: Path | None,
) -> None:
    """Fits schemes to channels and keeps them; digits depend on nothing but the arguments, on one thread.

    Args:
        specs: schemes that learn from the same channels.
        channels: ``[n, ...]``, complex64.
        normalisation: of these before the compressors get them; ``None`` where they are as those get them.
        axes_folder: where principal axes of the channels are kept; ``None`` keeps none.
        folder: of what is fitted.
        device: where to compute.
        weights: trained ones of the network, if it is one.
    """
    train = torch.from_numpy(channels)
    if normalisation is not None:
        train = normalisation.apply(train, normalisation.scale(train))
    train = train.to(device)
    training = TrainingSet(train, train[:0], axes=PrincipalAxes() if axes_folder is None else KeptAxes(axes_folder))
    for spec in specs:
        scheme = spec.build()
        scheme.compressor.to(device)
        checkpoint = ""
        if weights is None:
            _LOGGER.info("fitting %s", spec.title)
            scheme.compressor.fit(training, fit_generator(spec.scenario, spec.key))
        else:
            checkpoint = load_checkpoint(weights, scheme.compressor).sha256
        if spec.learns_codewords:
            fit_to_codewords(scheme, training, fit_generator(spec.scenario, f"denoiser {spec.key}"))
        save_scheme(scheme, spec, folder, checkpoint)
