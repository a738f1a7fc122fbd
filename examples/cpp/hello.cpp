// c++ -std=c++17 hello.cpp $(pkg-config --cflags --libs esker) && ./a.out DIRECTORY
#include <esker.hpp>
#include <iostream>

int main(int argc, char **argv) try {
    esker::Db db(argc > 1 ? argv[1] : "data");
    db.put("greeting", "hello");
    std::cout << "greeting = " << db.get("greeting").value_or("nothing") << "\n";
    db.close(); // everything is on the medium, or this throws
} catch (const esker::Error &error) {
    std::cerr << error.what() << "\n";
    return 1;
}
