/* What is known around an entry, and the probabilities that follow from it. Integers throughout. The sizes in capitals
   come from sizes.py as compiler flags. */

#include <stdint.h>
#include <stdlib.h>

/* Numbers of LANES hidden units: 8 at once where the compiler is told so, else of one, which is C11 and no more. */
#ifdef LANES
_Static_assert(LANES == 8, "sum_of adds up 8 numbers");
typedef int32_t units __attribute__((vector_size(4 * LANES)));
typedef int16_t weights __attribute__((vector_size(2 * LANES), aligned(2), may_alias));
#define INLINE static inline __attribute__((always_inline))

INLINE units units_at(const int16_t *table) { return __builtin_convertvector(*(const weights *)table, units); }

INLINE units clamp_units(units v, int most) {
    units over = v > most;
    return (v & (v > 0) & ~over) | (most & over);
}

INLINE int32_t sum_of(units v) {
    v += __builtin_shuffle(v, (units){4, 5, 6, 7, 0, 1, 2, 3});
    v += __builtin_shuffle(v, (units){2, 3, 0, 1, 6, 7, 4, 5});
    return v[0] + v[1];
}
#else
#define LANES 1
typedef int32_t units;

static units units_at(const int16_t *table) { return *table; }
static units clamp_units(units v, int most) { return v < 0 ? 0 : v < most ? v : most; }
static int32_t sum_of(units v) { return v; }
#endif

struct tables {
    int32_t width, inputs;            /* width: hidden units, and zeros up to a multiple of LANES, at most MAX_HIDDEN;
                                         inputs: INPUTS, MORE_INPUTS more, or BASE_INPUTS more again */
    const int16_t *hidden;            /* (inputs + 2) x width: the last two are for row and step; 1/64 */
    const int16_t *hidden_bias;       /* width, 1/64 of sixteenths */
    const int16_t *output;            /* 2 x width, 1/64 */
    const int16_t *output_bias;       /* 2, 1/1024 */
    const int16_t *predictor;         /* NEIGHBOURS, 1/64 */
    const int16_t *size_bounds;       /* PREDICTED - 1, of the predicted level, 1/64 */
    const uint8_t *zero;              /* PRIMARY x SECONDARY x PREDICTED x SEEN: probability number that a part is 0 */
    const uint8_t *agrees;            /* PRIMARY x PREDICTED x 2: that its sign is the predicted one */
    const uint8_t *larger;            /* PRIMARY x SECONDARY x 2 x PREDICTED / 2 x SIZES: that its size is larger */
    const int16_t *centroid;          /* (CENTROIDS + 1) x 2 x PREDICTED x PRIMARY x SEEN, 1/256 step */
    const uint16_t *probability;      /* 256: of probability numbers, 1/65536 */
    const uint16_t *price;            /* 2 x 256: bits of decisions 0 and 1, 1/256 bit */
    const uint8_t *logarithm;         /* LOGARITHMS: 16 log2(1 + v) */
};

struct shape {
    int32_t rows, layers, tilts, columns;
};

/* What has been coded of a matrix: row after row, in each layer after layer, tilt after tilt, column after column. */
struct plane {
    struct shape shape;
    int groups;         /* layers x tilts */
    int16_t *levels;    /* [2 + rows][groups][columns][2]: two rows of zeros lie ahead */
    int16_t *activity;  /* [2 + rows][groups][columns] */
    int32_t *memory;    /* [groups][columns]: mean activity of the rows above, sixteenths */
    int32_t *row_total; /* [groups]: of the row above */
    int64_t energy;     /* that is still to come, 1/65536 squared step */
    int32_t total;      /* activity up to here */
    const int32_t *base; /* [rows][groups][columns][2]: what is taken off the values, 1/256 step; null for nothing */
};

struct place {
    int row, layer, tilt, group, column;
    /* Columns of this row and group, of the rows above it, and of the beam of the layer and the tilt before. */
    size_t here, above, far_above, layer_before, tilt_before;
    int before;   /* activity in this row and group up to here */
    int expected; /* mean energy of an entry from the beginning of this row and group on, 1/64 squared step */
};

struct context {
    int primary, secondary;
    int size[2];     /* of the predicted real and imaginary part, 0 .. PREDICTED - 1 */
    int negative[2]; /* their signs */
};

static int least(int a, int b) { return a < b ? a : b; }
static int clamp(int v, int most) { return v < 0 ? 0 : least(v, most); }

/* Columns are angles, which wrap round. */
static int wrapped(int column, int columns) {
    return column < 0 ? column + columns : column >= columns ? column - columns : column;
}

static size_t cell(const struct plane *p, int row, int group, int column) {
    return ((size_t)(row + 2) * p->groups + group) * p->shape.columns + column;
}

/* Goes to the first column of a group in a row. */
static void go_to(struct place *at, const struct plane *p, int row, int group) {
    size_t line = (size_t)p->groups * p->shape.columns;
    at->row = row;
    at->group = group;
    at->layer = group / p->shape.tilts;
    at->tilt = group % p->shape.tilts;
    at->column = at->before = 0;
    at->here = cell(p, row, group, 0);
    at->above = at->here - line;
    at->far_above = at->above - line;
    at->layer_before = at->layer ? at->here - (size_t)p->shape.tilts * p->shape.columns : 0;
    at->tilt_before = at->tilt ? at->here - p->shape.columns : 0;
}

