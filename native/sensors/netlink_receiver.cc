#include "netlink_receiver.h"

#include <errno.h>
#include <linux/sock_diag.h>

#include <algorithm>
#include <climits>

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

namespace process_ancestry {

NetlinkReceiver::NetlinkReceiver(size_t messages, size_t bytes_each)
    : stride_(bytes_each),
      bytes_(new char[messages * bytes_each]),
      senders_(messages),
      parts_(messages),
      headers_(messages) {
  for (size_t i = 0; i < messages; ++i) {
    parts_[i] = {bytes_.get() + i * stride_, stride_};
    headers_[i].msg_hdr.msg_name = &senders_[i];
    headers_[i].msg_hdr.msg_iov = &parts_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
  }
}

int NetlinkReceiver::receive(int fd) {
  for (mmsghdr& header : headers_) header.msg_hdr.msg_namelen = sizeof(sockaddr_nl);
  for (;;) {
    const int n =
        recvmmsg(fd, headers_.data(), static_cast<unsigned>(headers_.size()), MSG_DONTWAIT, nullptr);
    if (n >= 0) return n;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
  }
}

std::string_view NetlinkReceiver::message(int index) const {
  const mmsghdr& header = headers_[static_cast<size_t>(index)];
  if (header.msg_hdr.msg_namelen != sizeof(sockaddr_nl) || senders_[static_cast<size_t>(index)].nl_pid != 0) {
    return {};
  }
  if (header.msg_hdr.msg_flags & MSG_TRUNC) return {};
  return {bytes_.get() + static_cast<size_t>(index) * stride_, header.msg_len};
}

void forget_socket(UniqueFd& socket, int error) {
  if (error == EBADF || error == ENOTSOCK) {
    socket.release();
  } else {
    socket.reset();
  }
}

void set_receive_buffer(int fd, size_t bytes) {
  const int size = static_cast<int>(std::min<size_t>(bytes, INT_MAX / 2));
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
}

namespace {

// One value of the socket's memory (man 7 socket, SO_MEMINFO); 0 if the kernel does not report it.
unsigned memory_figure(int fd, int which) {
  unsigned info[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof info;
  return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) == 0 ? info[which] : 0;
}

}  // namespace

unsigned dropped_by_kernel(int fd) { return memory_figure(fd, SK_MEMINFO_DROPS); }
unsigned waiting_in_socket(int fd) { return memory_figure(fd, SK_MEMINFO_RMEM_ALLOC); }

}  // namespace process_ancestry
