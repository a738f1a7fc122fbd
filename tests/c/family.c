/* Column families: made, opened, listed, dropped; honoured by every call that takes one; and no order of frees that hurts. */
#include "xtest.h"

/* Whether `key` of `cf` has this value, NULL for absent. */
static int in(esker_db *db, const esker_cf *cf, const char *key, const char *value) {
    char buf[64];
    size_t len = 0;
    esker_status want = value == NULL ? ESKER_NOT_FOUND : ESKER_OK;
    CHECK_STATUS(want, esker_get_into(db, cf, B(key), NULL, (uint8_t *)buf, sizeof buf, &len, &error));
    return value == NULL || (len == strlen(value) && memcmp(buf, value, len) == 0);
}

static esker_cf *make(esker_db *db, const char *name, const char *option, const char *value) {
    esker_cf *cf = NULL;
    esker_cf_options *options = esker_cf_options_new();
    if (option != NULL) CHECK_OK(esker_cf_options_set(options, option, value, &error));
    CHECK_OK(esker_cf_create(db, name, options, &cf, &error));
    esker_cf_options_free(options);
    return cf;
}

static esker_cf *find(esker_db *db, const char *name) {
    esker_cf *cf = NULL;
    CHECK_OK(esker_cf_open(db, name, &cf, &error));
    return cf;
}

/* Every call that takes a family, with one it must refuse for the reason `status`. */
static void check_refused(esker_db *db, const esker_cf *cf, esker_status status) {
    esker_value *value = NULL;
    esker_iter *iter = NULL;
    uint8_t buf[8];
    const uint8_t *key = (const uint8_t *)"k";
    size_t len = 0, end = 0;
    esker_status each = 0;
    CHECK_STATUS(status, esker_put(db, cf, B("k"), B("v"), NULL, &error));
    CHECK_STATUS(status, esker_delete(db, cf, B("k"), NULL, &error));
    CHECK_STATUS(status, esker_delete_range(db, cf, B("a"), B("z"), NULL, &error));
    CHECK_STATUS(status, esker_get(db, cf, B("k"), NULL, &value, &error));
    CHECK_STATUS(status, esker_get_into(db, cf, B("k"), NULL, buf, sizeof buf, &len, &error));
    CHECK_STATUS(status, esker_multi_get(db, cf, 1, &key, &(size_t){1}, NULL, &value, &each, &error));
    CHECK(each == status);
    CHECK_STATUS(status, esker_multi_get_into(db, cf, 1, key, &(size_t){1}, NULL, buf, sizeof buf, &end, &each, &len,
                                              &error));
    CHECK_STATUS(status, esker_iter_new(db, cf, NULL, &iter, &error));
    CHECK_STATUS(status, esker_flush(db, cf, &error));
    CHECK_STATUS(status, esker_compact_range(db, cf, NULL, 0, NULL, 0, &error));
    CHECK_STATUS(status, esker_cf_drop(db, cf, &error));
    CHECK(value == NULL && iter == NULL && len == 0);
}

static void check_names(esker_db *db, const char *second, const char *third) {
    esker_names *names = NULL;
    CHECK_OK(esker_cf_list(db, &names, &error));
    CHECK(esker_names_count(names) == (third != NULL ? 3 : 2));
    CHECK(strcmp(esker_names_at(names, 0), "default") == 0 && strcmp(esker_names_at(names, 1), second) == 0);
    if (third != NULL) CHECK(strcmp(esker_names_at(names, 2), third) == 0);
    CHECK(esker_names_at(names, esker_names_count(names)) == NULL && esker_names_at(names, SIZE_MAX) == NULL);
    esker_names_free(names);
}

