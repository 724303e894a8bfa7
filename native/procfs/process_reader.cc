#include "process_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <charconv>

#include "command_line.h"
#include "exec_file.h"
#include "file_times.h"

namespace process_ancestry::procfs {
namespace {

uint32_t number_in(std::string_view text) {
  uint32_t number = kUnknown;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Real, effective, saved and filesystem id in a line of the status file, such as "Uid:\t0\t0\t0\t0".
void ids_in(std::string_view status, std::string_view label, uint32_t* const (&ids)[4]) {
  size_t at = status.find(label);
  if (at == std::string_view::npos) return;
  at += label.size();
  for (uint32_t* id : ids) {
    const size_t next = status.find('\t', at);
    if (next == std::string_view::npos) return;
    at = next + 1;
    *id = number_in(status.substr(at, 10));
  }
}

}  // namespace

ProcessReader::ProcessReader(const ProcDir& proc, size_t args_max_bytes, bool file_times)
    : proc_(proc),
      args_max_bytes_(args_max_bytes),
      file_times_(file_times),
      buffer_(new char[kBufferBytes]) {}

bool ProcessReader::read(int32_t pid, ExecDetails& details) {
  const UniqueFd directory = proc_.open_process(pid);
  if (!directory) return false;
  const int at = directory.get();
  char* const buffer = buffer_.get();
  details = ExecDetails();
  details.from_procfs = true;

  Stat stat;
  if (!parse_stat(read_at(at, "stat", buffer, kBufferBytes), stat)) return false;
  details.ppid = static_cast<uint32_t>(stat.ppid);
  details.sid = static_cast<uint32_t>(stat.sid);
  details.pgid = static_cast<uint32_t>(stat.pgid);
  details.tty_nr = static_cast<uint32_t>(stat.tty);
  comm_ = stat.comm;
  tty_ = tty_name(stat.tty);
  if (!read_command_line(at, args_max_bytes_, args_, details)) return false;
  exe_ = read_link_at(at, "exe", buffer, kBufferBytes);
  if (exe_.empty()) return false;  // it has exited
  cwd_ = read_link_at(at, "cwd", buffer, kBufferBytes);

  ExecDetails& ids = details;
  const std::string_view status = read_at(at, "status", buffer, kBufferBytes);
  ids_in(status, "\nUid:", {&ids.uid, &ids.euid, &ids.suid, &ids.fsuid});
  ids_in(status, "\nGid:", {&ids.gid, &ids.egid, &ids.sgid, &ids.fsgid});
  ids.auid = number_in(read_at(at, "loginuid", buffer, kBufferBytes));
  ids.ses = number_in(read_at(at, "sessionid", buffer, kBufferBytes));
  details.pid_namespace = proc_.pid_namespace(pid);
  details.cgroup = cgroup_path(read_at(at, "cgroup", cgroup_.data(), cgroup_.size()));
  struct statx about;
  if (stat_times(at, "exe", about)) {
    details.mode = about.stx_mode;
    details.owner_uid = about.stx_uid;
    details.owner_gid = about.stx_gid;
    details.root = root_of(at, exe_, about, root_);
    if (file_times_) times_of(about).copy_to(details);
  }
  details.comm = comm_;
  details.path = exe_;
  details.cwd = cwd_;
  details.tty = tty_;
  details.args = args_;
  return true;
}

std::string tty_name(int32_t tty) {
  // Documentation/admin-guide/devices.txt
  constexpr unsigned kConsoles = 4, kSerialFrom = 64, kPseudoFrom = 136, kPseudoTo = 143, kMinors = 256;
  const auto device = static_cast<dev_t>(static_cast<uint32_t>(tty));
  if (tty == 0) return {};
  // new_encode_dev (linux/kdev_t.h)
  const auto number = static_cast<uint32_t>(device);
  const unsigned major = (number & 0xfff00) >> 8, minor = (number & 0xff) | ((number >> 12) & 0xfff00);
  if (major >= kPseudoFrom && major <= kPseudoTo) {
    return "pts" + std::to_string((major - kPseudoFrom) * kMinors + minor);
  }
  if (major == kConsoles && minor >= kSerialFrom) return "ttyS" + std::to_string(minor - kSerialFrom);
  if (major == kConsoles) return "tty" + std::to_string(minor);
  return std::to_string(major) + ":" + std::to_string(minor);
}

}  // namespace process_ancestry::procfs
