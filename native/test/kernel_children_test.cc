#include "../sensors/connector/kernel_children.h"

#include "harness.h"

namespace process_ancestry::connector {
namespace {

TEST("only the first exec of a process made by the kernel is the kernel's") {
  KernelChildren children;
  CHECK(children.forked(KernelChildren::kKthreadd, 50));
  CHECK(!children.forked(1, 51));
  CHECK(!children.executes(51));
  CHECK(children.executes(50));
  CHECK(!children.executes(50));
}

TEST("a kernel thread's child is also made by the kernel, also if the thread began before the start") {
  KernelChildren children;
  children.seed(60, KernelChildren::kKthreadd);
  children.seed(61, 1);
  CHECK(children.forked(60, 70));
  CHECK(!children.forked(61, 71));
  CHECK(children.forked(70, 72));
  CHECK(children.executes(72));
}

TEST("execs of a helper's children are not the kernel's") {
  KernelChildren children;
  children.forked(KernelChildren::kKthreadd, 50);
  children.executes(50);
  CHECK(!children.forked(50, 80));
  CHECK(!children.executes(80));
}

TEST("a reused pid is another process") {
  KernelChildren children;
  children.forked(KernelChildren::kKthreadd, 50);
  children.exited(50);
  CHECK(!children.executes(50));
  children.forked(KernelChildren::kKthreadd, 50);
  children.forked(1, 50);
  CHECK(!children.executes(50));
  CHECK_EQUAL(children.size(), 0U);
}

}  // namespace
}  // namespace process_ancestry::connector
