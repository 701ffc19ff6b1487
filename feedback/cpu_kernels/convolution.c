/* 'same' convolution of small images with few channels, its gradients, and batch norm with a leaky activation.

   Images are NCHW, float32, contiguous, of a width that 8 divides; kernels have odd sizes. One sample at a time is
   copied into a zero-padded buffer that stays in the cache; there a convolution is a sum over taps, each a weight
   times the buffer shifted by the tap's offset, and rows of 8 to 32 pixels are summed in registers. Sums over samples
   are split in PARTS, so that digits do not depend on the number of threads. */

#include <stdlib.h>
#include <string.h>

#define LANES 8
#define CHUNK 8 /* channels in a padded buffer */
#define TAPS 6  /* taps whose weight gradients are summed at a time */
#define PARTS 16

#define INLINE static inline __attribute__((always_inline))

typedef float vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

struct shape {
    int samples, n_in, n_out, groups, height, width, kernel_height, kernel_width, dilation_height, dilation_width;
};

struct layout {
    int in, out, area, taps, left, top, stride, plane; /* channels of a group; pixels; of the padded buffer */
};

static struct layout layout_of(const struct shape *s) {
    struct layout l = {s->n_in / s->groups, s->n_out / s->groups, s->height * s->width,
                       s->kernel_height * s->kernel_width, s->dilation_width * (s->kernel_width / 2),
                       s->dilation_height * (s->kernel_height / 2), 0, 0};
    l.stride = s->width + 2 * l.left;
    l.plane = l.stride * (s->height + 2 * l.top);
    return l;
}

static int smaller(int a, int b) { return a < b ? a : b; }

/* Channels that are summed together, of those that are left. */
static int together(int left) { return left == 4 ? 2 : smaller(left, 3); }

/* Offsets of the taps in CHUNK padded planes; from the last tap to the first for the gradient of the input. */
static int *offsets(const struct shape *s, const struct layout *l, int reversed) {
    int *offset = calloc(CHUNK * l->taps + TAPS, sizeof *offset);
    for (int c = 0; c < CHUNK; c++)
        for (int k = 0; k < l->taps; k++) {
            int tap = reversed ? l->taps - 1 - k : k;
            offset[c * l->taps + k] = c * l->plane + tap / s->kernel_width * s->dilation_height * l->stride +
                                      tap % s->kernel_width * s->dilation_width;
        }
    return offset;
}

/* Weights [out, in, taps] of a group as blocks [in, taps, channels together]; in and out swapped for the gradient. */
static float *packed(const float *weight, const struct shape *s, const struct layout *l, int swapped) {
    int from = swapped ? l->out : l->in, to = swapped ? l->in : l->out, size = from * to * l->taps;
    float *blocks = malloc(sizeof(float) * size * s->groups), *next = blocks;
    for (int g = 0; g < s->groups; g++)
        for (int first = 0, n; first < to; first += n) {
            n = together(to - first);
            for (int c = 0; c < from; c++)
                for (int k = 0; k < l->taps; k++)
                    for (int o = first; o < first + n; o++)
                        *next++ = weight[g * size + (swapped ? c * to + o : o * from + c) * l->taps + k];
        }
    return blocks;
}

INLINE void sum_taps(const float *x, const int *offset, const float *weight, int taps, float *out,
                     const struct shape *s, const struct layout *l, int add, const int n, const int width) {
    for (int row = 0; row < s->height; row++)
        for (int column = 0; column < s->width; column += width * LANES) {
            const float *from = x + row * l->stride + column;
            float *to = out + row * s->width + column;
            vector sum[3][4];
            for (int o = 0; o < n; o++)
                for (int v = 0; v < width; v++)
                    sum[o][v] = add ? *(vector *)(to + o * l->area + v * LANES) : (vector){0};
            for (int t = 0; t < taps; t++)
                for (int v = 0; v < width; v++) {
                    vector pixels = *(const vector *)(from + offset[t] + v * LANES);
                    for (int o = 0; o < n; o++) sum[o][v] += weight[t * n + o] * pixels;
                }
            for (int o = 0; o < n; o++)
                for (int v = 0; v < width; v++) *(vector *)(to + o * l->area + v * LANES) = sum[o][v];
        }
}

