// The only function of libatomic that Node uses (see without_libatomic.ts), for the only size that V8 needs: heads of its
// free lists, 8 bytes in a cache line. It aborts for any other size.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool __attribute__((used, section(".text.only"))) compare_exchange(size_t size, void *object, void *expected,
                                                                    void *desired, int success, int failure) {
  (void)success;
  (void)failure;
  if (size != sizeof(uint64_t)) __builtin_trap();
  return __atomic_compare_exchange((uint64_t *)object, (uint64_t *)expected, (uint64_t *)desired, false,
                                   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
