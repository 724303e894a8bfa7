#pragma once

#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../../unique_fd.h"
#include "../netlink_receiver.h"

namespace process_ancestry::connector {

// proc_event::what (linux/cn_proc.h, which names them in one place up to 6.5 and in another from 6.6 on).
enum What : uint32_t {
  kAnswer = 0,
  kFork = 0x00000001,
  kExec = 0x00000002,
  kSid = 0x00000080,
  kExit = 0x80000000,
};

// Whether a socket can be bound to the connector's group: 0 or an errno. Nothing is subscribed.
int try_to_bind();

// The kernel's process events connector: forks, execs, exits and new sessions of processes and threads, in
// the order in which they happened (drivers/connector/cn_proc.c).
class Connector {
 public:
  Connector();

  // How long its answer may take. It lies in the socket when the question has been sent, maybe behind events.
  static constexpr double kAnswerMs = 500;

  // Subscribes. 0, EPERM, ETIMEDOUT if the kernel keeps silent (it does so towards other pid and user
  // namespaces than the first), or another errno.
  int open(size_t socket_buffer_bytes, double answer_ms = kAnswerMs);
  void close() {
    socket_.reset();
    kernel_forks_.reset();
  }
  bool is_open() const { return static_cast<bool>(socket_); }
  int fd() const { return socket_.get(); }
  // Readable when the kernel itself made a process; -1 if that cannot be told. `drain` empties it.
  int kernel_forks_fd() const { return kernel_forks_.get(); }

  // Takes all that waits: on_event(const proc_event&) for each. False if the socket had overrun. Closes it
  // where it ended: `error` says with what.
  template <typename OnEvent>
  bool drain(OnEvent on_event);

  // Closes it: it does not tell what happens any more.
  void end(int error) {
    error_ = error;
    forget_socket(socket_, error);
    kernel_forks_.reset();
  }
  int error() const { return error_; }

  uint64_t enobufs() const { return enobufs_; }
  // Messages lost since the last call, and in all.
  uint32_t newly_lost();
  uint64_t lost() const { return lost_; }

 private:
  void listen_to_kernel_forks();
  void empty_kernel_forks();
  int wait_for_answer(uint32_t token, double answer_ms);
  static bool parse(std::string_view message, cn_msg& header, proc_event& event);

  UniqueFd socket_, kernel_forks_;
  NetlinkReceiver receiver_;
  uint64_t enobufs_ = 0;
  uint64_t lost_ = 0;
  unsigned dropped_ = 0;
  int error_ = 0;  // with which it ended
};

template <typename OnEvent>
bool Connector::drain(OnEvent on_event) {
  bool overrun = false;
  empty_kernel_forks();
  while (socket_) {
    const int received = receiver_.receive(socket_.get());
    if (received == -ENOBUFS) {
      overrun = true;
      ++enobufs_;
      continue;
    }
    if (received < 0) end(-received);
    if (received <= 0) return !overrun;
    for (int i = 0; i < received; ++i) {
      cn_msg header;
      proc_event event;
      if (parse(receiver_.message(i), header, event)) on_event(event);
    }
    if (!receiver_.full(received)) return !overrun;
  }
  return !overrun;
}

}  // namespace process_ancestry::connector