/* Convolution of `from` padded planes to `to` planes, added to `out` where `add` says so. */
static void convolve(const float *x, const int *offset, const float *blocks, int start, int from, int all_from, int to,
                     float *out, const struct shape *s, const struct layout *l) {
    int taps = from * l->taps;
#define CASE(n, width) \
    case 4 * n + width: sum_taps(x, offset, weight, taps, target, s, l, start > 0, n, width); break;
    for (int first = 0, n; first < to; first += n) {
        n = together(to - first);
        const float *weight = blocks + (first * all_from + start * n) * l->taps;
        float *target = out + first * l->area;
        switch (4 * n + (s->width % 32 ? 1 : 4)) {
            CASE(1, 1) CASE(1, 4) CASE(2, 1) CASE(2, 4) CASE(3, 1) CASE(3, 4)
        }
    }
#undef CASE
}

static void pad(const float *image, int channels, float *buffer, const struct shape *s, const struct layout *l) {
    for (int c = 0; c < channels; c++)
        for (int row = 0; row < s->height; row++)
            memcpy(buffer + c * l->plane + (row + l->top) * l->stride + l->left, image + c * l->area + row * s->width,
                   sizeof(float) * s->width);
}

/* Mean of a plane and its sum of squared deviations. */
static void moments(const float *plane, int area, float *mean, float *deviation) {
    float sum = 0, square = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < area; i++) sum += plane[i];
    *mean = sum / area;
    float centre = *mean;
#pragma omp simd reduction(+ : square)
    for (int i = 0; i < area; i++) square += (plane[i] - centre) * (plane[i] - centre);
    *deviation = square;
}

/* z = conv(x); means and deviations of the planes [samples, n_out] unless null. */
void convolution(const struct shape *s, const float *x, const float *weight, float *z, float *mean, float *deviation,
                 int threads) {
    struct layout l = layout_of(s);
    int *offset = offsets(s, &l, 0);
    float *blocks = packed(weight, s, &l, 0);
#pragma omp parallel num_threads(threads)
    {
        float *buffer = calloc(CHUNK * l.plane, sizeof(float));
#pragma omp for schedule(static)
        for (int sample = 0; sample < s->samples; sample++)
            for (int g = 0; g < s->groups; g++) {
                const float *image = x + ((size_t)sample * s->n_in + g * l.in) * l.area;
                size_t first = (size_t)sample * s->n_out + g * l.out;
                for (int start = 0; start < l.in; start += CHUNK) {
                    int n = smaller(CHUNK, l.in - start);
                    pad(image + start * l.area, n, buffer, s, &l);
                    convolve(buffer, offset, blocks + g * l.in * l.out * l.taps, start, n, l.in, l.out,
                             z + first * l.area, s, &l);
                }
                for (int o = 0; mean && o < l.out; o++)
                    moments(z + (first + o) * l.area, l.area, mean + first + o, deviation + first + o);
            }
        free(buffer);
    }
    free(offset);
    free(blocks);
}

/* y = u where u > 0, slope u elsewhere, of u = (z - mean) scale + shift; all per channel. */
void normalise(int samples, int channels, int area, const float *z, const float *mean, const float *scale,
               const float *shift, const float *slope, float *y, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int p = 0; p < samples * channels; p++) {
        int c = p % channels;
        const float *from = z + (size_t)p * area;
        float *to = y + (size_t)p * area, m = mean[c], a = scale[c], b = shift[c], negative = slope[c];
        for (int i = 0; i < area; i++) {
            float u = (from[i] - m) * a + b;
            to[i] = u * (u > 0 ? 1 : negative);
        }
    }
}

/* Of each plane, [samples, channels, 3]: sums of du, du (z - mean), and the slope's gradient. */
void normalise_sums(int samples, int channels, int area, const float *z, const float *mean, const float *scale,
                    const float *shift, const float *slope, const float *dy, float *sums, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int p = 0; p < samples * channels; p++) {
        int c = p % channels;
        const float *from = z + (size_t)p * area, *gradient = dy + (size_t)p * area;
        float m = mean[c], a = scale[c], b = shift[c], negative = slope[c], du_sum = 0, product = 0, slope_sum = 0;
#pragma omp simd reduction(+ : du_sum, product, slope_sum)
        for (int i = 0; i < area; i++) {
            float centred = from[i] - m, u = centred * a + b, du = gradient[i] * (u > 0 ? 1 : negative);
            du_sum += du;
            product += du * centred;
            slope_sum += gradient[i] * (u > 0 ? 0 : u);
        }
        sums[3 * p] = du_sum, sums[3 * p + 1] = product, sums[3 * p + 2] = slope_sum;
    }
}

struct norm { /* per channel; du = dz where mean is null */
    const float *mean, *scale, *shift, *slope, *du_mean, *product; /* dz = (du - du_mean - (z - mean) product) scale */
};

