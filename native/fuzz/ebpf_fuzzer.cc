// Passes the input to the reader of the kernel's ring and to the decoder of its records: as malformed ring
// memory, or as a valid ring with malformed records.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "../sensors/ebpf/record_decoder.h"
#include "../sensors/ebpf/ring.h"
#include "properties.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace process_ancestry::ebpf {
namespace {

using fuzz::require;
using fuzz::require_whole;

constexpr size_t kRingBytes = 8192, kRingHeaderBytes = 8;
constexpr uint32_t kMountNamespace = 0xf0000000;

// The start of an input.
struct Plan {
  uint16_t is_ring = 0;  // odd: the rest is ring memory; even: lengths and records
  uint16_t start = 0;    // position of the reader in the ring
  uint16_t waiting = 0;  // for ring memory: how many bytes wait, according to the producer
};

class FilledRing {
 public:
  explicit FilledRing(const Plan& plan)
      : data_(kRingBytes), consumer_(plan.start / 8U * 8U), producer_(consumer_) {}

  void fill(const Plan& plan, std::string_view memory) {
    if (!memory.empty()) std::memcpy(data_.data(), memory.data(), std::min(memory.size(), data_.size()));
    producer_ = consumer_ + plan.waiting;
  }
  // False if there is no room.
  bool append(std::string_view record) {
    const size_t whole = (kRingHeaderBytes + record.size() + 7) / 8 * 8;
    if (producer_ - consumer_ + whole > kRingBytes) return false;
    const auto length = static_cast<uint32_t>(record.size());
    std::memcpy(&data_[producer_ % kRingBytes], &length, sizeof length);
    for (size_t i = 0; i < record.size(); ++i) {
      data_[(producer_ + kRingHeaderBytes + i) % kRingBytes] = static_cast<uint8_t>(record[i]);
    }
    producer_ += whole;
    return true;
  }
  Ring reader() { return {&consumer_, &producer_, data_.data(), data_.size()}; }

 private:
  std::vector<uint8_t> data_;
  unsigned long consumer_, producer_;
};

void pack(const Told& told, Batch& batch) {
  switch (told.what) {
    case Told::What::kNothing:
    case Told::What::kSetsid:
      return;
    case Told::What::kFork:
      return batch.add(Source::kEbpf, told.pid, told.time_ms, told.fork);
    case Told::What::kExit:
      return batch.add(Source::kEbpf, told.pid, told.time_ms, told.exit);
    case Told::What::kSetid:
      return batch.add(Source::kEbpf, told.pid, told.time_ms, told.setid);
    case Told::What::kExec:
      return batch.exec(Source::kEbpf, told.pid, told.time_ms, told.details);
    case Told::What::kSnapshot:
      return batch.add(Source::kEbpf, told.pid, told.time_ms, told.snapshot);
  }
}

void drain(Ring reader) {
  RecordDecoder decoder({kMountNamespace, {"SSH_CONNECTION", "A"}});
  Batch batch;
  Ring::Record record;
  size_t taken = 0;
  while (reader.next(record)) {
    require(++taken <= kRingBytes / kRingHeaderBytes, "the ring has an end");
    // A separate allocation, so that a read past the end is detected.
    const std::unique_ptr<uint8_t[]> alone(new uint8_t[record.size]);
    if (record.size > 0) std::memcpy(alone.get(), record.bytes, record.size);
    Told told;
    if (!decoder.read(alone.get(), record.size, told)) continue;
    pack(told, batch);
    std::string path(told.file.lookup_path);
    require(path.size() <= record.size + 3 * (kPathMaxBytes + 1), "a path is not longer than its record");
  }
  require(reader.waiting() <= kRingBytes || reader.malformed() == 0, "malformed ring memory is skipped");
  decoder.take_forgotten();
  require_whole(batch);
}

// A record as the programs write it, with its length, as a start for mutations.
std::string sample(std::minstd_rand& random) {
  constexpr std::string_view kExe("ls\0bin\0usr\0", 11), kCwd("tmp\0", 4),
      kCgroup("a.scope\0user.slice\0", 19), kName("/bin/ls\0", 8), kArgs("ls\0-l\0", 6),
      kEnvironment("A=1\0B=2\0", 8);
  union {
    RecordHeader header;
    ForkRecord fork;
    ExitRecord exit;
    ChunkRecord chunk;
    IdsRecord ids;
    ImageRecord image;
  } record;
  std::memset(static_cast<void*>(&record), 0, sizeof record);
  RecordHeader& header = record.header;
  header.kind = random() % kRecordIds + 1;
  header.pid = random() % 4 + 1;
  header.parent = 1;
  header.start_ns = header.pid * 1000;
  std::string bytes;
  const auto as_bytes = [&](size_t size) {
    return std::string(reinterpret_cast<const char*>(&record), size);
  };
  switch (header.kind) {
    case kRecordFork:
      bytes = as_bytes(sizeof record.fork);
      break;
    case kRecordExit:
      bytes = as_bytes(sizeof record.exit);
      break;
    case kRecordSession:
      bytes = as_bytes(sizeof header);
      break;
    case kRecordIds:
      record.ids.after.uid = random() % 3;
      bytes = as_bytes(sizeof record.ids);
      break;
    case kRecordArguments:
    case kRecordEnvironment:
      record.chunk.size = kEnvironment.size();
      bytes = as_bytes(offsetof(ChunkRecord, data)).append(kEnvironment);
      break;
    default: {
      ImageRecord& image = record.image;
      image.file_system = 0xef53;
      image.mount_namespace = image.exe_mount_namespace = kMountNamespace;
      image.cgroup_id = random() % 3 + 1;
      image.args_count = 2;
      image.args_bytes = kArgs.size();
      image.exe_bytes = kExe.size();
      image.cwd_bytes = kCwd.size();
      image.cgroup_bytes = kCgroup.size();
      image.name_bytes = kName.size();
      image.args_inline_bytes = kArgs.size();
      image.exe_root = image.cwd_root = random() % 2 == 0 ? uint32_t{kNotMet} : 3;
      if (random() % 2 == 0) image.args_in_chunks = image.env_in_chunks = kEnvironment.size();
      bytes = as_bytes(offsetof(ImageRecord, data));
      bytes.append(kExe).append(kCwd).append(kCgroup).append(kName).append(kArgs);
    }
  }
  const auto length = static_cast<uint16_t>(bytes.size());
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + bytes;
}

}  // namespace
}  // namespace process_ancestry::ebpf

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  using namespace process_ancestry::ebpf;
  std::minstd_rand random(seed);
  if (random() % 4 == 0) {
    for (; size < sizeof(Plan); ++size) data[size] = 0;
    const std::string record = sample(random);
    if (size + record.size() <= max_size) {
      std::memcpy(data + size, record.data(), record.size());
      return size + record.size();
    }
  }
  return LLVMFuzzerMutate(data, size, max_size);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace process_ancestry::ebpf;
  Plan plan;
  if (size < sizeof plan) return 0;
  std::memcpy(&plan, data, sizeof plan);
  std::string_view rest(reinterpret_cast<const char*>(data) + sizeof plan, size - sizeof plan);
  FilledRing ring(plan);
  if (plan.is_ring % 2 == 1) {
    ring.fill(plan, rest);
  } else {
    uint16_t length;
    while (rest.size() >= sizeof length) {
      std::memcpy(&length, rest.data(), sizeof length);
      rest.remove_prefix(sizeof length);
      const std::string_view record = rest.substr(0, length);
      if (!ring.append(record)) break;
      rest.remove_prefix(record.size());
    }
  }
  drain(ring.reader());
  return 0;
}
