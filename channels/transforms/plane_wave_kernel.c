/* Truncated matrices and powers of plane waves, link by link, by the formulas of channels/transforms/plane_wave_power.py.

   The waves of a link are sorted by cells of delays. A chunk of them at a time becomes two matrices that stay in the
   cache: rows (delay kernels nearby and Chebyshev polynomials) and columns (angle kernels times gains). Their product
   is summed in registers. Each sum is over the waves in their order, whatever the width of the processor's vectors. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#define PANEL 4 /* vectors of columns summed in registers for each of BLOCK rows */
#elif defined(__AVX__)
#define LANES 8
#define PANEL 2
#else
#define LANES 4
#define PANEL 2
#endif
/* BLOCK, rows summed at a time, comes with the compiler's flags: tables are padded to multiples of it. */
#define STEP 16  /* rows of columns and chunks are padded to multiples of it */
#define CHUNK 64 /* waves; a multiple of STEP */

#define INLINE static inline __attribute__((always_inline))
#define NUDGE 1e-7f
#define NOWHERE 1e30f
#define SILENT (-(1 << 30)) /* cell of waves without gain */

typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

struct grid {
    int64_t n_rows, n_columns, n_delay, n_polynomials, n_cells;
    double bandwidth;
    const float *row_cotangent, *row_cosecant;       /* [n_rows] */
    const float *column_cotangent, *column_cosecant; /* [n_columns] */
    const float *column_power;                       /* [2 n_columns] */
    const float *outer;                              /* [n_delay, n_columns, 2] */
    const double *bounds;                            /* [n_cells + 1] */
};

struct rows { /* of links whose latest wave is in the same cell */
    int64_t n, n_cells;
    const float *coefficients; /* [n rounded up to BLOCK, n_cells n_polynomials] */
    const double *weights;     /* [n] */
    const int64_t *kept;       /* [n_delay] */
    const int64_t *n_near;     /* [n_cells] */
    const int64_t *near;       /* of these cells, one after another */
    const float *near_cotangent;
};

struct waves { /* of one link, sorted by cells */
    double *taps;
    float *frequency, *real, *imaginary;
};

struct chunk {
    float cotangent[CHUNK], offset[CHUNK], column_cotangent[CHUNK], column_offset[CHUNK];
    float real[CHUNK], imaginary[CHUNK], sine[CHUNK], place[CHUNK];
};

struct position { /* as DirichletKernel, and the sine of its angle */
    float cotangent, offset, magnitude, sine;
    double turns;
};

/* sin(pi x) for |x| <= 1/2; the polynomial's relative error is 6e-8. */
INLINE float sine_of_half_turns(float x) {
    float s = x * x;
    float p = s * -0.00708454335f + 0.0820837468f;
    p = p * s - 0.599259019f;
    p = p * s + 2.55016398f;
    p = p * s - 5.16771269f;
    return p * s * x + 3.14159274f * x;
}

INLINE struct position position_at(double x, double n, const float *cotangent, const float *cosecant) {
    double turned = x + 0.5;
    double shifted = turned - floor(turned / n) * n;
    // Also where rounding, or what is no number, leads out of the period.
    double nearest = floor(shifted);
    nearest = nearest < n - 1 ? nearest : n - 1;
    nearest = nearest > 0 ? nearest : 0;
    double remainder = shifted - nearest - 0.5;
    double angle = shifted < n - shifted ? shifted : n - shifted;
    float sine = sine_of_half_turns((float)(angle / n));
    sine = sine > 1e-15f ? sine : 1e-15f;
    float fraction = (float)remainder, size = fabsf(fraction);
    fraction = size < NUDGE ? NUDGE : fraction;
    float per_sine = 1.0f / sine;
    int32_t index = (int32_t)nearest;
    struct position found;
    found.cotangent = cotangent[index];
    found.offset = -sine_of_half_turns(fraction / (float)n) * cosecant[index] * per_sine;
    found.magnitude = -sine_of_half_turns(fraction) * per_sine;
    found.sine = sine;
    found.turns = (shifted - 0.5) / (2 * n) - remainder / 2;
    return found;
}

