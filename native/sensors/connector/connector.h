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

// proc_event::what (linux/cn_proc.h, which defines them in different places up to 6.5 and from 6.6 on).
enum What : uint32_t {
  kAnswer = 0,
  kFork = 0x00000001,
  kExec = 0x00000002,
  kSid = 0x00000080,
  kExit = 0x80000000,
};

// Tries to bind a socket to the connector's group. Returns 0 or an errno. Does not subscribe.
int try_to_bind();

// The kernel's process events connector. Reports forks, execs, exits and new sessions of processes and
// threads, in the order in which they happened (drivers/connector/cn_proc.c).
class Connector {
 public:
  Connector();

  // Time limit for the answer. The kernel queues it before send returns, but events may be queued before it.
  static constexpr double kAnswerMs = 500;

  // Subscribes. Returns 0, EPERM, ETIMEDOUT if the kernel does not answer (as outside the initial pid and
  // user namespace), or another errno.
  int open(size_t socket_buffer_bytes, double answer_ms = kAnswerMs);
  void close() {
    socket_.reset();
    kernel_forks_.reset();
  }
  bool is_open() const { return static_cast<bool>(socket_); }
  int fd() const { return socket_.get(); }
  // Readable after the kernel itself made a process; -1 if unsupported. `drain` empties it.
  int kernel_forks_fd() const { return kernel_forks_.get(); }

  // Takes all waiting messages and calls on_event(const proc_event&) for each. False if the socket had
  // overrun. If the socket ended, closes it; `error` then has the errno.
  template <typename OnEvent>
  bool drain(OnEvent on_event);

  // Closes the connector because it no longer reports events.
  void end(int error) {
    error_ = error;
    forget_socket(socket_, error);
    kernel_forks_.reset();
  }
  int error() const { return error_; }

  uint64_t enobufs() const { return enobufs_; }
  // Messages lost since the last call, and in total.
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
  int error_ = 0;  // errno with which the socket ended
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
