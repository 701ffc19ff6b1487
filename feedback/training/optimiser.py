"""Optimisers of a recipe: learning rates by side and kind of layer, and the moving average of the weights."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from feedback.training.combined_optimiser import CombinedOptimiser
from feedback.training.kernel_muon import KernelMuon
from feedback.training.move_limit import MoveLimit
from feedback.training.norm_scales import ScaleAdam, norm_scales
from feedback.training.recipe import TrainingRecipe

_MOMENTUM = 0.9


def make_optimiser(
    recipe: TrainingRecipe,
    encoder: nn.Module,
    decoder: nn.Module,
    prior: nn.Module | None = None,
    limit: MoveLimit | None = None,
) -> torch.optim.Optimizer:
    """The optimiser, whose groups say their learning rate over the recipe's (``ratio``) and whether they ``encode``.

    Args:
        recipe: optimiser and learning rates.
        encoder: learns.
        decoder: learns.
        prior: learns, where bits are in the loss.
        limit: on what steps of encoder and decoder move.
    """
    groups = [
        {"params": params, "ratio": side_ratio * ratio, "encodes": network is encoder, "of_layers": True}
        for network, side_ratio in ((encoder, recipe.encoder_rate_ratio), (decoder, 1.0))
        for params, ratio in _by_layer(network, 1.0 if recipe.fc_rate_ratio is None else recipe.fc_rate_ratio)
        if params
    ]
    if limit is not None:
        groups = [part for group in groups for part in _limited(recipe, group, limit)]
    if prior is not None:
        groups.append({"params": list(prior.parameters()), "ratio": 1.0, "encodes": False, "of_layers": False})
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(
            groups, lr=recipe.learning_rate, momentum=_MOMENTUM, nesterov=True, weight_decay=recipe.weight_decay
        )
    scales = norm_scales(encoder) | norm_scales(decoder) if recipe.relative_norm_steps else set()
    return _combined(recipe, groups, scales)


def _combined(recipe: TrainingRecipe, groups: list[dict[str, Any]], scales: set[int]) -> torch.optim.Optimizer:
    """Muon for matrices, and for kernels if the recipe says so; Adam for the others, distributions among them.

    Args:
        recipe: of Adam, AdamW or Muon.
        groups: all parameters.
        scales: identities of those whose steps shrink with them.
    """
    options: dict[str, Any] = {
        "lr": recipe.learning_rate,
        "eps": recipe.epsilon,
        "weight_decay": recipe.weight_decay,
        "decoupled_weight_decay": recipe.optimiser == "adamw",
        "fused": True,
    }

    def is_for_muon(group: dict[str, Any], parameter: nn.Parameter) -> bool:
        return bool(group["of_layers"]) and _by_muon(recipe, parameter)

    parts: list[torch.optim.Optimizer] = []
    if weights := _only(groups, is_for_muon):
        parts.append(KernelMuon(weights, recipe.learning_rate, recipe.weight_decay))
    if chosen := _only(groups, lambda group, parameter: id(parameter) in scales):
        parts.append(ScaleAdam(chosen, **options))
    if others := _only(groups, lambda group, p: not (is_for_muon(group, p) or id(p) in scales)):
        parts.append(torch.optim.Adam(others, **options))
    return parts[0] if len(parts) == 1 else CombinedOptimiser(parts)


def _by_muon(recipe: TrainingRecipe, parameter: nn.Parameter) -> bool:
    """Whether a parameter of a layer takes steps of Muon."""
    return recipe.optimiser == "muon" and (parameter.dim() == 2 or (recipe.muon_kernels and parameter.dim() > 2))


def _limited(recipe: TrainingRecipe, group: dict[str, Any], limit: MoveLimit) -> list[dict[str, Any]]:
    """A group as several, of parameters with the same share of its learning rate."""
    shares = defaultdict(list)
    for parameter in group["params"]:
        rate = recipe.learning_rate * group["ratio"]
        shares[limit.share(parameter, rate, _by_muon(recipe, parameter))].append(parameter)
    return [{**group, "params": params, "ratio": group["ratio"] * share} for share, params in shares.items()]


def _only(groups: list[dict[str, Any]], wanted: Callable[[dict[str, Any], nn.Parameter], bool]) -> list[dict[str, Any]]:
    chosen = [{**group, "params": [p for p in group["params"] if wanted(group, p)]} for group in groups]
    return [group for group in chosen if group["params"]]


def _by_layer(network: nn.Module, fc_ratio: float) -> tuple[tuple[list[nn.Parameter], float], ...]:
    # Adam moves all weights of a layer by about one step: the sum over 2048 inputs of an FC moves far more than that
    # over the 18 of a small kernel.
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear | nn.LSTM)]
    # Layers may share a weight.
    dense = {id(p): p for layer in layers for p in layer.parameters(recurse=False)}
    return (list(dense.values()), fc_ratio), ([p for p in network.parameters() if id(p) not in dense], 1.0)


def averaged(model: nn.Module, recipe: TrainingRecipe) -> torch.optim.swa_utils.AveragedModel | None:
    """The exponential moving average of a model's weights and statistics; ``None`` where the recipe wants none."""
    if recipe.ema_decay is None:
        return None
    average = torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.ema_decay)

    def update(averages: Any, values: Any, count: Any) -> None:
        """Numbers are averaged; counts, indices and masks have no mean, so that the last are taken."""
        if averages[0].is_floating_point():
            average(averages, values, count)
        else:
            torch._foreach_copy_(averages, values)

    return torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=update, use_buffers=True)
