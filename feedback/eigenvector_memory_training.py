"""Training of the tables of eigenvectors' reports that build on the one before: by sequences of reports themselves.

What such a report codes depends on what the tables made of those before it, so the reports are made anew under what has
been learnt.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from feedback.beam_delay import BeamDelay
from feedback.context_codec.kernel import LevelShape
from feedback.context_codec.layer_codec import LayerCodec
from feedback.context_codec.layer_sequence import LayerReference, LayerSequenceCodec
from feedback.context_codec.side_information import step_number
from feedback.context_codec.tables import ContextTables, shipped_eigenvector_tables
from feedback.context_codec.training import EIGENVECTORS, FollowingValues, train_following_tables
from feedback.eigenvector_sequence import EigenvectorSequence, compact_coefficients, exact_vectors

# How often reports are made: first under tables for reports that stand alone, then under what was learnt.
_ROUNDS = 2
# Steps that the UEs are dealt out to.
_STEPS = 20


@dataclass(frozen=True)
class VectorSequences:
    """Eigenvectors of a source over time.

    Attributes:
        form: beams and delays of them.
        vectors: ``[n, reports, n_layers, n_subbands, n_tx]``, complex64, none of them zeros.
    """

    form: BeamDelay
    vectors: NDArray[np.complex64]


def train_eigenvector_memory(
    sources: Sequence[VectorSequences],
    *,
    seed: int,
    hidden_units: int,
    network_steps: int,
    tell: Callable[[str], None] = lambda line: None,
) -> ContextTables:
    """Tables of reports that build on the one before; those that stand alone have the tables that ship.

    Args:
        sources: all weighted by the number of their reports.
        seed: of weights and batches.
        hidden_units: of the network.
        network_steps: of its training, in every round.
        tell: called with progress lines.
    """
    sequences = [_Sequence(source, layer) for source in sources for layer in range(source.vectors.shape[2])]
    tables = shipped_eigenvector_tables()
    for number in range(_ROUNDS):
        tell(f"reports that build on others: round {number + 1} of {_ROUNDS}")
        reports = [one for sequence in sequences for one in sequence.reports(tables)]
        tables = train_following_tables(
            reports, seed=seed, hidden_units=hidden_units, network_steps=network_steps, tell=tell
        )
    return tables


class _Sequence:
    """One layer of a source's eigenvectors, and its coefficients as reports that stand alone have them."""

    def __init__(self, source: VectorSequences, layer: int) -> None:
        self.form = source.form
        self.vectors = exact_vectors(torch.from_numpy(source.vectors[:, :, layer : layer + 1]))
        flat, rotation = compact_coefficients(self.form, self.vectors.flatten(0, 1))
        self.alone = flat.reshape(*self.vectors.shape[:2], *flat.shape[1:])
        self.rotation = rotation.reshape(*self.vectors.shape[:2], 1)

    def reports(self, tables: ContextTables) -> list[FollowingValues]:
        """What is coded after the first report, at each of some steps by some of the UEs."""
        dealt = list(enumerate(_STEP_GRID))[: len(self.vectors)]
        return [self._at(float(step), slice(place, None, _STEPS), tables) for place, step in dealt]

    def _at(self, step: float, rows: slice, tables: ContextTables) -> FollowingValues:
        shape = LevelShape(self.form.n_subbands, *self.form.panel)
        codec = LayerCodec(shape, 1, self.form.n_rotations, step=step)
        sequence = EigenvectorSequence(self.form, LayerSequenceCodec(codec, self.vectors.shape[1], tables))
        vectors, alone, rotation = self.vectors[rows], self.alone[rows], self.rotation[rows]
        reference = LayerReference.nothing(len(vectors), 1, shape)
        values, bases = [], []
        for report in range(vectors.shape[1]):
            following = sequence.following(vectors[:, report], reference)
            if report:
                base, left = sequence.codec.differences(following, reference)
                values.append(left[:, 0])
                bases.append(base[:, 0])
            _, _, reference = sequence.codec.encode(alone[:, report], rotation[:, report], following, reference)
        numbers = np.full(len(vectors) * (vectors.shape[1] - 1), step_number(step), np.int32)
        return FollowingValues(shape, np.concatenate(values), np.concatenate(bases), numbers)


_STEP_GRID = np.geomspace(*EIGENVECTORS.steps, _STEPS)
