"""What every compressor must obey, as checks of one candidate; those that ship and those of a user take the same.

The first line of a check's docstring is what it demands.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from feedback.compressor_parameters import codeword_length
from feedback.conformance.candidate import Candidate, csi_for, delivered, rows_of
from feedback.conformance.contract import Check, ContractError, demand
from feedback.conformance.reports import check_bits_of, check_memory, check_unit_norm, check_wrong_bits, given_shape
from feedback.errors import FeedbackInputError

# Ratios without a codeword of a whole number of 1 to 2 Na Nt values, at 16 x 16.
_IMPOSSIBLE_RATIOS = (3.0, 4096.0, 0.5, None)


def check_shapes_and_dtypes(candidate: Candidate) -> None:
    """Codewords [batch, length] of float32, matrices [batch, Na, Nt] of complex64, no gradient left on either."""
    compressor, csi = candidate.fitted, candidate.csi
    codeword = compressor.encode(csi)
    values = codeword.values
    if compressor.sends == "analogue":
        expected = [len(csi), compressor.length]
        demand(list(values.shape) == expected, f"codeword values: got shape {list(values.shape)}, expected {expected}")
        demand(codeword.value_bits is None, "codeword: got value_bits, expected None before a quantiser")
    else:
        check_bits_of(compressor, codeword, len(csi))
    demand(values.dtype == torch.float32, f"codeword values: got {values.dtype}, expected torch.float32")
    for name, side in codeword.side.items():
        demand(len(side) == len(csi), f"side information {name}: got {len(side)} rows, expected {len(csi)}")
    priced = (codeword.side_bits > 0) == bool(codeword.side)
    demand(
        priced, f"side information: got {codeword.side_bits} bits for {len(codeword.side)} tensors, expected a price"
    )
    rebuilt = compressor.decode(delivered(codeword))
    shape = [len(csi), *given_shape(compressor)]
    demand(list(rebuilt.shape) == shape, f"decode: got shape {list(rebuilt.shape)}, expected {shape}")
    demand(rebuilt.dtype == torch.complex64, f"decode: got {rebuilt.dtype}, expected torch.complex64")
    demand(not values.requires_grad and not rebuilt.requires_grad, "got a tensor with a gradient, expected none")


def check_finite(candidate: Candidate) -> None:
    """No NaN and no infinity, for an all-zero matrix neither."""
    csi = torch.cat([candidate.csi, torch.zeros_like(candidate.csi[:1])])
    codeword = candidate.fitted.encode(csi)
    demand(bool(codeword.values.isfinite().all()), "encode: got NaN or infinity, expected finite values")
    rebuilt = torch.view_as_real(candidate.fitted.decode(delivered(codeword)))
    demand(bool(rebuilt.isfinite().all()), "decode: got NaN or infinity, expected finite matrices")
    if candidate.fitted.gives == "precoder":
        check_unit_norm(torch.view_as_complex(rebuilt), candidate.fitted.chooses_rank)


def check_determinism(candidate: Candidate) -> None:
    """The same input gives the same digits."""
    compressor, csi = candidate.fitted, candidate.csi
    first, second = compressor.encode(csi), compressor.encode(csi)
    demand(torch.equal(first.values, second.values), "encode: got other digits the second time, expected the same")
    again = (compressor.decode(delivered(first)), compressor.decode(delivered(first)))
    demand(torch.equal(*again), "decode: got other digits the second time, expected the same")


def check_batch_independence(candidate: Candidate) -> None:
    """Rows of a batch do not influence each other, and NaN in one does not reach another."""
    compressor, csi = candidate.fitted, candidate.csi
    together = compressor.encode(csi)
    rebuilt = compressor.decode(delivered(together))
    # Sums over 512 products in another order: relative rounding of about sqrt(512) 2^-24 = 1.3e-6 of operands that are
    # up to 50 times the result, as images in [0, 1] deviate by 0.02 from 0.5.
    tolerance = 2e-4
    largest = float(together.values.abs().max())
    for row in range(len(csi)):
        alone = compressor.encode(csi[row : row + 1])
        # A bitstream alone has no zeros behind its end.
        apart = float((alone.values[0] - together.values[row, : alone.values.shape[1]]).abs().max())
        demand(
            apart <= tolerance * largest, f"encode: row {row} alone is {apart:.2g} from itself in a batch, expected 0"
        )
        received = rows_of(together, slice(row, row + 1))
        apart = float((compressor.decode(received)[0] - rebuilt[row]).abs().max())
        demand(apart <= tolerance, f"decode: row {row} alone is {apart:.2g} from itself in a batch, expected 0")
    spoilt = csi.clone()
    spoilt[0].fill_(float("nan"))
    try:
        values = compressor.encode(spoilt).values[1:]
    except FeedbackInputError:
        # No bits say NaN: who makes bits may refuse it.
        demand(compressor.sends != "analogue", "encode: got NaN refused, expected NaN among the values of its row")
        return
    width = min(values.shape[1], together.values.shape[1])
    same = torch.equal(values[:, :width], together.values[1:, :width]) and not values[:, width:].any()
    demand(same, "encode: a row of NaN changed other rows, expected none")


def check_decoder_sees_the_codeword_only(candidate: Candidate) -> None:
    """What is decoded depends on the received codeword and on what was learnt, not on what was encoded before."""
    compressor, csi = candidate.fitted, candidate.csi
    received = delivered(compressor.encode(csi))
    first = compressor.decode(received)
    compressor.encode(csi.flip(0) * 0.5)
    demand(
        torch.equal(compressor.decode(received), first),
        "decode: got another matrix once other channels had been encoded, expected no state but what was learnt",
    )
    demand(
        torch.equal(candidate.twin().decode(received), first),
        "decode: got another matrix from an object that has not encoded, expected the same from the same weights",
    )
    # A precoder does not tell how large the values are that it is made of.
    other_values = received.values.flip(1) if compressor.gives == "precoder" else received.values * 0.5
    changed = other_values if compressor.sends == "analogue" else 1 - received.values
    other = compressor.decode(replace(received, values=changed))
    demand(not torch.equal(other, first), "decode: got the same matrix from other codeword values, expected another")


def check_save_and_load(candidate: Candidate) -> None:
    """What state() gives, load_state() takes: another object then encodes and decodes to the same digits."""
    twin, csi = candidate.twin(), candidate.csi
    sent = candidate.fitted.encode(csi)
    demand(torch.equal(twin.encode(csi).values, sent.values), "encode: got other digits after load_state(state())")
    rebuilt = candidate.fitted.decode(delivered(sent))
    demand(torch.equal(twin.decode(delivered(sent)), rebuilt), "decode: got other digits after load_state(state())")


def check_refuses_foreign_state(candidate: Candidate) -> None:
    """load_state() refuses other names, shapes, dtypes and NaN with a FeedbackInputError."""
    state = candidate.fitted.state()
    wrong: list[tuple[str, Mapping[str, Tensor]]] = [("a name that is not its own", {"not.a.name": torch.zeros(3)})]
    for name in list(state)[:: max(len(state) // 4, 1)]:
        tensor = state[name]
        wrong += [
            (f"{name} of another shape", {**state, name: tensor.flatten()[:0]}),
            (f"{name} of NaN", {**state, name: torch.full_like(tensor, float("nan"))}),
            (f"{name} of integers", {**state, name: torch.zeros(tensor.shape, dtype=torch.int64)}),
        ]
    twin = candidate.twin()
    for what, tensors in wrong:
        _refused(lambda tensors=tensors: twin.load_state(dict(tensors)), f"load_state: {what}")  # type: ignore[misc]


def check_device_moves(candidate: Candidate) -> None:
    """to(device) moves all that was learnt, and encoding and decoding follow it there."""
    # A device without data finds a tensor left behind on any machine.
    meta = torch.device("meta")
    moved = candidate.twin().to(meta)
    left = [name for name, tensor in moved.state().items() if tensor.device != meta]
    demand(not left, f"to: {', '.join(left)} stayed behind, expected every tensor on the device")
    if moved.sends != "analogue":
        return  # How long its bits are depends on data, which this device has none of.
    try:
        rebuilt = moved.decode(moved.encode(candidate.csi.to(meta)))
    except (RuntimeError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ContractError(f"encode and decode on another device: {reason}, expected what works on any") from error
    demand(rebuilt.device == meta, f"decode: got a matrix on {rebuilt.device}, expected the codeword's device")


def check_every_size(candidate: Candidate) -> None:
    """Matrices that are not square work."""
    for shape in ((8, 24), (32, 8)):
        compressor = candidate.fit(shape)
        csi = csi_for(compressor, 3)
        rebuilt = compressor.decode(delivered(compressor.encode(csi)))
        expected = [len(csi), *given_shape(compressor)]
        demand(list(rebuilt.shape) == expected, f"decode: got shape {list(rebuilt.shape)}, expected {expected}")


def check_compression_ratio(candidate: Candidate) -> None:
    """Codewords shorten as the ratio grows, none is longer than it says, and a ratio without one is refused by name."""
    if not candidate.compressor.has_ratio:
        return
    built = {ratio: candidate.build(compression_ratio=ratio) for ratio in (4.0, 8.0, 16.0)}
    lengths = [compressor.length for compressor in built.values()]
    demand(lengths == sorted(lengths, reverse=True), f"length: got {lengths} at CR 4, 8, 16, expected falling ones")
    if len(set(lengths)) == 1:
        return  # A codeword that does not depend on the ratio.
    for of_ratio, compressor in built.items():
        most = codeword_length(compressor.shape, of_ratio)
        fits = compressor.sends != "analogue" or compressor.length <= most
        demand(fits, f"length: got {compressor.length} values at CR {of_ratio:g}, expected at most {most}")
    for ratio in _IMPOSSIBLE_RATIOS:
        parameters = candidate.parameters(ratio)
        line = _refused(lambda given=parameters: candidate.made(given), f"ratio {ratio}")  # type: ignore[misc]
        demand("compression_ratio: got" in line, f"ratio {ratio}: got the line {line!r}, expected the key in it")


def check_fit_is_repeatable(candidate: Candidate) -> None:
    """The same training channels and generator give the same digits."""
    again = candidate.fit().state()
    for name, tensor in candidate.fitted.state().items():
        demand(torch.equal(tensor, again[name]), f"fit: got another {name} the second time, expected the same digits")


def check_complexity(candidate: Candidate) -> None:
    """Counts are whole numbers, multiplications no more than multiply-adds, bytes no more than float32 takes."""
    cost = candidate.fitted.complexity()
    for name, count in vars(cost).items():
        demand(type(count) is int and count >= 0, f"complexity: got {count!r} as {name}, expected a count")
    demand(
        cost.ue_multiplications <= cost.ue_macs,
        f"complexity: got {cost.ue_multiplications} multiplications, expected at most {cost.ue_macs} multiply-adds",
    )
    most = 4 * cost.ue_parameters
    demand(cost.ue_bytes <= most, f"complexity: got {cost.ue_bytes} bytes at the UE, expected at most {most}")


CHECKS: tuple[Check, ...] = (
    check_shapes_and_dtypes,
    check_finite,
    check_determinism,
    check_batch_independence,
    check_decoder_sees_the_codeword_only,
    check_save_and_load,
    check_refuses_foreign_state,
    check_device_moves,
    check_every_size,
    check_compression_ratio,
    check_fit_is_repeatable,
    check_complexity,
    check_wrong_bits,
    check_memory,
)


def demand_of(check: Check) -> str:
    """What a check demands, in one line."""
    return (check.__doc__ or "").strip().splitlines()[0].rstrip(".")


def failures(candidate: Candidate, checks: tuple[Check, ...]) -> Iterator[tuple[Check, str | None]]:
    """Every check with what it found wrong, ``None`` where it found nothing; a crash is a failure too."""
    for check in checks:
        try:
            check(candidate)
            yield check, None
        except ContractError as error:
            yield check, str(error)
        except Exception as error:
            yield check, " ".join(f"{type(error).__name__}: {error}".split())


def _refused(action: Callable[[], object], what: str) -> str:
    try:
        action()
    except FeedbackInputError as error:
        return str(error)
    raise ContractError(f"{what}: got accepted, expected a FeedbackInputError")
