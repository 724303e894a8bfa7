#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "harness.h"
#include "samples.h"

namespace process_ancestry::test {
namespace {

struct Test {
  const char* sentence;
  Body body;
};

std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

std::string fixtures_path;
int failures_of_this = 0;

}  // namespace

Registration::Registration(const char* sentence, Body body) { tests().push_back({sentence, body}); }

void report_failure(const char* file, int line, const std::string& what) {
  ++failures_of_this;
  std::printf("    %s:%d: %s\n", file, line, what.c_str());
}

std::string shown(std::string_view text) {
  std::string result = "\"";
  for (const char c : text.substr(0, 200)) {
    const auto byte = static_cast<unsigned char>(c);
    char hex[8];
    std::snprintf(hex, sizeof hex, byte < 0x20 || byte > 0x7e ? "\\x%02x" : "%c", byte);
    result += hex;
  }
  return result + (text.size() > 200 ? "…" : "\"");
}

const std::string& fixtures() { return fixtures_path; }

std::string read_fixture(const std::string& name) {
  std::ifstream file(fixtures_path + "/" + name, std::ios::binary);
  if (!file) report_failure(__FILE__, __LINE__, "cannot read " + fixtures_path + "/" + name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace process_ancestry::test

// The argument is the directory of recorded audit logs. Without it, the directory is found relative to this
// program. With --samples, writes a batch with one event of each kind to standard output.
int main(int argc, char** argv) {
  using namespace process_ancestry::test;
  if (argc > 1 && std::string(argv[1]) == "--samples") {
    process_ancestry::Batch batch;
    pack_samples(batch);
    return std::fwrite(batch.data(), 1, batch.size(), stdout) == batch.size() ? 0 : 1;
  }
  if (argc > 1) {
    fixtures_path = argv[1];
  } else {
    char self[4096];
    const ssize_t size = ::readlink("/proc/self/exe", self, sizeof self);
    const std::string path(self, size > 0 ? static_cast<size_t>(size) : 0);
    fixtures_path = path.substr(0, path.rfind('/') + 1) + "../../../test/fixtures/audit-logs";
  }
  int passed = 0, failed = 0;
  for (const Test& test : tests()) {
    failures_of_this = 0;
    test.body();
    if (failures_of_this == 0) {
      ++passed;
    } else {
      ++failed;
      std::printf("FAILED: %s\n", test.sentence);
    }
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
