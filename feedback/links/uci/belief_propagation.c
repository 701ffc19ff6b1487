/* Belief propagation on the graph of an LDPC code, all checks and then all variables in an iteration (flooding).

   Codewords lie side by side in the lanes of vectors, and nothing depends on which are decoded together. Compiled at
   first use. */

#include <stdlib.h>

#include "lanes.h"

/* Messages are no larger, and no surer. */
#define MAX_LLR 20.0f
#define LEAST_ODDS 2.0611537e-9f

enum { MAX_DEGREE = 32 };

/* starts:    first edge of each check, and their number, [n_checks + 1]; a check has at most MAX_DEGREE edges.
   variables: the variable of each edge; the first n_bits are the bits, CRC included.
   sums:      what a bit of 1 adds to the sums of the CRC, [n_bits]. */
struct graph {
    int32_t n_checks, n_variables, n_bits;
    const int32_t *starts, *variables;
    const uint32_t *sums;
};

/* received: LLRs of the variables, positive for 0; total: with all messages to them; next: those of the iteration.
   messages: to the variable of each edge.
   rows:     the codeword in each lane. */
struct state {
    lanes *received, *total, *next, *messages;
    int64_t rows[LANES];
};

/* Messages of one check. With odds u = e^-|LLR| of each bit, those of a sum of bits are (u + v) / (1 + u v), which is kept
   as a quotient p / q of positive sums, so that nothing cancels. */
static void update_check(struct state *s, const int32_t *variables, lanes *messages, int degree) {
    lanes odds[MAX_DEGREE], p[MAX_DEGREE], q[MAX_DEGREE];
    numbers signs[MAX_DEGREE], sign = {};
    lanes a = {}, b = (lanes){} + 1.0f;
    for (int i = 0; i < degree; i++) {
        lanes llr = s->total[variables[i]] - messages[i];
        signs[i] = (numbers)llr & SIGN;
        sign ^= signs[i];
        odds[i] = expm1_minus(minimum(magnitude(llr), (lanes){} + MAX_LLR)) + 1.0f;
        p[i] = a, q[i] = b;
        a = p[i] + odds[i] * q[i], b = q[i] + odds[i] * p[i];
    }
    a = (lanes){}, b = (lanes){} + 1.0f;
    for (int i = degree - 1; i >= 0; i--) {
        lanes below = q[i] * b + p[i] * a, above = maximum(p[i] * b + q[i] * a, below * LEAST_ODDS);
        lanes size = log_of_quotient(below, above);
        messages[i] = (lanes)((numbers)size ^ sign ^ signs[i]);
        s->next[variables[i]] += messages[i];
        lanes before = a;
        a += odds[i] * b, b += odds[i] * before;
    }
}

static void iterate(const struct graph *g, struct state *s, int iterations) {
    for (; iterations > 0; iterations--) {
        for (int v = 0; v < g->n_variables; v++) s->next[v] = s->received[v];
        for (int c = 0; c < g->n_checks; c++) {
            int first = g->starts[c];
            update_check(s, g->variables + first, s->messages + first, g->starts[c + 1] - first);
        }
        lanes *total = s->total;
        s->total = s->next, s->next = total;
    }
}

/* Bits of the codeword in a lane, and whether they pass their CRC. */
static int decide(const struct graph *g, const struct state *s, int lane, uint8_t *bits, uint8_t *passed) {
    int64_t row = s->rows[lane];
    uint32_t sum = 0;
    for (int k = 0; k < g->n_bits; k++) {
        int bit = s->total[k][lane] <= 0;
        bits[row * g->n_bits + k] = bit;
        sum ^= bit ? g->sums[k] : 0;
    }
    return passed[row] = sum == 0;
}

static void load(const struct graph *g, struct state *s, const float *llr, int64_t first, int64_t n) {
    for (int lane = 0; lane < LANES; lane++) {
        int64_t row = s->rows[lane] = first + lane < n ? first + lane : n - 1;
        for (int v = 0; v < g->n_variables; v++) {
            s->received[v][lane] = llr[row * g->n_variables + v];
            s->total[v][lane] = s->received[v][lane];
        }
    }
    for (int e = 0; e < g->starts[g->n_checks]; e++) s->messages[e] = (lanes){};
}

static void copy_lane(const struct graph *g, struct state *to, int lane, const struct state *from, int other) {
    to->rows[lane] = from->rows[other];
    for (int v = 0; v < g->n_variables; v++) {
        to->received[v][lane] = from->received[v][other];
        to->total[v][lane] = from->total[v][other];
    }
    for (int e = 0; e < g->starts[g->n_checks]; e++) to->messages[e][lane] = from->messages[e][other];
}

/* Decodes n codewords: so many iterations, and to the end those whose CRC is then wrong.

   llr:    of the variables, [n, n_variables], positive for 0.
   bits:   [n, n_bits], 0 and 1.
   passed: whether the bits pass their CRC, [n], 0 and 1.
   Returns 0, or 1 if there is no memory. */
int decode_graph(const struct graph *g, int quick, int iterations, int64_t n, const float *llr, uint8_t *bits, uint8_t *passed) {
    size_t variables = g->n_variables, edges = g->starts[g->n_checks], vectors = 2 * (3 * variables + edges);
    lanes *memory = aligned_alloc(sizeof(lanes), vectors * sizeof(lanes));
    if (memory == NULL) return 1;
    for (size_t i = 0; i < vectors; i++) memory[i] = (lanes){};
    struct state states[2] = {}, *all = states, *left = states + 1;
    for (int i = 0; i < 2; i++) {
        lanes *own = memory + i * (vectors / 2);
        states[i] = (struct state){own, own + variables, own + 2 * variables, own + 3 * variables, {}};
    }
    int n_left = 0;
    for (int64_t first = 0; first < n; first += LANES) {
        load(g, all, llr, first, n);
        iterate(g, all, quick);
        int count = n - first < LANES ? (int)(n - first) : LANES;
        for (int lane = 0; lane < count; lane++) {
            if (decide(g, all, lane, bits, passed)) continue;
            copy_lane(g, left, n_left++, all, lane);
            if (n_left < LANES) continue;
            iterate(g, left, iterations - quick);
            for (int i = 0; i < n_left; i++) decide(g, left, i, bits, passed);
            n_left = 0;
        }
    }
    if (n_left) iterate(g, left, iterations - quick);
    for (int i = 0; i < n_left; i++) decide(g, left, i, bits, passed);
    free(memory);
    return 0;
}
