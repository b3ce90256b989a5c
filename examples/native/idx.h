/* Reading files in the format IDX, as MNIST is published in. */
#ifndef IDX_H
#define IDX_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The bytes of a file with `axes` axes, whose lengths are written to `lengths`; null if it cannot be read. */
static unsigned char *read_idx(const char *path, int axes, uint32_t *lengths) {
    FILE *file = fopen(path, "rb");
    unsigned char head[4], number[4], *bytes = NULL;
    size_t size = 1;
    int whole = file && fread(head, 1, 4, file) == 4 && !head[0] && !head[1] && head[2] == 8 && head[3] == axes;
    for (int i = 0; whole && i < axes; i++) {
        whole = fread(number, 1, 4, file) == 4;
        lengths[i] = (uint32_t)number[0] << 24 | (uint32_t)number[1] << 16 | (uint32_t)number[2] << 8 | number[3];
        whole = whole && lengths[i] < 1u << 20;
        size *= lengths[i];
    }
    if (whole && (bytes = malloc(size ? size : 1)) && fread(bytes, 1, size, file) != size) {
        free(bytes);
        bytes = NULL;
    }
    if (!bytes) fprintf(stderr, "%s is no file of images or labels in the format IDX\n", path);
    if (file) fclose(file);
    return bytes;
}

#endif
