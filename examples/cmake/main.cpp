// A batch, and a walk over what it wrote.   build/hello DIRECTORY
#include <esker.hpp>
#include <iostream>

int main(int argc, char **argv) try {
    esker::Db db(argc > 1 ? argv[1] : "data");
    db.write(esker::Batch().put("user/1", "Ada").put("user/2", "Grace")); // both or none
    for (auto [key, value] : db.scan(esker::ReadOptions().prefix("user/")))
        std::cout << key << " = " << value << "\n";
    db.close(); // everything is on the medium, or this throws
} catch (const esker::Error &error) {
    std::cerr << error.what() << "\n";
    return 1;
}