/* What rows and columns are made of, of the first n waves. */
static void fill_chunk(const struct grid *g, const struct waves *w, int n, double begin, double end,
                       struct chunk *restrict c) {
    const double n_rows = (double)g->n_rows, n_columns = (double)g->n_columns;
    const double centre = (double)(g->n_rows / 2) / n_rows;
    const float *row_cotangent = g->row_cotangent, *row_cosecant = g->row_cosecant;
    const float *column_cotangent = g->column_cotangent, *column_cosecant = g->column_cosecant;
    const double *restrict of_taps = w->taps;
    const float *restrict of_frequency = w->frequency;
    const float *restrict of_real = w->real, *restrict of_imaginary = w->imaginary;
    for (int i = 0; i < n; i++) {
        double taps = of_taps[i];
        struct position delay = position_at(taps, n_rows, row_cotangent, row_cosecant);
        struct position angle = position_at(of_frequency[i] * -n_columns, n_columns, column_cotangent, column_cosecant);
        double turns = delay.turns + taps * centre - angle.turns;
        float x = 2 * (float)(turns - floor(turns + 0.5)), size = fabsf(x);
        float cosine = sine_of_half_turns(0.5f - size);
        float sine = sine_of_half_turns(copysignf(size > 0.5f ? 1 - size : size, x));
        float magnitude = delay.magnitude * angle.magnitude, real = of_real[i], imaginary = of_imaginary[i];
        double periods = floor((taps + 0.5) / n_rows);
        c->cotangent[i] = delay.cotangent;
        c->offset[i] = delay.offset;
        c->column_cotangent[i] = angle.cotangent;
        c->column_offset[i] = angle.offset;
        c->real[i] = (real * cosine - imaginary * sine) * magnitude;
        c->imaginary[i] = (real * sine + imaginary * cosine) * magnitude;
        c->sine[i] = delay.sine * (float)(1 - 2 * (periods - 2 * floor(periods / 2)));
        c->place[i] = (float)((2 * taps - (begin + end)) / (end - begin));
    }
    for (int i = n; i % STEP; i++) {
        c->cotangent[i] = NOWHERE;
        c->offset[i] = c->sine[i] = c->place[i] = 0;
    }
}

/* [n_near + n_polynomials, CHUNK] */
static void fill_rows(const struct chunk *restrict c, int n, const float *near_cotangent, int64_t n_near,
                      int64_t n_polynomials, float *restrict rows) {
    n = (n + STEP - 1) / STEP * STEP;
    for (int64_t r = 0; r < n_near; r++, rows += CHUNK) {
        float cotangent = near_cotangent[r];
        for (int i = 0; i < n; i++) rows[i] = 1.0f / (c->cotangent[i] - cotangent + c->offset[i]);
    }
    for (int i = 0; i < n; i++) rows[i] = c->sine[i];
    for (int64_t d = 1; d < n_polynomials; d++, rows += CHUNK)
        for (int i = 0; i < n; i++)
            rows[CHUNK + i] = d == 1 ? rows[i] * c->place[i] : 2 * c->place[i] * rows[i] - rows[i - CHUNK];
}

/* [n, width]: angle kernels times real parts, then times imaginary parts. */
static void fill_columns(const struct grid *g, const struct chunk *restrict c, int n, int64_t width,
                         float *restrict columns) {
    const float *restrict cotangent = g->column_cotangent;
    const int64_t n_columns = g->n_columns;
    for (int i = 0; i < n; i++, columns += width) {
        float nearest = c->column_cotangent[i], offset = c->column_offset[i];
        float real = c->real[i], imaginary = c->imaginary[i];
        for (int64_t a = 0; a < n_columns; a++) {
            float kernel = 1.0f / (nearest - cotangent[a] + offset);
            columns[a] = kernel * real;
            columns[n_columns + a] = kernel * imaginary;
        }
    }
}

INLINE void add_block(const float *rows, int64_t stride, const float *columns, int64_t width, const int32_t *index,
                      int n, float *const *out, int64_t at, const int panel) {
    lanes sum[BLOCK][PANEL];
    for (int r = 0; r < BLOCK; r++)
        for (int v = 0; v < panel; v++) sum[r][v] = *(const lanes *)(out[r] + at + v * LANES);
    for (int i = 0; i < n; i++) {
        int64_t k = index ? index[i] : i;
        lanes column[PANEL];
        for (int v = 0; v < panel; v++) column[v] = *(const lanes *)(columns + k * width + at + v * LANES);
        for (int r = 0; r < BLOCK; r++)
            for (int v = 0; v < panel; v++) sum[r][v] += rows[r * stride + k] * column[v];
    }
    for (int r = 0; r < BLOCK; r++)
        for (int v = 0; v < panel; v++) *(lanes *)(out[r] + at + v * LANES) = sum[r][v];
}

