/* Reports of complex matrices as bits: levels chosen by rate and distortion, coded under the context model.

   Compiled at first use; reference_kernel.py says the same in Python, bit for bit. */

#include <string.h>

#include "arithmetic_coder.h"
#include "context_model.h"

static int32_t price(const struct tables *t, int decision, uint8_t number) { return t->price[256 * decision + number]; }

/* Bits of the Elias gamma code of v >= 1 without its leading ones: floor(log2 v). */
static int gamma_bits(int v) {
    int bits = 0;
    while (v >> (bits + 1)) bits++;
    return bits;
}

/* Bits that a level costs, 1/256 bit. */
static int32_t price_of(const struct tables *t, const struct context *c, int part, int seen, int level) {
    uint8_t zero = zero_number(t, c, part, seen);
    if (level == 0) return price(t, 1, zero);
    int size = abs(level), agrees = (level < 0) == c->negative[part];
    int32_t total = price(t, 0, zero) + price(t, agrees, agrees_number(t, c, part));
    const uint8_t *larger = larger_numbers(t, c, part, agrees);
    for (int k = 1; k <= SIZES; k++) {
        total += price(t, size > k, larger[k - 1]);
        if (size <= k) return total;
    }
    return total + 256 * (2 * gamma_bits(size - SIZES) + 1);
}

/* Codes a level, or reads one: whether it is zero, whether its sign is the predicted one, whether it is larger than 1,
   2, ...; what exceeds SIZES follows as an Elias gamma code. */
static int code_level(struct coder *coder, const struct tables *t, const struct context *c, int part, int seen, int level) {
    const uint16_t *p = t->probability;
    if (code(coder, level == 0, p[zero_number(t, c, part, seen)])) return 0;
    int agrees = code(coder, (level < 0) == c->negative[part], p[agrees_number(t, c, part)]);
    int sign = agrees == c->negative[part] ? -1 : 1;
    const uint8_t *larger = larger_numbers(t, c, part, agrees);
    int size = abs(level);
    for (int k = 1; k <= SIZES; k++)
        if (!code(coder, size > k, p[larger[k - 1]])) return sign * k;
    int rest = coder->reading ? 0 : size - SIZES, bits = coder->reading ? 0 : gamma_bits(rest), n = 0, value = 1;
    while (n < MAX_GAMMA_BITS && code(coder, n < bits, 32768)) n++;
    for (int k = n - 1; k >= 0; k--) value = 2 * value + code(coder, rest >> k & 1, 32768);
    return sign * (SIZES + value);
}

/* Of zero, the nearest level and the one below it, that of least 16 error^2 + multiplier bits; errors in 1/256 step,
   bits in 1/256 bit. */
static int chosen(const struct tables *t, const struct context *c, int part, int seen, int32_t value, int64_t multiplier) {
    int64_t size = value < 0 ? -(int64_t)value : value;
    int nearest = (int)((size + 128) >> 8), best = 0;
    if (nearest == 0) return 0;
    if (nearest > MAX_LEVEL) nearest = MAX_LEVEL;
    int64_t least_cost = 16 * size * size + multiplier * price_of(t, c, part, seen, 0);
    for (int k = nearest; k > 0 && k >= nearest - 1; k--) {
        int level = value < 0 ? -k : k;
        int64_t error = size - 256 * (int64_t)k;
        int64_t cost = 16 * error * error + multiplier * price_of(t, c, part, seen, level);
        if (cost < least_cost) {
            least_cost = cost;
            best = level;
        }
    }
    return best;
}

/* What else is told of a report, for training; null where it is not wanted. */
struct record {
    int16_t *levels;   /* [entries][2] */
    uint8_t *contexts; /* [entries][2][4]: primary, secondary, predicted size, 2 seen + predicted sign */
    uint8_t *inputs;   /* [entries][inputs] */
};

/* Takes the energy of a level off what is still to come, which never falls below 0. */
static void spend(struct plane *p, size_t here) {
    int64_t real = p->levels[2 * here], imaginary = p->levels[2 * here + 1];
    p->energy -= (real * real + imaginary * imaginary) << 16;
    if (p->energy < 0) p->energy = 0;
}

