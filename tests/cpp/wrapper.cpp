// The C++ wrapper: everything of Esker by values, views and exceptions; and nothing that leaks or crashes in any order.
#include <esker.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>

using namespace std::string_literals;
using namespace std::string_view_literals;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) fail(__LINE__, #condition);                                                                  \
    } while (0)

#define PHASE(what) std::puts(what)

[[noreturn]] static void fail(int line, const char *what) {
    std::fprintf(stderr, "%s:%d: %s\n", __FILE__, line, what);
    std::exit(1);
}

// What `call` throws must have this status.
template <class Call> static esker::Error throws(esker_status code, Call call) {
    try {
        call();
    } catch (const esker::Error &error) {
        if (error.code() != code) fail(__LINE__, error.what());
        return error;
    }
    fail(__LINE__, "nothing was thrown");
}

template <class T>
constexpr bool moves_only = std::is_nothrow_move_constructible_v<T> && !std::is_copy_constructible_v<T>;
static_assert(moves_only<esker::Db> && moves_only<esker::Iterator> && moves_only<esker::Value>);
static_assert(moves_only<esker::Batch> && moves_only<esker::Snapshot>);
static_assert(moves_only<esker::ColumnFamily> && moves_only<esker::Transaction>);

static void writing_and_reading(const esker::Db &db) {
    PHASE("put, get, delete");
    db.put("key", "value");
    CHECK(db.get("key") == "value"s);
    CHECK(db.get_pinned("key")->view() == "value"sv);
    CHECK(db.get("missing") == std::nullopt);
    db.put("", "");
    CHECK(db.get("") == ""s);
    db.put("nul\0key"sv, "nul\0value"sv);
    CHECK(db.get("nul\0key"sv) == "nul\0value"s);
    CHECK(db.get("nul") == std::nullopt);
    db.del("key", esker::Durability::Sync);
    CHECK(db.get("key") == std::nullopt);

    PHASE("batches and ranges");
    esker::Batch batch;
    batch.put("a", "1").put("b", "2").put("c", "3").del("a");
    CHECK(batch.count() == 4 && batch.size_bytes() > 0);
    db.write(batch, esker::WriteOptions().set("durability", "sync"));
    CHECK(db.get("a") == std::nullopt && db.get("c") == "3"s);
    batch.clear();
    batch.put("d", "4").delete_range("b", "c");
    db.write(batch);
    CHECK(db.get("b") == std::nullopt && db.get("d") == "4"s);
    batch.set_savepoint();
    batch.put("e", "5");
    batch.rollback_to_savepoint();
    throws(ESKER_NOT_FOUND, [&] { batch.pop_savepoint(); });
    CHECK(esker::Batch().append(esker::Batch::from_data(batch.data())).count() == batch.count());
    throws(ESKER_CORRUPTION, [&] { esker::Batch::from_data("nonsense"); });
    db.delete_range("c", "d");
    CHECK(db.get("c") == std::nullopt && db.get("d") == "4"s);

    PHASE("many keys at once");
    auto found = db.multi_get({"d", "missing", ""});
    CHECK(found[0]->view() == "4" && !found[1] && found[2]->view().empty());
    CHECK(db.multi_get({}).empty());
}

static void iterating(const esker::Db &db) {
    db.delete_range("", "\xff");
    for (char c = 'a'; c <= 'e'; c++) db.put("k"s + c, std::string(3, c));
    db.put("j", "before");
    db.put("l", "after");

    PHASE("range-for, forwards and backwards");
    std::string seen;
    for (auto [key, value] : db.scan(esker::ReadOptions().prefix("k"))) {
        CHECK(value == std::string(3, key[1]));
        seen += key[1];
    }
    CHECK(seen == "abcde");
    for (auto entry : db.scan_backwards(esker::ReadOptions().lower_bound("kb").upper_bound("kd"))) seen += entry.key[1];
    CHECK(seen == "abcdecb");
    for (auto entry : db.scan(esker::ReadOptions().upper_bound(""))) fail(__LINE__, std::string(entry.key).c_str());

    PHASE("a cursor by hand");
    esker::Iterator it = db.iterator();
    CHECK(!it && it.key().empty());
    it.seek("kc");
    CHECK(it && it.key() == "kc" && it.entry().value == "ccc");
    esker::Value kept = *it.pinned_value();
    it.prev();
    CHECK(it.key() == "kb" && kept.view() == "ccc");
    it.seek_for_prev("kzz");
    CHECK(it.key() == "ke");
    it.seek_to_last();
    CHECK(it.key() == "l");
    it.next();
    CHECK(!it.valid() && !it.pinned_value());
    esker::Iterator moved = std::move(it);
    moved.seek_to_first();
    CHECK(moved.key() == "j");

    PHASE("a snapshot stays");
    esker::Snapshot before = db.snapshot();
    db.put("ka", "new");
    esker::ReadOptions then = esker::ReadOptions().snapshot(before);
    CHECK(db.get("ka", then) == "aaa"s && db.get("ka") == "new"s);
    CHECK(db.multi_get({"ka"}, then)[0]->view() == "aaa");
    CHECK(before.seqno() < db.snapshot().seqno());
    CHECK(db.latest_seqno() == db.snapshot().seqno());
    CHECK(db.property("latest_seqno") == std::to_string(db.latest_seqno()));
    CHECK(db.property_names().size() > 10);

    PHASE("a refreshed iterator sees the present");
    esker::Iterator fresh = db.iterator();
    db.put("ka", "newer");
    fresh.refresh();
    CHECK(!fresh.valid());
    fresh.seek("ka");
    CHECK(fresh.value() == "newer");
}

