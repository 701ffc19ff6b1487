/* A report is: the scale of the matrix, a rotation of its angle axis, where each report has its own the step, and the
   levels of a uniform quantiser in an arithmetic code. What decides a probability are integers (report_kernel.c), so that
   UE and BS agree whatever their arithmetic; what is floating here only chooses what is sent. */

#include "context_encoder.h"

#include <math.h>
#include <string.h>

#include "report_kernel.c"

#include "context_tables.h"

#define ENTRIES (ROWS * LAYERS * TILTS * COLUMNS)
#define SIDE_BITS (SCALE_BITS + ROTATION_BITS + STEP_BITS)
#define STREAM_BITS (REPORT_BITS - SIDE_BITS)
#define QUADRUPLED 10 /* how often a bit may become worth four times as much, for reports that are too long */

static const double PI = 3.14159265358979323846;
static const struct shape SHAPE = {ROWS, LAYERS, TILTS, COLUMNS};

/* Every rotation of the matrix over its scale, and the values of the one that is coded, 1/256 step. */
static double rotated[ROTATIONS][ENTRIES][2];
static int32_t values[ENTRIES][2];

/* A number, most significant bit first. */
static uint8_t *put_number(uint8_t *bits, int number, int width) {
    for (int k = width - 1; k >= 0; k--) *bits++ = number >> k & 1;
    return bits;
}

/* The cell of a uniform grid in dB that the root mean square lies in; -1 where an entry is not finite. */
static int scale_number(const float *matrix) {
    double energy = 0;
    for (int i = 0; i < 2 * ENTRIES; i++) energy += (double)matrix[i] * matrix[i];
    if (!isfinite(energy)) return -1;
    double place = floor((20 * log10(sqrt(energy / ENTRIES)) - SCALE_LOW_DB) / SCALE_CELL_DB);
    int last = (1 << SCALE_BITS) - 1;
    return place > 0 ? place < last ? (int)place : last : 0;
}

/* Rotations by r / ROTATIONS of a bin: a phase ramp over the antennas, centred, which is a circular convolution over the
   beams. An FFT to the antennas and one back for each rotation does the same in fewer operations. */
static void rotate(const float *matrix, double scale) {
    for (int r = 0; r < ROTATIONS; r++) {
        double response[COLUMNS][2]; /* of the beams to an impulse: DFT of the ramp over COLUMNS */
        for (int m = 0; m < COLUMNS; m++) {
            response[m][0] = response[m][1] = 0;
            for (int k = 0; k < COLUMNS; k++) {
                double angle = 2 * PI * ((k - (COLUMNS - 1) / 2.0) * r / ROTATIONS - (double)(k * m % COLUMNS)) / COLUMNS;
                response[m][0] += cos(angle) / COLUMNS;
                response[m][1] += sin(angle) / COLUMNS;
            }
        }
        for (int row = 0; row < ENTRIES; row += COLUMNS)
            for (int m = 0; m < COLUMNS; m++) {
                double *sum = rotated[r][row + m];
                sum[0] = sum[1] = 0;
                for (int k = 0; k < COLUMNS; k++) {
                    const double *h = response[(m - k + COLUMNS) % COLUMNS];
                    double re = matrix[2 * (row + k)] / scale, im = matrix[2 * (row + k) + 1] / scale;
                    sum[0] += h[0] * re - h[1] * im;
                    sum[1] += h[0] * im + h[1] * re;
                }
            }
    }
}

/* The rotation of least sum of log2(1 + |x / step|^2), which goes with the bits at that step. */
static int best_rotation(double step) {
    int best = 0;
    double least_score = INFINITY;
    for (int r = 0; r < ROTATIONS; r++) {
        double score = 0;
        for (int i = 0; i < ENTRIES; i++) {
            double re = rotated[r][i][0], im = rotated[r][i][1];
            score += log2(1 + (re * re + im * im) / (step * step));
        }
        if (score < least_score) {
            least_score = score;
            best = r;
        }
    }
    return best;
}

static int32_t value_of(double part, double step) {
    double value = rint(part * (256 / step)), most = 256.0 * MAX_LEVEL;
    return (int32_t)(value > most ? most : value < -most ? -most : value);
}

/* Bits of the values; those beyond STREAM_BITS are counted and not written. -1 where there is no memory. */
static int64_t coded(int32_t number, int64_t rate_weight, uint8_t *stream) {
    int64_t length;
    memset(stream, 0, STREAM_BITS);
    int failed = encode_reports(&TABLES, &SHAPE, 1, values[0], &number, rate_weight, STREAM_BITS, stream, &length, 0, 0, 0);
    return failed ? -1 : length;
}

/* Rotates and codes at a step, of context number round(16 log2(step)). */
static int64_t coded_at(double step, int32_t number, int *rotation, uint8_t *stream) {
    *rotation = best_rotation(step);
    for (int i = 0; i < ENTRIES; i++)
        for (int part = 0; part < 2; part++) values[i][part] = value_of(rotated[*rotation][i][part], step);
    return coded(number, RATE_WEIGHT, stream);
}

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
        int middle = (fine + coarse) / 2, found;
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

int context_encode(const float *matrix, uint8_t *bits) {
    int scale = scale_number(matrix), rotation, step_number = 0;
    if (scale < 0) return -1;
    rotate(matrix, pow(10, (SCALE_LOW_DB + (scale + 0.5) * SCALE_CELL_DB) / 20));
    uint8_t *stream = bits + SIDE_BITS;
#if STEP_BITS
    int64_t length = finest_fit(&step_number, &rotation, stream);
    int report = REPORT_BITS;
#else
    int64_t length = shortened_at(STEP, STEP_NUMBER, &rotation, stream);
    int report = SIDE_BITS + (int)length;
#endif
    if (length < 0) return -2;
    bits = put_number(bits, scale, SCALE_BITS);
    bits = put_number(bits, rotation, ROTATION_BITS);
    put_number(bits, step_number, STEP_BITS);
    return report;
}
