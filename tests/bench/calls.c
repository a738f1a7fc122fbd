/*
 * What one call costs from C: nanoseconds a call, or an entry where a call takes many, on a database that fits into
 * memory.
 *
 *     calls DIRECTORY [ENTRIES [ROUNDS]]
 *
 * Each line is the median of the rounds: wall time, CPU time of this thread, and CPU time of the whole process,
 * background work included. Every value that is read is looked at. Built and run by scripts/bench-calls.sh.
 */
#define _XOPEN_SOURCE 700
#include <esker.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { KEY = 16, VALUE = 100, TOGETHER = 100, MAX_ROUNDS = 99, BUFFER = 64 * 1024 };

static esker_db *db;
static size_t entries = 100000, rounds = 7;
static uint8_t *keys; /* of all entries, in an order of their own: as random as a program's */

static void must(esker_status status, const char *what) {
    if (status == ESKER_OK) return;
    fprintf(stderr, "%s: %s\n", what, esker_status_name(status));
    exit(1);
}

static const uint8_t *key(size_t i) {
    return keys + i * KEY;
}

static void make_keys(void) {
    uint64_t random = 88172645463325252u;
    size_t *order = malloc(entries * sizeof *order);
    keys = malloc(entries * KEY);
    if (keys == NULL || order == NULL) abort();
    for (size_t i = 0; i < entries; i++) order[i] = i;
    for (size_t i = entries - 1; i > 0; i--) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        size_t j = (size_t)(random % (i + 1)), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    for (size_t i = 0; i < entries; i++) {
        char text[KEY + 8];
        snprintf(text, sizeof text, "key%013zu", order[i]);
        memcpy(keys + i * KEY, text, KEY);
    }
    free(order);
}

/* A value tells which key it belongs to, so that a wrong one is noticed. */
static void check(const uint8_t *value, size_t len, const uint8_t *of) {
    if (len == VALUE && memcmp(value, of, KEY) == 0) return;
    fprintf(stderr, "a wrong value for %.*s\n", KEY, (const char *)of);
    exit(1);
}

/* What is measured: each goes over all entries once. */

static void call_nothing(void) {
    uint32_t sum = 0;
    for (size_t i = 0; i < entries; i++) sum += esker_abi_version();
    if (sum != entries * ESKER_ABI_VERSION) exit(1);
}

static void put(void) {
    uint8_t value[VALUE] = {0};
    for (size_t i = 0; i < entries; i++) {
        memcpy(value, key(i), KEY);
        must(esker_put(db, NULL, key(i), KEY, value, VALUE, NULL, NULL), "put");
    }
}

static void put_batches(void) {
    uint8_t value[VALUE] = {0};
    esker_batch *batch = esker_batch_new();
    for (size_t i = 0; i < entries; i++) {
        memcpy(value, key(i), KEY);
        must(esker_batch_put(batch, NULL, key(i), KEY, value, VALUE, NULL), "batch put");
        if (esker_batch_count(batch) < TOGETHER && i + 1 < entries) continue;
        must(esker_write(db, batch, NULL, NULL), "write");
        esker_batch_clear(batch);
    }
    esker_batch_free(batch);
}

static void get(void) {
    for (size_t i = 0; i < entries; i++) {
        esker_value *value = NULL;
        size_t len = 0;
        must(esker_get(db, NULL, key(i), KEY, NULL, &value, NULL), "get");
        const uint8_t *data = esker_value_data(value, &len);
        check(data, len, key(i));
        esker_value_free(value);
    }
}

static void get_absent(void) {
    uint8_t absent[KEY + 1] = {0};
    for (size_t i = 0; i < entries; i++) {
        esker_value *value = NULL;
        memcpy(absent, key(i), KEY);
        if (esker_get(db, NULL, absent, sizeof absent, NULL, &value, NULL) != ESKER_NOT_FOUND) exit(1);
    }
}

static void get_into(void) {
    uint8_t value[VALUE];
    for (size_t i = 0; i < entries; i++) {
        size_t len = 0;
        must(esker_get_into(db, NULL, key(i), KEY, NULL, value, sizeof value, &len, NULL), "get_into");
        check(value, len, key(i));
    }
}

static void multi_get_into(void) {
    static uint8_t values[TOGETHER * VALUE];
    size_t key_ends[TOGETHER], value_ends[TOGETHER], needed = 0;
    esker_status statuses[TOGETHER];
    for (size_t i = 0; i < TOGETHER; i++) key_ends[i] = (i + 1) * KEY;
    for (size_t i = 0; i < entries; i += TOGETHER) {
        size_t n = entries - i < TOGETHER ? entries - i : TOGETHER, start = 0;
        must(esker_multi_get_into(db, NULL, n, key(i), key_ends, NULL, values, sizeof values, value_ends, statuses,
                                  &needed, NULL),
             "multi_get_into");
        for (size_t k = 0; k < n; start = value_ends[k++]) {
            must(statuses[k], "multi_get_into");
            check(values + start, value_ends[k] - start, key(i + k));
        }
    }
}

