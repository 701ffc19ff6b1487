"""A linear pair of networks, and channels that it can learn to tell exactly."""

import torch
from torch import Tensor, nn

SHAPE = (4, 4)


class LinearEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(32, 8, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        return self.fc((image - 0.5).flatten(1))


class LinearDecoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 32, bias=False)

    def forward(self, codeword: Tensor) -> Tensor:
        return self.fc(codeword).unflatten(1, (2, *SHAPE)) + 0.5


def channels(n: int, seed: int) -> Tensor:
    """White matrices on 4 of 16 complex directions: 8 real values tell them exactly."""
    csi = torch.zeros(n, 16, dtype=torch.complex64)
    csi[:, :4] = torch.randn(n, 4, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))
    csi = csi.unflatten(1, SHAPE)
    return csi / csi.abs().amax(dim=(1, 2), keepdim=True)


def networks() -> tuple[LinearEncoder, LinearDecoder]:
    encoder, decoder = LinearEncoder(), LinearDecoder()
    generator = torch.Generator().manual_seed(1)
    for network in (encoder, decoder):
        nn.init.xavier_uniform_(network.fc.weight, generator=generator)
    return encoder, decoder


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
