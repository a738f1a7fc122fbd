/* Iterators: every move, every turn, bounds and prefixes, over memory and tables alike. */
#include "xtest.h"

#define MOVE(call) CHECK_PLAIN(ESKER_OK, call)
#define AT(key, value) CHECK(xtest_at(iter, key, value))

static esker_iter *new_iter(esker_db *db, const esker_read_options *options) {
    esker_iter *iter = NULL;
    CHECK_OK(esker_iter_new(db, NULL, options, &iter, &error));
    CHECK(iter != NULL);
    return iter;
}

/* b, d and f are there; a, c, e and g are not. */
static void check_moves(esker_db *db) {
    esker_iter *iter = new_iter(db, NULL);

    PHASE("a new iterator stands nowhere");
    AT(NULL, NULL);
    CHECK_OK(esker_iter_status(iter, &error));
    MOVE(esker_iter_next(iter));
    AT(NULL, NULL);

    PHASE("forwards to the end, and it stays there");
    MOVE(esker_iter_seek_to_first(iter));
    AT("b", "2");
    MOVE(esker_iter_next(iter));
    AT("d", "4");
    MOVE(esker_iter_next(iter));
    AT("f", "6");
    MOVE(esker_iter_next(iter));
    AT(NULL, NULL);
    MOVE(esker_iter_next(iter));
    MOVE(esker_iter_prev(iter));
    AT(NULL, NULL);
    CHECK_OK(esker_iter_status(iter, &error));

    PHASE("backwards to the end");
    MOVE(esker_iter_seek_to_last(iter));
    AT("f", "6");
    MOVE(esker_iter_prev(iter));
    AT("d", "4");
    MOVE(esker_iter_prev(iter));
    AT("b", "2");
    MOVE(esker_iter_prev(iter));
    AT(NULL, NULL);

    PHASE("it turns round at any step");
    MOVE(esker_iter_seek_to_first(iter));
    MOVE(esker_iter_next(iter));
    MOVE(esker_iter_prev(iter));
    AT("b", "2");
    MOVE(esker_iter_next(iter));
    MOVE(esker_iter_next(iter));
    MOVE(esker_iter_prev(iter));
    AT("d", "4");

    PHASE("seek finds the key or the one after, seek_for_prev the key or the one before");
    MOVE(esker_iter_seek(iter, B("d")));
    AT("d", "4");
    MOVE(esker_iter_seek(iter, B("c")));
    AT("d", "4");
    MOVE(esker_iter_seek(iter, B("g")));
    AT(NULL, NULL);
    MOVE(esker_iter_seek(iter, NULL, 0));
    AT("b", "2");
    MOVE(esker_iter_seek_for_prev(iter, B("d")));
    AT("d", "4");
    MOVE(esker_iter_seek_for_prev(iter, B("e")));
    AT("d", "4");
    MOVE(esker_iter_seek_for_prev(iter, B("a")));
    AT(NULL, NULL);
    MOVE(esker_iter_seek_for_prev(iter, B("g")));
    AT("f", "6");

    PHASE("a value can be kept while the iterator moves on");
    esker_value *kept = NULL;
    size_t len = 0;
    CHECK_OK(esker_iter_pinned_value(iter, &kept, &error));
    MOVE(esker_iter_prev(iter));
    AT("d", "4");
    CHECK(*esker_value_data(kept, &len) == '6' && len == 1);
    esker_value_free(kept);
    MOVE(esker_iter_seek(iter, B("z")));
    CHECK_STATUS(ESKER_NOT_FOUND, esker_iter_pinned_value(iter, &kept, &error));
    CHECK(kept == NULL);

    PHASE("an iterator sees its moment");
    MOVE(esker_iter_seek(iter, B("b")));
    xtest_put(db, "c", "new");
    CHECK_OK(esker_delete(db, NULL, B("d"), NULL, &error));
    MOVE(esker_iter_next(iter));
    AT("d", "4");

    PHASE("until it is refreshed; then it stands nowhere and sees the present");
    CHECK_OK(esker_iter_refresh(iter, &error));
    AT(NULL, NULL);
    MOVE(esker_iter_seek(iter, B("c")));
    AT("c", "new");
    xtest_put(db, "d", "4");
    CHECK_OK(esker_delete(db, NULL, B("c"), NULL, &error));
    esker_iter_free(iter);
}

