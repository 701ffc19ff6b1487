"""What ends a decoder and makes images of logits, and how a start undoes it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from feedback.layers.images import ImageScale

# Images this near to 0 or 1 are not told from it: their logits would only be large.
_EDGE = 0.01


@dataclass(frozen=True)
class LastActivation:
    r"""A function of logits ``z`` whose values are images :math:`0.5 + d`, with 0.5 at 0.

    Attributes:
        logits: of deviations ``d`` as near as values can tell, same shape.
        slope: of the function at logits, same shape.
        tangent: slope of the logits over ``d`` at 0.
    """

    logits: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    tangent: float


def makes_images(layer: nn.Module) -> bool:
    """Whether there is a ``last_activation`` of a layer; also of one without values, on the meta device."""
    return isinstance(layer, (nn.Sigmoid, nn.Hardsigmoid, ImageScale))


def last_activation(layer: nn.Module) -> LastActivation | None:
    """What is known of a layer; ``None`` where it makes no images of logits."""
    if isinstance(layer, nn.Sigmoid):
        return LastActivation(_logits_of_sigmoid, _slope_of_sigmoid, 4.0)
    if isinstance(layer, nn.Hardsigmoid):
        return LastActivation(lambda deviations: 6 * deviations, lambda logits: logits.new_full((), 1 / 6), 6.0)
    if isinstance(layer, ImageScale):
        factor = float(layer.factor)
        return LastActivation(
            lambda deviations: deviations / factor, lambda logits: logits.new_full((), factor), 1 / factor
        )
    return None


def _logits_of_sigmoid(deviations: Tensor) -> Tensor:
    r""":math:`z = \ln \frac{0.5 + d}{0.5 - d}`."""
    return (0.5 + deviations).clamp(_EDGE, 1 - _EDGE).logit()


def _slope_of_sigmoid(logits: Tensor) -> Tensor:
    image = logits.sigmoid()
    return image * (1 - image)
