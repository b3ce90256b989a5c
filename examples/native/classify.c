/* Reads digits with a network that was trained in Python.
 *
 *     ./classify mnist/t10k-images-idx3-ubyte mnist/t10k-labels-idx1-ubyte
 */
#include "digits/digits.h"
#include "idx.h"

enum { BATCH = 100, PIXELS = 28 * 28, SHOWN = 2 };

static void show(const unsigned char *image, int found) {
    for (int row = 0; row < 28; row += 2) {
        for (int column = 0; column < 28; column++) putchar(" .:*#"[image[row * 28 + column] * 5 / 256]);
        putchar('\n');
    }
    printf("This is a %d.\n\n", found);
}

int main(int argc, char **argv) {
    static float image[BATCH * PIXELS], digit[BATCH * 10];
    uint32_t shape[3], count, right = 0;
    unsigned char *images, *labels;
    size_t bytes = digits_arena_size(BATCH);
    void *arena = malloc(bytes);
    if (argc != 3) {
        fprintf(stderr, "usage: classify IMAGES LABELS\n");
        return 2;
    }
    images = read_idx(argv[1], 3, shape);
    labels = read_idx(argv[2], 1, &count);
    if (!arena || !images || !labels || count != shape[0] || shape[1] != 28 || shape[2] != 28) return 2;
    for (uint32_t start = 0; start < count; start += BATCH) {
        uint32_t rows = count - start < BATCH ? count - start : BATCH;
        int status;
        for (uint32_t i = 0; i < rows * PIXELS; i++) image[i] = (float)images[(size_t)start * PIXELS + i] / 255.0f;
        status = digits_predict(arena, bytes, rows, image, digit);
        if (status != DIGITS_OK) {
            fprintf(stderr, "digits_predict returned %d\n", status);
            return 1;
        }
        for (uint32_t row = 0; row < rows; row++) {
            int best = 0;
            for (int i = 1; i < 10; i++) best = digit[row * 10 + i] > digit[row * 10 + best] ? i : best;
            right += labels[start + row] == best;
            if (start + row < SHOWN) show(images + (size_t)(start + row) * PIXELS, best);
        }
    }
    printf("%u of %u digits are right.\n", (unsigned)right, (unsigned)count);
    free(arena);
    free(images);
    free(labels);
    return 0;
}
