#include "batch.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace process_ancestry {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the batch format is the host's byte order");

constexpr size_t kKeepBytes = 1 << 20;
constexpr size_t kFlagsAt = 6;
constexpr size_t kDetailsBytes = 3 * 4 + 10 * 4 + 3 * 4 + 6 * 8 + 3 * 4 + 2 * 4 + 8 * 4;

template <typename T>
uint8_t* put(uint8_t* to, const T& value) {
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}

uint8_t* put_text(uint8_t* to, std::string_view text) {
  to = put(to, static_cast<uint32_t>(text.size()));
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

}  // namespace

uint8_t* Batch::begin(size_t size, Kind kind, Source source, uint16_t flags, int32_t pid, double time) {
  const size_t at = bytes_.size();
  bytes_.resize(at + size);
  uint8_t* to = bytes_.data() + at;
  to = put(to, static_cast<uint32_t>(size));
  to = put(to, kind);
  to = put(to, source);
  to = put(to, flags);
  to = put(to, pid);
  return put(to, time);
}

void Batch::fork(Source source, int32_t pid, double time, int32_t parent, int32_t image_from) {
  uint8_t* to = begin(kHeaderBytes + 8, Kind::kFork, source, 0, pid, time);
  put(put(to, parent), image_from);
}

void Batch::claimed_fork(Source source, int32_t pid, double time, int32_t parent, int32_t image_from,
                         int32_t caller_parent) {
  uint8_t* to = begin(kHeaderBytes + 12, Kind::kFork, source, kClaimed, pid, time);
  put(put(put(to, parent), image_from), caller_parent);
}

void Batch::exec(Source source, int32_t pid, double time) {
  begin(kHeaderBytes, Kind::kExec, source, 0, pid, time);
}

void Batch::exec(Source source, int32_t pid, double time, const ExecDetails& d) {
  static_assert(sizeof(Credentials) == 40 && sizeof(FileTimes) == 40, "copied as they are");
  const size_t size = kHeaderBytes + kDetailsBytes + d.comm.size() + d.exe.size() + d.cwd.size() +
                      d.tty.size() + d.args.size() + d.name.size() + d.cgroup.size() + d.root.size();
  const uint16_t flags =
      static_cast<uint16_t>(kHasDetails | (d.args_cut ? kArgsCut : 0) | (d.from_procfs ? kFromProcfs : 0));
  uint8_t* to = begin(size, Kind::kExec, source, flags, pid, time);
  to = put(to, d.serial);
  to = put(to, d.ppid);
  to = put(to, d.call);
  to = put(to, d.credentials);
  to = put(to, d.mode);
  to = put(to, d.ouid);
  to = put(to, d.ogid);
  to = put(to, d.times);
  to = put(to, d.pid_namespace);
  to = put(to, d.sid);
  to = put(to, d.pgid);
  to = put(to, d.tty_number);
  to = put(to, d.argc);
  to = put(to, d.args_size);
  to = put_text(to, d.comm);
  to = put_text(to, d.exe);
  to = put_text(to, d.cwd);
  to = put_text(to, d.tty);
  to = put_text(to, d.args);
  to = put_text(to, d.name);
  to = put_text(to, d.cgroup);
  put_text(to, d.root);
}

void Batch::exit(Source source, int32_t pid, double time, int32_t status) {
  put(begin(kHeaderBytes + 4, Kind::kExit, source, 0, pid, time), status);
}

void Batch::setsid(Source source, int32_t pid, double time) {
  begin(kHeaderBytes, Kind::kSetsid, source, 0, pid, time);
}

void Batch::setpgid(Source source, double time, const GroupChange& change, uint32_t serial) {
  uint8_t* to = begin(kHeaderBytes + 12, Kind::kSetpgid, source, 0, change.pid, time);
  put(put(put(to, change.pgid), serial), change.gone_caller);
}

void Batch::login(Source source, int32_t pid, double time, const LoginDetails& login) {
  const size_t texts = login.address.size() + login.terminal.size() + login.exe.size();
  uint8_t* to = begin(kHeaderBytes + 4 * 4 + texts, Kind::kLogin, source, 0, pid, time);
  to = put(to, login.ses);
  to = put_text(to, login.address);
  to = put_text(to, login.terminal);
  put_text(to, login.exe);
}

void Batch::loss(Source source, double time, uint32_t count) {
  put(begin(kLossBytes, Kind::kLoss, source, 0, 0, time), count);
}

void Batch::clock(double time, double offset) {
  put(begin(kClockBytes, Kind::kClock, Source::kNone, 0, 0, time), offset);
}

void Batch::withdraw_details(size_t at) { put(bytes_.data() + at + kFlagsAt, uint16_t{0}); }

void Batch::add_to_loss(size_t at, uint32_t count) {
  uint8_t* field = bytes_.data() + at + kHeaderBytes;
  uint32_t now;
  std::memcpy(&now, field, sizeof now);
  put(field, now + std::min(count, std::numeric_limits<uint32_t>::max() - now));
}

void Batch::clear() {
  if (bytes_.capacity() > kKeepBytes) std::vector<uint8_t>().swap(bytes_);
  bytes_.clear();
}

uint32_t record_size(const uint8_t* record) {
  uint32_t size;
  std::memcpy(&size, record, sizeof size);
  return size;
}

}  // namespace process_ancestry
