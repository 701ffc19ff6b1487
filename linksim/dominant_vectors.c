/* Dominant eigenvectors of A^H A by Lanczos' method, one matrix after the other, each in the cache.

   With G = A^H A / trace, q_1 along G c for a fixed c, and beta_k q_(k+1) = G q_k - alpha_k q_k - beta_(k-1) q_(k-1),
   orthogonal to all before, G is tridiagonal in q_1, q_2, ... The largest eigenvalue of that matrix, whose entries are
   positive or 0, is found by Noda's iteration (Numer. Math. 17, 382, 1971), together with its vector s. beta_k s_k is
   what G s has besides. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LANES 16
#define TILE 4          /* rows of A^H A summed in registers */
#define FIRST_LOOK 8    /* steps before the first look at the tridiagonal matrix */
#define MOST_STEPS 128
#define MOST_NODA 60
/* Shares of the eigenvalue: what G s may have besides, the rounding of float; rounding of double; where a q_(k+1) is
   but rounding. */
#define ENOUGH 1e-7
#define ROUNDING 1e-15
#define NOTHING 1e-6f

#define INLINE static inline __attribute__((always_inline))

/* Sums of a fixed number of parts, whatever the width of the processor's vectors. */
typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

INLINE float sum(lanes values) {
    float total = 0;
    for (int i = 0; i < LANES; i++) total += values[i];
    return total;
}

/* Matrices and vectors as planes of real and imaginary parts, their rows padded with zeros to whole lanes. */
struct space {
    int64_t m, n, padded;
    float *a_re, *a_im; /* [m, padded] */
    float *g_re, *g_im; /* [padded, padded] */
    float *q_re, *q_im; /* [MOST_STEPS + 1, padded] */
    float *w_re, *w_im; /* [padded] */
    float *c_re, *c_im; /* [padded] */
};

/* A start that no channel is orthogonal to, unless by chance: phases pi j^2 times the golden section. */
static void take_start(const struct space *s) {
    for (int64_t j = 0; j < s->n; j++) {
        double phase = 3.14159265358979 * fmod(0.618033988749895 * j * j, 2);
        s->c_re[j] = cos(phase);
        s->c_im[j] = sin(phase);
    }
}

static void take_rows(const struct space *s, const float *rows) {
    for (int64_t k = 0; k < s->m; k++)
        for (int64_t i = 0; i < s->n; i++) {
            s->a_re[k * s->padded + i] = rows[2 * (k * s->n + i)];
            s->a_im[k * s->padded + i] = rows[2 * (k * s->n + i) + 1];
        }
}

/* A^H A; returns its trace. */
static float take_gram(const struct space *s) {
    int64_t p = s->padded;
    for (int64_t i = 0; i < p; i += TILE)
        for (int64_t j = i / LANES * LANES; j < p; j += LANES) {
            lanes re[TILE] = {0}, im[TILE] = {0};
            for (int64_t k = 0; k < s->m; k++) {
                const float *row_re = s->a_re + k * p, *row_im = s->a_im + k * p;
                lanes right_re = *(const lanes *)(row_re + j), right_im = *(const lanes *)(row_im + j);
                for (int t = 0; t < TILE; t++) {
                    re[t] += row_re[i + t] * right_re + row_im[i + t] * right_im;
                    im[t] += row_re[i + t] * right_im - row_im[i + t] * right_re;
                }
            }
            for (int t = 0; t < TILE; t++) {
                *(lanes *)(s->g_re + (i + t) * p + j) = re[t];
                *(lanes *)(s->g_im + (i + t) * p + j) = im[t];
            }
        }
    float trace = 0;
    for (int64_t i = 0; i < p; i++) trace += s->g_re[i * p + i];
    float scale = trace > 0 ? 1 / trace : 1;
    for (int64_t i = 0; i < p; i++)
        for (int64_t j = i; j < p; j++) {
            float re = scale * s->g_re[i * p + j], im = i == j ? 0 : scale * s->g_im[i * p + j];
            s->g_re[i * p + j] = s->g_re[j * p + i] = re;
            s->g_im[i * p + j] = im;
            s->g_im[j * p + i] = -im;
        }
    return trace;
}

