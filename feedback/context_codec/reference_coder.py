"""The arithmetic coder of ``arithmetic_coder.h`` in plain Python, step by step the same."""

_HALF, _QUARTER, _WINDOW, _MASK = 1 << 31, 1 << 30, 32, (1 << 32) - 1


class BitWriter:
    """Binary arithmetic encoder of 32 bits."""

    reading = False

    def __init__(self) -> None:
        self.bits: list[int] = []
        self.pending = 0
        self.low, self.high = 0, _MASK

    def put(self, bit: int) -> None:
        """Writes a bit, and those that were pending for it."""
        self.bits += [bit, *([1 - bit] * self.pending)]
        self.pending = 0

    def decide(self, decision: int, split: int) -> int:
        """The decision that is coded: here the one that was asked for."""
        return decision

    def shift(self, bit: int | None, dropped: int) -> None:
        """A bit leaves; ``None`` if it is not known yet."""
        if bit is None:
            self.pending += 1
        else:
            self.put(bit)

    def code(self, decision: int, one: int) -> int:
        """Codes a decision whose probability to be 1 is ``one / 65536``, or reads it."""
        split = self.low + ((self.high - self.low) * one >> 16)
        decision = self.decide(decision, split)
        if decision:
            self.high = split
        else:
            self.low = split + 1
        while True:
            if self.high < _HALF:
                bit, dropped = 0, 0
            elif self.low >= _HALF:
                bit, dropped = 1, _HALF
            elif self.low >= _QUARTER and self.high < _HALF + _QUARTER:
                bit, dropped = None, _QUARTER
            else:
                return decision
            self.low = (self.low - dropped) << 1
            self.high = (self.high - dropped) << 1 | 1
            self.shift(bit, dropped)

    def close(self) -> None:
        """Writes the two closing bits."""
        self.pending += 1
        self.put(int(self.low > _QUARTER))


class BitReader(BitWriter):
    """Binary arithmetic decoder of 32 bits: what the encoder does, decisions taken from the bits."""

    reading = True

    def __init__(self, bits: list[int]) -> None:
        super().__init__()
        self.bits = bits
        self.count = _WINDOW
        self.window = int("".join(map(str, [*bits[:_WINDOW], *[0] * _WINDOW][:_WINDOW])), 2)

    def decide(self, decision: int, split: int) -> int:
        """The decision as the bits have it."""
        return int(self.window <= split)

    def shift(self, bit: int | None, dropped: int) -> None:
        """A bit leaves, and the next arrives."""
        arriving = self.bits[self.count] if self.count < len(self.bits) else 0
        self.window = (self.window - dropped) << 1 | arriving
        self.count += 1

    def stream_length(self) -> int:
        """Bits of the stream that was read, -1 where it does not end as a stream does."""
        end = 2 if self.low > _QUARTER else 1
        return self.count - _WINDOW + 2 if self.window >> (_WINDOW - 2) == end else -1
