#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../../procfs/proc_dir.h"
#include "../../unique_fd.h"
#include "../sensor.h"
#include "executed_files.h"
#include "kernel_programs.h"
#include "mapped_ring.h"
#include "program_loader.h"
#include "record_decoder.h"

namespace process_ancestry::ebpf {

// Reports forks, execs and exits with kernel programs at their tracepoints, and live processes with an
// iterator program. All write complete records into one ring, so the order is causal: a fork comes before all
// events of the child, an exec has all its details, an exit comes after all events of the process.
class EbpfSensor final : public Sensor {
 public:
  struct Options {
    // Limit for the arguments of one exec. Bytes above it are only counted.
    size_t args_max_bytes = 128 << 10;
    // A power of 2. The kernel allocates the whole ring, and it counts as memory of this process. 8 MiB hold
    // 3 seconds of 3,000 execs a second, with their forks and exits.
    size_t ring_bytes = 8 << 20;
    // Whether to report setsid(2). It slows every system call of the host a little.
    bool sessions = false;
    // Whether to report changes of ids, at the same price.
    bool ids = false;
    // Names of the environment variables to report.
    std::vector<std::string> environment_names;
  };

  explicit EbpfSensor(Options options);
  ~EbpfSensor() override { close(); }

  bool open(std::vector<Problem>& problems) override;
  void close() override;
  void descriptors(std::vector<int>& fds) const override;
  void rest(Rest rest) override;
  int urgent_descriptor() const override { return mapped_.woken_fd(); }
  uint64_t drain(Sink& sink, double now_ms) override;
  void tick(Sink& sink, double now_ms) override;
  int nap_ms(uint64_t messages) override;
  bool may_wait() const override { return !is_urgent_ && !has_more(); }
  SensorStats stats() const override;
  uint64_t on_its_way() const override;
  bool has_snapshot() const override { return true; }
  void begin_snapshot() override;
  bool has_more() const override { return processes_ || snapshot_ends_at_; }

 private:
  // A tracepoint of a system call, with the program to attach there.
  struct Call {
    const char* tracepoint;
    CallProgram program;
  };
  // The calls that are wanted, and how many of them are attached.
  struct Calls {
    std::vector<Call> wanted;
    size_t attached = 0;
    int error = 0;  // errno of the last attempt to attach
  };

  // Attaches what is not attached yet, as far as the kernel allows it.
  void attach(Calls& calls);
  void add_events(Sink& sink);
  void add_exec(Batch& batch);
  void add_snapshot(Batch& batch);
  void add_first_process(Batch& batch);
  void go_on_with_snapshot(Sink& sink);
  void end_snapshot(Batch& batch);
  void count_loss(uint32_t count, double time_ms, Batch& batch);

  const Options options_;
  RecordDecoder decoder_;
  ExecutedFiles executed_files_;
  procfs::ProcDir proc_;
  Programs programs_;
  volatile SharedWithPrograms* shared_ = nullptr;
  MappedRing mapped_;
  Told told_;
  std::string snapshot_args_;
  // The last pass reported a process that the reader must look at while it lives.
  bool is_urgent_ = false;
  uint64_t messages_ = 0, malformed_ = 0, lost_ = 0, missed_ = 0;
  uint32_t lost_seen_ = 0;  // in the programs' counter
  uint64_t newtasks_seen_ = 0;
  bool works_ = false, told_of_first_ = false;
  // The iterator over all processes. Open until a snapshot has reached the end.
  UniqueFd processes_;
  // Position in the ring after the last record of the snapshot.
  std::optional<unsigned long> snapshot_ends_at_;
  int snapshot_error_ = 0;  // of the last snapshot
  Calls sessions_, ids_;
  std::vector<Problem> problems_;
};

}  // namespace process_ancestry::ebpf
