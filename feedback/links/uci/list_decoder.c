/* List decoding of polar codes with parity checks and a CRC: successive cancellation with L paths, whose metrics are
   ln(1 + e^-(1 - 2 u) LLR) summed over all inputs u, zeros and parity checks included (A. Balatsoukas-Stimming et al.,
   doi:10.1109/TSP.2015.2439211), less ln 2 each, so that LLRs near 0 are not lost in a sum of many times that.

   Paths lie side by side in the lanes of vectors: the L of a codeword in a group of as many lanes, and as many codewords
   as there are groups. Nothing depends on which codewords are decoded together. Compiled at first use;
   parity_check_polar.py is the same decoder in PyTorch. */

#include <math.h>
#include <stdlib.h>

#include "lanes.h"

enum { FROZEN = -1, MAX_STAGES = 11 };

/* roles: of every input of the mother code: FROZEN, number of its bit, or n_bits + number of its parity check.
   used:  inputs that are not frozen before each of them, and before the end, [length + 1].
   sums:  what a bit of 1 adds to a path's sums: the CRC's in the lowest crc_bits bits, then those of parity checks. */
struct code {
    int32_t length, n_bits, crc_bits;
    const int32_t *roles, *used;
    const uint32_t *sums;
};

/* width:     lanes of a codeword.
   same:      the number of each lane.
   broadcast: the lane of each group's path i.
   after:     lanes that are behind path i in their group.
   unused:    lanes of no path.
   metric:    of each path; infinite for what is none.
   state:     sums of each path.
   steps:     the lane that each path was in before a bit was decided, with the sign set where the bit is 1.
   llr:       of the outputs of the part that is decoded, at each stage. */
struct decoder {
    const struct code *code;
    int width;
    numbers same, broadcast[LANES], after[LANES], unused;
    lanes metric;
    words state;
    numbers *steps;
    lanes *llr[MAX_STAGES + 1];
};

/* Of the two ways on of each path the best; ranks are counted, and the first of equal ones is before the other. */
static numbers split(struct decoder *d, lanes zero, lanes one, numbers *bit) {
    if (d->width == 1) {
        *bit = (one < zero) & SIGN;
        d->metric = minimum(one, zero);
        return d->same;
    }
    numbers rank_zero = {}, rank_one = {};
    for (int i = 0; i < d->width; i++) {
        lanes a = __builtin_shuffle(zero, d->broadcast[i]), b = __builtin_shuffle(one, d->broadcast[i]);
        rank_zero -= (a < zero) | ((a == zero) & d->after[i]);
        rank_zero -= b < zero;
        rank_one -= a <= one;
        rank_one -= (b < one) | ((b == one) & d->after[i]);
    }
    int32_t from[LANES + 1], ranks[2][LANES];
    __builtin_memcpy(from, &d->same, sizeof d->same);
    __builtin_memcpy(ranks[0], &rank_zero, sizeof rank_zero);
    __builtin_memcpy(ranks[1], &rank_one, sizeof rank_one);
    for (int lane = 0; lane < LANES; lane++) {
        int first = lane & -d->width;
        from[ranks[0][lane] < d->width ? first + ranks[0][lane] : LANES] = lane;
        from[ranks[1][lane] < d->width ? first + ranks[1][lane] : LANES] = lane | SIGN;
    }
    numbers kept;
    __builtin_memcpy(&kept, from, sizeof kept);
    numbers origin = kept & ~SIGN;
    *bit = kept & SIGN;
    d->metric = chosen(kept < 0, __builtin_shuffle(one, origin), __builtin_shuffle(zero, origin));
    d->metric = chosen(d->unused, (lanes){} + INFINITY, d->metric);
    return origin;
}

/* Decides on a part of the code whose only input that is not frozen is its last, so that all outputs are that input. */
static numbers decide(struct decoder *d, int length, int role, const lanes *llr, numbers *out) {
    lanes zero = d->metric, one = d->metric;
    for (int n = 0; n < length; n++) {
        lanes common = half_softplus_minus(magnitude(llr[n]));
        zero += common - minimum(llr[n], (lanes){});
        one += common - minimum(-llr[n], (lanes){});
    }
    numbers bit, origin = d->same;
    int k = role - d->code->n_bits;
    if (k >= 0) {
        bit = (numbers)(d->state << (31 - d->code->crc_bits - k)) & SIGN;
        d->metric = chosen(bit < 0, one, zero);
    } else {
        origin = split(d, zero, one, &bit);
        d->state = __builtin_shuffle(d->state, origin) ^ ((words)(bit < 0) & d->code->sums[role]);
        d->steps[role] = origin | bit;
    }
    for (int n = 0; n < length; n++) out[n] = bit;
    return origin;
}

