"""Quick fits as tasks: compressors that learn from a run's training channels are fitted beside each other."""

import logging
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from feedback.plugin_file import weights_of_others
from feedback.training_set import PrincipalAxes, TrainingSet
from linksim.preparation.fitting import fit_generator, fit_to_codewords, save_scheme
from linksim.preparation.kept_axes import KeptAxes
from linksim.preparation.scheme_spec import SchemeSpec, is_trained

_LOGGER = logging.getLogger(__name__)

# Channels that are sent to a worker, at most; fits to more share the memory of the process that made them.
_MAX_SENT_BYTES = 2**28

# Schemes, the channels they learn from, where axes of these are kept, folder of what is fitted, device.
FitTask = tuple[tuple[SchemeSpec, ...], NDArray[np.complex64], Path | None, Path, str]


def is_fitted_quickly(spec: SchemeSpec) -> bool:
    """Whether a compressor learns from the channels of quick fits: it has no trained weights."""
    return not is_trained(spec) and weights_of_others(spec.parameters) is None


def fit_tasks(wanted: list[tuple[SchemeSpec, TrainingSet]], folder: Path, device: torch.device) -> list[FitTask]:
    """Arguments of ``fit_quickly`` for schemes: one task for each that makes bits of its own, which takes longest.

    The others of a training set are one task, as they share its principal axes.

    Args:
        wanted: schemes, and what each learns from.
        folder: of what is fitted.
        device: where to compute.
    """
    groups: dict[str, tuple[list[SchemeSpec], TrainingSet]] = {}
    for spec, training in wanted:
        key = spec.key if spec.makes_bits else f"training set {id(training)}"
        groups.setdefault(key, ([], training))[0].append(spec)
    return [
        (
            tuple(specs),
            training.train.cpu().numpy(),
            training.axes.folder if isinstance(training.axes, KeptAxes) else None,
            folder,
            str(device),
        )
        for specs, training in groups.values()
    ]


def can_be_sent(task: FitTask) -> bool:
    """Whether a task's channels are few enough to be copied to a worker."""
    return task[1].nbytes <= _MAX_SENT_BYTES


def fit_quickly(
    specs: tuple[SchemeSpec, ...],
    channels: NDArray[np.complex64],
    axes_folder: Path | None,
    folder: Path,
    device: str,
) -> None:
    """Fits schemes to channels and keeps them; digits depend on nothing but the arguments, on one thread.

    Args:
        specs: schemes that learn from the same channels.
        channels: as their compressors get them, ``[n, ...]``, complex64.
        axes_folder: where principal axes of the channels are kept; ``None`` keeps none.
        folder: of what is fitted.
        device: where to compute.
    """
    train = torch.from_numpy(channels).to(device)
    training = TrainingSet(train, train[:0], axes=PrincipalAxes() if axes_folder is None else KeptAxes(axes_folder))
    for spec in specs:
        scheme = spec.build()
        scheme.compressor.to(device)
        _LOGGER.info("fitting %s", spec.title)
        scheme.compressor.fit(training, fit_generator(spec.scenario, spec.key))
        if spec.learns_codewords:
            fit_to_codewords(scheme, training, fit_generator(spec.scenario, f"denoiser {spec.key}"))
        save_scheme(scheme, spec, folder, checkpoint="")
