"""Codebooks of vector quantisers: k-means, and products of one-dimensional Lloyd-Max books to measure it against."""

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from feedback.quantisers.lloyd_max import lloyd_levels

# Code vectors ``[2^B, d]``, and training vectors ``[n, d]``, float64.
Vectors = NDArray[np.float64]

_MAX_ITERATIONS = 60
# Relative gain of an iteration at which k-means ends.
_TOLERANCE = 1e-4
# Distances that are held at once, so few that they stay in the cache.
_MAX_DISTANCES = 2**17
_SEED = 0
# Every so-many-th training codeword is held out to choose a kind of book by.
_HELD_OUT = 4


def codebooks(pieces: Tensor, bits: int) -> list[Vectors]:
    """The codebook of each piece: k-means, or a product of Lloyd-Max books where held-out codewords prefer that.

    Args:
        pieces: training values ``[n, n_pieces, d]``, float64.
        bits: ``B``.

    Returns:
        Books ``[2^B, d]``.
    """
    # Last digits of NumPy's products may depend on the threads.
    with threadpool_limits(1, user_api="blas"):
        return _codebooks(pieces, bits)


def _codebooks(pieces: Tensor, bits: int) -> list[Vectors]:
    held_out = torch.arange(len(pieces)) % _HELD_OUT == _HELD_OUT - 1
    products = product_books(pieces, bits)
    if not held_out.any():
        return [k_means_book(pieces[:, j].numpy(), [own]) for j, (own, _) in enumerate(products)]
    books = []
    for j, trials in enumerate(product_books(pieces[~held_out], bits)):
        known, test, vectors = (part.numpy() for part in (pieces[~held_out, j], pieces[held_out, j], pieces[:, j]))
        errors = [distortion(test, trial) for trial in trials]
        best = int(np.argmin(errors))
        product = products[j][best]
        k_means_wins = distortion(test, k_means(known, trials[best])) <= errors[best]
        books.append(k_means_book(vectors, [product]) if k_means_wins else product)
    return books


def k_means_book(vectors: Vectors, starts: list[Vectors]) -> Vectors:
    """The best of the k-means solutions from given books and from a k-means++ draw; no worse than any of the former.

    Args:
        vectors: training vectors ``[n, d]``.
        starts: code vectors to start from, ``[2^B, d]``.
    """
    size = len(starts[0])
    distinct = np.unique(vectors, axis=0)
    if len(distinct) <= size:
        return distinct[np.arange(size) % len(distinct)]
    books = [k_means(vectors, start) for start in (*starts, k_means_plus_plus(vectors, size))]
    return min(books, key=lambda book: distortion(vectors, book))


def k_means(vectors: Vectors, start: Vectors) -> Vectors:
    """Lloyd's iteration; the distortion never rises, and that of what is returned is the least.

    A code vector that is nearest to nothing goes to the training vector that is furthest from its own.
    """
    book, least, best = start, np.inf, start
    for _ in range(_MAX_ITERATIONS):
        indices, squared = nearest(vectors, book)
        error = float(squared.mean())
        if error < least:
            best = book
        if error >= least * (1 - _TOLERANCE):
            break
        least = error
        counts = np.bincount(indices, minlength=len(book))
        sums = [np.bincount(indices, column, minlength=len(book)) for column in vectors.T]
        book = np.stack(sums, axis=1) / np.maximum(counts, 1)[:, None]
        idle = np.flatnonzero(counts == 0)
        # Stable, so that equal distances give the same vectors everywhere; some are taken twice if idle ones are more.
        furthest = np.argsort(-squared, kind="stable")
        book[idle] = vectors[furthest[np.arange(len(idle)) % len(furthest)]]
    return best


def k_means_plus_plus(vectors: Vectors, size: int) -> Vectors:
    """First code vectors, each drawn with a probability in proportion to its squared distance from those before it.

    Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007. More vectors than ``size``
    have to differ.
    """
    generator = np.random.default_rng(_SEED)
    chosen = [vectors[generator.integers(len(vectors))]]
    squared = np.full(len(vectors), np.inf)
    for _ in range(size - 1):
        squared = np.minimum(squared, np.square(vectors - chosen[-1]).sum(axis=1))
        cumulative = squared.cumsum()
        chosen.append(vectors[np.searchsorted(cumulative, generator.random() * cumulative[-1], side="right")])
    return np.stack(chosen)


def product_books(pieces: Tensor, bits: int) -> list[tuple[Vectors, Vectors]]:
    """For each piece two products of one-dimensional Lloyd-Max books that have ``B`` bits together.

    The first has books of each element's own, the second the one of all standardised elements. Bits are given out
    evenly or, where that has less distortion or ``d`` does not divide ``B``, one at a time to the element with the
    largest variance over ``4^bits``: the optimum at high resolution (Gersho and Gray, "Vector Quantization and Signal
    Compression", 1992, section 8.3).

    Args:
        pieces: training values ``[n, n_pieces, d]``, float64.
        bits: ``B``.

    Returns:
        Books ``[2^B, d]``.
    """
    dimension = pieces.shape[2]
    mean, deviation = pieces.mean(0), pieces.std(0, correction=0)
    varied = deviation > 1e-6 * pieces.abs().amax(0)
    deviation = torch.where(varied, deviation, 0.0)
    common = ((pieces - mean) / torch.where(varied, deviation, 1.0))[:, varied].flatten()
    levels = {width: lloyd_levels(common, 2**width) for width in range(bits + 1)}
    found = []
    for j in range(pieces.shape[1]):
        vectors = pieces[:, j].numpy()
        shares = {tuple(_greedy_bits(deviation[j].square(), bits))}
        if bits % dimension == 0:
            shares.add((bits // dimension,) * dimension)
        own, shared = [], []
        for share in shares:
            own.append(_product([lloyd_levels(pieces[:, j, i], 2**width) for i, width in enumerate(share)]))
            shared.append(_product([mean[j, i] + deviation[j, i] * levels[width] for i, width in enumerate(share)]))
        best = [min(books, key=lambda book: distortion(vectors, book)) for books in (own, shared)]
        found.append((best[0], best[1]))
    return found


def distortion(vectors: Vectors, book: Vectors) -> float:
    """Mean squared distance of vectors ``[n, d]`` to their nearest code vectors."""
    return float(nearest(vectors, book)[1].mean())


def nearest(vectors: Vectors, book: Vectors) -> tuple[NDArray[np.int64], Vectors]:
    """Numbers of the code vectors nearest to vectors ``[n, d]``, and the squared distances to them, ``[n]`` each."""
    norms, turned = np.square(book).sum(axis=1), np.ascontiguousarray(-2 * book.T)
    found = np.empty(len(vectors), np.int64)
    rows = max(_MAX_DISTANCES // len(book), 1)
    for first in range(0, len(vectors), rows):
        distance = vectors[first : first + rows] @ turned
        distance += norms
        distance.argmin(axis=1, out=found[first : first + rows])
    return found, np.square(vectors - book[found]).sum(axis=1)


def _product(levels: list[Tensor]) -> Vectors:
    book: Vectors = torch.cartesian_prod(*levels).view(-1, len(levels)).numpy()
    return book


def _greedy_bits(variance: Tensor, bits: int) -> list[int]:
    left, share = variance.clone(), [0] * len(variance)
    for _ in range(bits):
        most = int(left.argmax())
        share[most] += 1
        left[most] /= 4
    return share
