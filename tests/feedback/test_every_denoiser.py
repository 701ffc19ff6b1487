"""Every denoiser works with every compressor, and none shows the BS more than the link delivered."""

from dataclasses import replace

import pytest
import torch

from feedback.compressor import COMPRESSORS
from feedback.conformance.candidate import csi_for
from feedback.conformance.network import candidate_of
from feedback.conformance.reports import given_shape
from feedback.denoiser import DENOISERS
from feedback.links.awgn import Awgn
from feedback.training_set import TrainingSet
from tests.feedback.narrow_networks import NARROW

# One name of each class that sends values; there is no denoiser of bits that others make.
CLASSES = {COMPRESSORS.get_class(name): str(name) for name in sorted(COMPRESSORS, reverse=True)}
NAMES = sorted(name for kind, name in CLASSES.items() if kind.sends == "analogue")
QUICK = {"dnnnet": {"width": 16, "epochs": 1, "joint": {"epochs": 1, "batch_size": 20}}}


@pytest.mark.parametrize("denoiser_name", sorted(map(str, DENOISERS.keys())))
@pytest.mark.parametrize("name", [*NAMES, "csinet of eigenvectors"])
def test_any_compressor_with_any_denoiser(name: str, denoiser_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each of its SNRs and shares takes a pass of the decoder.
    monkeypatch.setattr("feedback.denoisers.wiener._SNRS_DB", (0, 20))
    monkeypatch.setattr("feedback.denoisers.wiener._SHARES", (1.0, 0.5))
    name, _, form = name.partition(" of ")
    section = {"name": name, **NARROW.get(name, {})} | ({"csi": form} if form else {})
    candidate = candidate_of(COMPRESSORS.get_class(name), section)
    compressor = candidate.build()
    training = TrainingSet(csi_for(compressor, 20), csi_for(compressor, 10, seed=1))
    # Networks keep the weights that they are built with: this is not about how well they do.
    if not candidate.compressor.trained:
        compressor.fit(training, torch.Generator().manual_seed(0))
    denoiser_class = DENOISERS.get_class(denoiser_name)
    document = {"name": denoiser_name} | QUICK.get(denoiser_name, {})
    denoiser = denoiser_class(denoiser_class.Parameters.model_validate(document))
    denoiser.fit(compressor.encode(training.train).values)
    denoiser.fit_jointly(compressor, training, torch.Generator().manual_seed(0))
    link = Awgn(Awgn.Parameters(snr_db=3))
    outputs = []
    for seed in (2, 3):
        sent = compressor.encode(csi_for(compressor, 6, seed=seed))
        generator = torch.Generator().manual_seed(4)

        def draw(shape: tuple[int, ...], generator: torch.Generator = generator) -> torch.Tensor:
            return torch.randn(6, *shape, generator=generator)

        received = link.transmit(sent, draw)
        rebuilt = compressor.decode(denoiser.denoise(received, link.noise_to_signal))
        assert rebuilt.shape == (6, *given_shape(compressor))
        assert torch.view_as_real(rebuilt).isfinite().all()
        # A link that delivers nothing of the values: what is rebuilt is the same for every channel.
        nothing = replace(received, values=torch.zeros_like(received.values), side={})
        if not sent.side:
            outputs.append(compressor.decode(denoiser.denoise(nothing, link.noise_to_signal)))
    if outputs:
        torch.testing.assert_close(outputs[0], outputs[1], rtol=0, atol=0)
