/* Coefficients of reports as bits: component and levels chosen by rate and distortion, coded under static tables.

   Compiled at first use; reference_kernel.py says the same in Python, bit for bit. The sizes in capitals come from
   sizes.py as compiler flags. */

#include <math.h>
#include <stdlib.h>

#include "arithmetic_coder.h"

struct code {
    int32_t components, sets, entries, label_bits;
    const int16_t *spread;      /* components x entries: 16 log2 of the standard deviation of a part */
    const uint16_t *label;      /* 2^label_bits: probability that the next bit of a label is 1, by what is known of it */
    const int32_t *label_price; /* components, 1/256 bit */
    const uint16_t *decision;   /* CLASSES x SEEN x DECISIONS, 1/65536 */
    const int32_t *price;       /* CLASSES x SEEN x PRICED: of sizes with their sign, 1/256 bit */
};

static int class_of(int spread, int step_number) {
    int found = (spread - step_number + 16 * FINEST_OCTAVE + 8 / CLASSES_PER_OCTAVE) * CLASSES_PER_OCTAVE;
    return found < 0 ? 0 : found >= 16 * CLASSES ? CLASSES - 1 : found / 16;
}

static int seen_of(int real) { return real == 0 ? 1 : abs(real) == 1 ? 2 : 3; }

static int octave_of(int size) {
    int octave = 0;
    while (size >> (octave + 1)) octave++;
    return octave;
}

static int64_t price_of(const int32_t *price, int size) {
    if (size < PRICED) return price[size];
    return price[PRICED - 1] + 512 * (octave_of(size) - octave_of(PRICED - 1));
}

/* Of zero, the nearest size and the one below it, that of least 16 error^2 + weight bits; errors in 1/256 step, bits in
   1/256 bit. Returns the cost. */
static int64_t chosen(const int32_t *price, int64_t size, int64_t weight, int32_t *best) {
    int nearest = (int)(size + 128 >> 8);
    int64_t least_cost = 16 * size * size + weight * price[0];
    *best = 0;
    for (int k = nearest; k > 0 && k >= nearest - 1; k--) {
        int64_t error = size - 256 * (int64_t)k, cost = 16 * error * error + weight * price_of(price, k);
        if (cost < least_cost) {
            least_cost = cost;
            *best = k;
        }
    }
    return least_cost;
}

static int64_t size_of(double value, double factor) {
    double size = rint(fabs(value) * factor);
    return size < 256.0 * MAX_LEVEL ? (int64_t)size : 256 * MAX_LEVEL;
}

/* Levels [entries][2] of one component, and their cost; given up where it reaches `most`. */
static int64_t choose(const struct code *t, int component, const double *values, double factor, int step_number,
                      int64_t weight, int64_t most, int32_t *levels) {
    const int16_t *spread = t->spread + (size_t)component * t->entries;
    int64_t total = weight * t->label_price[component];
    for (int i = 0; i < t->entries && total < most; i++) {
        const int32_t *price = t->price + class_of(spread[i], step_number) * SEEN * PRICED;
        int64_t real = size_of(values[2 * i], factor), imaginary = size_of(values[2 * i + 1], factor);
        int32_t *level = levels + 2 * i;
        int64_t cost = chosen(price, real, weight, level);
        cost += chosen(price + seen_of(level[0]) * PRICED, imaginary, weight, level + 1);
        int64_t none = 16 * (real * real + imaginary * imaginary) + weight * (price[0] + price[PRICED]);
        if (none <= cost) {
            cost = none;
            level[0] = level[1] = 0;
        }
        if (values[2 * i] < 0) level[0] = -level[0];
        if (values[2 * i + 1] < 0) level[1] = -level[1];
        total += cost;
    }
    return total;
}

/* Codes a level, or reads one. */
static int code_level(struct coder *c, const uint16_t *p, int level) {
    if (code(c, level == 0, p[0])) return 0;
    int sign = code(c, level < 0, 32768) ? -1 : 1, size = abs(level);
    int wanted = c->reading ? 0 : octave_of(size), octave = 0, found = 1;
    while (octave < OCTAVES - 1 && code(c, wanted > octave, p[1 + octave])) octave++;
    for (int k = octave - 1; k >= 0; k--) {
        uint32_t one = k == octave - 1 ? p[OCTAVES + k] : 32768;
        found = 2 * found + code(c, size >> k & 1, one);
    }
    return sign * found;
}

static int code_label(struct coder *c, const struct code *t, int label) {
    int node = 1;
    for (int k = t->label_bits - 1; k >= 0; k--) node = 2 * node + code(c, label >> k & 1, t->label[node]);
    return node - (1 << t->label_bits);
}

static void code_levels(struct coder *c, const struct code *t, int component, int step_number, int32_t *levels) {
    const int16_t *spread = t->spread + (size_t)component * t->entries;
    for (int i = 0; i < t->entries; i++) {
        const uint16_t *p = t->decision + class_of(spread[i], step_number) * SEEN * DECISIONS;
        int32_t *level = levels + 2 * i;
        level[0] = code_level(c, p, level[0]);
        level[1] = code_level(c, p + seen_of(level[0]) * DECISIONS, level[1]);
    }
}

/* Reports of `count` sets of coefficients [count][sets][entries][2], one set for each component or one for all; factors
   are 256 over the step. Lengths also count the bits that the capacity has no room for. Returns 0, or -1 where there is
   no memory. */
int encode_levels(const struct code *t, int64_t count, const double *values, const double *factors,
                  const int32_t *step_numbers, int64_t weight, int64_t capacity, uint8_t *bits, int64_t *lengths,
                  int32_t *labels, int32_t *levels) {
    size_t parts = 2 * (size_t)t->entries;
    int32_t *tried = malloc(parts * sizeof *tried);
    if (!tried) return -1;
    for (int64_t i = 0; i < count; i++) {
        int32_t *best = levels + i * parts;
        const double *own = values + i * t->sets * parts;
        int64_t least_cost = INT64_MAX;
        for (int k = 0; k < t->components; k++) {
            const double *set = t->sets > 1 ? own + k * parts : own;
            int64_t cost = choose(t, k, set, factors[i], step_numbers[i], weight, least_cost, tried);
            if (cost >= least_cost) continue;
            least_cost = cost;
            labels[i] = k;
            for (size_t j = 0; j < parts; j++) best[j] = tried[j];
        }
        struct coder c = writer(bits + i * capacity, capacity);
        code_label(&c, t, labels[i]);
        code_levels(&c, t, labels[i], step_numbers[i], best);
        close_stream(&c);
        lengths[i] = c.count;
    }
    free(tried);
    return 0;
}

/* Labels and levels of `count` reports, bits [count][width] of the given lengths; `used` are the bits of each stream, -1
   for what is none. */
void decode_levels(const struct code *t, int64_t count, const uint8_t *bits, int64_t width, const int64_t *lengths,
                   const int32_t *step_numbers, int32_t *labels, int32_t *levels, int64_t *used) {
    for (int64_t i = 0; i < count; i++) {
        struct coder c = reader(bits + i * width, lengths[i]);
        int label = code_label(&c, t, 0);
        used[i] = -1;
        labels[i] = label < t->components ? label : 0;
        if (label >= t->components) continue;
        code_levels(&c, t, label, step_numbers[i], levels + 2 * (size_t)t->entries * i);
        used[i] = stream_length(&c);
    }
}
