#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "../batch.h"

namespace process_ancestry::fuzz {

// Aborts like a sanitizer, so that libFuzzer keeps the input.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

// The records of a batch are back to back, and each has the size in its header.
inline void require_whole(const Batch& batch) {
  size_t at = 0;
  while (at < batch.size()) {
    require(batch.size() - at >= Batch::kHeaderBytes, "a record has a header");
    const uint32_t size = record_size(batch.data() + at);
    require(size >= Batch::kHeaderBytes && size <= batch.size() - at, "a record ends within its batch");
    at += size;
  }
}

}  // namespace process_ancestry::fuzz
