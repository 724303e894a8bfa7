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

// What is known of an executed file beside its details.
struct FileFacts {
  uint64_t ctime_ns = 0;     // Unix time; to be compared alone, for a file may have any
  uint32_t file_system = 0;  // linux/magic.h; 0 if there is no file
  bool is_in_own_mounts = false;
  // The host's path of the file, or its path in another mount namespace; empty if it is not known.
  std::string_view lookup_path;
};

// What one record of the programs says. Its views live until the next record is read.
struct Told {
  enum class What : uint8_t { kNothing, kFork, kExec, kExit, kSnapshot, kSetsid };
  What what = What::kNothing;
  int32_t pid = 0;
  double time_ms = 0;
  uint64_t start_ns = 0;
  uint32_t newly_lost = 0;  // records, before this one
  ForkEvent fork;
  ExitEvent exit;
  SnapshotEvent snapshot;  // its details are these
  ExecDetails details;
  FileFacts file;
};

// Control groups count in hierarchies of their own.
struct CgroupId {
  uint64_t id = 0;
  uint32_t hierarchy = 0;
  bool operator==(const CgroupId& other) const { return id == other.id && hierarchy == other.hierarchy; }
};

// Turns records of the programs (record.h) into events. Pure: memory in, memory out. Keeps what one record
// tells for later ones: paths of control groups, and pieces of long arguments.
class RecordDecoder {
 public:
  struct Options {
    uint32_t own_mount_namespace = 0;
    // Names of the variables of the environment that are told.
    std::vector<std::string> environment_names;
  };

  explicit RecordDecoder(Options options) : options_(std::move(options)), ended_(kEndedRemembered) {}

  // One record. False if it is none.
  bool read(const uint8_t* bytes, size_t size, Told& told);
  // The programs' counter of lost records, where it was read beside the records.
  void told_of_loss(uint32_t lost) { lost_ = lost; }
  // Control groups whose path is not known any more, and has to be told again. Once.
  std::vector<CgroupId> take_forgotten();

 private:
  // Pieces of a process's arguments and environment, which come before its exec.
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
  // As many as there are processors can be on their way, and those whose exec found no room.
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
  // Processes that ended last: two threads that end at once may both tell of the end.
  std::vector<Ended> ended_;
  // What the views point into.
  Pieces taken_;
  std::string path_, cwd_, root_, host_path_, args_, environment_;
};

}  // namespace process_ancestry::ebpf