/* Adds sum_k rows[r, k] columns[k, :] to out[r], for BLOCK rows; k runs over the index, or from 0 to n - 1. */
INLINE void add_products(const float *rows, int64_t stride, const float *columns, int64_t width, const int32_t *index,
                         int n, float *const *out) {
    int64_t at = 0;
    for (; at + PANEL * LANES <= width; at += PANEL * LANES)
        add_block(rows, stride, columns, width, index, n, out, at, PANEL);
    for (; at < width; at += LANES) add_block(rows, stride, columns, width, index, n, out, at, 1);
}

struct memory {
    struct waves waves;
    struct chunk *chunk;
    float *rows, *columns, *product, *moments;
    float **out;
    int64_t *count;
    int32_t *cell, *index;
};

/* Waves with gain of a link, sorted by cells, in order within each; how many there are of each cell. */
static int64_t sort_waves(const struct grid *g, int64_t n_waves, const float *amplitude, const double *delay,
                          const float *frequency, struct memory *m) {
    int64_t latest = 0;
    int32_t *restrict cell = m->cell;
    memset(m->count, 0, (g->n_cells + 1) * sizeof *m->count);
    for (int64_t i = 0; i < n_waves; i++) {
        int silent = (amplitude[2 * i] == 0) & (amplitude[2 * i + 1] == 0);
        cell[i] = silent ? SILENT : 0;
    }
    for (int64_t k = 1; k < g->n_cells; k++) {
        const double bound = g->bounds[k], bandwidth = g->bandwidth;
        for (int64_t i = 0; i < n_waves; i++) cell[i] += delay[i] * bandwidth >= bound;
    }
    for (int64_t i = 0; i < n_waves; i++)
        if (cell[i] >= 0) m->count[cell[i]]++;
    int64_t first = 0;
    for (int64_t k = 0; k < g->n_cells; k++) {
        int64_t count = m->count[k];
        if (count) latest = k;
        m->count[k] = first;
        first += count;
    }
    for (int64_t i = 0; i < n_waves; i++)
        if (cell[i] >= 0) {
            int64_t to = m->count[cell[i]]++;
            m->waves.taps[to] = delay[i] * g->bandwidth;
            m->waves.frequency[to] = frequency[i];
            m->waves.real[to] = amplitude[2 * i];
            m->waves.imaginary[to] = amplitude[2 * i + 1];
        }
    return latest;
}

static void sum_link(const struct grid *g, const struct rows *table, int64_t width, struct memory *m) {
    const float *near_cotangent = table->near_cotangent;
    const int64_t *near = table->near;
    const int64_t n_moments = table->n_cells * g->n_polynomials;
    float *nowhere = m->product + table->n * width;
    memset(m->product, 0, (table->n + BLOCK) * width * sizeof(float));
    memset(m->moments, 0, n_moments * width * sizeof(float));
    int64_t done = 0;
    int n_index = 0;
    for (int64_t cell = 0; cell < table->n_cells; cell++) {
        int64_t n_near = table->n_near[cell], n_out = n_near + g->n_polynomials, end = m->count[cell];
        for (int64_t r = 0; r < n_near; r++) m->out[r] = m->product + near[r] * width;
        for (int64_t d = 0; d < g->n_polynomials; d++) {
            m->out[n_near + d] = m->moments + (cell * g->n_polynomials + d) * width;
            if (end > done) m->index[n_index++] = (int32_t)(cell * g->n_polynomials + d);
        }
        for (int64_t r = n_out; r < n_out + BLOCK; r++) m->out[r] = nowhere;
        for (; done < end; done += CHUNK) {
            int n = (int)(end - done < CHUNK ? end - done : CHUNK);
            struct waves some = {m->waves.taps + done, m->waves.frequency + done, m->waves.real + done,
                                 m->waves.imaginary + done};
            fill_chunk(g, &some, n, g->bounds[cell], g->bounds[cell + 1], m->chunk);
            fill_rows(m->chunk, n, near_cotangent, n_near, g->n_polynomials, m->rows);
            fill_columns(g, m->chunk, n, width, m->columns);
            for (int64_t r = 0; r < n_out; r += BLOCK)
                add_products(m->rows + r * CHUNK, CHUNK, m->columns, width, NULL, n, m->out + r);
        }
        done = end;
        near_cotangent += n_near, near += n_near;
    }
    for (int64_t r = 0; r < table->n; r += BLOCK) {
        float *out[BLOCK];
        for (int64_t i = 0; i < BLOCK; i++) out[i] = m->product + (r + i) * width;
        add_products(table->coefficients + r * n_moments, n_moments, m->moments, width, m->index, n_index, out);
    }
}

