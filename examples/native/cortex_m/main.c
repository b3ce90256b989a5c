/* Reads a digit on a Cortex-M4F or M7. The network lies in flash, the arena in memory. */
#include <stdio.h>

#include "digit.h"
#include "digits/digits.h"

static unsigned char arena[DIGITS_ARENA_BYTES];
static float image[28 * 28], answer[10];

int main(void) {
    int best = 0, status;
    for (int i = 0; i < 28 * 28; i++) image[i] = (float)digit[i] / 255.0f;
    status = digits_predict(arena, sizeof arena, image, answer);
    if (status != DIGITS_OK) {
        printf("digits_predict returned %d\n", status);
        return 1;
    }
    for (int i = 1; i < 10; i++) best = answer[i] > answer[best] ? i : best;
    printf("This is a %d, by %d in 100. The arena has %lu bytes.\n", best, (int)(answer[best] * 100.0f),
           (unsigned long)sizeof arena);
    return 0;
}