/* Decides on the inputs of a part of the code: its outputs for the paths that are left, 1 as a set sign, and the lane
   that each of these was in before. */
static numbers visit(struct decoder *d, int stage, int first, const lanes *llr, numbers *out) {
    const struct code *code = d->code;
    int length = 1 << stage, half = length / 2;
    int used = code->used[first + length] - code->used[first];
    if (used == 0) {
        for (int n = 0; n < length; n++) {
            d->metric += half_softplus_minus(magnitude(llr[n])) - minimum(llr[n], (lanes){});
            out[n] = (numbers){};
        }
        return d->same;
    }
    int last = code->roles[first + length - 1];
    if (used == 1 && last != FROZEN) return decide(d, length, last, llr, out);
    lanes *part = d->llr[stage - 1];
    for (int n = 0; n < half; n++) part[n] = box_plus(llr[n], llr[half + n]);
    numbers origin = visit(d, stage - 1, first, part, out);
    for (int n = 0; n < half; n++) {
        numbers signed_ = (numbers)__builtin_shuffle(llr[n], origin) ^ out[n];
        part[n] = (lanes)signed_ + __builtin_shuffle(llr[half + n], origin);
    }
    numbers again = visit(d, stage - 1, first + half, part, out + half);
    for (int n = 0; n < half; n++) out[n] = __builtin_shuffle(out[n], again) ^ out[half + n];
    return __builtin_shuffle(origin, again);
}

/* The likeliest path that passes its CRC, or the likeliest if none does. */
static int best_path(const struct decoder *d, int first, int *passed) {
    uint32_t mask = (1u << d->code->crc_bits) - 1;
    int best = first;
    *passed = (d->state[first] & mask) == 0;
    for (int lane = first + 1; lane < first + d->width; lane++) {
        int passes = (d->state[lane] & mask) == 0 && !isinf(d->metric[lane]);
        if (passes > *passed || (passes == *passed && d->metric[lane] < d->metric[best])) best = lane, *passed = passes;
    }
    return best;
}

static void decode_group(struct decoder *d, int stages, numbers *out, const float *llr, int count, uint8_t *bits, uint8_t *passed) {
    const struct code *code = d->code;
    for (int lane = 0; lane < LANES; lane++) {
        int row = lane / d->width;
        if (row >= count) row = count - 1;
        for (int n = 0; n < code->length; n++) d->llr[stages][n][lane] = llr[row * code->length + n];
        d->metric[lane] = lane % d->width ? INFINITY : 0;
    }
    d->state = (words){};
    visit(d, stages, 0, d->llr[stages], out);
    for (int row = 0; row < count; row++) {
        int passes, lane = best_path(d, row * d->width, &passes);
        passed[row] = passes;
        for (int k = code->n_bits - 1; k >= 0; k--) {
            bits[row * code->n_bits + k] = d->steps[k][lane] < 0;
            lane = d->steps[k][lane] & ~SIGN;
        }
    }
}

/* Decodes n codewords with a list of at most LANES paths.

   llr:    of the mother code's outputs, [n, length], positive for 0.
   bits:   those of the chosen paths, [n, n_bits], 0 and 1.
   passed: whether these pass their CRC, [n], 0 and 1.
   Returns 0, or 1 if there is no memory. */
int decode_lists(const struct code *code, int list, int64_t n, const float *llr, uint8_t *bits, uint8_t *passed) {
    struct decoder d = {.code = code, .width = 1};
    int stages = 0;
    while (d.width < list) d.width *= 2;
    while (1 << stages < code->length) stages++;
    size_t vectors = (size_t)3 * code->length + code->n_bits;
    lanes *memory = aligned_alloc(sizeof(lanes), vectors * sizeof(lanes));
    if (memory == NULL) return 1;
    for (int stage = 0; stage <= stages; stage++) d.llr[stage] = memory + (1 << stage);
    numbers *out = (numbers *)memory + 2 * code->length;
    d.steps = out + code->length;
    for (int lane = 0; lane < LANES; lane++) {
        d.same[lane] = lane;
        d.unused[lane] = -(lane % d.width >= list);
        for (int i = 0; i < d.width; i++) {
            d.broadcast[i][lane] = lane / d.width * d.width + i;
            d.after[i][lane] = -(lane % d.width > i);
        }
    }
    int rows = LANES / d.width;
    for (int64_t row = 0; row < n; row += rows) {
        int count = n - row < rows ? (int)(n - row) : rows;
        decode_group(&d, stages, out, llr + row * code->length, count, bits + row * code->n_bits, passed + row);
    }
    free(memory);
    return 0;
}
