/* What reports of channel matrices and of eigenvectors share: values to bits, and the step that fits. */

#include <math.h>
#include <string.h>

#include "report_kernel.c"

#include "context_tables.h"

#define ENTRIES (ROWS * LAYERS * TILTS * COLUMNS)
#define SIDE_BITS (SCALE_BITS + MATRICES * ROTATION_BITS + STEP_BITS)
#define STREAM_BITS (REPORT_BITS - SIDE_BITS)
#define QUADRUPLED 10 /* how often a bit may become worth four times as much, for reports that are too long */

static const double PI = 3.14159265358979323846;
static const struct shape SHAPE = {ROWS, LAYERS, TILTS, COLUMNS};

/* What is coded, 1/256 step. */
static int32_t values[MATRICES][ENTRIES][2];

/* A number, most significant bit first. */
static uint8_t *put_number(uint8_t *bits, int number, int width) {
    for (int k = width - 1; k >= 0; k--) *bits++ = number >> k & 1;
    return bits;
}

static int32_t value_of(double part, double step) {
    double value = rint(part * (256 / step)), most = 256.0 * MAX_LEVEL;
    return (int32_t)(value > most ? most : value < -most ? -most : value);
}

/* Bits of the values, matrix after matrix; those beyond STREAM_BITS are counted and not written. -1: no memory. */
static int64_t coded(int32_t number, int64_t rate_weight, uint8_t *stream) {
    static uint8_t one[STREAM_BITS];
    int64_t total = 0;
    memset(stream, 0, STREAM_BITS);
    for (int m = 0; m < MATRICES; m++) {
        int64_t length, room = STREAM_BITS - total;
        if (encode_reports(&TABLES, &SHAPE, 1, values[m][0], 0, &number, rate_weight, STREAM_BITS, one, &length, 0, 0, 0))
            return -1;
        if (room > 0) memcpy(stream + total, one, (size_t)(length < room ? length : room));
        total += length;
    }
    return total;
}

/* Makes values at a step, of context number round(16 log2(step)), and codes them; tells a rotation that depends on it. */
static int64_t coded_at(double step, int32_t number, int *rotation, uint8_t *stream);

/* The same, with fewer levels until the bits fit, in the end none. */
static int64_t shortened_at(double step, int32_t number, int *rotation, uint8_t *stream) {
    int64_t length = coded_at(step, number, rotation, stream), rate_weight = RATE_WEIGHT;
    for (int k = 0; k < QUADRUPLED && length > STREAM_BITS; k++) length = coded(number, rate_weight *= 4, stream);
    if (length > STREAM_BITS) {
        memset(values, 0, sizeof values);
        length = coded(number, 0, stream);
    }
    return length;
}

#if STEP_BITS
/* Steps of the numbers 0 .. 2^STEP_BITS - 1, relative to the scale, and round(16 log2(step)) of them. */
static double step_of(int number) { return exp2((number - UNIT_STEP) / (double)STEPS_PER_OCTAVE); }
static int32_t context_of_step(int number) {
    int twice = 32 * (number - UNIT_STEP) + STEPS_PER_OCTAVE, octave = 2 * STEPS_PER_OCTAVE;
    return twice >= 0 ? twice / octave : -((octave - 1 - twice) / octave);
}

/* The finest step whose bits fit: bits hardly ever grow with the step, so a bisection finds it; what is taken did fit. */
static int64_t finest_fit(int *step_number, int *rotation, uint8_t *stream) {
    static uint8_t trial[STREAM_BITS];
    int fine = -1, coarse = 1 << STEP_BITS; /* `coarse` fits, or is past the end; `fine` does not, or is before it */
    int64_t kept = 0;
    while (coarse - fine > 1) {
        int middle = (fine + coarse) / 2, found = 0;
        int64_t length = coded_at(step_of(middle), context_of_step(middle), &found, trial);
        if (length < 0) return length;
        if (length > STREAM_BITS) {
            fine = middle;
            continue;
        }
        coarse = middle;
        kept = length;
        *rotation = found;
        memcpy(stream, trial, STREAM_BITS);
    }
    if (coarse == 1 << STEP_BITS) {
        coarse--;
        kept = shortened_at(step_of(coarse), context_of_step(coarse), rotation, stream);
    }
    *step_number = coarse;
    return kept;
}
#endif

/* Codes at the one step, or at the finest that fits. */
static int64_t report_stream(int *step_number, int *rotation, uint8_t *stream) {
#if STEP_BITS
    return finest_fit(step_number, rotation, stream);
#else
    *step_number = 0;
    return shortened_at(STEP, STEP_NUMBER, rotation, stream);
#endif
}

/* Bits of a report whose stream has so many. */
static int report_bits(int64_t stream) { return STEP_BITS ? REPORT_BITS : SIDE_BITS + (int)stream; }