/* w = G x; columns of G are conjugate rows. */
static void multiply(const struct space *s, const float *x_re, const float *x_im) {
    int64_t p = s->padded;
    for (int64_t i = 0; i < p; i += LANES) {
        lanes re = {0}, im = {0};
        for (int64_t j = 0; j < s->n; j++) {
            lanes g_re = *(const lanes *)(s->g_re + j * p + i), g_im = *(const lanes *)(s->g_im + j * p + i);
            re += x_re[j] * g_re + x_im[j] * g_im;
            im += x_im[j] * g_re - x_re[j] * g_im;
        }
        *(lanes *)(s->w_re + i) = re;
        *(lanes *)(s->w_im + i) = im;
    }
}

/* w less its part along q; returns the real part of q^H w. */
static float take_off(const struct space *s, const float *q_re, const float *q_im) {
    lanes re = {0}, im = {0};
    for (int64_t i = 0; i < s->padded; i += LANES) {
        lanes left_re = *(const lanes *)(q_re + i), left_im = *(const lanes *)(q_im + i);
        lanes right_re = *(lanes *)(s->w_re + i), right_im = *(lanes *)(s->w_im + i);
        re += left_re * right_re + left_im * right_im;
        im += left_re * right_im - left_im * right_re;
    }
    float along_re = sum(re), along_im = sum(im);
    for (int64_t i = 0; i < s->padded; i += LANES) {
        lanes left_re = *(const lanes *)(q_re + i), left_im = *(const lanes *)(q_im + i);
        *(lanes *)(s->w_re + i) -= along_re * left_re - along_im * left_im;
        *(lanes *)(s->w_im + i) -= along_re * left_im + along_im * left_re;
    }
    return along_re;
}

/* q = w of norm 1; returns the norm of w. */
static float normalise(const struct space *s, float *q_re, float *q_im) {
    lanes square = {0};
    for (int64_t i = 0; i < s->padded; i += LANES) {
        lanes re = *(lanes *)(s->w_re + i), im = *(lanes *)(s->w_im + i);
        square += re * re + im * im;
    }
    float norm = sqrtf(sum(square));
    float scale = norm > 0 ? 1 / norm : 0;
    for (int64_t i = 0; i < s->padded; i += LANES) {
        *(lanes *)(q_re + i) = scale * *(lanes *)(s->w_re + i);
        *(lanes *)(q_im + i) = scale * *(lanes *)(s->w_im + i);
    }
    return norm;
}

/* Largest eigenvalue of the tridiagonal matrix of k rows, and its vector of norm 1, which is positive. */
static double largest(int64_t k, const float *alpha, const float *beta, double *vector) {
    double pivot[MOST_STEPS], next[MOST_STEPS], above = 0;
    for (int64_t i = 0; i < k; i++) {
        double reach = alpha[i] + (i ? beta[i - 1] : 0) + (i + 1 < k ? beta[i] : 0);
        above = reach > above ? reach : above;
        vector[i] = 1;
    }
    above *= 1 + 1e-9;
    for (int count = 0; count < MOST_NODA; count++) {
        /* (above - T) next = vector by elimination, whose pivots are positive as long as above is. */
        for (int64_t i = 0; i < k; i++) {
            double ratio = i ? beta[i - 1] / pivot[i - 1] : 0;
            pivot[i] = above - alpha[i] - (i ? ratio * beta[i - 1] : 0);
            if (pivot[i] < ROUNDING * above) pivot[i] = ROUNDING * above;
            next[i] = vector[i] + (i ? ratio * next[i - 1] : 0);
        }
        double least = INFINITY, most = 0, square = 0;
        for (int64_t i = k - 1; i >= 0; i--) {
            next[i] = (next[i] + (i + 1 < k ? beta[i] * next[i + 1] : 0)) / pivot[i];
            double ratio = vector[i] / next[i];
            least = ratio < least ? ratio : least;
            most = ratio > most ? ratio : most;
            square += next[i] * next[i];
        }
        double scale = 1 / sqrt(square);
        for (int64_t i = 0; i < k; i++) vector[i] = scale * next[i];
        /* The eigenvalue lies between above - most and above - least. */
        if (most - least <= 1e-10 * above) return above - least;
        above -= (1 - 1e-12) * least;
    }
    return above;
}

