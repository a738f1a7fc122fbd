/*
 * A job queue that survives kill -9: no job is lost, none is done twice.
 *
 * jobs    what is to be done, with how often it was tried         leases  who works on what; they expire
 * done    how often each job was done, counted by merges          stats   counters, merged too
 *
 * A worker claims a job in one transaction and finishes it in another, which deletes the job, counts it and ends the
 * lease, all or nothing. If the worker dies in between, the lease expires and the job is there for the next one.
 *
 *     jobs DIRECTORY [HOW MANY]      adds jobs to a new queue, then works until none is left
 */
#define _XOPEN_SOURCE 700
#include <esker.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WORKERS = 3 };
static esker_db *db;
static esker_cf *jobs, *leases, *done, *stats;

/* Takes the place of the error, not the error: arguments are evaluated in any order. */
static void must(esker_status status, esker_error **error) {
    if (status == ESKER_OK) return;
    fprintf(stderr, "%s: %s\n", esker_status_name(status), error != NULL ? esker_error_message(*error) : "");
    exit(1);
}

static void sleep_ms(long ms) {
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* Numbers are eight bytes, little-endian, as the merge operator add_u64 keeps them. */
static const uint8_t *number(uint64_t n, uint8_t bytes[8]) {
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(n >> (8 * i));
    return bytes;
}

static uint64_t as_number(const uint8_t *bytes) {
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--) n = n << 8 | bytes[i];
    return n;
}

static uint64_t counter(const char *name) {
    esker_error *error = NULL;
    uint8_t bytes[8] = {0};
    size_t len = 0;
    esker_status status =
        esker_get_into(db, stats, (const uint8_t *)name, strlen(name), NULL, bytes, sizeof bytes, &len, &error);
    if (status != ESKER_NOT_FOUND) must(status, &error);
    return as_number(bytes);
}

static esker_cf *family(const char *name, const char *option, const char *value) {
    esker_error *error = NULL;
    esker_cf *cf = NULL;
    if (esker_cf_open(db, name, &cf, NULL) == ESKER_OK) return cf;
    esker_cf_options *options = esker_cf_options_new();
    if (option != NULL) must(esker_cf_options_set(options, option, value, &error), &error);
    must(esker_cf_create(db, name, options, &cf, &error), &error);
    esker_cf_options_free(options);
    return cf;
}

/* Adds the jobs of a new queue, all of them or none. */
static void add(uint64_t count) {
    esker_error *error = NULL;
    esker_batch *batch = esker_batch_new();
    char id[32];
    uint8_t bytes[8];
    for (uint64_t i = 0; i < count; i++) {
        snprintf(id, sizeof id, "job %06llu", (unsigned long long)i);
        must(esker_batch_put(batch, jobs, (uint8_t *)id, strlen(id), number(0, bytes), 8, &error), &error);
    }
    must(esker_batch_merge(batch, stats, (uint8_t *)"added", 5, number(count, bytes), 8, &error), &error);
    must(esker_write(db, batch, NULL, &error), &error);
    esker_batch_free(batch);
}

struct job {
    uint8_t id[32];
    size_t id_len;
    uint64_t tries;
};

/* Whether somebody has a lease on a job, and who. */
static int holds(esker_txn *txn, const struct job *job, uint8_t holder[32], size_t *len) {
    esker_error *error = NULL;
    esker_status status = esker_txn_get_into(txn, leases, job->id, job->id_len, holder, 32, len, &error);
    if (status != ESKER_NOT_FOUND) must(status, &error);
    return status == ESKER_OK;
}

/* Claims the first job that nobody has: 1 if there is one, 0 if all are taken, -1 if none is left. */
static int claim(const char *worker, struct job *job, esker_txn *txn) {
    esker_error *error = NULL;
    esker_iter *iter = NULL;
    int found = -1;
    must(esker_txn_iter_new(txn, jobs, NULL, &iter, &error), &error);
    for (esker_iter_seek_to_first(iter); esker_iter_valid(iter) && found != 1; esker_iter_next(iter)) {
        const uint8_t *id = esker_iter_key(iter, &job->id_len);
        memcpy(job->id, id, job->id_len);
        job->tries = as_number(esker_iter_value(iter, &(size_t){0}));
        found = !holds(txn, job, (uint8_t[32]){0}, &(size_t){0});
    }
    must(esker_iter_status(iter, &error), &error);
    esker_iter_free(iter);
    if (found != 1) return found;
    must(esker_txn_put(txn, leases, job->id, job->id_len, (uint8_t *)worker, strlen(worker), &error), &error);
    return 1;
}

