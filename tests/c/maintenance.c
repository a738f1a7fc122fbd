/* Care: flush, sync, compaction, statistics, verification and the end of a database. */
#include "xtest.h"

#include <sys/stat.h>

static int exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

/* Changes one byte of a file; a second time, changes it back. */
static void damage(const char *path, const char *file) {
    FILE *f = fopen(xtest_path(path, file), "r+b");
    CHECK(f != NULL);
    CHECK(fseek(f, 3, SEEK_SET) == 0);
    int byte = fgetc(f);
    CHECK(byte != EOF && fseek(f, 3, SEEK_SET) == 0);
    CHECK(fputc(byte ^ 0x10, f) != EOF && fclose(f) == 0);
}

int main(int argc, char **argv) {
    char *path = xtest_path(xtest_dir(argc, argv), "db");
    esker_db *db = xtest_open(path);
    esker_value *text = NULL;
    esker_error *told = NULL;
    char key[16];

    PHASE("flush, sync and compaction change nothing that is read");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++) {
            snprintf(key, sizeof key, "%06d", i * 3 + round);
            xtest_put(db, key, "some value");
        }
        CHECK_OK(esker_sync(db, &error));
        CHECK_OK(esker_flush(db, NULL, &error));
    }
    CHECK_OK(esker_compact_range(db, NULL, B("000100"), B("000200"), &error));
    CHECK_OK(esker_compact_range(db, NULL, NULL, 0, B("000200"), &error));
    CHECK_OK(esker_compact_range(db, NULL, NULL, 0, NULL, 0, &error));
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "%06d", i);
        CHECK(xtest_has(db, key, "some value", NULL));
    }

    PHASE("a checkpoint is a database of its own");
    char copy_path[4096];
    snprintf(copy_path, sizeof copy_path, "%s", xtest_path(path, "copy"));
    CHECK_OK(esker_checkpoint(db, copy_path, &error));
    xtest_put(db, "000001", "another value");
    esker_db *copy = xtest_open(copy_path);
    CHECK(xtest_has(copy, "000001", "some value", NULL) && xtest_has(copy, "002999", "some value", NULL));
    CHECK_STATUS(ESKER_LOCKED, esker_checkpoint(db, path, &error));
    CHECK_STATUS(ESKER_LOCKED, esker_checkpoint(db, copy_path, &error));
    CHECK_OK(esker_close(copy, &error));
    CHECK(esker_checkpoint(db, copy_path, &told) == ESKER_INVALID_ARGUMENT);
    CHECK(told != NULL && strstr(esker_error_file(told), "copy") != NULL);
    esker_error_free(told);
    told = NULL;
    CHECK_STATUS(ESKER_CLOSED, esker_checkpoint(copy, xtest_path(path, "third"), &error));
    CHECK(!exists(xtest_path(path, "third")));
    CHECK_OK(esker_verify(copy_path, NULL, &text, &error));
    esker_value_free(text);
    CHECK_OK(esker_destroy(copy_path, NULL, &error));
    CHECK(remove(copy_path) == 0);
    xtest_put(db, "000001", "some value");

    PHASE("statistics in every format, text by default");
    static const char *const formats[] = {"text", "json", "prometheus"};
    for (size_t i = 0; i < 3; i++) {
        CHECK_OK(esker_stats(db, formats[i], &text, &error));
        size_t len = 0;
        CHECK(strlen((const char *)esker_value_data(text, &len)) == len && len > 100);
        CHECK((i != 1) || *esker_value_data(text, NULL) == '{');
        CHECK((i != 2) || xtest_contains(text, "# TYPE esker_"));
        esker_value_free(text);
    }
    CHECK_OK(esker_stats(db, NULL, &text, &error));
    esker_value_free(text);
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_stats(db, "yaml", &text, &error));
    CHECK(text == NULL);

    PHASE("what the engine did of its own accord, once");
    CHECK_OK(esker_drain_log(db, &text, &error));
    CHECK(xtest_contains(text, "\"level\":\"info\",\"what\":\"flush\",\"text\":\""));
    esker_value_free(text);
    CHECK_OK(esker_drain_log(db, &text, &error));
    size_t drained = 99;
    CHECK(esker_value_data(text, &drained) && drained == 0);
    esker_value_free(text);

    PHASE("one number by its name, and all the names");
    esker_names *names = NULL;
    CHECK_OK(esker_property_names(db, &names, &error));
    CHECK(esker_names_count(names) > 10);
    for (size_t i = 0; i < esker_names_count(names); i++) {
        CHECK_OK(esker_property(db, esker_names_at(names, i), &text, &error));
        esker_value_free(text);
    }
    esker_names_free(names);
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_property(db, "latest_seqn", &text, &error));
    CHECK(text == NULL);

    PHASE("ranges have sizes");
    uint64_t all = 0, half = 0, none = 99;
    CHECK_OK(esker_approximate_size(db, NULL, NULL, 0, NULL, 0, &all, &error));
    CHECK_OK(esker_approximate_size(db, NULL, NULL, 0, B("001500"), &half, &error));
    CHECK_OK(esker_approximate_size(db, NULL, B("x"), NULL, 0, &none, &error));
    CHECK(all > 10000 && half > all / 3 && half < all * 2 / 3 && none == 0);
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_approximate_size(db, NULL, B("b"), B("a"), &all, &error));
    CHECK(all == 0);

    PHASE("an open database is neither verified nor destroyed");
    CHECK_STATUS(ESKER_LOCKED, esker_verify(path, NULL, &text, &error));
    CHECK_STATUS(ESKER_LOCKED, esker_destroy(path, NULL, &error));
    CHECK(text == NULL && xtest_has(db, "000001", "some value", NULL));
    CHECK_OK(esker_close(db, &error));

    PHASE("a sound database is verified with a report");
    CHECK_OK(esker_verify(path, NULL, &text, &error));
    CHECK(xtest_contains(text, "table"));
    esker_value_free(text);

    PHASE("files and directories are looked into, damaged or not");
    CHECK_OK(esker_inspect(path, NULL, 0, &text, &error));
    CHECK(xtest_contains(text, "IDENTITY") && xtest_contains(text, "default"));
    esker_value_free(text);
    damage(path, "CURRENT");
    CHECK_OK(esker_inspect(path, "json", 10, &text, &error));
    CHECK(xtest_contains(text, "\"problems\":[{\"message\":\"CURRENT does not name a MANIFEST\""));
    esker_value_free(text);
    damage(path, "CURRENT");
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_inspect(xtest_path(path, "IDENTITY"), "json", 0, &text, &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_inspect(path, "prometheus", 0, &text, &error));
    CHECK_STATUS(ESKER_NOT_FOUND, esker_inspect(xtest_path(path, "none.wal"), NULL, 0, &text, &error));
    CHECK(text == NULL);

    PHASE("a flipped bit is found, and the error says where");
    db = xtest_open(path);
    CHECK_OK(esker_close(db, &error));
    damage(path, "CURRENT");
    CHECK(esker_verify(path, NULL, &text, &told) == ESKER_CORRUPTION);
    CHECK(text == NULL && told != NULL && strstr(esker_error_file(told), "CURRENT") != NULL);
    esker_error_free(told);
    told = NULL;
    CHECK(esker_open(path, NULL, &db, &told) == ESKER_CORRUPTION);
    CHECK(db == NULL && strstr(esker_error_message(told), "CURRENT") != NULL);
    esker_error_free(told);
    damage(path, "CURRENT");

    PHASE("destroy removes the database and nothing else");
    FILE *own = fopen(xtest_path(path, "notes.txt"), "w");
    CHECK(own != NULL && fputs("mine", own) >= 0 && fclose(own) == 0);
    CHECK_OK(esker_destroy(path, NULL, &error));
    CHECK(exists(xtest_path(path, "notes.txt")) && !exists(xtest_path(path, "CURRENT")));
    CHECK(remove(xtest_path(path, "notes.txt")) == 0);
    db = xtest_open(path);
    CHECK(xtest_has(db, "000001", NULL, NULL));
    CHECK_OK(esker_close(db, &error));
    CHECK_OK(esker_destroy(path, NULL, &error));

    PHASE("a database that is not there");
    CHECK_STATUS(ESKER_NOT_FOUND, esker_verify(path, NULL, &text, &error));
    CHECK_OK(esker_destroy(path, NULL, &error));
    CHECK_OK(esker_destroy(xtest_path(path, "no such directory"), NULL, &error));
    return 0;
}
