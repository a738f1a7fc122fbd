/* Options: set, read and listed by name, for databases, families, transactions, writes and reads. */
#include "xtest.h"

/* Every option of one kind reads back as a text that sets it again. */
#define CHECK_ROUND_TRIP(kind)                                                                                         \
    do {                                                                                                               \
        esker_##kind *options = esker_##kind##_new();                                                                  \
        size_t count = 0;                                                                                              \
        for (const char *name; (name = esker_##kind##_name(count)) != NULL; count++) {                                 \
            esker_value *shown = NULL;                                                                                 \
            CHECK_OK(esker_##kind##_get(options, name, &shown, &error));                                               \
            CHECK_OK(esker_##kind##_set(options, name, (const char *)esker_value_data(shown, NULL), &error));          \
            CHECK(strstr(esker_##kind##_doc(count), "Takes: ") != NULL);                                               \
            esker_value_free(shown);                                                                                   \
        }                                                                                                              \
        CHECK(count > 0);                                                                                              \
        CHECK(esker_##kind##_doc(count) == NULL);                                                                      \
        CHECK(esker_##kind##_name(SIZE_MAX) == NULL && esker_##kind##_doc(SIZE_MAX) == NULL);                          \
        CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_##kind##_set(options, "no such option", "1", &error));              \
        esker_##kind##_free(options);                                                                                  \
    } while (0)

static int has_option(const char *wanted) {
    for (size_t i = 0; esker_options_name(i) != NULL; i++)
        if (strcmp(esker_options_name(i), wanted) == 0) return 1;
    return 0;
}

int main(int argc, char **argv) {
    char *path = xtest_path(xtest_dir(argc, argv), "db");
    esker_value *text = NULL;

    PHASE("every option reads back as it was set");
    CHECK_ROUND_TRIP(options);
    CHECK_ROUND_TRIP(write_options);
    CHECK_ROUND_TRIP(read_options);
    CHECK_ROUND_TRIP(cf_options);
    CHECK_ROUND_TRIP(txn_options);
    CHECK(has_option("memory_budget") && has_option("create_if_missing") && !has_option(""));

    PHASE("a wrong value changes nothing");
    esker_options *options = esker_options_new();
    CHECK_OK(esker_options_set(options, "memory_budget", "64MiB", &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_options_set(options, "memory_budget", "lots", &error));
    CHECK_OK(esker_options_get(options, "memory_budget", &text, &error));
    CHECK(strcmp((const char *)esker_value_data(text, NULL), "64MiB") == 0);
    esker_value_free(text);

    PHASE("a name that is not there gives no value");
    text = (esker_value *)(void *)&text;
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_options_get(options, "memory_buget", &text, &error));
    CHECK(text == NULL);

    PHASE("an open database tells what it was opened with, also after the options are gone");
    esker_db *db = NULL;
    CHECK_OK(esker_open(path, options, &db, &error));
    CHECK_OK(esker_options_set(options, "memory_budget", "32MiB", &error));
    esker_options_free(options);
    CHECK_OK(esker_get_option(db, "memory_budget", &text, &error));
    CHECK(strcmp((const char *)esker_value_data(text, NULL), "64MiB") == 0);
    esker_value_free(text);
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_get_option(db, "colour", &text, &error));
    CHECK(text == NULL);

    PHASE("durability is an enumeration, and unknown numbers are refused");
    esker_write_options *write = esker_write_options_new();
    static const char *const names[] = {"default", "sync", "buffered", "none"};
    for (int32_t durability = ESKER_DURABILITY_DEFAULT; durability <= ESKER_DURABILITY_NONE; durability++) {
        CHECK_PLAIN(ESKER_OK, esker_write_options_set_durability(write, durability));
        CHECK_OK(esker_write_options_get(write, "durability", &text, &error));
        CHECK(strcmp((const char *)esker_value_data(text, NULL), names[durability]) == 0);
        esker_value_free(text);
        CHECK_OK(esker_put(db, NULL, B("key"), B("value"), write, &error));
        CHECK_OK(esker_delete(db, NULL, B("key"), write, &error));
    }
    static const int32_t wrong[] = {-1, 4, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_PLAIN(ESKER_INVALID_ARGUMENT, esker_write_options_set_durability(write, wrong[i]));
    CHECK_OK(esker_write_options_get(write, "durability", &text, &error));
    CHECK(xtest_contains(text, "none"));
    esker_value_free(text);
    esker_write_options_free(write);

    PHASE("a combination that cannot work is refused at open");
    CHECK_OK(esker_close(db, &error));
    options = esker_options_new();
    CHECK_OK(esker_options_set(options, "read_only", "true", &error));
    CHECK_OK(esker_options_set(options, "error_if_exists", "true", &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_open(path, options, &db, &error));
    CHECK(db == NULL);
    esker_options_free(options);
    return 0;
}