/* Records what became of a job, if the lease is still the worker's. */
static void finish(const char *worker, const struct job *job, int succeeded, esker_txn *txn) {
    esker_error *error = NULL;
    uint8_t bytes[8], holder[32];
    size_t len = 0;
    /* If it took too long, the job is nobody's again, or somebody else's. */
    if (!holds(txn, job, holder, &len) || len != strlen(worker) || memcmp(holder, worker, len) != 0) return;
    const char *count = succeeded ? "done" : "tried in vain";
    must(esker_txn_merge(txn, stats, (const uint8_t *)count, strlen(count), number(1, bytes), 8, &error), &error);
    must(esker_txn_delete(txn, leases, job->id, job->id_len, &error), &error);
    if (succeeded) {
        must(esker_txn_delete(txn, jobs, job->id, job->id_len, &error), &error);
        must(esker_txn_merge(txn, done, job->id, job->id_len, number(1, bytes), 8, &error), &error);
    } else must(esker_txn_put(txn, jobs, job->id, job->id_len, number(job->tries + 1, bytes), 8, &error), &error);
}

/* The work itself. Every seventh job fails the first time. */
static int work(const struct job *job) {
    sleep_ms(1);
    return job->tries > 0 || strtoul((const char *)job->id + 4, NULL, 10) % 7 != 0;
}

static esker_txn *begin(void) {
    esker_txn *txn = NULL;
    must(esker_txn_begin(db, NULL, &txn, NULL), NULL);
    return txn;
}

/* Whether it was committed; a conflict is a no, and everything else a reason to stop. */
static int commit(esker_txn *txn) {
    esker_error *error = NULL;
    esker_status status = esker_txn_commit(txn, &error);
    if (status != ESKER_CONFLICT) must(status, &error);
    esker_error_free(error);
    esker_txn_free(txn);
    return status == ESKER_OK;
}

static void *run_worker(void *name) {
    for (;;) {
        struct job job = {{0}, 0, 0};
        esker_txn *txn = begin();
        int claimed = claim(name, &job, txn);
        if (!commit(txn)) continue;
        if (claimed < 0) return NULL;
        if (claimed == 0) sleep_ms(5); /* until a lease expires */
        if (claimed == 0) continue;
        int succeeded = work(&job);
        do finish(name, &job, succeeded, txn = begin());
        while (!commit(txn));
    }
}

int main(int argc, char **argv) {
    esker_error *error = NULL;
    esker_iter *iter = NULL;
    uint64_t once = 0;
    pthread_t threads[WORKERS];
    char names[WORKERS][32];
    must(esker_open(argc > 1 ? argv[1] : "data", NULL, &db, &error), &error);
    jobs = family("jobs", NULL, NULL);
    leases = family("leases", "ttl_ms", "200");
    done = family("done", "merge_operator", "add_u64");
    stats = family("stats", "merge_operator", "add_u64");
    if (counter("added") == 0) add(argc > 2 ? strtoull(argv[2], NULL, 10) : 20);
    for (int i = 0; i < WORKERS; i++) {
        snprintf(names[i], sizeof names[i], "%d of process %ld", i, (long)time(NULL));
        pthread_create(&threads[i], NULL, run_worker, names[i]);
    }
    for (int i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);

    must(esker_iter_new(db, done, NULL, &iter, &error), &error);
    for (esker_iter_seek_to_first(iter); esker_iter_valid(iter); esker_iter_next(iter))
        once += as_number(esker_iter_value(iter, &(size_t){0})) == 1;
    must(esker_iter_status(iter, &error), &error);
    esker_iter_free(iter);
    printf("%llu jobs added, %llu done, %llu of them exactly once; %llu tries in vain\n",
           (unsigned long long)counter("added"), (unsigned long long)counter("done"), (unsigned long long)once,
           (unsigned long long)counter("tried in vain"));
    esker_cf_free(jobs), esker_cf_free(leases), esker_cf_free(done), esker_cf_free(stats);
    must(esker_close(db, &error), &error);
    return 0;
}
