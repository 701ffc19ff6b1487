"""Streams of layers of values, one behind the other."""

import numpy as np
from numpy.typing import NDArray

from feedback.context_codec import kernel
from feedback.context_codec.kernel import LevelShape
from feedback.context_codec.received_bits import no_stream
from feedback.context_codec.report_bits import Reports
from feedback.context_codec.tables import ContextTables


def encode_layers(
    tables: ContextTables,
    shape: LevelShape,
    values: NDArray[np.int32],
    number: NDArray[np.int32],
    rate_weight: int,
    bases: NDArray[np.int32] | None = None,
) -> Reports:
    """Streams of all layers of values, and their lengths.

    Args:
        tables: of the context model.
        shape: of a layer.
        values: in 1/256 step, ``[n, n_layers, entries, 2]``.
        number: of the step of each report, ``[n]``.
        rate_weight: what a bit may cost.
        bases: what was taken off the values, of their shape.
    """
    n, layers = values.shape[:2]
    flat, numbers = values.reshape(n * layers, *values.shape[2:]), np.repeat(number, layers)
    taken_off = None if bases is None else bases.reshape(flat.shape)
    bits, lengths = kernel.encode_values(tables, shape, flat, numbers, rate_weight, bases=taken_off)
    if layers == 1:
        return bits, lengths
    each = lengths.reshape(n, layers)
    total = each.sum(axis=1)
    streams = np.zeros((n, int(total.max(initial=0))), np.uint8)
    for report in range(n):
        parts = [bits[report * layers + layer, : each[report, layer]] for layer in range(layers)]
        streams[report, : total[report]] = np.concatenate(parts)
    return streams, total


def decode_layers(
    tables: ContextTables,
    shape: LevelShape,
    n_layers: int,
    stream: NDArray[np.uint8],
    arrived: NDArray[np.int64],
    number: NDArray[np.int32],
    bases: NDArray[np.int32] | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Values of all layers from bits, and which reports are none.

    Args:
        tables: of the context model.
        shape: of a layer.
        n_layers: of each report.
        stream: bits, ``[n, width]``.
        arrived: how many of them arrived, ``[n]``.
        number: of the step of each report, ``[n]``.
        bases: what was taken off the values, ``[n, n_layers, entries, 2]``.
    """
    values, left = np.zeros((len(stream), n_layers, shape.entries, 2), np.int32), arrived
    wrong = np.zeros(len(stream), np.bool_)
    for layer in range(n_layers):
        taken_off = None if bases is None else bases[:, layer]
        values[:, layer], used = kernel.decode_values(tables, shape, stream, left, number, taken_off)
        if layer == n_layers - 1:
            wrong |= no_stream(stream, left, used)
            break
        wrong |= (used < 0) | (used > left)
        taken = np.clip(used, 0, left)
        stream, left = _without(stream, taken), left - taken
    return values, wrong


def _without(stream: NDArray[np.uint8], taken: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Streams ``[n, width]`` without their first bits, ``[n]``, and zeros behind."""
    place = np.arange(stream.shape[1]) + taken[:, None]
    padded = np.pad(stream, ((0, 0), (0, stream.shape[1])))
    rest: NDArray[np.uint8] = np.take_along_axis(padded, place, axis=1)
    return rest
