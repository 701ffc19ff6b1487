/* Vectors of LANES floats, and the functions of log-likelihood ratios on them.

   Only additions, products and quotients in a fixed order: a lane's digits depend neither on the other lanes nor on the
   processor's instructions, as long as the compiler contracts nothing (-ffp-contract=off). */

#include <stdint.h>

#define SIGN INT32_MIN

typedef float lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t numbers __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));

static inline lanes chosen(numbers mask, lanes where_set, lanes else_) {
    return (lanes)((mask & (numbers)where_set) | (~mask & (numbers)else_));
}

static inline lanes minimum(lanes a, lanes b) { return chosen(a < b, a, b); }

static inline lanes maximum(lanes a, lanes b) { return chosen(a > b, a, b); }

static inline lanes magnitude(lanes a) { return (lanes)((numbers)a & ~SIGN); }

/* e^-a - 1 for a >= 0, with the relative precision of floats. e^-a = 2^n 2^f with |f| <= 1/2 and 2^f = 1 + f p(f), whose
   polynomial has a relative error of 2e-9; the sum with 1.5 2^23 has n in its lowest bits. */
static inline lanes expm1_minus(lanes a) {
    const float shift = 12582912.0f;
    lanes power = minimum(a, (lanes){} + 80.0f) * -1.44269504f;
    lanes shifted = power + shift;
    lanes f = power - (shifted - shift);
    lanes scale = (lanes)(((words)shifted << 23) + 0x3f800000);
    lanes p = f * 1.53458124e-4f + 1.33999309e-3f;
    p = p * f + 9.61848907e-3f;
    p = p * f + 5.55032864e-2f;
    p = p * f + 0.240226462f;
    p = p * f + 0.693147182f;
    return (scale - 1.0f) + scale * (p * f);
}

/* 2 artanh(s) for |s| <= 1/3, which is ln((1 + s) / (1 - s)); relative error 4e-9. */
static inline lanes log_ratio(lanes s) {
    lanes square = s * s;
    lanes p = square * 0.281783342f + 0.279606044f;
    p = p * square + 0.400249094f;
    p = p * square + 0.66666317f;
    p = p * square + 2.0f;
    return p * s;
}

/* ln(a / b) for a >= b > 0, as n ln(2) + ln(a / (2^n b)); the difference of floats' bits is their logarithms' to 0.1. */
static inline lanes log_of_quotient(lanes a, lanes b) {
    numbers n = ((numbers)a - (numbers)b + (1 << 22)) >> 23;
    b = (lanes)((words)b + ((words)n << 23));
    return __builtin_convertvector(n, lanes) * 0.693147182f + log_ratio((a - b) / (a + b));
}

/* ln((1 + e^-a) / 2) for a >= 0, relatively precise down to the smallest a. */
static inline lanes half_softplus_minus(lanes a) {
    lanes change = expm1_minus(a);
    return log_ratio(change / (change + 4.0f));
}

/* LLR of the sum modulo 2 of two bits: 2 artanh(tanh(a / 2) tanh(b / 2)). With m the smaller and M the larger size it
   has the size m + ln(1 + e^-(M + m)) - ln(1 + e^-(M - m)), and of the logarithms' difference is made
   2 artanh(e^-(M - m) (e^-2m - 1) / (2 + e^-(M - m) (e^-2m + 1))), so that the error is relative to m. */
static inline lanes box_plus(lanes a, lanes b) {
    numbers sign = ((numbers)a ^ (numbers)b) & SIGN;
    a = magnitude(a), b = magnitude(b);
    lanes smaller = minimum(a, b);
    lanes near = expm1_minus(magnitude(a - b)) + 1.0f, change = expm1_minus(smaller + smaller);
    lanes size = smaller + log_ratio(near * change / (near * (change + 2.0f) + 2.0f));
    // Rounding may not turn a sign.
    return (lanes)((numbers)maximum(size, (lanes){}) ^ sign);
}
