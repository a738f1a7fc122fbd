/* Snapshots: a moment stays readable, by every way to read, through every change. */
#include "xtest.h"

int main(int argc, char **argv) {
    char *path = xtest_path(xtest_dir(argc, argv), "db");
    esker_db *db = xtest_open(path);
    esker_snapshot *before = NULL, *after = NULL;
    esker_read_options *then = esker_read_options_new();

    PHASE("a snapshot sees what was there when it was made");
    xtest_put(db, "key", "old");
    xtest_put(db, "gone", "old");
    CHECK_OK(esker_snapshot_new(db, &before, &error));
    xtest_put(db, "key", "new");
    xtest_put(db, "fresh", "new");
    CHECK_OK(esker_delete(db, NULL, B("gone"), NULL, &error));
    CHECK_OK(esker_snapshot_new(db, &after, &error));
    CHECK(esker_snapshot_seqno(before) < esker_snapshot_seqno(after));
    uint64_t latest = 0;
    CHECK_OK(esker_latest_seqno(db, &latest, &error));
    CHECK(latest == esker_snapshot_seqno(after) && latest == esker_snapshot_seqno(before) + 3);
    CHECK_PLAIN(ESKER_OK, esker_read_options_set_snapshot(then, before));
    CHECK(xtest_has(db, "key", "old", then) && xtest_has(db, "gone", "old", then));
    CHECK(xtest_has(db, "fresh", NULL, then));
    CHECK(xtest_has(db, "key", "new", NULL) && xtest_has(db, "gone", NULL, NULL));
    CHECK(xtest_has(db, "fresh", "new", NULL));

    PHASE("flushes and compactions keep it");
    CHECK_OK(esker_flush(db, NULL, &error));
    CHECK_OK(esker_delete_range(db, NULL, B("a"), B("z"), NULL, &error));
    CHECK_OK(esker_compact_range(db, NULL, NULL, 0, NULL, 0, &error));
    CHECK(xtest_has(db, "key", "old", then) && xtest_has(db, "gone", "old", then));
    CHECK(xtest_has(db, "fresh", NULL, then));
    CHECK_PLAIN(ESKER_OK, esker_read_options_set_snapshot(then, after));
    CHECK(xtest_has(db, "key", "new", then) && xtest_has(db, "gone", NULL, then));
    CHECK_PLAIN(ESKER_OK, esker_read_options_set_snapshot(then, NULL));
    CHECK(xtest_has(db, "key", NULL, then));

    PHASE("read options and iterators keep it alive for themselves");
    esker_iter *iter = NULL;
    CHECK_PLAIN(ESKER_OK, esker_read_options_set_snapshot(then, before));
    CHECK_OK(esker_iter_new(db, NULL, then, &iter, &error));
    esker_snapshot_free(before);
    CHECK(xtest_has(db, "key", "old", then));
    esker_read_options_free(then);
    CHECK_PLAIN(ESKER_OK, esker_iter_seek_to_first(iter));
    CHECK(xtest_at(iter, "gone", "old"));
    esker_iter_free(iter);

    PHASE("a snapshot of one database is no snapshot of another");
    esker_db *other = xtest_open(xtest_path(argv[1], "other"));
    esker_value *found = NULL;
    then = esker_read_options_new();
    CHECK_PLAIN(ESKER_OK, esker_read_options_set_snapshot(then, after));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_get(other, NULL, B("key"), then, &found, &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_iter_new(other, NULL, then, &iter, &error));
    CHECK(found == NULL && iter == NULL);
    CHECK_OK(esker_close(other, &error));

    PHASE("it may outlive its database");
    uint64_t seqno = esker_snapshot_seqno(after);
    CHECK_OK(esker_close(db, &error));
    CHECK(esker_snapshot_seqno(after) == seqno);
    CHECK_STATUS(ESKER_CLOSED, esker_get(db, NULL, B("key"), then, &found, &error));
    db = xtest_open(path);
    esker_read_options_free(then);
    esker_snapshot_free(after);
    CHECK_OK(esker_close(db, &error));
    return 0;
}
