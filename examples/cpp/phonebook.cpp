// A phone book: batches, prefix scans and snapshots, in C++17.
//
//     c++ -std=c++17 phonebook.cpp $(pkg-config --cflags --libs esker) && ./a.out DIRECTORY
//
// Keys are "town/name", so that everybody of a town is one stretch of the ordered keys.
#include <esker.hpp>
#include <iostream>
#include <string>

class Phonebook {
public:
    explicit Phonebook(const std::string &path) : db_(path, esker::Options().set("memory_budget", "32MiB")) {}

    // Moves somebody to another town: both writes happen, or none, also across a crash.
    void move(const std::string &name, const std::string &from, const std::string &to) {
        auto number = db_.get(from + "/" + name);
        if (!number) throw std::runtime_error("nobody called " + name + " in " + from);
        db_.write(esker::Batch().del(from + "/" + name).put(to + "/" + name, *number), esker::Durability::Sync);
    }

    void add(const std::string &town, const std::string &name, const std::string &number) {
        db_.put(town + "/" + name, number);
    }

    void print(const std::string &town, const esker::ReadOptions &options) const {
        std::cout << town << ":\n";
        for (auto [key, number] : db_.scan(options))
            std::cout << "  " << key.substr(town.size() + 1) << " " << number << "\n";
    }

    esker::Snapshot today() const { return db_.snapshot(); }

private:
    esker::Db db_;
};

int main(int argc, char **argv) try {
    Phonebook book(argc > 1 ? argv[1] : "phonebook");
    book.add("Bergen", "Ada", "5551234");
    book.add("Bergen", "Grace", "5559876");
    book.add("Tartu", "Alan", "5550000");

    esker::Snapshot yesterday = book.today();
    book.move("Ada", "Bergen", "Tartu");
    book.print("Bergen", esker::ReadOptions().prefix("Bergen/"));
    book.print("Tartu", esker::ReadOptions().prefix("Tartu/"));
    std::cout << "Yesterday, in ";
    book.print("Bergen", esker::ReadOptions().prefix("Bergen/").snapshot(yesterday));
} catch (const std::exception &error) {
    std::cerr << error.what() << "\n";
    return 1;
}
