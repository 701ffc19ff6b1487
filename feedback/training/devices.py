"""Where a network is trained: one device, or several processes with one device each, through Lightning Fabric.

The library takes as long to import as PyTorch itself, and only training needs it.
"""

import logging
from typing import TYPE_CHECKING

import torch

from feedback.extras import require_extra
from feedback.training.recipe import Precision, TrainingRecipe

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def one_device(device: torch.device, precision: Precision) -> "Fabric":
    """This process and one device, whatever batch system it runs under."""
    require_extra("train", "training")
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment

    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
    devices = [device.index or 0] if device.type == "cuda" else 1
    return Fabric(
        accelerator=device.type,
        devices=devices,
        precision=precision,
        plugins=[LightningEnvironment()],
    )


def several_devices(accelerator: str, devices: int, recipe: TrainingRecipe) -> "Fabric":
    """So many processes, each with a device and its share of every batch; gradients are averaged (DDP).

    The batch size stays the recipe's. Batch norm sees each process's share alone, so the digits depend on ``devices``.
    """
    require_extra("train", "training")
    from lightning_fabric import Fabric

    return Fabric(accelerator=accelerator, devices=devices, strategy="ddp_spawn", precision=recipe.precision)