static void dominant(const struct space *s, float *found) {
    int64_t p = s->padded, n = s->n, most = n < MOST_STEPS ? n : MOST_STEPS, k = 0;
    float alpha[MOST_STEPS], beta[MOST_STEPS];
    double weights[MOST_STEPS];
    multiply(s, s->c_re, s->c_im);
    normalise(s, s->q_re, s->q_im);
    while (1) {
        const float *q_re = s->q_re + k * p, *q_im = s->q_im + k * p;
        multiply(s, q_re, q_im);
        alpha[k] = take_off(s, q_re, q_im);
        for (int64_t l = 0; l < k; l++) take_off(s, s->q_re + l * p, s->q_im + l * p);
        take_off(s, q_re, q_im);
        beta[k] = normalise(s, s->q_re + (k + 1) * p, s->q_im + (k + 1) * p);
        if (alpha[k] < 0) alpha[k] = 0;
        k++;
        int ends = k == most || beta[k - 1] <= NOTHING * alpha[0];
        if (ends || (k >= FIRST_LOOK && k % 2 == 0)) {
            double eigenvalue = largest(k, alpha, beta, weights);
            if (ends || beta[k - 1] * weights[k - 1] <= ENOUGH * eigenvalue) break;
        }
    }
    memset(s->w_re, 0, p * sizeof(float));
    memset(s->w_im, 0, p * sizeof(float));
    for (int64_t l = 0; l < k; l++)
        for (int64_t i = 0; i < p; i += LANES) {
            *(lanes *)(s->w_re + i) += (float)weights[l] * *(lanes *)(s->q_re + l * p + i);
            *(lanes *)(s->w_im + i) += (float)weights[l] * *(lanes *)(s->q_im + l * p + i);
        }
    normalise(s, s->w_re, s->w_im);
    for (int64_t i = 0; i < n; i++) {
        found[2 * i] = s->w_re[i];
        found[2 * i + 1] = s->w_im[i];
    }
}

/* Of matrices [batch, m, n], complex, to vectors [batch, n], complex, of unit norm; zero for zeros, NaN for NaN. From the
   beginning of a matrix or vector to that of the next there are so many floats as the strides say. Returns 1 if there is
   no memory. */
int dominant_vectors(int64_t batch, int64_t m, int64_t n, int64_t row_stride, int64_t vector_stride, const float *rows,
                     float *vectors) {
    int64_t p = (n + LANES - 1) / LANES * LANES;
    size_t count = 2 * ((size_t)m * p + (size_t)p * p + (size_t)(MOST_STEPS + 3) * p);
    float *memory = calloc(count, sizeof(float));
    if (!memory) return 1;
    struct space s = {.m = m, .n = n, .padded = p};
    float *free_place = memory;
    float **planes[] = {&s.a_re, &s.a_im, &s.g_re, &s.g_im, &s.q_re, &s.q_im, &s.w_re, &s.w_im, &s.c_re, &s.c_im};
    int64_t heights[] = {m, m, p, p, MOST_STEPS + 1, MOST_STEPS + 1, 1, 1, 1, 1};
    for (int i = 0; i < 10; i++) {
        *planes[i] = free_place;
        free_place += heights[i] * p;
    }
    take_start(&s);
    for (int64_t b = 0; b < batch; b++) {
        float *found = vectors + b * vector_stride;
        take_rows(&s, rows + b * row_stride);
        float trace = take_gram(&s);
        if (trace > 0 && trace < INFINITY)
            dominant(&s, found);
        else
            for (int64_t i = 0; i < 2 * n; i++) found[i] = trace == 0 ? 0 : NAN;
    }
    free(memory);
    return 0;
}
