/*
 * What a write survives, chosen for the database and for single writes.
 *
 *     cc durability.c $(pkg-config --cflags --libs esker) && ./a.out DIRECTORY
 */
#include <esker.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(esker_status status, esker_error **error) {
    if (status == ESKER_OK) return;
    fprintf(stderr, "%s: %s\n", esker_status_name(status), error != NULL ? esker_error_message(*error) : "");
    exit(1);
}

static void put(esker_db *db, const char *key, const char *value, const esker_write_options *options) {
    esker_error *error = NULL;
    must(esker_put(db, NULL, (const uint8_t *)key, strlen(key), (const uint8_t *)value, strlen(value), options, &error),
         &error);
}

int main(int argc, char **argv) {
    esker_error *error = NULL;
    esker_db *db = NULL;
    esker_options *options = esker_options_new();

    /* One number for memory; everything else has defaults for most programs. */
    must(esker_options_set(options, "memory_budget", "64MiB", &error), &error);
    must(esker_open(argc > 1 ? argv[1] : "data", options, &db, &error), &error);
    esker_options_free(options);

    /* The default: survives the death of this process, also by kill -9. A power cut may take the last moments. */
    put(db, "visits", "41", NULL);

    /* On the medium before the call returns: survives a power cut, and costs as long as the disk takes. */
    esker_write_options *sync = esker_write_options_new();
    must(esker_write_options_set_durability(sync, ESKER_DURABILITY_SYNC), NULL);
    put(db, "invoice/1001", "paid", sync);
    esker_write_options_free(sync);

    /* Or write many, and then wait once for all of them. */
    for (int i = 0; i < 1000; i++) {
        char key[32];
        snprintf(key, sizeof key, "measurement/%04d", i);
        put(db, key, "20.5", NULL);
    }
    must(esker_sync(db, &error), &error);

    /* Numbers about the database, for people; "json" and "prometheus" are for programs. */
    esker_value *stats = NULL;
    must(esker_stats(db, "text", &stats, &error), &error);
    printf("%s\n", (const char *)esker_value_data(stats, NULL));
    esker_value_free(stats);

    must(esker_close(db, &error), &error);
    return 0;
}
