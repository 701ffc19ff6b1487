/* A report is: where each report has its own the step, a rotation of the beams of each layer, and the levels of a uniform
   quantiser of its beams and delays in an arithmetic code. What decides a probability are integers (report_kernel.c), so
   that UE and BS agree whatever their arithmetic; what is floating here only chooses what is sent. */

#include "context_encoder.h"

#include "context_report.h"

#define BEAMS (LAYERS * TILTS * COLUMNS)
#define LONGEST (ROWS > COLUMNS ? ROWS > TILTS ? ROWS : TILTS : COLUMNS > TILTS ? COLUMNS : TILTS)

typedef double complex_pair[2];
typedef complex_pair matrix_of[ROWS][LAYERS][TILTS][COLUMNS];

/* Coefficients of every layer, of unit mean square. */
static complex_pair coefficients[MATRICES][ENTRIES];

static void multiply(complex_pair x, double re, double im) {
    double real = x[0] * re - x[1] * im;
    x[1] = x[0] * im + x[1] * re;
    x[0] = real;
}

/* Unitary DFT of n numbers that lie `stride` apart; sign -1 forward, 1 back. */
static void dft(complex_pair *x, int n, int stride, int sign) {
    complex_pair root[LONGEST], sum[LONGEST];
    for (int k = 0; k < n; k++) {
        root[k][0] = cos(2 * PI * k / n) / sqrt(n);
        root[k][1] = sign * sin(2 * PI * k / n) / sqrt(n);
    }
    for (int k = 0; k < n; k++) {
        sum[k][0] = sum[k][1] = 0;
        for (int i = 0; i < n; i++) {
            const double *w = root[i * k % n], *v = x[i * stride];
            sum[k][0] += v[0] * w[0] - v[1] * w[1];
            sum[k][1] += v[0] * w[1] + v[1] * w[0];
        }
    }
    for (int k = 0; k < n; k++) memcpy(x[k * stride], sum[k], sizeof *sum);
}

/* Ports to beams, moved by eighths of a bin along rows and columns of the panel, by a centred phase ramp. */
static void to_beams(const float *vectors, int rotation, matrix_of x) {
    double row_share = rotation / COLUMN_ROTATIONS / (double)ROW_ROTATIONS;
    double column_share = rotation % COLUMN_ROTATIONS / (double)COLUMN_ROTATIONS;
    for (int t = 0; t < ROWS; t++)
        for (int p = 0; p < LAYERS; p++) {
            for (int r = 0; r < TILTS; r++)
                for (int c = 0; c < COLUMNS; c++, vectors += 2) {
                    double along_row = row_share * (r - (TILTS - 1) / 2.0) / TILTS;
                    double angle = 2 * PI * (along_row + column_share * (c - (COLUMNS - 1) / 2.0) / COLUMNS);
                    x[t][p][r][c][0] = vectors[0];
                    x[t][p][r][c][1] = vectors[1];
                    multiply(x[t][p][r][c], cos(angle), sin(angle));
                }
            for (int r = 0; r < TILTS; r++) dft(x[t][p][r], COLUMNS, 1, -1);
            for (int c = 0; c < COLUMNS; c++) dft(&x[t][p][0][c], TILTS, COLUMNS, -1);
        }
}

/* Makes the strongest beam of the whole band real in every subband, as the phase of an eigenvector is free. */
static void align_strongest(matrix_of beams) {
    complex_pair(*x)[BEAMS] = (complex_pair(*)[BEAMS])beams;
    int strongest = 0;
    double most = -1;
    for (int b = 0; b < BEAMS; b++) {
        double power = 0;
        for (int t = 0; t < ROWS; t++) power += x[t][b][0] * x[t][b][0] + x[t][b][1] * x[t][b][1];
        if (power > most) {
            most = power;
            strongest = b;
        }
    }
    for (int t = 0; t < ROWS; t++) {
        double angle = atan2(x[t][strongest][1], x[t][strongest][0]);
        for (int b = 0; b < BEAMS; b++) multiply(x[t][b], cos(angle), -sin(angle));
    }
}

/* The delay at a place of the order 0, 1, -1, 2, -2, ..., from 0 on. */
static int delay_at(int place) { return place % 2 ? (place + 1) / 2 : (ROWS - place / 2) % ROWS; }

/* Subbands to delays in their order. */
static void to_delays(matrix_of beams, complex_pair x[ROWS][BEAMS]) {
    static complex_pair spectrum[ROWS][BEAMS];
    memcpy(spectrum, beams, sizeof spectrum);
    for (int b = 0; b < BEAMS; b++) dft(&spectrum[0][b], ROWS, BEAMS, -1);
    for (int place = 0; place < ROWS; place++) memcpy(x[place], spectrum[delay_at(place)], sizeof *spectrum);
}

