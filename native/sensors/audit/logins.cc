#include "logins.h"

#include <errno.h>
#include <linux/netlink.h>

#include <cstring>

#include "kernel.h"
#include "pack_event.h"

namespace process_ancestry::audit {
namespace {

// Logins come one by one. Bytes: MAX_AUDIT_MESSAGE_LENGTH (8970) and a header, rounded up.
constexpr size_t kMessages = 8, kMessageBytes = 9216;

std::vector<uint16_t> wanted_types() { return {kUserStart, kUserLogin}; }

}  // namespace

Logins::Logins() : assembler_(Assembler::Limits()), receiver_(kMessages, kMessageBytes) {}

bool Logins::open(std::vector<Problem>&) {
  listen();
  return static_cast<bool>(socket_);
}

void Logins::listen() {
  // A kernel without audit reports no logins.
  if (socket_ || error_ == EPROTONOSUPPORT) return;
  error_ = open_socket(socket_);
  // The filter is set before the group is joined, so no other message is ever queued.
  if (error_ == 0) error_ = keep_only_types(socket_.get(), wanted_types());
  if (error_ == 0) error_ = set_multicast(socket_.get(), true);
  if (error_ != 0) socket_.reset();
}

void Logins::descriptors(std::vector<int>& fds) const {
  if (socket_) fds.push_back(socket_.get());
}

uint64_t Logins::drain(Sink& sink, double now_ms) {
  const uint64_t before = messages_;
  while (socket_) {
    const int received = receiver_.receive(socket_.get());
    if (received < 0) {
      // The kernel dropped messages. A lost login is not a lost process.
      if (received == -ENOBUFS) continue;
      error_ = -received;
      forget_socket(socket_, error_);
      break;
    }
    for (int i = 0; i < received; ++i) {
      const std::string_view message = receiver_.message(i);
      nlmsghdr header;
      // nlmsg_len is unreliable in audit messages. The received size is used.
      if (message.size() < NLMSG_HDRLEN) continue;
      std::memcpy(&header, message.data(), sizeof header);
      ++messages_;
      assembler_.add(header.nlmsg_type, record_text(message.substr(NLMSG_HDRLEN)), now_ms);
    }
    if (!receiver_.full(received)) break;
  }
  for (const auto& event : assembler_.completed()) pack_event(*event, sink.batch());
  assembler_.recycle_completed();
  return messages_ - before;
}

SensorStats Logins::stats() const {
  SensorStats stats;
  stats.malformed = assembler_.counters().malformed;
  if (error_ != 0 && error_ != EPROTONOSUPPORT)
    stats.problems.push_back({"logins_unheard", std::strerror(error_)});
  return stats;
}

}  // namespace process_ancestry::audit
