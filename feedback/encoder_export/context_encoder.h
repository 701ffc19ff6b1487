/* The UE's side of the context codec: a channel to the bits of its report. */

#ifndef CONTEXT_ENCODER_H
#define CONTEXT_ENCODER_H

#include <stdint.h>

#include "context_settings.h"

/* Encodes one truncated angular-delay matrix, or the eigenvectors of all subbands, of MATRICES layers.

   matrix: [MATRICES][ROWS][LAYERS][TILTS][COLUMNS][2], real and imaginary parts: delays, or subbands; polarisations and,
           of a channel, UE antennas before them; rows and columns of the panel, of a channel its beams.
   bits:   room for REPORT_BITS, 0 or 1 each.

   Returns the bits of the report, -1 where an entry is NaN or infinite, -2 where there is no memory. Keeps large arrays
   between calls: not to be called by two threads at once. */
int context_encode(const float *matrix, uint8_t *bits);

#endif