/* Turns the phase of every subband to what the strong coefficients make of it: x |x|^2 / (|x|^2 + 4 mean |x|^2). */
static void align_strong(matrix_of beams, complex_pair x[ROWS][BEAMS]) {
    static complex_pair strong[ROWS][BEAMS];
    complex_pair(*beam)[BEAMS] = (complex_pair(*)[BEAMS])beams;
    double least_power = 0;
    for (int t = 0; t < ROWS; t++)
        for (int b = 0; b < BEAMS; b++) least_power += 4 * (x[t][b][0] * x[t][b][0] + x[t][b][1] * x[t][b][1]) / ENTRIES;
    for (int place = 0; place < ROWS; place++)
        for (int b = 0; b < BEAMS; b++) {
            double *to = strong[delay_at(place)][b], *from = x[place][b];
            double power = from[0] * from[0] + from[1] * from[1], share = least_power > 0 ? power / (power + least_power) : 0;
            to[0] = share * from[0];
            to[1] = share * from[1];
        }
    for (int b = 0; b < BEAMS; b++) dft(&strong[0][b], ROWS, BEAMS, 1);
    for (int t = 0; t < ROWS; t++) {
        double re = 0, im = 0;
        for (int b = 0; b < BEAMS; b++) {
            re += strong[t][b][0] * beam[t][b][0] + strong[t][b][1] * beam[t][b][1];
            im += strong[t][b][0] * beam[t][b][1] - strong[t][b][1] * beam[t][b][0];
        }
        double angle = atan2(im, re);
        for (int b = 0; b < BEAMS; b++) multiply(beam[t][b], cos(angle), -sin(angle));
    }
}

/* Of `count` rotations from `first` on, `unit` apart, the one whose coefficients have the least sum of moduli. */
static int best_rotation(const float *vectors, int first, int count, int unit) {
    static matrix_of beams;
    static complex_pair x[ROWS][BEAMS];
    int best = first;
    double least_sum = INFINITY;
    for (int k = 0; k < count; k++) {
        double sum = 0;
        to_beams(vectors, first + k * unit, beams);
        align_strongest(beams);
        to_delays(beams, x);
        for (int t = 0; t < ROWS; t++)
            for (int b = 0; b < BEAMS; b++) sum += hypot(x[t][b][0], x[t][b][1]);
        if (sum < least_sum) {
            least_sum = sum;
            best = first + k * unit;
        }
    }
    return best;
}

/* Rotation of a layer, and its coefficients under phases that follow the strong ones. */
static int compact(const float *vectors, complex_pair *x) {
    static matrix_of beams;
    complex_pair(*layer)[BEAMS] = (complex_pair(*)[BEAMS])x;
    int rotation = best_rotation(vectors, 0, COLUMN_ROTATIONS, 1);
    rotation = best_rotation(vectors, rotation, ROW_ROTATIONS, COLUMN_ROTATIONS);
    to_beams(vectors, rotation, beams);
    align_strongest(beams);
    to_delays(beams, layer);
    for (int k = 0; k < ALIGNMENTS; k++) {
        align_strong(beams, layer);
        to_delays(beams, layer);
    }
    for (int i = 0; i < ENTRIES; i++) multiply(x[i], sqrt(BEAMS), 0);
    return rotation;
}

static int64_t coded_at(double step, int32_t number, int *rotation, uint8_t *stream) {
    (void)rotation;
    for (int m = 0; m < MATRICES; m++)
        for (int i = 0; i < ENTRIES; i++)
            for (int part = 0; part < 2; part++) values[m][i][part] = value_of(coefficients[m][i][part], step);
    return coded(number, RATE_WEIGHT, stream);
}

int context_encode(const float *vectors, uint8_t *bits) {
    int rotation[MATRICES], unused = 0, step_number;
    for (int i = 0; i < 2 * MATRICES * ENTRIES; i++)
        if (!isfinite(vectors[i])) return -1;
    for (int m = 0; m < MATRICES; m++) rotation[m] = compact(vectors + 2 * m * ENTRIES, coefficients[m]);
    int64_t length = report_stream(&step_number, &unused, bits + SIDE_BITS);
    if (length < 0) return -2;
    bits = put_number(bits, step_number, STEP_BITS);
    for (int m = 0; m < MATRICES; m++) bits = put_number(bits, rotation[m], ROTATION_BITS);
    return report_bits(length);
}
