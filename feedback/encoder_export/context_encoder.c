/* A report is: the scale of the matrix, a rotation of its angle axis, where each report has its own the step, and the
   levels of a uniform quantiser in an arithmetic code. What decides a probability are integers (report_kernel.c), so that
   UE and BS agree whatever their arithmetic; what is floating here only chooses what is sent. */

#include "context_encoder.h"

#include "context_report.h"

/* Every rotation of the matrix over its scale. */
static double rotated[ROTATIONS][ENTRIES][2];

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

static int64_t coded_at(double step, int32_t number, int *rotation, uint8_t *stream) {
    *rotation = best_rotation(step);
    for (int i = 0; i < ENTRIES; i++)
        for (int part = 0; part < 2; part++) values[0][i][part] = value_of(rotated[*rotation][i][part], step);
    return coded(number, RATE_WEIGHT, stream);
}

int context_encode(const float *matrix, uint8_t *bits) {
    int scale = scale_number(matrix), rotation, step_number;
    if (scale < 0) return -1;
    rotate(matrix, pow(10, (SCALE_LOW_DB + (scale + 0.5) * SCALE_CELL_DB) / 20));
    int64_t length = report_stream(&step_number, &rotation, bits + SIDE_BITS);
    if (length < 0) return -2;
    bits = put_number(bits, scale, SCALE_BITS);
    bits = put_number(bits, rotation, ROTATION_BITS);
    put_number(bits, step_number, STEP_BITS);
    return report_bits(length);
}
