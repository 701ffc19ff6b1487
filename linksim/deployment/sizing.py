r"""Fits an elastic network to the resources at hand: ACRNet's Algorithm 1, the DEQ's eq. 16.

Where Algorithm 1 leaves a choice, this is how it is made.

* :math:`\eta` and :math:`B` come first, because the size of the FC layers depends on :math:`\eta`, and both follow
  from the bit budget alone, :math:`N_{fb} = 2 N_a N_t \eta B` (eq. 13). The largest :math:`\eta` that leaves 2 bits a
  value wins, then the largest :math:`B` up to 8: at 1024 bits, :math:`(1/4, 2)` beats :math:`(1/8, 4)` (table V), at
  2048 bits :math:`(1/4, 4)` is best (fig. 15), and 8 bits lose nothing (fig. 14). One bit a value is the last resort.
* A smaller ``k`` is preferred to a binary layer, and a binary layer at the UE to two, as the losses of table IV are
  ordered. ``k`` is the largest that fits with that.
* A smaller :math:`\eta` is taken only if nothing fits at a larger one.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache

from feedback.complexity import count_stored_bytes
from feedback.compressor import COMPRESSORS, codeword_length
from feedback.neural import NeuralCompressor
from linksim.errors import InputError

# Compression ratios of the papers, 1 / eta.
RATIOS = (4, 8, 16, 32, 64)
# "eta smaller than 1/8 is not recommended" (ACRNet, section V-E).
ADVISED_RATIO = 8
MOST_VALUE_BITS = 8
MIN_GOOD_VALUE_BITS = 2
MAX_EXPANSION = 100
MOST_ITERATIONS = 1000

Section = Mapping[str, str | int]


@dataclass(frozen=True)
class Resources:
    """Costs of a report, or limits to them, where ``None`` is no limit.

    Attributes:
        bits: feedback bits of the codeword, eq. 13; ``None`` as a cost where values are not quantised.
        ue_macs: multiply-adds at the UE.
        bs_macs: multiply-adds at the BS.
        ue_bytes: stored size of what the UE has learnt.
        bs_bytes: stored size of what the BS has learnt.
    """

    bits: int | None = None
    ue_macs: int | None = None
    bs_macs: int | None = None
    ue_bytes: int | None = None
    bs_bytes: int | None = None

    def beyond(self, limits: "Resources") -> dict[str, tuple[int, int]]:
        """Costs over their limits, by name: limit and cost."""
        pairs = {field.name: (getattr(limits, field.name), getattr(self, field.name)) for field in fields(self)}
        return {
            name: (limit, cost) for name, (limit, cost) in pairs.items() if None not in (limit, cost) and cost > limit
        }


@dataclass(frozen=True)
class OperatingPoint:
    """How many values a codeword has, and the bits of each.

    Attributes:
        ratio: compression ratio, 1 / eta.
        value_bits: bits of a value ``B``, ``None`` for values that are not quantised.
    """

    ratio: float
    value_bits: int | None


@dataclass(frozen=True)
class Deployment:
    """A network that fits.

    Attributes:
        section: the compressor's section of a scenario.
        point: compression ratio and bits of a value.
        cost: what it costs.
        shape: ``(Na, Nt)``.
    """

    section: Section
    point: OperatingPoint
    cost: Resources
    shape: tuple[int, int]

    def document(self) -> dict[str, object]:
        """The part of a scenario that uses it."""
        document: dict[str, object] = {
            "transform": {"n_delay": self.shape[0]},
            "compression_ratio": self.point.ratio,
            "compressors": [dict(self.section)],
        }
        if self.point.value_bits is not None:
            document["feedback"] = {"quantiser": {"name": "sigmoid_uniform", "bits": self.point.value_bits}}
        return document


def deploy_acrnet(limits: Resources, shape: tuple[int, int], ratio: float | None = None) -> Deployment:
    """The ACRNet that Algorithm 1 chooses.

    Args:
        limits: what there is.
        shape: ``(Na, Nt)``.
        ratio: compression ratio; by default that of the bit budget.

    Raises:
        InputError: if nothing fits; the line says how much the closest would need.
    """

    def largest(layers: Section, point: OperatingPoint) -> Section | None:
        def fits(expansion: int) -> bool:
            return not _cost({**layers, "expansion": expansion}, point, shape).beyond(limits)

        expansion = _largest(fits, MAX_EXPANSION)
        return {**layers, "expansion": expansion} if expansion else None

    layers: tuple[Section, ...] = (
        {"name": "acrnet"},
        {"name": "bacrnet"},
        {"name": "bacrnet", "decoder_fc": "binary"},
    )
    points = _operating_points(limits, shape, ratio)
    for point in points:
        for fc_layers in layers:
            section = largest(fc_layers, point)
            if section is not None:
                return Deployment(section, point, _cost(section, point, shape), shape)
    raise _nothing_fits([({**fc, "expansion": 1}, point) for point in points for fc in layers], limits, shape)


def deploy_deq(limits: Resources, shape: tuple[int, int], ratio: float | None = None) -> Deployment:
    r"""The DEQ with as many iterations as the multiply-adds allow (eq. 16), 10 and 5 where they have no limit.

    .. math:: T = \lfloor (R - F_{fixed}) / F_{step} \rfloor

    Args:
        limits: what there is.
        shape: ``(Na, Nt)``.
        ratio: compression ratio; by default that of the bit budget.

    Raises:
        InputError: if nothing fits; the line says how much the closest would need.
    """
    points = _operating_points(limits, shape, ratio)
    smallest: Section = {"name": "deq", "ue_iterations": 1, "bs_iterations": 1}
    for point in points:
        once, twice = (
            _cost({"name": "deq", "ue_iterations": count, "bs_iterations": count}, point, shape) for count in (1, 2)
        )
        if once.beyond(limits):
            continue
        ue = _iterations(limits.ue_macs, once.ue_macs, twice.ue_macs, default=10)
        bs = _iterations(limits.bs_macs, once.bs_macs, twice.bs_macs, default=5)
        cost = Resources(
            bits=once.bits,
            ue_macs=_linear(once.ue_macs, twice.ue_macs, ue),
            bs_macs=_linear(once.bs_macs, twice.bs_macs, bs),
            ue_bytes=once.ue_bytes,
            bs_bytes=once.bs_bytes,
        )
        return Deployment({"name": "deq", "ue_iterations": ue, "bs_iterations": bs}, point, cost, shape)
    raise _nothing_fits([(smallest, point) for point in points], limits, shape)


STRATEGIES: Mapping[str, Callable[[Resources, tuple[int, int], float | None], Deployment]] = {
    "acrnet": deploy_acrnet,
    "deq": deploy_deq,
}


def _operating_points(limits: Resources, shape: tuple[int, int], ratio: float | None) -> list[OperatingPoint]:
    """Compression ratios with the bits that the budget leaves a value, the preferred first."""
    ratios = [ratio] if ratio is not None else [float(r) for r in RATIOS if 2 * shape[0] * shape[1] % r == 0]
    ratios = [r for r in ratios if codeword_length(shape, r)]
    if not ratios:
        raise InputError(
            f"--n-delay, --n-tx: got {shape[0]} x {shape[1]}, expected a matrix whose "
            f"{2 * shape[0] * shape[1]} real values a ratio of {', '.join(map(str, RATIOS))} divides, or "
            "--compression-ratio"
        )
    if limits.bits is None:
        return [OperatingPoint(r, None) for r in ratios]
    lengths = {r: codeword_length(shape, r) for r in ratios}
    points = [OperatingPoint(r, min(MOST_VALUE_BITS, limits.bits // length)) for r, length in lengths.items()]
    points = [point for point in points if point.value_bits]
    if not points:
        fewest = min(lengths.values())
        raise InputError(f"--bits: got {limits.bits}, expected at least {fewest}, one for each of {fewest} values")
    return sorted(points, key=lambda point: (point.value_bits or 0) < MIN_GOOD_VALUE_BITS)


@cache
def _built_cost(items: tuple[tuple[str, str | int], ...], ratio: float, shape: tuple[int, int]) -> Resources:
    section = dict(items)
    network_class = COMPRESSORS.get_class(section["name"])
    network = network_class(network_class.Parameters.model_validate({**section, "compression_ratio": ratio}), shape)
    assert isinstance(network, NeuralCompressor)
    cost = network.complexity()
    return Resources(None, cost.ue_macs, cost.bs_macs, cost.ue_bytes, count_stored_bytes(network.decoder))


def _cost(section: Section, point: OperatingPoint, shape: tuple[int, int]) -> Resources:
    """What a section costs, counted on its layers."""
    built = _built_cost(tuple(section.items()), point.ratio, shape)
    bits = None if point.value_bits is None else point.value_bits * codeword_length(shape, point.ratio)
    return Resources(bits, built.ue_macs, built.bs_macs, built.ue_bytes, built.bs_bytes)


def _largest(fits: Callable[[int], bool], most: int) -> int:
    """The largest number from 1 that fits, 0 if none does; what is larger than one that does not, does not either."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _iterations(limit: int | None, once: int | None, twice: int | None, default: int) -> int:
    if limit is None:
        return default
    assert once is not None
    assert twice is not None
    return min(1 + (limit - once) // (twice - once), MOST_ITERATIONS)


def _linear(once: int | None, twice: int | None, iterations: int) -> int:
    assert once is not None
    assert twice is not None
    return once + (iterations - 1) * (twice - once)


def _nothing_fits(
    smallest: list[tuple[Section, OperatingPoint]], limits: Resources, shape: tuple[int, int]
) -> InputError:
    """The line for limits below what the smallest networks need: those of the closest one."""

    def excess(choice: tuple[Section, OperatingPoint]) -> tuple[int, float]:
        over = _cost(*choice, shape).beyond(limits)
        return len(over), sum(cost / limit for limit, cost in over.values())

    section, point = min(smallest, key=excess)
    over = _cost(section, point, shape).beyond(limits)
    wanted = ", ".join(
        f"--{name.replace('_', '-')}: got {limit}, expected {cost}" for name, (limit, cost) in over.items()
    )
    return InputError(f"nothing fits; {wanted} or more for the closest, {describe(section, point)}")


def describe(section: Section, point: OperatingPoint) -> str:
    """A choice in words."""
    options = ", ".join(f"{key} {value}" for key, value in section.items() if key != "name")
    bits = "" if point.value_bits is None else f" with {point.value_bits} bits a value"
    return f"{section['name']} ({options}) at CR {point.ratio:g}{bits}"


def rows(deployment: Deployment, limits: Resources) -> Iterator[tuple[str, int, int | None]]:
    """Each counted cost: its name, the cost, the limit."""
    names = {
        "bits": "feedback bits (eq. 13)",
        "ue_macs": "UE multiply-adds",
        "bs_macs": "BS multiply-adds",
        "ue_bytes": "UE stored bytes",
        "bs_bytes": "BS stored bytes",
    }
    for key, name in names.items():
        cost = getattr(deployment.cost, key)
        if cost is not None:
            yield name, cost, getattr(limits, key)