static void making(esker_db *db) {
    esker_cf *users = make(db, "users", NULL, NULL), *sums = make(db, "sums", "merge_operator", "add_u64"), *none = NULL;
    esker_value *text = NULL;

    PHASE("a family has a name, a number and options");
    CHECK(strcmp(esker_cf_name(users), "users") == 0 && strcmp(esker_cf_name(sums), "sums") == 0);
    CHECK(esker_cf_id(users) != 0 && esker_cf_id(sums) != esker_cf_id(users) && esker_cf_id(NULL) == 0);
    CHECK_OK(esker_cf_get_option(sums, "merge_operator", &text, &error));
    CHECK(xtest_contains(text, "add_u64"));
    esker_value_free(text);
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_cf_get_option(sums, "merge_operador", &text, &error));
    check_names(db, "users", "sums");

    PHASE("what cannot be made is refused");
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_cf_create(db, "users", NULL, &none, &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_cf_create(db, "default", NULL, &none, &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_cf_create(db, "", NULL, &none, &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_cf_create(db, "\xff", NULL, &none, &error));
    CHECK_STATUS(ESKER_NOT_FOUND, esker_cf_open(db, "user", &none, &error));
    CHECK(none == NULL);
    esker_cf_free(users);
    esker_cf_free(sums);
}

static void working(esker_db *db) {
    esker_cf *users = find(db, "users"), *standard = NULL;
    esker_iter *iter = NULL;
    esker_value *found[2];
    esker_status statuses[2];
    const uint8_t *keys[] = {(const uint8_t *)"a", (const uint8_t *)"b"};
    const size_t lens[] = {1, 1};

    PHASE("keys are the family's own");
    xtest_put(db, "a", "of the default family");
    CHECK_OK(esker_put(db, users, B("a"), B("1"), NULL, &error));
    CHECK_OK(esker_put(db, users, B("b"), B("2"), NULL, &error));
    CHECK(in(db, users, "a", "1") && in(db, NULL, "a", "of the default family") && in(db, NULL, "b", NULL));
    CHECK_OK(esker_multi_get(db, users, 2, keys, lens, NULL, found, statuses, &error));
    CHECK(xtest_contains(found[0], "1") && xtest_contains(found[1], "2"));
    esker_value_free(found[0]);
    esker_value_free(found[1]);
    CHECK_OK(esker_iter_new(db, users, NULL, &iter, &error));
    CHECK_PLAIN(ESKER_OK, esker_iter_seek_to_last(iter));
    CHECK(xtest_at(iter, "b", "2"));
    esker_iter_free(iter);
    CHECK_OK(esker_delete(db, users, B("a"), NULL, &error));
    CHECK_OK(esker_delete_range(db, users, B("b"), B("c"), NULL, &error));
    CHECK(in(db, users, "a", NULL) && in(db, users, "b", NULL) && in(db, NULL, "a", "of the default family"));

    PHASE("the default family's handle is NULL by another name");
    CHECK_OK(esker_cf_default(db, &standard, &error));
    CHECK(esker_cf_id(standard) == 0 && in(db, standard, "a", "of the default family"));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_cf_drop(db, standard, &error));
    esker_cf_free(standard);

    PHASE("a batch spans families, and is written whole");
    esker_batch *batch = esker_batch_new();
    CHECK_OK(esker_batch_put(batch, users, B("u"), B("user"), &error));
    CHECK_OK(esker_batch_put(batch, NULL, B("d"), B("default"), &error));
    CHECK_OK(esker_batch_delete_range(batch, users, B("x"), B("z"), &error));
    CHECK_OK(esker_batch_delete(batch, NULL, B("a"), &error));
    CHECK_OK(esker_write(db, batch, NULL, &error));
    CHECK(in(db, users, "u", "user") && in(db, NULL, "d", "default") && in(db, NULL, "a", NULL));
    esker_batch_free(batch);

    PHASE("flush and compaction are the family's too");
    CHECK_OK(esker_flush(db, users, &error));
    CHECK_OK(esker_compact_range(db, users, NULL, 0, NULL, 0, &error));
    CHECK_OK(esker_flush(db, NULL, &error));
    CHECK(in(db, users, "u", "user") && in(db, NULL, "d", "default"));
    esker_cf_free(users);
}

