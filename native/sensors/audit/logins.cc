#include "logins.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstring>

#include "kernel.h"
#include "pack_event.h"

namespace process_ancestry::audit {
namespace {

// They come one by one. Bytes: MAX_AUDIT_MESSAGE_LENGTH (8970) and a header, rounded up.
constexpr size_t kMessages = 8, kMessageBytes = 9216;

// Has the kernel drop all others at the socket, before anybody is woken.
int keep_only_logins(int fd) {
  // nlmsg_type is in the host's order, the filter loads in the network's.
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap16(kUserStart), 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap16(kUserLogin), 1, 0),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  };
  const sock_fprog filter{sizeof program / sizeof *program, program};
  return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0 ? 0 : errno;
}

std::string_view without_padding(std::string_view text) {
  while (!text.empty() && (text.back() == '\0' || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

int join(int fd) {
  const int group = AUDIT_NLGRP_READLOG;
  return ::setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0 ? 0 : errno;
}

}  // namespace

Logins::Logins() : assembler_(Assembler::Limits()), receiver_(kMessages, kMessageBytes) {}

bool Logins::open(std::vector<Problem>&) {
  listen();
  return static_cast<bool>(socket_);
}

void Logins::listen() {
  // A kernel without audit has no logins to tell of.
  if (socket_ || error_ == EPROTONOSUPPORT) return;
  error_ = open_socket(socket_);
  // The filter before the group: nothing else ever comes.
  if (error_ == 0) error_ = keep_only_logins(socket_.get());
  if (error_ == 0) error_ = join(socket_.get());
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
      // The kernel dropped some. A login that is not told is no process that is lost.
      if (received == -ENOBUFS) continue;
      error_ = -received;
      forget_socket(socket_, error_);
      break;
    }
    for (int i = 0; i < received; ++i) {
      const std::string_view message = receiver_.message(i);
      nlmsghdr header;
      // The kernel's nlmsg_len is not to be relied on in audit's messages: what came is the message.
      if (message.size() < NLMSG_HDRLEN) continue;
      std::memcpy(&header, message.data(), sizeof header);
      ++messages_;
      assembler_.add(header.nlmsg_type, without_padding(message.substr(NLMSG_HDRLEN)), now_ms);
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