/* Size of what is taken off an entry, 1/8 step; 0 outside the matrix. */
static int base_size(const struct plane *p, int row, int group, int column) {
    if (!p->base || row < 0 || row >= p->shape.rows) return 0;
    const int32_t *parts = p->base + 2 * (((size_t)row * p->groups + group) * p->shape.columns + column);
    return least((abs(parts[0]) + abs(parts[1])) >> 5, LOGARITHMS - 1);
}

static int logarithm(const struct tables *t, int v) { return t->logarithm[least(v, LOGARITHMS - 1)]; }

static void inputs_of(const struct plane *p, const struct tables *t, const struct place *at, int32_t *inputs) {
    int n = p->shape.columns, row = at->row, g = at->group, column = at->column;
    int left = wrapped(column - 1, n), right = wrapped(column + 1, n);
    int far_left = wrapped(left - 1, n), far_right = wrapped(right + 1, n);
    const int32_t *memory = p->memory + (size_t)g * n;
    const int16_t *here = p->activity + at->here, *above = p->activity + at->above;
    const int16_t *far_above = p->activity + at->far_above;
    const int16_t *other_layer = p->activity + at->layer_before, *other_tilt = p->activity + at->tilt_before;
    int values[INPUTS] = {
        column >= 1 ? here[column - 1] : 0,
        column >= 2 ? here[column - 2] : 0,
        column >= 3 ? here[column - 3] : 0,
        above[column],
        above[left] + above[right],
        above[far_left] + above[far_right],
        far_above[column],
        far_above[left] + far_above[right],
        memory[column],
        (memory[left] + memory[right]) / 2,
        at->before,
        p->row_total[g],
        at->layer ? other_layer[column] : 0,
        at->layer ? other_layer[left] + other_layer[right] : 0,
        at->tilt ? other_tilt[column] : 0,
        at->tilt ? other_tilt[left] + other_tilt[right] : 0,
    };
    for (int i = 0; i < INPUTS; i++) inputs[i] = logarithm(t, values[i]);
    if (t->inputs == INPUTS) return;
    int layers = 0, tilts = 0; /* means of this column in other layers and at other tilts, sixteenths */
    for (int k = at->tilt; k < p->groups; k += p->shape.tilts)
        if (k != g) layers += p->memory[(size_t)k * n + column];
    for (int k = g - at->tilt; k < g - at->tilt + p->shape.tilts; k++)
        if (k != g) tilts += p->memory[(size_t)k * n + column];
    int more[MORE_INPUTS] = {
        at->expected,
        p->total,
        row ? 0 : YES,
        at->layer ? YES : 0,
        at->tilt ? YES : 0,
        layers,
        tilts,
        row == 1 ? YES : 0,
    };
    for (int i = 0; i < MORE_INPUTS; i++) inputs[INPUTS + i] = logarithm(t, more[i]);
    if (t->inputs == INPUTS + MORE_INPUTS) return;
    int other_layers = 0, other_tilts = 0; /* this column in other layers and at other tilts */
    for (int k = at->tilt; k < p->groups; k += p->shape.tilts)
        if (k != g) other_layers += base_size(p, row, k, column);
    for (int k = g - at->tilt; k < g - at->tilt + p->shape.tilts; k++)
        if (k != g) other_tilts += base_size(p, row, k, column);
    int base[BASE_INPUTS] = {
        base_size(p, row, g, column),
        base_size(p, row, g, left) + base_size(p, row, g, right),
        base_size(p, row, g, far_left) + base_size(p, row, g, far_right),
        base_size(p, row - 1, g, column) + base_size(p, row + 1, g, column),
        base_size(p, row - 2, g, column) + base_size(p, row + 2, g, column),
        base_size(p, row + 1, g, left) + base_size(p, row + 1, g, right),
        other_layers,
        other_tilts,
    };
    for (int i = 0; i < BASE_INPUTS; i++) inputs[INPUTS + MORE_INPUTS + i] = logarithm(t, base[i]);
}

/* 65536 2^(k/8) */
static const int64_t EIGHTHS[8] = {65536, 71468, 77936, 84990, 92682, 101070, 110218, 120194};

/* Energy of a matrix of unit mean square, 1/65536 squared step, at a step of 2^(step_number / 16). */
static int64_t energy_of(const struct shape *s, int step_number) {
    int octaves = -step_number >> 3;
    int64_t entry = EIGHTHS[-step_number & 7];
    entry = octaves < 0 ? entry >> least(-octaves, 62) : entry << least(octaves, 24);
    return entry * s->rows * s->layers * s->tilts * s->columns;
}