static void dropping(esker_db *db) {
    esker_cf *gone = find(db, "sums"), *again = NULL;
    esker_read_options *then = esker_read_options_new();
    esker_snapshot *snapshot = NULL;
    esker_iter *iter = NULL;
    esker_value *value = NULL;
    esker_batch *batch = esker_batch_new();
    CHECK_OK(esker_put(db, gone, B("k"), B("kept"), NULL, &error));
    CHECK_OK(esker_batch_put(batch, gone, B("k"), B("lost"), &error));
    CHECK_OK(esker_snapshot_new(db, &snapshot, &error));
    CHECK_PLAIN(ESKER_OK, esker_read_options_set_snapshot(then, snapshot));
    CHECK_OK(esker_iter_new(db, gone, NULL, &iter, &error));

    PHASE("a dropped family is refused everywhere");
    CHECK(!esker_cf_is_dropped(gone));
    CHECK_OK(esker_cf_drop(db, gone, &error));
    CHECK(esker_cf_is_dropped(gone) && strcmp(esker_cf_name(gone), "sums") == 0);
    check_refused(db, gone, ESKER_INVALID_ARGUMENT);
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_batch_put(batch, gone, B("k"), B("v"), &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_write(db, batch, NULL, &error));
    CHECK_STATUS(ESKER_NOT_FOUND, esker_cf_open(db, "sums", &again, &error));
    check_names(db, "users", NULL);

    PHASE("a snapshot and an iterator from before still see it");
    CHECK_OK(esker_get(db, gone, B("k"), then, &value, &error));
    CHECK(xtest_contains(value, "kept"));
    CHECK_PLAIN(ESKER_OK, esker_iter_seek_to_first(iter));
    CHECK(xtest_at(iter, "k", "kept"));

    PHASE("a new family of the name is another");
    again = make(db, "sums", NULL, NULL);
    CHECK(esker_cf_id(again) != esker_cf_id(gone) && in(db, again, "k", NULL));
    esker_value_free(value);
    esker_cf_free(again);
    esker_batch_free(batch);
    esker_cf_free(gone);
    esker_iter_free(iter);
    esker_read_options_free(then);
    esker_snapshot_free(snapshot);
}

static void outliving(const char *path, const char *elsewhere) {
    esker_db *db = xtest_open(path), *other = xtest_open(elsewhere);
    esker_cf *users = find(db, "users"), *theirs = make(other, "users", NULL, NULL);
    esker_names *names = NULL, *none = NULL;
    esker_cf *nobody = NULL;

    PHASE("families are there when the database is opened again");
    CHECK(in(db, users, "u", "user"));
    check_names(db, "users", "sums");

    PHASE("a family of another database is refused");
    check_refused(db, theirs, ESKER_INVALID_ARGUMENT);
    CHECK(in(other, theirs, "k", NULL));

    PHASE("after a close the handle knows its name and no more");
    CHECK_OK(esker_cf_list(db, &names, &error));
    CHECK_OK(esker_close(db, &error));
    check_refused(db, users, ESKER_CLOSED);
    CHECK_STATUS(ESKER_CLOSED, esker_cf_open(db, "users", &nobody, &error));
    CHECK_STATUS(ESKER_CLOSED, esker_cf_default(db, &nobody, &error));
    CHECK_STATUS(ESKER_CLOSED, esker_cf_list(db, &none, &error));
    CHECK(nobody == NULL && none == NULL);
    CHECK(strcmp(esker_cf_name(users), "users") == 0 && esker_cf_id(users) != 0);
    CHECK(strcmp(esker_names_at(names, 1), "users") == 0);

    PHASE("nor is it one of the same files opened anew");
    db = xtest_open(path);
    check_refused(db, users, ESKER_INVALID_ARGUMENT);
    CHECK_OK(esker_close(db, &error));
    CHECK_OK(esker_close(other, &error));
    esker_cf_free(theirs);
    esker_cf_free(users);
    esker_names_free(names);
    esker_cf_free(NULL);
}

int main(int argc, char **argv) {
    char *path = xtest_path(xtest_dir(argc, argv), "db");
    esker_db *db = xtest_open(path);
    making(db);
    working(db);
    dropping(db);
    CHECK_OK(esker_close(db, &error));
    outliving(path, xtest_path(argv[1], "other"));
    return 0;
}
