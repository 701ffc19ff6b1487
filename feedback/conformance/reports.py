"""What bits of a compressor's own, and reports that build on each other, must obey beyond the contract."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from feedback.compressor import NO_MEMORY, Compressor
from feedback.conformance.candidate import Candidate, delivered
from feedback.conformance.contract import ContractError, demand
from feedback.csi_report.codeword import Codeword


def given_shape(compressor: Compressor) -> list[int]:
    """Shape of what the BS gets back of one report."""
    if compressor.gives == "channel":
        return list(compressor.shape)
    return [compressor.n_layers, compressor.dimensions.n_subbands, compressor.dimensions.n_tx]


def check_bits_of(compressor: Compressor, codeword: Codeword, count: int) -> None:
    """Codewords of a compressor that makes bits of its own are bits, counted to the last."""
    values, lengths = codeword.values, codeword.value_bits
    demand(bool(((values == 0) | (values == 1)).all()), "codeword values: got others than 0 and 1, expected bits")
    if compressor.sends == "levels":
        expected = [count, compressor.length]
        demand(list(values.shape) == expected, f"bits: got shape {list(values.shape)}, expected {expected}")
        counted = not isinstance(lengths, Tensor) and lengths == compressor.length and codeword.level_bits == 1
        demand(counted, f"value_bits: got {lengths}, expected {compressor.length} plain bits (level_bits 1)")
        return
    demand(codeword.level_bits is None, f"level_bits: got {codeword.level_bits}, expected None for bitstreams")
    if not isinstance(lengths, Tensor) or lengths.shape != (count,):
        raise ContractError(f"value_bits: got {lengths}, expected the length of each bitstream, [{count}]")
    longest = int(lengths.max())
    demand(values.shape == (count, longest), f"bits: got shape {list(values.shape)}, expected [{count}, {longest}]")
    behind = torch.arange(longest) >= lengths[:, None]
    demand(not values[behind].any(), "bits: got ones behind the end of a bitstream, expected zeros")
    most = codeword.max_bits
    demand((most is not None) == compressor.reserves_bits, f"max_bits: got {most}, expected what reserves_bits says")
    demand(most is None or longest <= most, f"bits: got {longest}, expected at most max_bits {most}")


def check_wrong_bits(candidate: Candidate) -> None:
    """Whatever bits arrive, also too few, the BS gives what a report may mean, or takes it for lost; it never fails."""
    compressor = candidate.fitted
    if compressor.sends == "analogue":
        return
    sent = delivered(compressor.encode(candidate.csi))
    generator = torch.Generator().manual_seed(5)
    garbled = [
        torch.zeros_like(sent.values),
        torch.ones_like(sent.values),
        torch.randint(0, 2, sent.values.shape, generator=generator).float(),
        *((sent.values + (torch.rand(sent.values.shape, generator=generator) < rate)) % 2 for rate in (0.01, 0.1)),
    ]
    received = [replace(sent, values=values, erased=torch.zeros(len(values), dtype=torch.bool)) for values in garbled]
    if compressor.sends == "bitstream":
        assert isinstance(sent.value_bits, Tensor)
        half = sent.value_bits // 2
        cut = torch.where(torch.arange(sent.values.shape[1]) < half[:, None], sent.values, 0.0)
        received += [
            replace(sent, values=cut, value_bits=half),
            replace(sent, values=sent.values[:, :0], value_bits=torch.zeros_like(half)),
            # A link that tells no length hands over what it reserves.
            replace(sent, values=torch.nn.functional.pad(sent.values, (0, 9)), value_bits=torch.full_like(half, 10**6)),
        ]
    for codeword in received:
        rebuilt, _ = compressor.rebuild(codeword, NO_MEMORY)
        erased = rebuilt.erased
        if erased is None or erased.shape != (len(codeword.values),) or erased.dtype != torch.bool:
            raise ContractError("rebuild: got no `erased`, expected which reports are lost, [batch], bool")
        csi = rebuilt.csi
        demand(list(csi.shape[1:]) == given_shape(compressor), f"rebuild: got shape {list(csi.shape)} of wrong bits")
        finite = bool(torch.view_as_real(csi).isfinite().all())
        demand(finite, "rebuild: got NaN or infinity of wrong bits, expected finite values")
        if compressor.gives == "precoder":
            check_unit_norm(csi[~erased], compressor.chooses_rank)
    lost = replace(sent, values=torch.zeros_like(sent.values), erased=torch.ones(len(sent.values), dtype=torch.bool))
    erased = compressor.rebuild(lost, NO_MEMORY)[0].erased
    demand(erased is not None and bool(erased.all()), "rebuild: got an erased report as arrived, expected it lost")


def check_memory(candidate: Candidate) -> None:
    """What is remembered is all in the memory that is handed on, a row of it for each row of the batch."""
    compressor, csi = candidate.fitted, candidate.csi
    sequence = [csi, csi.flip(0), csi]
    told = (None, torch.arange(len(csi)) == 1, torch.arange(len(csi)) == 2)
    together = _replies(compressor, sequence, told)
    again = _replies(compressor, sequence, told)
    demand(all(map(torch.equal, together, again)), "got other digits from the same memory, expected the same")
    rows = slice(2, 4)
    part = _replies(compressor, [each[rows] for each in sequence], [None if x is None else x[rows] for x in told])
    for whole, some in zip(together, part, strict=True):
        apart = float((whole[rows] - some).abs().max())
        # As rows of a batch without memory.
        demand(apart <= 2e-4, f"rows with their memory are {apart:.2g} from themselves in a batch, expected 0")


def _replies(compressor: Compressor, sequence: list[Tensor], told: Sequence[Tensor | None]) -> list[Tensor]:
    ue, bs, replies = NO_MEMORY, NO_MEMORY, []
    for csi, lost in zip(sequence, told, strict=True):
        sent, ue = compressor.report(csi, ue, lost)
        received = replace(delivered(sent), erased=torch.zeros(len(csi), dtype=torch.bool))
        rebuilt, bs = compressor.rebuild(received, bs)
        replies.append(rebuilt.csi)
    return replies


def check_unit_norm(precoder: Tensor, may_lack_layers: bool = False) -> None:
    """Precoding vectors are of unit norm, or zero in layers beyond the first that a UE need not report."""
    # Of float32 vectors of a few dozen entries.
    norm = torch.linalg.vector_norm(precoder, dim=-1)
    if may_lack_layers:
        lacks = (norm == 0).all(-1, keepdim=True)
        lacks[:, 0] = False
        norm = torch.where(lacks, 1.0, norm)
    farthest = float((norm - 1).abs().amax()) if norm.numel() else 0.0
    demand(farthest < 1e-5, f"precoder: got norms up to {farthest:.2g} from 1, expected vectors of unit norm")
