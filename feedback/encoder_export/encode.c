/* Reads channels from standard input, float32 as context_encoder.h has them, one behind the other; writes the bits of each
   report as a line of 0 and 1.

       cc -std=c11 -O2 encode.c context_encoder.c -lm -o encode
       ./encode < channels.f32 | cmp - reports.txt */

#include <stdio.h>

#include "context_encoder.h"

#define NUMBERS (2 * MATRICES * ROWS * LAYERS * TILTS * COLUMNS)

int main(void) {
    static float matrix[NUMBERS];
    static uint8_t bits[REPORT_BITS];
    size_t read;
    while ((read = fread(matrix, sizeof *matrix, NUMBERS, stdin)) == NUMBERS) {
        int length = context_encode(matrix, bits);
        if (length < 0) {
            fputs(length == -1 ? "got NaN or infinity, expected finite entries\n" : "no memory\n", stderr);
            return 1;
        }
        for (int i = 0; i < length; i++) putchar('0' + bits[i]);
        putchar('\n');
    }
    if (read) fprintf(stderr, "got %zu numbers at the end, expected %d a channel\n", read, NUMBERS);
    return read != 0;
}
