/* Trains the tutorial's network on MNIST, from random weights or from where it stopped, without Python.
 *
 *     ./train mnist 3 trained.state
 *
 * The state, which is written after each epoch, has the weights and all else that training needs.
 */
#include <string.h>
#include <time.h>

#include "idx.h"
#include "learner/learner.h"

enum { BATCH = 128, PIXELS = 28 * 28 };

typedef struct {
    unsigned char *images, *labels;
    uint32_t count;
} Digits;

static Digits read_digits(const char *folder, const char *name) {
    char path[1024];
    uint32_t shape[3] = {0, 0, 0}, count = 0;
    Digits digits;
    snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte", folder, name);
    digits.images = read_idx(path, 3, shape);
    snprintf(path, sizeof path, "%s/%s-labels-idx1-ubyte", folder, name);
    digits.labels = read_idx(path, 1, &count);
    digits.count = count;
    if (!digits.images || !digits.labels || count != shape[0] || shape[1] != 28 || shape[2] != 28) exit(2);
    return digits;
}

/* A batch of digits, of which `order` names the numbers: pixels from 0 to 1, and a one at the place of the digit. */
static void fill(const Digits *digits, const uint32_t *order, uint32_t rows, float *image, float *y) {
    for (uint32_t row = 0; row < rows; row++) {
        const unsigned char *pixels = digits->images + (size_t)order[row] * PIXELS;
        for (int i = 0; i < PIXELS; i++) image[row * PIXELS + (uint32_t)i] = (float)pixels[i] / 255.0f;
        for (int i = 0; i < 10; i++) y[row * 10 + (uint32_t)i] = digits->labels[order[row]] == i;
    }
}

static void shuffle(uint32_t *order, uint32_t count) {
    static uint64_t drawn = 88172645463325252u;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j, held = order[i - 1];
        drawn ^= drawn << 13, drawn ^= drawn >> 7, drawn ^= drawn << 17;
        j = (uint32_t)(drawn % i);
        order[i - 1] = order[j];
        order[j] = held;
    }
}

/* The state in a file if there is one, else a new one. */
static learner_state *start(const char *path) {
    size_t size = learner_state_size();
    learner_state *state = malloc(size);
    FILE *file = fopen(path, "rb");
    if (!state) exit(2);
    if (!file) {
        learner_state_init(state, size);
    } else if (fread(state, 1, size, file) != size || learner_state_check(state, size) != LEARNER_OK) {
        fprintf(stderr, "%s is no state of this network\n", path);
        exit(2);
    } else {
        printf("training goes on from %s\n", path);
    }
    if (file) fclose(file);
    return state;
}

/* The state is written to a new file, which then takes the place of the one before. */
static void save(const learner_state *state, const char *path) {
    char fresh[1024];
    FILE *file;
    int whole;
    snprintf(fresh, sizeof fresh, "%s.new", path);
    file = fopen(fresh, "wb");
    whole = file && fwrite(state, 1, learner_state_size(), file) == learner_state_size();
    if (!file || fclose(file) || !whole || rename(fresh, path)) {
        fprintf(stderr, "%s cannot be written\n", path);
        exit(2);
    }
}

static void expect_ok(int status) {
    if (status == LEARNER_OK) return;
    fprintf(stderr, "the library returned %d\n", status);
    exit(1);
}

int main(int argc, char **argv) {
    static float image[BATCH * PIXELS], y[BATCH * 10];
    size_t bytes = learner_arena_size(BATCH);
    void *arena = malloc(bytes);
    Digits train, test;
    uint32_t *order;
    learner_state *state;
    learner_logs logs;
    if (argc != 4) {
        fprintf(stderr, "usage: train FOLDER EPOCHS STATE\n");
        return 2;
    }
    train = read_digits(argv[1], "train");
    test = read_digits(argv[1], "t10k");
    state = start(argv[3]);
    order = malloc(sizeof *order * (train.count > test.count ? train.count : test.count));
    if (!arena || !order) return 2;
    for (int epoch = 0; epoch < atoi(argv[2]); epoch++) {
        clock_t begin = clock();
        memset(&logs, 0, sizeof logs);
        for (uint32_t i = 0; i < train.count; i++) order[i] = i;
        shuffle(order, train.count);
        expect_ok(learner_reset_metrics(state));
        for (uint32_t at = 0; at < train.count; at += BATCH) {
            uint32_t rows = train.count - at < BATCH ? train.count - at : BATCH;
            fill(&train, order + at, rows, image, y);
            expect_ok(learner_train_step(state, arena, bytes, rows, image, y, &logs));
        }
        printf("epoch %d: loss %.4f, accuracy %.4f, %.1f s\n", epoch + 1, (double)logs.loss, (double)logs.accuracy,
               (double)(clock() - begin) / CLOCKS_PER_SEC);
        fflush(stdout);
        save(state, argv[3]);
    }
    for (uint32_t i = 0; i < test.count; i++) order[i] = i;
    expect_ok(learner_reset_metrics(state));
    memset(&logs, 0, sizeof logs);
    for (uint32_t at = 0; at < test.count; at += BATCH) {
        uint32_t rows = test.count - at < BATCH ? test.count - at : BATCH;
        fill(&test, order + at, rows, image, y);
        expect_ok(learner_evaluate_step(state, arena, bytes, rows, image, y, &logs));
    }
    printf("test accuracy %.2f%%\n", 100.0 * (double)logs.accuracy);
    free(order);
    free(arena);
    free(state);
    return 0;
}
