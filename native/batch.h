#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "event.h"

namespace process_ancestry {

// Packs events into the one format that crosses to JavaScript: records back to back, little endian,
// unaligned.
//
//   u32 size      of the whole record, this field included
//   u8  kind      1 fork, 2 exec, 3 exit, 4 setsid, 5 loss, 6 clock, 7 setpgid, 8 login
//   u8  source    0 none (our own queue), 1 proc_events (the connector), 2 audit
//   u16 flags     exec: 1 has details, 2 arguments are missing or were cut, 4 read from /proc
//                 fork: 8 the child's number may be one of another pid namespace
//   i32 pid       process (tgid, initial pid namespace); for fork the child; 0 for loss and clock
//   f64 time      milliseconds: source 2: Unix time as in the record; else CLOCK_BOOTTIME
//   payload
//     fork     i32 parent (tgid), i32 image_from (tgid whose image the child inherits; 0 = the parent's),
//              with flag 8 also i32 caller_parent (tgid of the caller's own parent, 0 unknown)
//     exec     with flag 1 the details; without it nothing, or what size says, to be passed over:
//              u32 serial, i32 ppid, u32 syscall (1 execve, 2 execveat, 0 unknown)
//              u32 auid, uid, gid, euid, suid, fsuid, egid, sgid, fsgid, ses (0xffffffff unset or unknown)
//              u32 mode, ouid, ogid (0xffffffff unknown)
//              f64 atime, mtime, ctime, btime (whole seconds, NaN unknown)
//              f64 inode (of the file, 0 unknown), pid_namespace (inode number, 0 unknown)
//              u32 sid, pgid, tty_number (0xffffffff unknown)
//              u32 argc (0xffffffff unknown), u32 args_size (bytes, before any cut)
//              texts: comm, exe, cwd, tty, args (NUL between two), name, cgroup, root
//     exit     i32 status (as of wait: code << 8 | signal)
//     setsid   nothing
//     setpgid  i32 pgid (0 unknown), u32 serial, i32 caller if its namespace is not known (else 0)
//     login    u32 ses (0xffffffff unset), texts: address, terminal, exe
//     loss     u32 count (at least 1)
//     clock    f64 offset (Unix ms minus CLOCK_BOOTTIME ms, NaN in a replayed log): first of every batch
//   A text is u32 length and raw bytes.
class Batch {
 public:
  static constexpr uint16_t kHasDetails = 1, kArgsCut = 2, kFromProcfs = 4, kClaimed = 8;
  static constexpr size_t kHeaderBytes = 20, kLossBytes = kHeaderBytes + 4, kClockBytes = kHeaderBytes + 8;

  void fork(Source source, int32_t pid, double time, int32_t parent, int32_t image_from);
  void claimed_fork(Source source, int32_t pid, double time, int32_t parent, int32_t image_from,
                    int32_t caller_parent);
  void exec(Source source, int32_t pid, double time);
  void exec(Source source, int32_t pid, double time, const ExecDetails& details);
  void exit(Source source, int32_t pid, double time, int32_t status);
  void setsid(Source source, int32_t pid, double time);
  void setpgid(Source source, double time, const GroupChange& change, uint32_t serial);
  void login(Source source, int32_t pid, double time, const LoginDetails& login);
  void loss(Source source, double time, uint32_t count);
  void clock(double time, double offset);

  // Appends records that another batch packed.
  void append(const uint8_t* records, size_t size) { bytes_.insert(bytes_.end(), records, records + size); }
  // Withdraws the details of the exec record that starts at `at`.
  void withdraw_details(size_t at);
  // Adds to the count of the loss record that starts at `at`.
  void add_to_loss(size_t at, uint32_t count);

  const uint8_t* data() const { return bytes_.data(); }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  // Forgets the records and keeps the memory, unless a burst made it large.
  void clear();
  void swap(Batch& other) { bytes_.swap(other.bytes_); }

 private:
  uint8_t* begin(size_t size, Kind kind, Source source, uint16_t flags, int32_t pid, double time);

  std::vector<uint8_t> bytes_;
};

// The size that a packed record says it has.
uint32_t record_size(const uint8_t* record);

}  // namespace process_ancestry