static void families(const esker::Db &db) {
    PHASE("families: made, listed, used, dropped");
    esker::ColumnFamily users = db.create_family("users");
    esker::ColumnFamily sums = db.create_family("sums", esker::FamilyOptions().set("merge_operator", "add_u64"));
    CHECK((db.families() == std::vector<std::string>{"default", "users", "sums"}));
    CHECK(users.name() == "users" && users.id() != 0 && db.default_family().id() == 0);
    CHECK(sums.option("merge_operator") == "add_u64");
    db.put(users, "7", "Ada");
    db.put(users, "8", "Grace", esker::Durability::Sync);
    CHECK(db.get(users, "7") == "Ada"s && db.get_pinned(users, "8")->view() == "Grace" && !db.get("7"));
    CHECK(db.multi_get(users, {"7", "9"})[0]->view() == "Ada");
    std::string seen;
    for (auto [key, value] : db.scan(users)) seen += key;
    for (auto entry : db.scan_backwards(users, esker::ReadOptions().upper_bound("8"))) seen += entry.key;
    CHECK(seen == "787");
    db.flush(users);
    db.compact_range(users);
    CHECK(db.approximate_size(users) > 0 && db.approximate_size(users, "9") == 0);
    db.delete_range(users, "7", "8");
    db.del(users, "8");
    CHECK(!db.get(users, "7") && !db.get(users, "8"));

    PHASE("a batch spans families, and can be looked into");
    esker::Batch batch;
    batch.put("k", "v").put(users, "u", "w").del(users, "x").delete_range(users, "y", "z");
    db.write(batch);
    CHECK(db.get(users, "u") == "w"s && db.get("k") == "v"s);
    std::vector<esker::Batch::Operation> operations;
    for (const auto &operation : batch) operations.push_back(operation);
    CHECK(operations.size() == 4 && operations[0].family == 0 && operations[1].family == users.id());
    CHECK(operations[1].key == "u" && operations[1].value == "w" && operations[1].expires_at_ms == 0);
    CHECK(operations[2].kind == esker::Batch::Kind::Delete && operations[3].value == "z");
    for (const auto &operation : esker::Batch()) fail(__LINE__, std::string(operation.key).c_str());

    PHASE("a dropped family is refused");
    db.drop_family(users);
    CHECK(users.is_dropped() && db.families().size() == 2);
    throws(ESKER_INVALID_ARGUMENT, [&] { db.put(users, "k", "v"); });
    throws(ESKER_INVALID_ARGUMENT, [&] { db.write(batch); });
    throws(ESKER_NOT_FOUND, [&] { db.family("users"); });
    throws(ESKER_INVALID_ARGUMENT, [&] { db.drop_family(db.default_family()); });
    db.drop_family(db.family("sums"));
}

