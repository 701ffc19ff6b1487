"""Adam for scales of norms, whose steps shrink with them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


class ScaleAdam(torch.optim.Adam):
    r"""Adam whose steps are shorter by as much as a scale is smaller than it was at the start.

    .. math:: \gamma \leftarrow \gamma + \min(1, \|\gamma\| / \|\gamma_0\|) \, \Delta_\mathrm{Adam}

    Layers behind a norm grow by the noise of their steps, and its scale shrinks as they do: a step that was a fiftieth
    of it in the beginning is as long as itself in the end, turns the signs of what it scales, and leaves nothing of
    what the network knew. What a norm scales moves in proportion to its scale, so that steps stay as long beside it.

    Args:
        groups: scales that are not 0, and their ``ratio``.
        options: of Adam, by its names.
    """

    def __init__(self, groups: list[dict[str, Any]], **options: Any) -> None:
        super().__init__(groups, **options)
        self._sizes = [torch.linalg.vector_norm(p.detach()) for group in groups for p in group["params"]]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step; closures are not supported and must be ``None``."""
        assert closure is None
        scales = [scale for group in self.param_groups for scale in group["params"]]
        before = [scale.clone() for scale in scales]
        super().step()
        for scale, old, size in zip(scales, before, self._sizes, strict=True):
            share = (torch.linalg.vector_norm(old) / size).clamp(max=1)
            scale.copy_(old.lerp(scale, share))


def norm_scales(network: nn.Module) -> set[int]:
    """Identities of the scales of a network's norms, those that are all 0 left out, which could never leave it."""
    scales = [layer.weight for layer in network.modules() if isinstance(layer, _NORMS)]
    return {id(scale) for scale in scales if isinstance(scale, nn.Parameter) and bool(scale.detach().any())}