static void iter_next(void) {
    esker_iter *iter = NULL;
    size_t seen = 0;
    must(esker_iter_new(db, NULL, NULL, &iter, NULL), "iter_new");
    must(esker_iter_seek_to_first(iter), "seek");
    while (esker_iter_valid(iter)) {
        size_t key_len = 0, len = 0;
        const uint8_t *at = esker_iter_key(iter, &key_len), *value = esker_iter_value(iter, &len);
        check(value, len, at);
        seen++;
        must(esker_iter_next(iter), "next");
    }
    esker_iter_free(iter);
    if (seen != entries) exit(1);
}

static uint32_t number(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void iter_next_many(void) {
    static uint8_t buf[BUFFER];
    esker_iter *iter = NULL;
    size_t seen = 0, bytes = 0, packed = 0;
    must(esker_iter_new(db, NULL, NULL, &iter, NULL), "iter_new");
    must(esker_iter_seek_to_first(iter), "seek");
    do {
        must(esker_iter_next_many(iter, buf, sizeof buf, SIZE_MAX, &bytes, &packed, NULL), "next_many");
        for (const uint8_t *p = buf; p < buf + bytes; p += 8 + number(p) + number(p + 4))
            check(p + 8 + number(p), number(p + 4), p + 8);
        seen += packed;
    } while (packed > 0);
    esker_iter_free(iter);
    if (seen != entries) exit(1);
}

static double now(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *times) {
    qsort(times, rounds, sizeof *times, by_size);
    return times[rounds / 2] / (double)entries;
}

/* One line of the table. After writes the memory is flushed, so that the next round begins as this one did. */
static void measure(const char *name, void (*work)(void), int writes) {
    double wall[MAX_ROUNDS], own[MAX_ROUNDS], all[MAX_ROUNDS];
    if (!writes) work(); /* once, for the caches */
    for (size_t i = 0; i < rounds; i++) {
        wall[i] = now(CLOCK_MONOTONIC), own[i] = now(CLOCK_THREAD_CPUTIME_ID), all[i] = now(CLOCK_PROCESS_CPUTIME_ID);
        work();
        wall[i] = now(CLOCK_MONOTONIC) - wall[i], own[i] = now(CLOCK_THREAD_CPUTIME_ID) - own[i];
        all[i] = now(CLOCK_PROCESS_CPUTIME_ID) - all[i];
        if (writes) must(esker_flush(db, NULL, NULL), "flush");
    }
    printf("| %s | %.0f | %.0f | %.0f |\n", name, median(wall), median(own), median(all));
    fflush(stdout);
}

int main(int argc, char **argv) {
    esker_error *error = NULL;
    if (argc > 2) entries = (size_t)strtoul(argv[2], NULL, 10);
    if (argc > 3) rounds = (size_t)strtoul(argv[3], NULL, 10);
    if (argc < 2 || entries == 0 || rounds == 0 || rounds > MAX_ROUNDS) {
        fprintf(stderr, "usage: %s DIRECTORY [ENTRIES [ROUNDS]], with 1 to %d rounds\n", argv[0], MAX_ROUNDS);
        return 2;
    }
    make_keys();
    if (esker_open(argv[1], NULL, &db, &error) != ESKER_OK) {
        fprintf(stderr, "%s\n", esker_error_message(error));
        return 1;
    }
    printf("esker %s, %zu entries of %d + %d bytes, median of %zu rounds\n\n", esker_version(), entries, KEY, VALUE,
           rounds);
    printf("| call | wall ns | CPU ns | all CPU ns |\n|---|---:|---:|---:|\n");
    measure("`esker_abi_version`: a call that does nothing", call_nothing, 0);
    measure("`esker_put`, buffered", put, 1);
    measure("`esker_batch_put` + `esker_write` of 100, an entry", put_batches, 1);
    must(esker_compact_range(db, NULL, NULL, 0, NULL, 0, NULL), "compact");
    measure("`esker_get` + `esker_value_free`, found", get, 0);
    measure("`esker_get`, absent", get_absent, 0);
    measure("`esker_get_into`, found", get_into, 0);
    measure("`esker_multi_get_into` of 100, a key", multi_get_into, 0);
    measure("`esker_iter_next` + `_key` + `_value`", iter_next, 0);
    measure("`esker_iter_next_many` into 64 KiB, an entry", iter_next_many, 0);
    free(keys);
    must(esker_close(db, NULL), "close");
    return 0;
}
