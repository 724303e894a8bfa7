#include "record_decoder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "components.h"

namespace process_ancestry::ebpf {
namespace {

constexpr double kNanosecondsPerMillisecond = 1e6;

static_assert(sizeof(RecordHeader) == 48 && sizeof(ForkRecord) == 64 && sizeof(ExitRecord) == 72 &&
                  sizeof(IdsRecord) == 112,
              "the programs' compiler and this one lay records out alike");
static_assert(offsetof(ChunkRecord, data) == 56 && offsetof(ImageRecord, data) % 8 == 0,
              "the programs' compiler and this one lay records out alike");

double to_ms(uint64_t ns) { return static_cast<double>(ns) / kNanosecondsPerMillisecond; }

template <typename T>
bool copy_of(const uint8_t* bytes, size_t size, T& record) {
  if (size < sizeof record) return false;
  std::memcpy(&record, bytes, sizeof record);
  return true;
}

// linux/kdev_t.h, new_encode_dev: the device number as user space sees it. The kernel uses other bits.
uint32_t device_number(uint32_t major, uint32_t minor) {
  return (minor & 0xff) | (major << 8) | ((minor & ~0xffU) << 12);
}
uint32_t device_number(uint32_t of_kernel) {
  return device_number(of_kernel >> 20, of_kernel & ((1U << 20) - 1));
}

bool is_terminal(uint32_t major, uint32_t minor) {
  // Documentation/admin-guide/devices.txt. 5:2 is the master side of pseudo terminals.
  constexpr uint32_t kOldPseudo = 3, kConsole = 4, kAlternate = 5, kMaster = 2, kPseudoFrom = 136,
                     kPseudoTo = 143;
  constexpr uint32_t kAcm = 166, kUsb = 188, kLowDensity = 204, kHypervisor = 229;
  if (major == kAlternate) return minor != kMaster;
  if (major >= kPseudoFrom && major <= kPseudoTo) return true;
  for (const uint32_t one : {kOldPseudo, kConsole, kAcm, kUsb, kLowDensity, kHypervisor}) {
    if (major == one) return true;
  }
  return false;
}

DescriptorKind kind_of(const DescriptorFacts& facts) {
  const uint32_t major = facts.device >> 20, minor = facts.device & ((1U << 20) - 1);
  constexpr uint32_t kMemory = 1, kNull = 3;
  if (facts.mode == 0) return DescriptorKind::kClosed;
  switch (facts.mode & S_IFMT) {
    case S_IFIFO:
      return DescriptorKind::kPipe;
    case S_IFSOCK:
      return DescriptorKind::kSocket;
    case S_IFREG:
      return DescriptorKind::kFile;
    case S_IFCHR:
      if (major == kMemory && minor == kNull) return DescriptorKind::kNull;
      return is_terminal(major, minor) ? DescriptorKind::kTty : DescriptorKind::kOther;
    default:
      return DescriptorKind::kOther;
  }
}

// The text in a field of fixed size.
template <size_t N>
std::string_view text_in(const char (&room)[N]) {
  return {room, ::strnlen(room, N)};
}

void read_numbers(const ImageRecord& image, ExecDetails& details) {
  const RecordHeader& header = image.header;
  details.ppid = header.parent;
  details.auid = image.auid;
  details.uid = image.ids.uid;
  details.gid = image.ids.gid;
  details.euid = image.ids.euid;
  details.suid = image.ids.suid;
  details.fsuid = image.ids.fsuid;
  details.egid = image.ids.egid;
  details.sgid = image.ids.sgid;
  details.fsgid = image.ids.fsgid;
  details.ses = image.ses;
  details.pid_namespace = image.groups.pid_namespace;
  details.user_namespace = image.user_namespace;
  details.mount_namespace = image.mount_namespace;
  details.network_namespace = image.network_namespace;
  details.pid_in_namespace = image.groups.pid_in_namespace;
  details.sid = image.groups.sid;
  details.pgid = image.groups.pgid;
  details.tty_nr = device_number(image.tty_major, image.tty_minor);
  details.start_ms = to_ms(header.start_ns);
  details.cap_permitted = static_cast<double>(image.capabilities_permitted);
  details.cap_effective = static_cast<double>(image.capabilities_effective);
  details.stdin_kind = kind_of(image.descriptors[0]);
  details.stdout_kind = kind_of(image.descriptors[1]);
  details.stderr_kind = kind_of(image.descriptors[2]);
  details.cgroup_id = static_cast<double>(image.cgroup_id);
  details.args_count = image.args_count;
  details.env_count = image.env_count;
  details.args_bytes = image.args_bytes > 0 ? static_cast<uint32_t>(image.args_bytes - 1) : 0;
  details.env_bytes = static_cast<uint32_t>(image.env_bytes);
  details.new_namespaces = image.new_namespaces;
  details.args_cut = (header.flags & kFlagArgsCut) != 0;
  details.is_deleted = (header.flags & kFlagIsDeleted) != 0;
  details.is_memfd = (header.flags & kFlagMemfd) != 0;
  details.is_script = (header.flags & kFlagIsScript) != 0;
  details.gains_privilege = (header.flags & kFlagSecureExec) != 0;
  details.is_upper_layer = (header.flags & kFlagUpperLayer) != 0;
  details.path_cut = (header.flags & (kFlagExeCut | kFlagCwdCut)) != 0;
  if (header.kind == kRecordExec) {
    details.syscall = (header.flags & kFlagByDescriptor) != 0 ? ExecCall::kExecveat : ExecCall::kExecve;
  }
  if (image.file_system == 0) return;
  details.mode = image.mode;
  details.owner_uid = image.owner_uid;
  details.owner_gid = image.owner_gid;
  details.atime = static_cast<double>(image.atime);
  details.mtime = static_cast<double>(image.mtime);
  details.ctime = static_cast<double>(image.ctime);
  details.inode = static_cast<double>(image.inode);
  details.device = device_number(image.device);
  details.size = static_cast<double>(image.size);
  details.link_count = image.link_count;
}

}  // namespace

bool RecordDecoder::read(const uint8_t* bytes, size_t size, Told& told) {
  told.what = Told::What::kNothing;
  told.newly_lost = 0;
  RecordHeader header;
  if (!copy_of(bytes, size, header)) return false;
  read_header(header, told);
  switch (header.kind) {
    case kRecordFork: {
      ForkRecord record;
      if (!copy_of(bytes, size, record)) return false;
      told.what = Told::What::kFork;
      told.fork = ForkEvent();
      told.fork.parent = static_cast<int32_t>(header.parent);
      if (header.caller != header.parent) told.fork.image_from = static_cast<int32_t>(header.caller);
      told.fork.start_ms = to_ms(header.start_ns);
      told.fork.parent_start_ms = to_ms(header.parent_start_ns);
      told.fork.sid = record.groups.sid;
      told.fork.pgid = record.groups.pgid;
      told.fork.pid_namespace = record.groups.pid_namespace;
      told.fork.pid_in_namespace = record.groups.pid_in_namespace;
      return true;
    }
    case kRecordExit: {
      ExitRecord record;
      if (!copy_of(bytes, size, record)) return false;
      Ended& last = ended_[header.pid % ended_.size()];
      if (last.pid == header.pid && last.start_ns == header.start_ns) return true;
      last = {header.pid, header.start_ns};
      told.what = Told::What::kExit;
      told.exit.status = record.status;
      told.exit.start_ms = to_ms(header.start_ns);
      told.exit.sid = record.groups.sid;
      told.exit.pgid = record.groups.pgid;
      return true;
    }
    case kRecordSession:
      told.what = Told::What::kSetsid;
      return true;
    case kRecordIds: {
      IdsRecord record;
      if (!copy_of(bytes, size, record)) return false;
      told.what = Told::What::kSetid;
      const IdFacts &now = record.after, &before = record.before;
      told.setid = {now.uid,     now.gid,     now.euid,     now.egid,    now.suid,    now.sgid,
                    now.fsuid,   now.fsgid,   before.uid,   before.gid,  before.euid, before.egid,
                    before.suid, before.sgid, before.fsuid, before.fsgid};
      return true;
    }
    case kRecordArguments:
    case kRecordEnvironment:
      return read_chunk(bytes, size);
    case kRecordSnapshot: {
      // The process was read before its exit and reported after it.
      const Ended& last = ended_[header.pid % ended_.size()];
      if (last.pid == header.pid && last.start_ns == header.start_ns) return true;
      return read_image(bytes, size, told);
    }
    case kRecordExec:
      return read_image(bytes, size, told);
    default:
      return false;
  }
}

void RecordDecoder::read_header(const RecordHeader& header, Told& told) {
  told.pid = static_cast<int32_t>(header.pid);
  told.time_ms = to_ms(header.time_ns);
  told.start_ns = header.start_ns;
  // Processors write at the same time, so a late record may have an older count.
  const auto newly = static_cast<int32_t>(header.lost - lost_);
  if (newly <= 0) return;
  told.newly_lost = static_cast<uint32_t>(newly);
  lost_ = header.lost;
}

bool RecordDecoder::read_chunk(const uint8_t* bytes, size_t size) {
  constexpr size_t kBefore = offsetof(ChunkRecord, data);
  ChunkRecord record;
  if (size < kBefore) return false;
  std::memcpy(&record, bytes, kBefore);
  if (record.size > size - kBefore) return false;
  const RecordHeader& header = record.header;
  auto found = std::find_if(pieces_.begin(), pieces_.end(), [&](const Pieces& one) {
    return one.pid == header.pid && one.start_ns == header.start_ns;
  });
  while (found == pieces_.end() && !pieces_.empty() &&
         (pieces_.size() >= kPiecesMax || pieces_bytes_ > kPiecesMaxBytes)) {
    pieces_bytes_ -= pieces_.front().args.size() + pieces_.front().environment.size();
    pieces_.erase(pieces_.begin());
    found = pieces_.end();
  }
  if (found == pieces_.end()) {
    pieces_.push_back({header.pid, header.start_ns, {}, {}});
    found = pieces_.end() - 1;
  }
  std::string& text = header.kind == kRecordArguments ? found->args : found->environment;
  // The old pieces are of an exec that was lost.
  if (record.offset == 0) {
    pieces_bytes_ -= text.size();
    text.clear();
  }
  // An earlier piece was lost. The sum will then differ from the exec's.
  if (record.offset != text.size()) return true;
  text.append(reinterpret_cast<const char*>(bytes) + kBefore, record.size);
  pieces_bytes_ += record.size;
  return true;
}

void RecordDecoder::take_pieces(const RecordHeader& header) {
  taken_.args.clear();
  taken_.environment.clear();
  for (auto one = pieces_.begin(); one != pieces_.end(); ++one) {
    if (one->pid != header.pid || one->start_ns != header.start_ns) continue;
    taken_ = std::move(*one);
    pieces_bytes_ -= taken_.args.size() + taken_.environment.size();
    pieces_.erase(one);
    return;
  }
}

bool RecordDecoder::read_image(const uint8_t* bytes, size_t size, Told& told) {
  constexpr size_t kBefore = offsetof(ImageRecord, data);
  if (size < kBefore) return false;
  // As large as a whole record, but filled without the texts.
  alignas(ImageRecord) uint8_t room[sizeof(ImageRecord)];
  std::memcpy(room, bytes, kBefore);
  const auto& image = *reinterpret_cast<const ImageRecord*>(room);
  const uint64_t sum = uint64_t{image.exe_bytes} + image.cwd_bytes + image.cgroup_bytes + image.name_bytes +
                       image.args_inline_bytes;
  if (sum > size - kBefore) return false;
  const char* at = reinterpret_cast<const char*>(bytes) + kBefore;
  const auto next = [&at](size_t length) {
    const std::string_view text(at, length);
    at += length;
    return text;
  };
  const std::string_view exe = next(image.exe_bytes), cwd = next(image.cwd_bytes),
                         cgroup = next(image.cgroup_bytes), name = next(image.name_bytes),
                         args = next(image.args_inline_bytes);
  ExecDetails& details = told.details;
  details = ExecDetails();
  read_numbers(image, details);
  // Texts of fixed size are in the record itself.
  const char* const fixed = reinterpret_cast<const char*>(bytes);
  const auto in_record = [&](std::string_view text) {
    return std::string_view(fixed + (text.data() - reinterpret_cast<const char*>(room)), text.size());
  };
  details.comm = in_record(text_in(image.comm));
  details.tty = in_record(text_in(image.tty));
  details.name = name.substr(0, name.find('\0'));
  read_paths(image, exe, cwd, told);
  read_cgroup(image, cgroup, told);
  if (image.header.kind == kRecordExec) {
    told.what = Told::What::kExec;
    read_args(image, args, told);
  } else {
    told.what = Told::What::kSnapshot;
    told.snapshot.parent_start_ms = to_ms(image.header.parent_start_ns);
    told.snapshot.has_ended = (image.header.flags & kFlagHasEnded) != 0;
    told.snapshot.has_executed = (image.header.flags & kFlagHasExecuted) != 0;
    told.snapshot.details = &details;
  }
  return true;
}

// The programs walk from the file to the root of its mount namespace. If the walk met the process's root
// directory, the path is the part below it, as in audit and /proc/PID/exe.
void RecordDecoder::read_paths(const ImageRecord& image, std::string_view exe, std::string_view cwd,
                               Told& told) {
  ExecDetails& details = told.details;
  path_.clear();
  cwd_.clear();
  root_.clear();
  const auto inside = [](std::string_view components, uint32_t root) {
    return root < components.size() ? components.substr(0, root) : components;
  };
  if (!cwd.empty() || image.cwd_root != kNotMet) append_path(inside(cwd, image.cwd_root), cwd_);
  details.cwd = cwd_;
  if (image.file_system == 0) {
    told.file = FileFacts();
    return;
  }
  append_path(inside(exe, image.exe_root), path_);
  // As /proc and audit show it (fs/d_path.c).
  if (details.is_deleted) path_ += " (deleted)";
  details.path = path_;
  // A kernel-internal mount, such as a memfd's, is in no namespace.
  const uint32_t mounts = image.exe_mount_namespace != 0 ? image.exe_mount_namespace : image.mount_namespace;
  // The highest bit is a mark of the kernel (linux/fs.h, I_CTIME_QUERIED, since 6.13).
  told.file.ctime_ns = static_cast<uint64_t>(image.ctime) * 1000000000 + (image.ctime_ns & 0x7fffffff);
  told.file.file_system = image.file_system;
  told.file.is_in_own_mounts = mounts == options_.own_mount_namespace;
  told.file.lookup_path = {};
  // Without its beginning, the path cannot be looked up and its root is unknown.
  if ((image.header.flags & kFlagExeCut) != 0) return;
  told.file.lookup_path = details.path;
  if (!told.file.is_in_own_mounts) {
    root_ = "mnt:[" + std::to_string(mounts) + "]";
  } else {
    const bool is_below_other_root = image.exe_root < exe.size();
    append_path(is_below_other_root ? exe.substr(image.exe_root) : std::string_view(), root_);
    if (is_below_other_root) {
      host_path_.assign(root_).append(path_);
      told.file.lookup_path = host_path_;
    }
  }
  details.root = root_;
}

void RecordDecoder::read_args(const ImageRecord& image, std::string_view inline_args, Told& told) {
  ExecDetails& details = told.details;
  if (image.args_in_chunks > 0 || image.env_in_chunks > 0) take_pieces(image.header);
  details.args = inline_args;
  if (image.args_in_chunks > 0) {
    const bool is_whole = taken_.args.size() == image.args_in_chunks && !inline_args.empty();
    if (is_whole) {
      args_.assign(inline_args).append(taken_.args);
      details.args = args_;
    }
    if (!is_whole) details.args_cut = true;
  }
  if (details.args.size() > details.args_bytes) details.args = details.args.substr(0, details.args_bytes);
  if (options_.environment_names.empty()) return;
  const bool has_pieces = image.env_in_chunks > 0 && taken_.environment.size() == image.env_in_chunks;
  if (has_pieces) {
    select_environment(taken_.environment);
    details.environment = environment_;
  }
  details.environment_cut = (has_pieces ? image.env_in_chunks : 0) < image.env_bytes;
}

void RecordDecoder::select_environment(std::string_view environment) {
  environment_.clear();
  // A variable that was cut has no NUL.
  for (size_t end; (end = environment.find('\0')) != std::string_view::npos;
       environment.remove_prefix(end + 1)) {
    const std::string_view variable = environment.substr(0, end),
                           name = variable.substr(0, variable.find('='));
    const auto& wanted = options_.environment_names;
    if (std::find(wanted.begin(), wanted.end(), name) == wanted.end()) continue;
    if (!environment_.empty()) environment_ += '\0';
    environment_ += variable;
  }
}

void RecordDecoder::read_cgroup(const ImageRecord& image, std::string_view components, Told& told) {
  const CgroupId id = {image.cgroup_id, image.cgroup_hierarchy};
  if (image.cgroup_id == 0) return;
  if (!components.empty()) {
    if (cgroups_.size() >= kCgroupsMax || cgroups_bytes_ > kCgroupsMaxBytes) {
      for (const auto& known : cgroups_) forgotten_.push_back(known.first);
      cgroups_.clear();
      cgroups_bytes_ = 0;
    }
    // The root of a hierarchy has no name. One empty name stands for it.
    std::string& path = cgroups_[id];
    cgroups_bytes_ -= path.size();
    path.clear();
    append_path(components.size() == 1 ? std::string_view() : components, path);
    cgroups_bytes_ += path.size();
  }
  const auto known = cgroups_.find(id);
  if (known != cgroups_.end()) told.details.cgroup = known->second;
}

std::vector<CgroupId> RecordDecoder::take_forgotten() {
  std::vector<CgroupId> forgotten;
  forgotten.swap(forgotten_);
  return forgotten;
}

}  // namespace process_ancestry::ebpf