/* Codes the values of one report, or reads them: values [rows][layers][tilts][columns][2], 1/256 step. */
static void code_report(struct coder *coder, struct plane *p, const struct tables *t, int step_number, int64_t multiplier,
                        int32_t *values, struct record record) {
    int n = p->shape.columns;
    size_t entry = 0;
    struct place at = {0};
    p->energy = without_base(p, energy_of(&p->shape, step_number));
    for (int row = 0; row < p->shape.rows; row++) {
        units bias[MAX_HIDDEN / LANES];
        row_bias(t, row, step_number, bias);
        for (int group = 0; group < p->groups; group++) {
            go_to(&at, p, row, group);
            at.expected = expected_of(p, entry);
            for (at.column = 0; at.column < n; at.column++, entry++) {
                int32_t inputs[INPUTS + MORE_INPUTS + BASE_INPUTS], predicted[2];
                inputs_of(p, t, &at, inputs);
                predict(p, t, &at, predicted);
                struct context c = context_of(t, inputs, bias, predicted);
                size_t here = at.here + at.column;
                int seen = 0;
                for (int part = 0; part < 2; part++) {
                    int32_t *value = values + 2 * entry + part;
                    int level = coder->reading ? 0 : chosen(t, &c, part, seen, *value, multiplier);
                    level = code_level(coder, t, &c, part, seen, level);
                    p->levels[2 * here + part] = (int16_t)level;
                    if (coder->reading) *value = rebuilt(t, &c, part, seen, level);
                    if (record.levels) record.levels[2 * entry + part] = (int16_t)level;
                    if (record.contexts) {
                        uint8_t numbers[4] = {c.primary, c.secondary, c.size[part], 2 * seen + c.negative[part]};
                        memcpy(record.contexts + 4 * (2 * entry + part), numbers, sizeof numbers);
                    }
                    seen = seen_of(&c, level);
                }
                if (record.inputs)
                    for (int i = 0; i < t->inputs; i++) record.inputs[t->inputs * entry + i] = (uint8_t)inputs[i];
                spend(p, here);
                int activity = least(abs(p->levels[2 * here]) + abs(p->levels[2 * here + 1]), MOST_ACTIVE);
                p->activity[here] = (int16_t)activity;
                at.before += activity;
                p->total += activity;
            }
            p->row_total[group] = at.before;
            int32_t *mean = p->memory + (size_t)group * n;
            const int16_t *activity = p->activity + at.here;
            for (int column = 0; column < n; column++) mean[column] += (activity[column] * 16 - mean[column]) >> 2;
        }
    }
}

static size_t plane_cells(const struct shape *s) { return ((size_t)s->rows + 2) * s->layers * s->tilts * s->columns; }

static size_t plane_bytes(const struct shape *s) {
    size_t groups = (size_t)s->layers * s->tilts;
    return (groups * s->columns + groups) * sizeof(int32_t) + 3 * plane_cells(s) * sizeof(int16_t);
}

static struct plane empty_plane(const struct shape *s, void *memory) {
    size_t groups = (size_t)s->layers * s->tilts;
    memset(memory, 0, plane_bytes(s));
    struct plane p = {.shape = *s, .groups = (int)groups, .memory = memory};
    p.row_total = p.memory + groups * s->columns;
    p.levels = (int16_t *)(p.row_total + groups);
    p.activity = p.levels + 2 * plane_cells(s);
    return p;
}

/* Base of a report, of those of all; null where there are none. */
static const int32_t *base_of(const int32_t *bases, size_t entries, int64_t report) {
    return bases ? bases + 2 * entries * report : 0;
}

/* Reports of `count` matrices, of which `bases` are taken off where they are given, bits [count][capacity]; lengths also count the bits that the capacity has no room for.
   Returns 0, or -1 where there is no memory. */
int encode_reports(const struct tables *t, const struct shape *s, int64_t count, const int32_t *values,
                   const int32_t *bases, const int32_t *step_numbers, int64_t multiplier, int64_t capacity, uint8_t *bits, int64_t *lengths,
                   int16_t *levels, uint8_t *contexts, uint8_t *inputs) {
    void *memory = malloc(plane_bytes(s));
    if (!memory) return -1;
    size_t entries = plane_cells(s) / (s->rows + 2) * s->rows;
    for (int64_t i = 0; i < count; i++) {
        struct plane p = empty_plane(s, memory);
        p.base = base_of(bases, entries, i);
        struct coder c = writer(bits + i * capacity, capacity);
        struct record record = {levels ? levels + 2 * entries * i : 0, contexts ? contexts + 8 * entries * i : 0,
                                inputs ? inputs + t->inputs * entries * i : 0};
        code_report(&c, &p, t, step_numbers[i], multiplier, (int32_t *)values + 2 * entries * i, record);
        close_stream(&c);
        lengths[i] = c.count;
    }
    free(memory);
    return 0;
}

/* Values of `count` reports, bits [count][width] of the given lengths; `used` are the bits of each stream, -1 for what
   is none. Returns 0, or -1 where there is no memory. */
int decode_reports(const struct tables *t, const struct shape *s, int64_t count, const uint8_t *bits, int64_t width,
                   const int64_t *lengths, const int32_t *bases, const int32_t *step_numbers, int32_t *values,
                   int64_t *used) {
    void *memory = malloc(plane_bytes(s));
    if (!memory) return -1;
    size_t entries = plane_cells(s) / (s->rows + 2) * s->rows;
    for (int64_t i = 0; i < count; i++) {
        struct plane p = empty_plane(s, memory);
        p.base = base_of(bases, entries, i);
        struct coder c = reader(bits + i * width, lengths[i]);
        code_report(&c, &p, t, step_numbers[i], 0, values + 2 * entries * i, (struct record){0});
        used[i] = stream_length(&c);
    }
    free(memory);
    return 0;
}
