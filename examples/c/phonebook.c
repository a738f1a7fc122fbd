/*
 * A phone book: one key per entry, grouped by a prefix, written in batches and read by prefix scan.
 *
 *     cc phonebook.c $(pkg-config --cflags --libs esker) && ./a.out DIRECTORY
 *
 * Keys are "town/name", so that everybody of a town is one stretch of the ordered keys.
 */
#include <esker.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program with the error's own sentence. Takes its place: arguments are evaluated in any order. */
static void must(esker_status status, esker_error **error) {
    if (status == ESKER_OK) return;
    fprintf(stderr, "%s: %s\n", esker_status_name(status), error != NULL ? esker_error_message(*error) : "");
    exit(1);
}

/* The wrapper takes key and value as C strings; Esker itself takes any bytes. */
static void add(esker_batch *batch, const char *key, const char *number) {
    esker_error *error = NULL;
    const uint8_t *k = (const uint8_t *)key, *n = (const uint8_t *)number;
    must(esker_batch_put(batch, NULL, k, strlen(key), n, strlen(number), &error), &error);
}

/* Prints every entry whose key begins with `prefix`. */
static void print_all(esker_db *db, const char *prefix) {
    esker_error *error = NULL;
    esker_iter *iter = NULL;
    esker_read_options *options = esker_read_options_new();

    must(esker_read_options_set_prefix(options, (const uint8_t *)prefix, strlen(prefix)), NULL);
    must(esker_iter_new(db, NULL, options, &iter, &error), &error);
    esker_read_options_free(options);

    for (esker_iter_seek_to_first(iter); esker_iter_valid(iter); esker_iter_next(iter)) {
        size_t key_len, value_len;
        const char *key = (const char *)esker_iter_key(iter, &key_len);
        const char *value = (const char *)esker_iter_value(iter, &value_len);
        printf("%.*s: %.*s\n", (int)key_len, key, (int)value_len, value);
    }
    /* The loop also ends on an error, so ask which it was. */
    must(esker_iter_status(iter, &error), &error);
    esker_iter_free(iter);
}

int main(int argc, char **argv) {
    esker_error *error = NULL;
    esker_db *db = NULL;
    must(esker_open(argc > 1 ? argv[1] : "phonebook", NULL, &db, &error), &error);

    /* All of a batch is there after a crash, or nothing of it. */
    esker_batch *batch = esker_batch_new();
    add(batch, "Bergen/Ada", "5551234");
    add(batch, "Bergen/Grace", "5559876");
    add(batch, "Tartu/Alan", "5550000");
    must(esker_write(db, batch, NULL, &error), &error);
    esker_batch_free(batch);

    printf("Bergen:\n");
    print_all(db, "Bergen/");

    const char *key = "Bergen/Ada";
    must(esker_delete(db, NULL, (const uint8_t *)key, strlen(key), NULL, &error), &error);
    printf("Everybody but Ada:\n");
    print_all(db, "");

    must(esker_close(db, &error), &error);
    return 0;
}
