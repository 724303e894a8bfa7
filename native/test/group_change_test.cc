#include "../sensors/audit/group_change.h"

#include "harness.h"

namespace process_ancestry::audit {
namespace {

constexpr int32_t kCaller = 50;

std::string change(int32_t target, int32_t group, CallerNamespace in) {
  const GroupChange change = group_change(kCaller, {target, group, in});
  const std::string by = change.gone_caller != 0 ? ", says " + std::to_string(change.gone_caller) : "";
  return std::to_string(change.pid) + " to " + std::to_string(change.pgid) + by;
}

TEST("target 0 is the caller, and group 0 is the target's own") {
  CHECK_EQUAL(change(0, 0, CallerNamespace::kInitial), "50 to 50");
  CHECK_EQUAL(change(0, 40, CallerNamespace::kInitial), "50 to 40");
  CHECK_EQUAL(change(60, 0, CallerNamespace::kInitial), "60 to 60");
  CHECK_EQUAL(change(60, 59, CallerNamespace::kInitial), "60 to 59");
}

TEST("numbers of another namespace only identify the caller; zeros are valid in each namespace") {
  CHECK_EQUAL(change(0, 0, CallerNamespace::kOther), "50 to 50");
  CHECK_EQUAL(change(0, 40, CallerNamespace::kOther), "50 to 0");
  CHECK_EQUAL(change(60, 0, CallerNamespace::kOther), "50 to 0");
  CHECK_EQUAL(change(50, 50, CallerNamespace::kOther), "50 to 0");
}

TEST("if the caller is gone, its numbers are valid if it named itself by audit's pid") {
  CHECK_EQUAL(change(0, 0, CallerNamespace::kUnknown), "50 to 50");
  CHECK_EQUAL(change(50, 50, CallerNamespace::kUnknown), "50 to 50");
  CHECK_EQUAL(change(50, 40, CallerNamespace::kUnknown), "50 to 40");
  CHECK_EQUAL(change(0, 50, CallerNamespace::kUnknown), "50 to 50");
}

TEST("if the caller is gone, other numbers are passed on with the caller") {
  CHECK_EQUAL(change(0, 40, CallerNamespace::kUnknown), "50 to 40, says 50");
  CHECK_EQUAL(change(60, 0, CallerNamespace::kUnknown), "60 to 60, says 50");
  CHECK_EQUAL(change(60, 59, CallerNamespace::kUnknown), "60 to 59, says 50");
}

}  // namespace
}  // namespace process_ancestry::audit