/* Power of the product, column factors in [width], in a fixed order of STEP sums. */
static double power_of(const struct rows *table, const float *product, const float *column_power, int64_t width) {
    double total[STEP] = {0}, power = 0;
    for (int64_t r = 0; r < table->n; r++, product += width) {
        float sum[STEP] = {0};
        for (int64_t at = 0; at < width; at += STEP)
            for (int i = 0; i < STEP; i++) sum[i] += product[at + i] * product[at + i] * column_power[at + i];
        for (int i = 0; i < STEP; i++) total[i] += table->weights[r] * (double)sum[i];
    }
    for (int i = 0; i < STEP; i++) power += total[i];
    return power;
}

static void free_memory(struct memory *m) {
    void *all[] = {m->waves.taps, m->waves.frequency, m->waves.real, m->waves.imaginary, m->chunk, m->rows, m->columns,
                   m->product, m->moments, m->out, m->count, m->cell, m->index};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static int allocate(const struct grid *g, const struct rows *tables, int64_t n_waves, int64_t width, struct memory *m) {
    int64_t most_rows = 0, most_near = 0, n_moments = g->n_cells * g->n_polynomials;
    for (const struct rows *table = tables; table < tables + g->n_cells; table++)
        if (table->n) {
            most_rows = table->n > most_rows ? table->n : most_rows;
            for (int64_t k = 0; k < table->n_cells; k++)
                most_near = table->n_near[k] > most_near ? table->n_near[k] : most_near;
        }
    int64_t n_out = most_near + g->n_polynomials + BLOCK;
    m->waves.taps = malloc((n_waves + 1) * sizeof(double));
    m->waves.frequency = malloc((n_waves + 1) * sizeof(float));
    m->waves.real = malloc((n_waves + 1) * sizeof(float));
    m->waves.imaginary = malloc((n_waves + 1) * sizeof(float));
    m->chunk = calloc(1, sizeof *m->chunk);
    m->rows = calloc(n_out * CHUNK, sizeof(float));
    m->columns = calloc(CHUNK * width, sizeof(float));
    m->product = malloc((most_rows + BLOCK) * width * sizeof(float));
    m->moments = malloc(n_moments * width * sizeof(float));
    m->out = malloc(n_out * sizeof *m->out);
    m->count = malloc((g->n_cells + 1) * sizeof *m->count);
    m->cell = malloc((n_waves + 1) * sizeof *m->cell);
    m->index = malloc((n_moments + 1) * sizeof *m->index);
    return m->waves.taps && m->waves.frequency && m->waves.real && m->waves.imaginary && m->chunk && m->rows &&
           m->columns && m->product && m->moments && m->out && m->count && m->cell && m->index;
}

/* Matrices [n_links, n_delay, n_columns, 2] of waves [n_links, n_waves], and sums of their powers over rows and columns
   [n_links], if asked for. Tables are those of links of 1 to n_cells cells; those of numbers that no link has stay empty.

   Returns 0; 1 without memory; 2 where a table that a link needs is empty. */
int sum_plane_waves(const struct grid *g, const struct rows *tables, int64_t n_links, int64_t n_waves,
                    const float *amplitude, const double *delay, const float *frequency, float *matrix, double *power) {
    int64_t n_columns = g->n_columns, width = (2 * n_columns + STEP - 1) / STEP * STEP;
    struct memory m = {0};
    float *column_power = calloc(width, sizeof(float));
    int status = !(allocate(g, tables, n_waves, width, &m) && column_power);
    if (!status) memcpy(column_power, g->column_power, 2 * n_columns * sizeof(float));
    for (int64_t link = 0; link < n_links && !status; link++) {
        int64_t first = link * n_waves;
        int64_t latest = sort_waves(g, n_waves, amplitude + 2 * first, delay + first, frequency + first, &m);
        const struct rows *table = tables + latest;
        if (!table->n) {
            status = 2;
            break;
        }
        sum_link(g, table, width, &m);
        if (power) power[link] = power_of(table, m.product, column_power, width);
        for (int64_t d = 0; d < g->n_delay; d++) {
            const float *restrict sum = m.product + table->kept[d] * width;
            const float *restrict outer = g->outer + 2 * d * n_columns;
            float *restrict to = matrix + 2 * (link * g->n_delay + d) * n_columns;
            for (int64_t a = 0; a < n_columns; a++) {
                float real = sum[a], imaginary = sum[n_columns + a];
                to[2 * a] = real * outer[2 * a] - imaginary * outer[2 * a + 1];
                to[2 * a + 1] = real * outer[2 * a + 1] + imaginary * outer[2 * a];
            }
        }
    }
    free(column_power);
    free_memory(&m);
    return status;
}