static void pad_gradient(const float *dy, const float *z, int first, int channels, const struct norm *b, float *buffer,
                         const struct shape *s, const struct layout *l) {
    if (!b->mean) {
        pad(dy, channels, buffer, s, l);
        return;
    }
    for (int c = 0; c < channels; c++) {
        float m = b->mean[first + c], a = b->scale[first + c], shift = b->shift[first + c];
        float negative = b->slope[first + c], du_mean = b->du_mean[first + c], product = b->product[first + c];
        for (int row = 0; row < s->height; row++) {
            float *to = buffer + c * l->plane + (row + l->top) * l->stride + l->left;
            const float *from = z + c * l->area + row * s->width, *gradient = dy + c * l->area + row * s->width;
            for (int i = 0; i < s->width; i++) {
                float centred = from[i] - m, u = centred * a + shift;
                to[i] = (gradient[i] * (u > 0 ? 1 : negative) - du_mean - centred * product) * a;
            }
        }
    }
}

INLINE void sum_products(const float *x, const int *offset, const float *dz, vector *out, int step, int taps,
                         const struct shape *s, const struct layout *l, const int n) {
    vector sum[2][TAPS] = {{{0}}};
    for (int row = 0; row < s->height; row++)
        for (int i = row * l->stride; i < row * l->stride + s->width; i += LANES) {
            vector gradient[2];
            for (int o = 0; o < n; o++) gradient[o] = *(const vector *)(dz + o * l->plane + i);
            for (int t = 0; t < TAPS; t++) {
                vector pixels = *(const vector *)(x + offset[t] + i);
                for (int o = 0; o < n; o++) sum[o][t] += gradient[o] * pixels;
            }
        }
    for (int o = 0; o < n; o++)
        for (int t = 0; t < taps; t++) out[o * step + t] += sum[o][t];
}

/* Gradients of the weight, [n_out, n_in / groups, taps], and of the input unless dx is null. */
void convolution_gradients(const struct shape *s, const float *x, const float *weight, const float *z, const float *dy,
                           const struct norm *norm, float *dx, float *dweight, int threads) {
    struct layout l = layout_of(s);
    int *offset = offsets(s, &l, 0), *reversed = offsets(s, &l, 1), step = l.in * l.taps, size = s->n_out * step;
    float *blocks = packed(weight, s, &l, 1);
    vector *sums = calloc((size_t)PARTS * size, sizeof(vector));
#pragma omp parallel num_threads(threads)
    {
        float *pixels = calloc(2 * CHUNK * l.plane, sizeof(float)), *gradient = pixels + CHUNK * l.plane;
#pragma omp for schedule(static)
        for (int part = 0; part < PARTS; part++) {
            int last = (part + 1) * s->samples / PARTS;
            for (int sample = part * s->samples / PARTS; sample < last; sample++)
                for (int g = 0; g < s->groups; g++)
                    for (int out = 0; out < l.out; out += CHUNK) {
                        int n_out = smaller(CHUNK, l.out - out), first = g * l.out + out;
                        size_t plane = ((size_t)sample * s->n_out + first) * l.area;
                        pad_gradient(dy + plane, z + plane, first, n_out, norm, gradient, s, &l);
                        if (dx)
                            convolve(gradient, reversed, blocks + g * l.out * l.in * l.taps, out, n_out, l.out, l.in,
                                     dx + ((size_t)sample * s->n_in + g * l.in) * l.area, s, &l);
                        for (int in = 0; in < l.in; in += CHUNK) {
                            int n_in = smaller(CHUNK, l.in - in), taps = n_in * l.taps;
                            pad(x + ((size_t)sample * s->n_in + g * l.in + in) * l.area, n_in, pixels, s, &l);
                            for (int o = 0; o < n_out; o += 2)
                                for (int t = 0; t < taps; t += TAPS) {
                                    const float *dz = gradient + o * l.plane + l.top * l.stride + l.left;
                                    vector *to = sums + (size_t)part * size + (first + o) * step + in * l.taps + t;
                                    int n = smaller(TAPS, taps - t);
                                    if (o + 1 < n_out)
                                        sum_products(pixels, offset + t, dz, to, step, n, s, &l, 2);
                                    else
                                        sum_products(pixels, offset + t, dz, to, step, n, s, &l, 1);
                                }
                        }
                    }
        }
        free(pixels);
    }
    for (int i = 0; i < size; i++) {
        float total = 0;
        for (int part = 0; part < PARTS; part++)
            for (int lane = 0; lane < LANES; lane++) total += sums[(size_t)part * size + i][lane];
        dweight[i] = total;
    }
    free(offset);
    free(reversed);
    free(blocks);
    free(sums);
}