static void check_bounds(esker_db *db) {
    esker_read_options *options = esker_read_options_new();

    PHASE("the lower bound is in, the upper bound is out");
    MOVE(esker_read_options_set_lower_bound(options, B("d")));
    MOVE(esker_read_options_set_upper_bound(options, B("f")));
    esker_iter *iter = new_iter(db, options);
    MOVE(esker_iter_seek_to_first(iter));
    AT("d", "4");
    MOVE(esker_iter_next(iter));
    AT(NULL, NULL);
    MOVE(esker_iter_seek_to_last(iter));
    AT("d", "4");
    MOVE(esker_iter_seek(iter, B("a")));
    AT("d", "4");
    MOVE(esker_iter_seek_for_prev(iter, B("z")));
    AT("d", "4");
    MOVE(esker_iter_seek_for_prev(iter, B("c")));
    AT(NULL, NULL);

    PHASE("an iterator keeps the bounds it was made with");
    MOVE(esker_read_options_set_lower_bound(options, NULL, 0));
    MOVE(esker_read_options_set_upper_bound(options, NULL, 0));
    MOVE(esker_iter_seek_to_last(iter));
    AT("d", "4");
    esker_iter_free(iter);

    PHASE("NULL takes a bound away; the empty key as an upper bound lets nothing through");
    iter = new_iter(db, options);
    MOVE(esker_iter_seek_to_last(iter));
    AT("f", "6");
    esker_iter_free(iter);
    MOVE(esker_read_options_set_upper_bound(options, (const uint8_t *)"", 0));
    iter = new_iter(db, options);
    MOVE(esker_iter_seek_to_first(iter));
    AT(NULL, NULL);
    esker_iter_free(iter);
    esker_read_options_free(options);
}

static void check_prefix(esker_db *db) {
    static const uint8_t top[] = {255, 255}, beyond[] = {255, 255, 0};
    esker_read_options *options = esker_read_options_new();
    xtest_put(db, "p", "0");
    xtest_put(db, "pa", "1");
    xtest_put(db, "pb", "2");
    xtest_put(db, "q", "3");
    CHECK_OK(esker_put(db, NULL, BYTES(top), B("top"), NULL, &error));
    CHECK_OK(esker_put(db, NULL, BYTES(beyond), B("beyond"), NULL, &error));

    PHASE("a prefix lets exactly its keys through, in both directions");
    MOVE(esker_read_options_set_prefix(options, B("p")));
    esker_iter *iter = new_iter(db, options);
    MOVE(esker_iter_seek_to_first(iter));
    AT("p", "0");
    MOVE(esker_iter_next(iter));
    MOVE(esker_iter_next(iter));
    AT("pb", "2");
    MOVE(esker_iter_next(iter));
    AT(NULL, NULL);
    MOVE(esker_iter_seek_to_last(iter));
    AT("pb", "2");
    MOVE(esker_iter_seek(iter, B("q")));
    AT(NULL, NULL);
    esker_iter_free(iter);

    PHASE("a prefix without a successor works too");
    MOVE(esker_read_options_set_prefix(options, top, 1));
    iter = new_iter(db, options);
    MOVE(esker_iter_seek_to_last(iter));
    CHECK(esker_iter_valid(iter));
    size_t len = 0;
    CHECK(memcmp(esker_iter_key(iter, &len), beyond, sizeof beyond) == 0 && len == sizeof beyond);
    MOVE(esker_iter_prev(iter));
    MOVE(esker_iter_prev(iter));
    AT(NULL, NULL);
    esker_iter_free(iter);

    PHASE("prefix and bounds together let through what fulfils both");
    MOVE(esker_read_options_set_prefix(options, B("p")));
    MOVE(esker_read_options_set_lower_bound(options, B("pa")));
    MOVE(esker_read_options_set_upper_bound(options, B("pb")));
    iter = new_iter(db, options);
    MOVE(esker_iter_seek_to_last(iter));
    AT("pa", "1");
    MOVE(esker_iter_prev(iter));
    AT(NULL, NULL);
    esker_iter_free(iter);
    esker_read_options_free(options);
    CHECK_OK(esker_delete_range(db, NULL, B("p"), B("z"), NULL, &error));
    CHECK_OK(esker_delete(db, NULL, BYTES(top), NULL, &error));
    CHECK_OK(esker_delete(db, NULL, BYTES(beyond), NULL, &error));
}

int main(int argc, char **argv) {
    esker_db *db = xtest_open(xtest_path(xtest_dir(argc, argv), "db"));

    PHASE("an empty database has no first and no last key");
    esker_iter *iter = new_iter(db, NULL);
    MOVE(esker_iter_seek_to_first(iter));
    AT(NULL, NULL);
    MOVE(esker_iter_seek_to_last(iter));
    AT(NULL, NULL);
    esker_iter_free(iter);

    PHASE("the empty key and the empty value are an entry");
    CHECK_OK(esker_put(db, NULL, NULL, 0, NULL, 0, NULL, &error));
    iter = new_iter(db, NULL);
    MOVE(esker_iter_seek_to_first(iter));
    AT("", "");
    esker_iter_free(iter);
    CHECK_OK(esker_delete(db, NULL, NULL, 0, NULL, &error));

    xtest_put(db, "b", "2");
    xtest_put(db, "d", "4");
    xtest_put(db, "f", "6");
    check_moves(db);
    check_bounds(db);
    check_prefix(db);
    PHASE("-- the same from tables");
    CHECK_OK(esker_flush(db, NULL, &error));
    check_moves(db);
    check_bounds(db);
    CHECK_OK(esker_compact_range(db, NULL, NULL, 0, NULL, 0, &error));
    check_moves(db);
    check_prefix(db);
    CHECK_OK(esker_close(db, &error));
    return 0;
}