static void transactions(const esker::Db &db) {
    esker::ColumnFamily cf = db.create_family("accounts");
    PHASE("a transaction is all or nothing");
    {
        esker::Transaction t = db.begin();
        t.put("one", "1");
        t.put(cf, "one", "2");
        t.put("other", "3");
        CHECK(t.get("one") == "1"s && t.get_pinned(cf, "one")->view() == "2" && !db.get("one"));
        CHECK(t.multi_get(cf, {"one", "two"})[0]->view() == "2" && !t.multi_get({"two"})[0]);
        t.set_savepoint();
        t.delete_range("a", "z");
        t.del(cf, "one");
        CHECK(!t.get("one") && !t.get(cf, "one"));
        t.rollback_to_savepoint();
        throws(ESKER_NOT_FOUND, [&] { t.pop_savepoint(); });
        std::string seen;
        for (auto [key, value] : t.scan(esker::ReadOptions().prefix("o"))) seen += key;
        for (auto [key, value] : t.scan(cf)) seen += value;
        CHECK(seen == "oneother2");
        esker::Transaction moved = std::move(t);
        moved.commit();
        throws(ESKER_INVALID_ARGUMENT, [&] { moved.commit(); });
    }
    CHECK(db.get("one") == "1"s && db.get(cf, "one") == "2"s);
    {
        esker::Transaction t = db.begin(esker::TransactionOptions().set("mode", "pessimistic"));
        CHECK(t.get_for_update("one") == "1"s && t.get_for_update(cf, "none") == std::nullopt);
        t.del("one");
    }
    CHECK(db.get("one") == "1"s);

    PHASE("transact tries again on a conflict, and gives back what the work returned");
    int runs = 0;
    std::string was = db.transact([&](esker::Transaction &t) {
        std::string value = t.get("one").value();
        if (++runs == 1) db.put("one", "meanwhile");
        t.put("one", value + "!");
        return value;
    });
    CHECK(runs == 2 && was == "meanwhile" && db.get("one") == "meanwhile!"s);
    auto always = [&](esker::Transaction &t) {
        t.put("other", t.get("one").value());
        db.put("one", std::to_string(++runs));
    };
    runs = 0;
    throws(ESKER_CONFLICT, [&] { db.transact(always, 3); });
    CHECK(runs == 4 && db.get("other") == "3"s);
    db.transact(always, 0, esker::TransactionOptions().set("isolation", "snapshot"));
    CHECK(db.get("other") == "4"s);
    try {
        db.transact([](esker::Transaction &t) {
            t.put("one", "never");
            throw std::runtime_error("changed my mind");
        });
        fail(__LINE__, "nothing was thrown");
    } catch (const std::runtime_error &error) {
        CHECK(error.what() == "changed my mind"s && db.get("one") == "5"s);
    }

    PHASE("threads that transact lose no count");
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; thread++)
        threads.emplace_back([&db, &cf] {
            for (int i = 0; i < 50; i++)
                db.transact(
                    [&](esker::Transaction &t) {
                        int n = std::stoi(t.get(cf, "count").value_or("0"));
                        t.put(cf, "count", std::to_string(n + 1));
                    },
                    1000);
        });
    for (auto &thread : threads) thread.join();
    CHECK(db.get(cf, "count") == "200"s);
    db.drop_family(cf);
}

static void merging_and_expiring(const esker::Db &db) {
    esker::ColumnFamily lists = db.create_family("lists", esker::FamilyOptions().set("merge_operator", "append(, )"));
    PHASE("merges, single, in batches and in transactions");
    db.merge(lists, "l", "a");
    esker::Batch batch;
    db.write(batch.merge(lists, "l", "b"));
    db.transact([&](esker::Transaction &t) { t.merge(lists, "l", "c"); });
    CHECK(db.get(lists, "l") == "a, b, c"s);
    throws(ESKER_INVALID_ARGUMENT, [&] { db.merge("l", "no operator"); });

    PHASE("what has expired is gone");
    batch.clear();
    db.write(batch.put_expiring(lists, "past", "v", 1).put_expiring("future", "v", 4102444800000));
    CHECK(!db.get(lists, "past") && db.get("future") == "v"s);
    CHECK((*++batch.begin()).expires_at_ms == 4102444800000);
    db.put("long", "v", esker::WriteOptions().ttl_ms(3600000));
    db.put("short", "v", esker::WriteOptions(esker::Durability::Sync).ttl_ms(1));
    db.transact([&](esker::Transaction &t) { t.put_expiring("past", "v", 1); });
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    CHECK(db.get("long") && !db.get("short") && !db.get("past"));
    db.drop_family(lists);
}

static void calling_back(const std::string &path) {
    PHASE("comparators and merge operators are functions, and what they throw is an error");
    auto alive = std::make_shared<int>(0);
    esker::Options options;
    options.add_comparator("backwards", [alive](std::string_view a, std::string_view b) { return b.compare(a); });
    options.add_merge_operator(
        "sum",
        [alive](std::string_view, std::optional<std::string_view> base, const auto &operands) {
            int sum = base ? std::stoi(std::string(*base)) : 0;
            for (std::string_view operand : operands) sum += std::stoi(std::string(operand));
            return std::to_string(sum);
        },
        [alive](std::string_view, std::string_view older, std::string_view newer) {
            if (older == "x" || newer == "x") return std::optional<std::string>();
            return std::optional(std::to_string(std::stoi(std::string(older)) + std::stoi(std::string(newer))));
        });
    throws(ESKER_INVALID_ARGUMENT, [&] { options.add_comparator("", nullptr); });
    throws(ESKER_INVALID_ARGUMENT, [&] { options.add_merge_operator("sum", nullptr); });
    {
        esker::Db db(path, options);
        options = esker::Options();
        esker::ColumnFamily back = db.create_family("back", esker::FamilyOptions().set("comparator", "backwards"));
        esker::ColumnFamily sums = db.create_family("sums", esker::FamilyOptions().set("merge_operator", "sum"));
        for (std::string key : {"a", "b", "c"}) db.put(back, key, "v");
        std::string seen;
        for (auto [key, value] : db.scan(back)) seen += key;
        CHECK(seen == "cba");
        db.merge(sums, "n", "40");
        db.merge(sums, "n", "2");
        db.flush(sums);
        db.merge(sums, "n", "-1");
        CHECK(db.get(sums, "n") == "41"s);
        db.compact_range(sums);
        CHECK(db.get(sums, "n") == "41"s);
        db.merge(sums, "bad", "x");
        auto error = throws(ESKER_UNSUPPORTED, [&] { (void)db.get(sums, "bad"); });
        CHECK(std::string_view(error.what()).find("stoi") != std::string_view::npos);
        CHECK(alive.use_count() > 1);
    }
    CHECK(alive.use_count() == 1);
    esker::Db::destroy(path);
}

