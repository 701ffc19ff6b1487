"""The kernel of ``report_kernel.c`` in plain Python: the same integers, hence the same bits.

It runs where there is no compiler, and checks the compiled one in the tests. Names are those of the C source, which
says what each step is for.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedback.context_codec import sizes
from feedback.context_codec.reference_coder import BitReader, BitWriter
from feedback.context_codec.tables import ContextTables


def encode_reports(
    tables: ContextTables,
    shape: Any,
    values: NDArray[np.int32],
    step_numbers: NDArray[np.int32],
    multiplier: int,
    record: Any = None,
    bases: NDArray[np.int32] | None = None,
) -> list[NDArray[np.uint8]]:
    """As ``kernel.encode_values``, one array of bits a report."""
    streams = []
    for index, (report, step_number) in enumerate(zip(values.tolist(), step_numbers.tolist(), strict=True)):
        writer = BitWriter()
        model = _Report(tables, shape, step_number, None if bases is None else bases[index])
        model.run(writer, report, multiplier)
        writer.close()
        streams.append(np.array(writer.bits, np.uint8))
        if record is not None:
            record.levels[index] = model.levels_coded
            record.contexts[index] = model.contexts_seen
            record.inputs[index] = model.inputs_seen
    return streams


def decode_reports(
    tables: ContextTables,
    shape: Any,
    bits: NDArray[np.uint8],
    lengths: NDArray[np.int64],
    step_numbers: NDArray[np.int32],
    bases: NDArray[np.int32] | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """As ``kernel.decode_values``."""
    values = np.zeros((len(bits), shape.entries, 2), np.int32)
    used = np.zeros(len(bits), np.int64)
    for index, (length, step_number) in enumerate(zip(lengths.tolist(), step_numbers.tolist(), strict=True)):
        reader = BitReader(bits[index, :length].tolist())
        found: list[list[int]] = [[0, 0] for _ in range(shape.entries)]
        _Report(tables, shape, step_number, None if bases is None else bases[index]).run(reader, found, 0)
        values[index] = found
        used[index] = reader.stream_length()
    return values, used


# 65536 2^(k/8)
_EIGHTHS = (65536, 71468, 77936, 84990, 92682, 101070, 110218, 120194)


def _energy_of(entries: int, step_number: int) -> int:
    octaves, entry = -step_number >> 3, _EIGHTHS[-step_number & 7]
    return entries * (entry >> min(-octaves, 62) if octaves < 0 else entry << min(octaves, 24))


class _Report:
    """Context model of one report: what has been coded of it, and the decisions on its levels."""

    def __init__(self, tables: ContextTables, shape: Any, step_number: int, base: NDArray[np.int32] | None) -> None:
        self.tables, self.shape = tables, shape
        self.hidden = tables.hidden.tolist()
        self.hidden_bias, self.output_bias = tables.hidden_bias.tolist(), tables.output_bias.tolist()
        self.output, self.predictor = tables.output.tolist(), tables.predictor.tolist()
        self.size_bounds, self.logarithms = tables.size_bounds.tolist(), tables.logarithm.tolist()
        self.probability, self.prices = tables.probability.tolist(), tables.price.tolist()
        self.step_number = step_number
        groups, n = shape.layers * shape.tilts, shape.columns
        # Rows -1 and -2 are the last ones, and zero until they are reached: every row above is then known.
        self.levels = [[[(0, 0)] * n for _ in range(groups)] for _ in range(shape.rows + 2)]
        self.activity = [[[0] * n for _ in range(groups)] for _ in range(shape.rows + 2)]
        self.memory = [[0] * n for _ in range(groups)]
        self.row_total = [0] * groups
        self.total, self.expected = 0, 0
        self.energy = _energy_of(shape.entries, step_number)
        self.base = [[[0] * n for _ in range(groups)] for _ in range(shape.rows)]
        if base is not None:
            size = np.minimum(np.abs(base.astype(np.int64)).sum(axis=-1) >> 5, sizes.LOGARITHMS - 1)
            self.base = size.reshape(shape.rows, groups, n).tolist()
            self.energy = max(self.energy - int(np.square(base.astype(np.int64)).sum()), 0)
        self.levels_coded: list[list[int]] = []
        self.contexts_seen: list[list[list[int]]] = []
        self.inputs_seen: list[list[int]] = []

    def run(self, coder: BitWriter, values: list[list[int]], multiplier: int) -> None:
        """Codes values ``[entries][2]``, or reads them."""
        entry, n = 0, self.shape.columns
        for row in range(self.shape.rows):
            bias = [
                start + weights[-2] * self._log(row) + weights[-1] * self.step_number
                for start, weights in zip(self.hidden_bias, self.hidden, strict=True)
            ]
            for group in range(self.shape.layers * self.shape.tilts):
                before = 0
                mean = self.energy // (self.shape.entries - entry) >> 10
                self.expected = min(mean, sizes.LOGARITHMS - 1)
                for column in range(n):
                    inputs = self._inputs(row, group, column, before)
                    predicted = self._predict(row, group, column)
                    context = self._context(inputs, bias, predicted)
                    level = self._entry(coder, context, values[entry], multiplier)
                    self.inputs_seen.append(inputs)
                    self.levels[row][group][column] = level
                    activity = min(abs(level[0]) + abs(level[1]), sizes.MOST_ACTIVE)
                    self.activity[row][group][column] = activity
                    before += activity
                    self.total += activity
                    self.energy = max(self.energy - (level[0] ** 2 + level[1] ** 2 << 16), 0)
                    entry += 1
                self.row_total[group] = before
                memory = self.memory[group]
                for column in range(n):
                    memory[column] += (16 * self.activity[row][group][column] - memory[column]) >> 2

    def _log(self, value: int) -> int:
        found: int = self.logarithms[min(value, sizes.LOGARITHMS - 1)]
        return found

    def _inputs(self, row: int, group: int, column: int, before: int) -> list[int]:
        n, tilts = self.shape.columns, self.shape.tilts
        left, right = (column - 1) % n, (column + 1) % n
        far_left, far_right = (left - 1) % n, (right + 1) % n
        here, above, above2 = (self.activity[r][group] for r in (row, row - 1, row - 2))
        memory = self.memory[group]
        layer = self.activity[row][group - tilts] if group >= tilts else [0] * n
        tilt = self.activity[row][group - 1] if group % tilts else [0] * n
        around = [
            self._log(value)
            for value in (
                here[column - 1] if column >= 1 else 0,
                here[column - 2] if column >= 2 else 0,
                here[column - 3] if column >= 3 else 0,
                above[column],
                above[left] + above[right],
                above[far_left] + above[far_right],
                above2[column],
                above2[left] + above2[right],
                memory[column],
                (memory[left] + memory[right]) // 2,
                before,
                self.row_total[group],
                layer[column],
                layer[left] + layer[right],
                tilt[column],
                tilt[left] + tilt[right],
            )
        ]
        if self.tables.inputs == sizes.INPUTS:
            return around
        more = [self._log(value) for value in self._more(row, group, column)]
        if self.tables.inputs == sizes.INPUTS + sizes.MORE_INPUTS:
            return around + more
        return around + more + [self._log(value) for value in self._base(row, group, column)]

    def _base(self, row: int, group: int, column: int) -> tuple[int, ...]:
        n, tilts, tilt = self.shape.columns, self.shape.tilts, group % self.shape.tilts
        left, right = (column - 1) % n, (column + 1) % n
        up, up2, down, down2 = (
            self.base[r][group] if 0 <= r < self.shape.rows else [0] * n for r in (row - 1, row - 2, row + 1, row + 2)
        )
        here, groups = self.base[row][group], [sizes[column] for sizes in self.base[row]]
        return (
            here[column],
            here[left] + here[right],
            here[(left - 1) % n] + here[(right + 1) % n],
            up[column] + down[column],
            up2[column] + down2[column],
            down[left] + down[right],
            sum(groups[tilt::tilts]) - groups[group],
            sum(groups[group - tilt : group - tilt + tilts]) - groups[group],
        )

    def _more(self, row: int, group: int, column: int) -> tuple[int, ...]:
        tilts, yes = self.shape.tilts, sizes.YES
        tilt = group % tilts
        memory = [means[column] for means in self.memory]
        return (
            self.expected,
            self.total,
            0 if row else yes,
            yes if group >= tilts else 0,
            yes if tilt else 0,
            sum(memory[tilt::tilts]) - memory[group],
            sum(memory[group - tilt : group - tilt + tilts]) - memory[group],
            yes if row == 1 else 0,
        )

    def _predict(self, row: int, group: int, column: int) -> list[int]:
        n = self.shape.columns
        here, above, above2 = (self.levels[r][group] for r in (row, row - 1, row - 2))
        zero = (0, 0)
        neighbours = (
            here[column - 1] if column >= 1 else zero,
            here[column - 2] if column >= 2 else zero,
            here[column - 3] if column >= 3 else zero,
            above[column],
            above2[column],
            above[(column - 1) % n],
            above[(column + 1) % n],
            self.levels[row][group - 1][column] if group % self.shape.tilts else zero,
        )
        return [
            sum(weight * level[part] for weight, level in zip(self.predictor, neighbours, strict=True))
            for part in range(2)
        ]

    def _context(
        self, inputs: list[int], bias: list[int], predicted: list[int]
    ) -> tuple[int, int, list[int], list[int]]:
        hidden = []
        for start, weights in zip(bias, self.hidden, strict=True):
            total = start + sum(weight * value for weight, value in zip(weights[:-2], inputs, strict=True))
            hidden.append(min(max(total >> 6, 0), sizes.MOST_HIDDEN))
        numbers = [
            start + sum(weight * value for weight, value in zip(weights, hidden, strict=True)) >> 10
            for start, weights in zip(self.output_bias, self.output, strict=True)
        ]
        primary = min(max(numbers[0], 0), sizes.PRIMARY - 1)
        secondary = min(max(numbers[1], 0), sizes.SECONDARY - 1)
        size = [sum(abs(value) >= bound for bound in self.size_bounds) for value in predicted]
        return primary, secondary, size, [int(value < 0) for value in predicted]

    def _entry(
        self, coder: BitWriter, context: tuple[int, int, list[int], list[int]], values: list[int], multiplier: int
    ) -> tuple[int, int]:
        primary, secondary, sizes_predicted, negatives = context
        seen, levels, numbers = 0, [], []
        for part in range(2):
            size, negative = sizes_predicted[part], negatives[part]
            zero = int(self.tables.zero[primary, secondary, size, seen])
            agrees = int(self.tables.agrees[primary, size, part])
            larger = self.tables.larger[primary, secondary, :, size // 2].tolist()
            about = (zero, agrees, larger, negative)
            level = 0 if coder.reading else self._chosen(values[part], about, multiplier)
            level = self._code_level(coder, level, about)
            if coder.reading:
                values[part] = self._rebuilt(level, primary, size, seen, negative)
            numbers.append([primary, secondary, size, 2 * seen + negative])
            levels.append(level)
            seen = 1 if level == 0 else 2 + ((level < 0) != negative) + 2 * (abs(level) > 1)
        self.levels_coded.append(levels)
        self.contexts_seen.append(numbers)
        return levels[0], levels[1]

    def _price(self, level: int, about: tuple[int, int, list[list[int]], int]) -> int:
        zero, agrees_number, larger, negative = about
        if level == 0:
            return int(self.prices[1][zero])
        size, agrees = abs(level), int((level < 0) == negative)
        total: int = self.prices[0][zero] + self.prices[agrees][agrees_number]
        total += sum(self.prices[1][number] for number in larger[agrees][: size - 1])
        if size <= sizes.SIZES:
            return total + int(self.prices[0][larger[agrees][size - 1]])
        return total + 256 * (2 * ((size - sizes.SIZES).bit_length() - 1) + 1)

    def _chosen(self, value: int, about: tuple[int, int, list[list[int]], int], multiplier: int) -> int:
        nearest = min((abs(value) + 128) >> 8, sizes.MAX_LEVEL)
        sign = -1 if value < 0 else 1
        candidates = [0, *(sign * k for k in (nearest, nearest - 1) if k > 0)]
        costs = [16 * (abs(value) - 256 * abs(k)) ** 2 + multiplier * self._price(k, about) for k in candidates]
        return candidates[costs.index(min(costs))]

    def _code_level(self, coder: BitWriter, level: int, about: tuple[int, int, list[list[int]], int]) -> int:
        p = self.probability
        zero, agrees_number, larger, negative = about
        if coder.code(int(level == 0), p[zero]):
            return 0
        agrees = coder.code(int((level < 0) == negative), p[agrees_number])
        sign = -1 if agrees == negative else 1
        for k in range(1, sizes.SIZES + 1):
            if not coder.code(int(abs(level) > k), p[larger[agrees][k - 1]]):
                return sign * k
        rest = 0 if coder.reading else abs(level) - sizes.SIZES
        bits, n, value = rest.bit_length() - 1, 0, 1
        while n < sizes.MAX_GAMMA_BITS and coder.code(int(n < bits), 32768):
            n += 1
        for k in reversed(range(n)):
            value = 2 * value + coder.code(rest >> k & 1, 32768)
        return sign * (sizes.SIZES + value)

    def _rebuilt(self, level: int, primary: int, size: int, seen: int, predicted_negative: int) -> int:
        negative = int(level < 0) if level else predicted_negative
        agrees = int(level != 0 and negative == predicted_negative)
        offset = int(self.tables.centroid[min(abs(level), sizes.CENTROIDS), agrees, size, primary, seen])
        return 256 * level + (-offset if negative else offset)
