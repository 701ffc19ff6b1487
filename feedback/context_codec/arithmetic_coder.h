/* Binary arithmetic coder of 32 bits (Witten, Neal and Cleary, 1987, doi:10.1145/214762.214771).

   A decision of probability p narrows the interval [low, high]; bits leave as soon as both ends agree on them. The same
   function codes and reads, so that both sides cannot come apart. Every loop is bounded: after a decision the interval
   is at least 2^30 wide, and a probability is at least 2^-16. */

#include <stdint.h>

#define HALF 0x80000000u
#define QUARTER 0x40000000u
#define CLOSING 2 /* bits that end a stream */
#define WINDOW 32

struct coder {
    uint8_t *bits;          /* 0 or 1 each */
    int64_t count, capacity; /* bits written or read, also those beyond the capacity */
    int64_t pending;        /* bits that are the opposite of the next one */
    uint32_t low, high, window;
    int reading;
};

static void put(struct coder *c, int bit) {
    if (c->count < c->capacity) c->bits[c->count] = (uint8_t)bit;
    c->count++;
    for (; c->pending; c->pending--) {
        if (c->count < c->capacity) c->bits[c->count] = (uint8_t)!bit;
        c->count++;
    }
}

/* Zeros follow the end of what is read. */
static void take(struct coder *c) {
    int64_t place = c->count++;
    c->window = c->window << 1 | (place < c->capacity ? c->bits[place] & 1u : 0u);
}

static struct coder writer(uint8_t *bits, int64_t capacity) {
    return (struct coder){.bits = bits, .capacity = capacity, .high = UINT32_MAX};
}

static struct coder reader(const uint8_t *bits, int64_t length) {
    struct coder c = {.bits = (uint8_t *)bits, .capacity = length, .high = UINT32_MAX, .reading = 1};
    for (int i = 0; i < WINDOW; i++) take(&c);
    return c;
}

/* A decision whose probability to be 1 is `one` / 65536; a reader gets it from the bits. */
static int code(struct coder *c, int decision, uint32_t one) {
    uint32_t split = c->low + (uint32_t)((uint64_t)(c->high - c->low) * one >> 16);
    if (c->reading) decision = c->window <= split;
    if (decision) c->high = split;
    else c->low = split + 1;
    for (;;) {
        uint32_t dropped;
        if (c->high < HALF) {
            dropped = 0;
            if (!c->reading) put(c, 0);
        } else if (c->low >= HALF) {
            dropped = HALF;
            if (!c->reading) put(c, 1);
        } else if (c->low >= QUARTER && c->high < HALF + QUARTER) {
            dropped = QUARTER;
            if (!c->reading) c->pending++;
        } else {
            return decision;
        }
        c->low = (c->low - dropped) << 1;
        c->high = (c->high - dropped) << 1 | 1;
        if (c->reading) {
            c->window -= dropped;
            take(c);
        }
    }
}

/* Ends a stream by the two bits whose every continuation stays in the interval: no stream begins with another. */
static void close_stream(struct coder *c) {
    c->pending++;
    put(c, c->low > QUARTER);
}

/* Bits of the stream that was read, or -1 where it does not end as a stream does. */
static int64_t stream_length(const struct coder *c) {
    uint32_t end = c->low > QUARTER ? 2 : 1;
    return c->window >> (WINDOW - CLOSING) == end ? c->count - WINDOW + CLOSING : -1;
}