static void failing(const std::string &path, const std::string &other) {
    PHASE("failures are exceptions that say what and where");
    auto error = throws(ESKER_INVALID_ARGUMENT, [] { esker::Options().set("memory_buget", "1"); });
    CHECK(std::string_view(error.what()).find("memory_budget") != std::string_view::npos);
    CHECK(error.code_name() == "INVALID_ARGUMENT" && error.file().empty() && !error.offset());
    throws(ESKER_LOCKED, [&] { esker::Db second(path); });
    throws(ESKER_NOT_FOUND, [&] { esker::Db missing(other, esker::Options().set("create_if_missing", "false")); });
    throws(ESKER_NOT_FOUND, [&] { esker::Db::verify(other); });
    throws(ESKER_LOCKED, [&] { esker::Db::destroy(path); });
    esker::Db::destroy(other);
}

static void outliving(const std::string &path) {
    PHASE("children outlive a database, whichever way it goes");
    std::optional<esker::Db> db(std::in_place, path);
    db->put("k", "v");
    esker::Iterator it = db->iterator();
    it.seek_to_first();
    esker::Snapshot snapshot = db->snapshot();
    esker::Value value = *db->get_pinned("k");
    esker::ColumnFamily family = db->default_family();
    esker::Transaction transaction = db->begin();
    transaction.put("k", "lost");
    db.reset();
    throws(ESKER_CLOSED, [&] { transaction.commit(); });
    CHECK(family.name() == "default");
    throws(ESKER_CLOSED, [&] { it.next(); });
    CHECK(value.view() == "v" && snapshot.seqno() > 0);

    PHASE("a second close throws, a moved database is gone");
    esker::Db one(path);
    CHECK(one.path() == path && one.option("read_only") == "false");
    esker::Db two = std::move(one);
    throws(ESKER_INVALID_ARGUMENT, [&] { (void)one.get("k"); });
    CHECK(two.get("k") == "v"s && !two.is_closed() && !two.poisoned());
    two.close();
    CHECK(two.is_closed());
    throws(ESKER_CLOSED, [&] { two.close(); });
    throws(ESKER_CLOSED, [&] { (void)two.get("k"); });
    two = esker::Db(path, esker::Options().set("read_only", "true"));
    throws(ESKER_READ_ONLY, [&] { two.put("k", "w"); });
    CHECK(two.get("k") == "v"s);
}

static void sharing(const esker::Db &db) {
    PHASE("threads share it");
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++)
        threads.emplace_back([&db, t] {
            for (int i = 0; i < 500; i++) db.put("t" + std::to_string(t) + "/" + std::to_string(i), "v");
        });
    for (auto &thread : threads) thread.join();
    int count = 0;
    for (auto entry : db.scan(esker::ReadOptions().prefix("t"))) count += entry.value == "v";
    CHECK(count == 2000);
}

int main(int, char **argv) {
    std::string path = argv[1] + "/db"s, other = argv[1] + "/other"s;
    {
        esker::Db db(path, esker::Options().set("memory_budget", "32MiB"));
        writing_and_reading(db);
        iterating(db);
        db.flush();
        db.sync();
        iterating(db);
        db.compact_range("ka", "kc");
        db.compact_range();
        iterating(db);
        db.checkpoint(path + " copy");
        iterating(esker::Db(path + " copy"));
        sharing(db);
        families(db);
        transactions(db);
        merging_and_expiring(db);
        CHECK(db.stats("json").front() == '{');
        failing(path, other);
        db.delete_range("", "z");
    }
    CHECK(!esker::Db::verify(path).empty());
    outliving(path);
    calling_back(other);
    esker::Db::destroy(path);
    CHECK(esker::version() == ESKER_VERSION_STRING);
}
