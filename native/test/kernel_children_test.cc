#include "../sensors/connector/kernel_children.h"

#include "harness.h"

namespace process_ancestry::connector {
namespace {

TEST("the first exec of what the kernel made is the kernel's, and no later one") {
  KernelChildren children;
  CHECK(children.forked(KernelChildren::kKthreadd, 50));
  CHECK(!children.forked(1, 51));
  CHECK(!children.executes(51));
  CHECK(children.executes(50));
  CHECK(!children.executes(50));
}

TEST("a kernel thread's child is the kernel's too, whether the thread came before or after the start") {
  KernelChildren children;
  children.seed(60, KernelChildren::kKthreadd);
  children.seed(61, 1);
  CHECK(children.forked(60, 70));
  CHECK(!children.forked(61, 71));
  CHECK(children.forked(70, 72));
  CHECK(children.executes(72));
}

TEST("what a helper starts is its own doing") {
  KernelChildren children;
  children.forked(KernelChildren::kKthreadd, 50);
  children.executes(50);
  CHECK(!children.forked(50, 80));
  CHECK(!children.executes(80));
}

TEST("a pid that is used again is another process") {
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
