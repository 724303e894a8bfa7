#pragma once

#include <string>
#include <vector>

#include "../batch.h"

namespace process_ancestry::test {

// A record of a batch, read back.
struct Unpacked {
  Kind kind{};
  Source source{};
  int flags = 0;
  int32_t pid = 0;
  double time = 0;
  std::vector<uint32_t> words;  // of an exec: serial to ogid, sid to tty_number
  std::vector<double> doubles;  // of an exec: the file times and the pid namespace
  uint32_t argc = 0, args_size = 0;
  std::vector<std::string> texts;
};

// Reports a failure for a batch that does not follow the format.
std::vector<Unpacked> unpack(const Batch& batch);

}  // namespace process_ancestry::test
