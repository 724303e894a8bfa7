#pragma once

#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "../unique_fd.h"

namespace process_ancestry {

// Receives netlink datagrams in groups, with one system call for each group. Reuses its buffers.
class NetlinkReceiver {
 public:
  NetlinkReceiver(size_t messages, size_t bytes_each);

  // Takes the waiting messages without blocking. Returns their number, 0 if there are none, or -errno.
  int receive(int fd);
  // True if more messages may wait than the last `receive` took.
  bool full(int received) const { return static_cast<size_t>(received) == headers_.size(); }
  // A message of the last `receive`. Empty if the kernel did not send it or it did not fit.
  std::string_view message(int index) const;
  // Whether that message was sent to a multicast group (man 7 netlink, nl_groups).
  bool by_multicast(int index) const { return senders_[static_cast<size_t>(index)].nl_groups != 0; }

 private:
  size_t stride_;
  std::unique_ptr<char[]> bytes_;
  std::vector<sockaddr_nl> senders_;
  std::vector<iovec> parts_;
  std::vector<mmsghdr> headers_;
};

// Gives up a socket that ended with an error. Does not close a descriptor that is no longer our socket.
void forget_socket(UniqueFd& socket, int error);
// Sets the receive buffer, above the system's limit if allowed (man 7 socket, SO_RCVBUFFORCE).
void set_receive_buffer(int fd, size_t bytes);
// How many messages the kernel has dropped at this socket (net/core/sock.c, SO_MEMINFO).
unsigned dropped_by_kernel(int fd);
// Bytes that wait in the socket's receive buffer, with the kernel's overhead.
unsigned waiting_in_socket(int fd);

}  // namespace process_ancestry
