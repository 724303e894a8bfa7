#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "../../events/events.h"
#include "record.h"

namespace process_ancestry::ebpf {

// Facts of an executed file that are not in its details.
struct FileFacts {
  uint64_t ctime_ns = 0;     // Unix time; not unique: a file may have any time
  uint32_t file_system = 0;  // linux/magic.h; 0 if there is no file
  bool is_in_own_mounts = false;
  // The host's path of the file, or its path in another mount namespace. Empty if unknown.
  std::string_view lookup_path;
};

// The content of one record. Its views are valid until the next record is read.
struct Told {
  enum class What : uint8_t { kNothing, kFork, kExec, kExit, kSnapshot, kSetsid, kSetid };
  What what = What::kNothing;
  int32_t pid = 0;
  double time_ms = 0;
  uint64_t start_ns = 0;
  uint32_t newly_lost = 0;  // records lost before this one
  ForkEvent fork;
  ExitEvent exit;
  SetidEvent setid;
  SnapshotEvent snapshot;  // its details are `details` below
  ExecDetails details;
  FileFacts file;
};

// A control group id is unique only within its hierarchy.
struct CgroupId {
  uint64_t id = 0;
  uint32_t hierarchy = 0;
  bool operator==(const CgroupId& other) const { return id == other.id && hierarchy == other.hierarchy; }
};

// Converts the programs' records (record.h) into events. Works on memory only. Keeps what later records need:
// paths of control groups and pieces of long arguments.
class RecordDecoder {
 public:
  struct Options {
    uint32_t own_mount_namespace = 0;
    // Names of the environment variables to report.
    std::vector<std::string> environment_names;
  };

  explicit RecordDecoder(Options options) : options_(std::move(options)), ended_(kEndedRemembered) {}

  // Reads one record. False if it is malformed.
  bool read(const uint8_t* bytes, size_t size, Told& told);
  // Sets the programs' counter of lost records when it was read from shared memory.
  void told_of_loss(uint32_t lost) { lost_ = lost; }
  // Control groups whose paths were dropped here, so the programs must report them again. Each is returned
  // once.
  std::vector<CgroupId> take_forgotten();

 private:
  // Pieces of a process's arguments and environment that came before its exec.
  struct Pieces {
    uint32_t pid = 0;
    uint64_t start_ns = 0;
    std::string args, environment;
  };
  struct HashOfCgroup {
    size_t operator()(const CgroupId& id) const {
      return std::hash<uint64_t>()(id.id ^ (uint64_t{id.hierarchy} << 48));
    }
  };
  struct Ended {
    uint32_t pid = 0;
    uint64_t start_ns = 0;
  };
  // Room for one process on each processor, and for pieces whose exec was lost.
  static constexpr size_t kPiecesMax = 256, kPiecesMaxBytes = 8 << 20;
  static constexpr size_t kCgroupsMax = 4096, kCgroupsMaxBytes = 1 << 20;
  static constexpr size_t kEndedRemembered = 1024;

  void read_header(const RecordHeader& header, Told& told);
  bool read_chunk(const uint8_t* bytes, size_t size);
  bool read_image(const uint8_t* bytes, size_t size, Told& told);
  void read_paths(const ImageRecord& image, std::string_view exe, std::string_view cwd, Told& told);
  void read_args(const ImageRecord& image, std::string_view inline_args, Told& told);
  void read_cgroup(const ImageRecord& image, std::string_view components, Told& told);
  void select_environment(std::string_view environment);
  void take_pieces(const RecordHeader& header);

  const Options options_;
  uint32_t lost_ = 0;
  std::vector<Pieces> pieces_;
  size_t pieces_bytes_ = 0;
  std::unordered_map<CgroupId, std::string, HashOfCgroup> cgroups_;
  size_t cgroups_bytes_ = 0;
  std::vector<CgroupId> forgotten_;
  // The last processes that ended: if two threads end at once, both may report the exit.
  std::vector<Ended> ended_;
  // The memory behind the views.
  Pieces taken_;
  std::string path_, cwd_, root_, host_path_, args_, environment_;
};

}  // namespace process_ancestry::ebpf
