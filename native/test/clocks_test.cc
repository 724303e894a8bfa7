#include "../clocks.h"

#include <cmath>
#include <fstream>
#include <set>
#include <string>

#include "harness.h"

namespace process_ancestry::test {
namespace {

constexpr int kCalls = 100'000;

long long btime() {
  std::ifstream stat("/proc/stat");
  std::string name;
  while (stat >> name) {
    long long value = 0;
    if (name == "btime" && stat >> value) return value;
  }
  return 0;
}

TEST("the Unix time of the boot is the same on every call, even if the process is interrupted") {
  std::set<double> answers;
  for (int i = 0; i < kCalls; ++i) answers.insert(unix_minus_boottime_ms());
  // On a host that was suspended, the values differ by some nanoseconds.
  CHECK(*answers.rbegin() - *answers.begin() < 0.001);
}

TEST("the Unix time of the boot is the kernel's, which /proc/stat shows in whole seconds") {
  CHECK_EQUAL(static_cast<long long>(std::floor(unix_minus_boottime_ms() / 1000)), btime());
}

}  // namespace
}  // namespace process_ancestry::test
