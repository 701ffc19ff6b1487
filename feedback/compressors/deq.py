"""Deep equilibrium network: few weights, used again and again, as often as a device can afford (Ma et al., 2023)."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from feedback.complexity import count_macs
from feedback.compressor import COMPRESSORS
from feedback.compressors.parameters.deq import BS_TRAINING_ITERATIONS, UE_TRAINING_ITERATIONS, DeqParameters
from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError
from feedback.layers.basic import ConvBn, initialise, kaiming_uniform
from feedback.layers.equilibrium_blocks import BsEquilibrium, EquilibriumBlock, UeEquilibrium, prelu
from feedback.layers.images import to_unit_interval
from feedback.networks.fully_connected import FullyConnectedNetwork
from feedback.training.options import Loss, Pass, TrainingOptions, TrainingOutcome
from feedback.training.paper_recipes import DEQ
from feedback.training.recipe import TrainingRecipe
from feedback.training_set import TrainingSet

# Where a step stretches more than this, the loss grows with the excess.
_MOST_STRETCH = 0.7
_WEIGHT = 10.0


@dataclass(frozen=True)
class ContractionLoss:
    r"""A loss, and what keeps steps from stretching.

    With :math:`s` the stretch of a state, of which what is below 0.7 does not count,

    .. math:: L + 10 \, L \, \overline{(s / 0.7 - 1)^2}

    where the second :math:`L` has no gradient, so that both weigh the same whatever the unit of the loss.

    Attributes:
        plain: the loss.
        blocks: what has to contract.
    """

    plain: Loss
    blocks: tuple[EquilibriumBlock, ...]

    def __call__(self, step: Pass) -> Tensor:
        """Scalar loss of one step."""
        loss = self.plain(step)
        for block in self.blocks:
            stretch = block.equilibrium.stretch
            if stretch is not None:
                excess = (stretch / _MOST_STRETCH - 1).relu().square().mean()
                loss = loss + _WEIGHT * loss.detach() * excess
        return loss


@COMPRESSORS.register("deq")
class Deq(FullyConnectedNetwork):
    """Convolution, equilibrium block and FC at the UE; FC, equilibrium block and sigmoid at the BS.

    Source: Y. Ma, W. Yu, X. Yu, J. Zhang, S. Song, K. B. Letaief, 2023, arXiv:2211.15079.
    """

    Parameters = DeqParameters
    settings: DeqParameters
    paper_recipe = DEQ

    def __init__(self, parameters: DeqParameters, shape: tuple[int, int]) -> None:
        super().__init__(parameters, shape)
        if parameters.ue_mac_budget is not None:
            image = torch.zeros(1, 2, *shape)
            self.ue_iterations = affordable(self.encoder, self._ue_block, image, parameters.ue_mac_budget, "ue")
        if parameters.bs_mac_budget is not None:
            codeword = torch.zeros(1, self.length)
            self.bs_iterations = affordable(self.decoder, self._bs_block, codeword, parameters.bs_mac_budget, "bs")

    @property
    def ue_iterations(self) -> int:
        """Iterations ``Te`` at the UE; may be set at any time."""
        return self._ue_block.equilibrium.iterations

    @ue_iterations.setter
    def ue_iterations(self, iterations: int) -> None:
        self._ue_block.equilibrium.iterations = _at_least_one(iterations)

    @property
    def bs_iterations(self) -> int:
        """Iterations ``Td`` at the BS; may be set at any time."""
        return self._bs_block.equilibrium.iterations

    @bs_iterations.setter
    def bs_iterations(self, iterations: int) -> None:
        self._bs_block.equilibrium.iterations = _at_least_one(iterations)

    @property
    def starts_as_klt(self) -> bool:
        """As ``init`` says."""
        return self.settings.init == "klt"

    def suited(self, options: TrainingOptions) -> TrainingOptions:
        """Options with a loss that keeps both blocks contractions."""
        options = super().suited(options)
        return replace(options, loss=ContractionLoss(options.loss, (self._ue_block, self._bs_block)))

    def build_features(self) -> nn.Module:
        """Conv 5x5 2->2, batch norm, PReLU; equilibrium block."""
        return nn.Sequential(ConvBn(2, 2, 5, prelu(2)), UeEquilibrium(self.settings.ue_iterations))

    def build_refinement(self) -> nn.Module:
        """Equilibrium block, sigmoid."""
        return nn.Sequential(BsEquilibrium(self.settings.bs_iterations), nn.Sigmoid())

    def initialise(self, generator: torch.Generator) -> None:
        """Draws Kaiming-uniform weights."""
        initialise(self.encoder, generator, kaiming_uniform)
        initialise(self.decoder, generator, kaiming_uniform)

    def train_networks(
        self,
        training: TrainingSet,
        recipe: TrainingRecipe,
        generator: torch.Generator,
        options: TrainingOptions | None = None,
    ) -> TrainingOutcome:
        """Trains with 10 and 5 iterations, and goes back to those that were set."""
        used = self.ue_iterations, self.bs_iterations
        self.ue_iterations, self.bs_iterations = UE_TRAINING_ITERATIONS, BS_TRAINING_ITERATIONS
        try:
            return super().train_networks(training, recipe, generator, options)
        finally:
            self.ue_iterations, self.bs_iterations = used

    def diagnostics(self, csi: Tensor) -> dict[str, float]:
        """How near the iterations come to their fixed points: mean relative change of the state in the last one."""
        return super().diagnostics(csi) | {
            "ue_residual": float(self.ue_residuals(csi)[:, -1].mean()),
            "bs_residual": float(self.bs_residuals(Codeword(self.encoder(to_unit_interval(csi))))[:, -1].mean()),
        }

    @torch.no_grad()
    def ue_residuals(self, csi: Tensor, iterations: int | None = None) -> Tensor:
        """Relative change of the state in each iteration at the UE, ``[batch, iterations]``.

        Args:
            csi: normalised angular-delay matrices ``[batch, Na, Nt]``, complex64.
            iterations: how many to follow; by default ``ue_iterations``.
        """
        image = self.encoder.features[0](to_unit_interval(csi))  # type: ignore[index]
        return self._ue_block.residuals(image, iterations)

    @torch.no_grad()
    def bs_residuals(self, received: Codeword, iterations: int | None = None) -> Tensor:
        """Relative change of the state in each iteration at the BS, ``[batch, iterations]``.

        Args:
            received: codewords.
            iterations: how many to follow; by default ``bs_iterations``.
        """
        image = self.decoder.fc(received.values).unflatten(1, (2, *self.shape))
        return self._bs_block.residuals(image, iterations)

    @property
    def _ue_block(self) -> EquilibriumBlock:
        return _block(self.encoder.features)

    @property
    def _bs_block(self) -> EquilibriumBlock:
        return _block(self.decoder.refinement)


def affordable(network: nn.Module, block: EquilibriumBlock, example: Tensor, budget: int, side: str) -> int:
    r"""Iterations that a budget of multiply-adds allows (eq. 16).

    .. math:: T = \lfloor (R - F_{fixed}) / F_{step} \rfloor

    Args:
        network: encoder or decoder.
        block: its equilibrium block; its iterations are changed.
        example: an input of the network, a batch of 1.
        budget: multiply-adds ``R``.
        side: for the message.

    Raises:
        FeedbackInputError: if the budget is less than one iteration takes.
    """
    costs = []
    for iterations in (1, 2):
        block.equilibrium.iterations = iterations
        costs.append(count_macs(network, example))
    if budget < costs[0]:
        raise FeedbackInputError(
            f"{side}_mac_budget: got {budget}, expected at least {costs[0]}, which one iteration takes"
        )
    return 1 + (budget - costs[0]) // (costs[1] - costs[0])


def _block(network: nn.Module) -> EquilibriumBlock:
    return next(layer for layer in network.children() if isinstance(layer, EquilibriumBlock))


def _at_least_one(iterations: int) -> int:
    if iterations < 1:
        raise FeedbackInputError(f"iterations: got {iterations}, expected at least 1")
    return iterations
