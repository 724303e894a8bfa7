#pragma once

#include <sstream>
#include <string>
#include <string_view>

// A minimal test runner. Each test is a sentence: TEST("a sentence about behaviour") { CHECK_EQUAL(…); }
//
// To detect undefined behaviour and invalid memory accesses, build the same sources with sanitizers, from the
// top directory:
//   gcc -g -c -Inative/sensors/ebpf -o native/build/kernel_programs.o native/sensors/ebpf/kernel_programs.c
//   g++ -std=c++17 -g -O1 -pthread -fsanitize=address,undefined -fno-sanitize-recover=all
//       -o native/build/sanitized_tests native/build/kernel_programs.o
//       $(find native -name '*.cc' -not -name addon.cc)
//   native/build/sanitized_tests test/fixtures/audit-logs
namespace process_ancestry::test {

using Body = void (*)();

struct Registration {
  Registration(const char* sentence, Body body);
};

void report_failure(const char* file, int line, const std::string& what);

template <typename T>
std::string shown(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}
// The text with its non-printable bytes escaped.
std::string shown(std::string_view text);
inline std::string shown(const std::string& text) { return shown(std::string_view(text)); }
inline std::string shown(const char* text) { return shown(std::string_view(text)); }

template <typename A, typename B>
void check_equal(const A& actual, const B& expected, const char* expression, const char* file, int line) {
  if (actual == expected) return;
  report_failure(file, line, std::string(expression) + " is " + shown(actual) + ", not " + shown(expected));
}

inline void check(bool holds, const char* expression, const char* file, int line) {
  if (!holds) report_failure(file, line, std::string(expression) + " does not hold");
}

// The directory of the recorded audit logs.
const std::string& fixtures();
std::string read_fixture(const std::string& name);

}  // namespace process_ancestry::test

#define TEST_JOIN_(a, b) a##b
#define TEST_JOIN(a, b) TEST_JOIN_(a, b)
#define TEST(sentence)                                                                  \
  static void TEST_JOIN(test_, __LINE__)();                                             \
  static const process_ancestry::test::Registration TEST_JOIN(registration_, __LINE__)( \
      sentence, &TEST_JOIN(test_, __LINE__));                                           \
  static void TEST_JOIN(test_, __LINE__)()
#define CHECK(expression) process_ancestry::test::check((expression), #expression, __FILE__, __LINE__)
#define CHECK_EQUAL(actual, expected) \
  process_ancestry::test::check_equal((actual), (expected), #actual, __FILE__, __LINE__)