/* The energy that is left, at least 0, once that of what is taken off the values is gone. */
static int64_t without_base(const struct plane *p, int64_t energy) {
    size_t parts = p->base ? 2 * (size_t)p->shape.rows * p->groups * p->shape.columns : 0;
    for (size_t i = 0; i < parts && energy > 0; i++) energy -= (int64_t)p->base[i] * p->base[i];
    return energy < 0 ? 0 : energy;
}

/* Mean energy of an entry from here on, 1/64 squared step. */
static int expected_of(const struct plane *p, size_t entry) {
    size_t left = (size_t)p->shape.rows * p->groups * p->shape.columns - entry;
    int64_t mean = p->energy / (int64_t)left >> 10;
    return mean < LOGARITHMS ? (int)mean : LOGARITHMS - 1;
}

static void add_parts(int32_t *sums, int weight, const int16_t *levels, int column) {
    sums[0] += weight * levels[2 * column];
    sums[1] += weight * levels[2 * column + 1];
}

/* Both parts of a level as a weighted sum of its neighbours', 1/64. */
static void predict(const struct plane *p, const struct tables *t, const struct place *at, int32_t *predicted) {
    int n = p->shape.columns, column = at->column;
    const int16_t *w = t->predictor;
    const int16_t *here = p->levels + 2 * at->here, *above = p->levels + 2 * at->above;
    predicted[0] = predicted[1] = 0;
    if (column >= 1) add_parts(predicted, w[0], here, column - 1);
    if (column >= 2) add_parts(predicted, w[1], here, column - 2);
    if (column >= 3) add_parts(predicted, w[2], here, column - 3);
    add_parts(predicted, w[3], above, column);
    add_parts(predicted, w[4], p->levels + 2 * at->far_above, column);
    add_parts(predicted, w[5], above, wrapped(column - 1, n));
    add_parts(predicted, w[6], above, wrapped(column + 1, n));
    if (at->tilt) add_parts(predicted, w[7], p->levels + 2 * at->tilt_before, column);
}

/* What the first layer of the network gets from row and step, the same for all entries of a row. */
static void row_bias(const struct tables *t, int row, int step_number, units *bias) {
    const int16_t *of_row = t->hidden + t->inputs * t->width, *of_step = of_row + t->width;
    for (int j = 0; j < t->width; j += LANES)
        bias[j / LANES] = units_at(t->hidden_bias + j) + units_at(of_row + j) * logarithm(t, row) +
                          units_at(of_step + j) * step_number;
}

static struct context context_of(const struct tables *t, const int32_t *inputs, const units *bias, const int32_t *predicted) {
    int32_t numbers[2] = {t->output_bias[0], t->output_bias[1]};
    for (int j = 0; j < t->width; j += LANES) {
        units hidden = bias[j / LANES];
        for (int i = 0; i < t->inputs; i++) hidden += units_at(t->hidden + i * t->width + j) * inputs[i];
        hidden = clamp_units(hidden >> 6, MOST_HIDDEN);
        for (int k = 0; k < 2; k++) numbers[k] += sum_of(units_at(t->output + k * t->width + j) * hidden);
    }
    for (int k = 0; k < 2; k++) numbers[k] >>= 10;
    struct context c = {clamp(numbers[0], PRIMARY - 1), clamp(numbers[1], SECONDARY - 1), {0, 0}, {0, 0}};
    for (int part = 0; part < 2; part++) {
        int32_t size = abs(predicted[part]);
        while (c.size[part] < PREDICTED - 1 && size >= t->size_bounds[c.size[part]]) c.size[part]++;
        c.negative[part] = predicted[part] < 0;
    }
    return c;
}

/* What is known of the real part when the imaginary one is coded: 0 none, as it is the real part that is coded;
   1 zero; 2 and 3 its sign is the predicted one or not; 4 and 5 the same, and its size is above 1. */
static int seen_of(const struct context *c, int real) {
    if (real == 0) return 1;
    return 2 + ((real < 0) != c->negative[0]) + 2 * (abs(real) > 1);
}

static uint8_t zero_number(const struct tables *t, const struct context *c, int part, int seen) {
    return t->zero[((c->primary * SECONDARY + c->secondary) * PREDICTED + c->size[part]) * SEEN + seen];
}

static uint8_t agrees_number(const struct tables *t, const struct context *c, int part) {
    return t->agrees[(c->primary * PREDICTED + c->size[part]) * 2 + part];
}

static const uint8_t *larger_numbers(const struct tables *t, const struct context *c, int part, int agrees) {
    int about = c->size[part] / 2;
    return t->larger + (((c->primary * SECONDARY + c->secondary) * 2 + agrees) * (PREDICTED / 2) + about) * SIZES;
}

/* Where the values of a level lie on average, 1/256 step: its middle, moved along its sign (of a zero, along the
   predicted one). */
static int32_t rebuilt(const struct tables *t, const struct context *c, int part, int seen, int level) {
    int size = least(abs(level), CENTROIDS), negative = level ? level < 0 : c->negative[part];
    int agrees = level && negative == c->negative[part];
    int place = (((size * 2 + agrees) * PREDICTED + c->size[part]) * PRIMARY + c->primary) * SEEN + seen;
    return 256 * level + (negative ? -t->centroid[place] : t->centroid[place]);
}
