#include "connector.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "../../clocks.h"
#include "kernel_children.h"

namespace process_ancestry::connector {
namespace {

constexpr size_t kGroup = 128, kMessageBytes = 128;
constexpr size_t kEventAt = NLMSG_HDRLEN + sizeof(cn_msg);

int bind_to_group(int fd) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = CN_IDX_PROC;
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
}

// Makes the kernel drop changes of ids and names, traces and core dumps at the socket. A socket filter works
// on all kernels; the connector's own filter (struct proc_input) only from 6.6 on. With both, the connector's
// sequence numbers also count filtered messages. So they cannot show a loss; the socket's drop counter can.
int keep_only_wanted_events(int fd) {
  constexpr uint32_t kWanted = kFork | kExec | kSid | kExit;
  // A filter loads in network byte order; `what` is in host byte order.
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kEventAt + offsetof(proc_event, what)),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, __builtin_bswap32(kWanted), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const sock_fprog filter{sizeof program / sizeof *program, program};
  return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0 ? 0 : errno;
}

// Keeps only forks by kthreadd: kernel helpers become its children (kernel/umh.c, CLONE_PARENT).
int keep_only_kernel_forks(int fd) {
  constexpr uint32_t kWhat = kEventAt + offsetof(proc_event, what);
  constexpr uint32_t kParent = kEventAt + offsetof(proc_event, event_data.fork.parent_tgid);
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kWhat),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap32(kFork), 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kParent),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap32(KernelChildren::kKthreadd), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const sock_fprog filter{sizeof program / sizeof *program, program};
  return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0 ? 0 : errno;
}

}  // namespace

int try_to_bind() {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR));
  return socket ? bind_to_group(socket.get()) : errno;
}

Connector::Connector() : receiver_(kGroup, kMessageBytes) {}

int Connector::open(size_t socket_buffer_bytes, double answer_ms) {
  dropped_ = 0;
  error_ = 0;
  socket_.reset(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR));
  if (!socket_) return errno;
  set_receive_buffer(socket_.get(), socket_buffer_bytes);
  int error = bind_to_group(socket_.get());

  // Every listener gets every answer. The answer has its own sequence number and our ack plus one.
  const auto token = static_cast<uint32_t>(::getpid()) ^ static_cast<uint32_t>(monotonic_ms() * 1000);
  if (error == 0) {
    char request[NLMSG_SPACE(sizeof(cn_msg) + sizeof(uint32_t))] = {};
    nlmsghdr header{};
    header.nlmsg_len = NLMSG_LENGTH(sizeof(cn_msg) + sizeof(uint32_t));
    header.nlmsg_type = NLMSG_DONE;
    cn_msg message{};
    message.id = {CN_IDX_PROC, CN_VAL_PROC};
    message.ack = token;
    message.len = sizeof(uint32_t);
    const uint32_t operation = PROC_CN_MCAST_LISTEN;
    std::memcpy(request, &header, sizeof header);
    std::memcpy(request + NLMSG_HDRLEN, &message, sizeof message);
    std::memcpy(request + kEventAt, &operation, sizeof operation);
    if (::send(socket_.get(), request, sizeof request, 0) < 0) error = errno;
  }
  if (error == 0) error = wait_for_answer(token, answer_ms);
  if (error == 0) error = keep_only_wanted_events(socket_.get());
  if (error != 0) socket_.reset();
  if (error == 0) listen_to_kernel_forks();
  return error;
}

// This socket is only for waking: all its messages also come to the other socket. The kernel sends while any
// process is subscribed.
void Connector::listen_to_kernel_forks() {
  kernel_forks_.reset(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR));
  if (!kernel_forks_) return;
  const int error = keep_only_kernel_forks(kernel_forks_.get());
  if (error != 0 || bind_to_group(kernel_forks_.get()) != 0) kernel_forks_.reset();
}

void Connector::empty_kernel_forks() {
  char message[kMessageBytes];
  while (kernel_forks_) {
    if (::recv(kernel_forks_.get(), message, sizeof message, 0) >= 0 || errno == ENOBUFS) continue;
    // Without this socket, the other is still read after each nap.
    if (errno != EAGAIN && errno != EINTR) forget_socket(kernel_forks_, errno);
    return;
  }
}

int Connector::wait_for_answer(uint32_t token, double answer_ms) {
  for (const double until = monotonic_ms() + answer_ms;;) {
    pollfd ready{socket_.get(), POLLIN, 0};
    const double left = until - monotonic_ms();
    if (left <= 0) return ETIMEDOUT;
    if (::poll(&ready, 1, static_cast<int>(left) + 1) < 0 && errno != EINTR) return errno;
    const int received = receiver_.receive(socket_.get());
    if (received < 0 && received != -ENOBUFS) return -received;
    for (int i = 0; i < received; ++i) {
      cn_msg header;
      proc_event event;
      if (!parse(receiver_.message(i), header, event)) continue;
      if (static_cast<uint32_t>(event.what) == kAnswer && header.ack == token + 1) {
        return static_cast<int>(event.event_data.ack.err);
      }
    }
  }
}

bool Connector::parse(std::string_view message, cn_msg& header, proc_event& event) {
  if (message.size() < kEventAt) return false;
  std::memcpy(&header, message.data() + NLMSG_HDRLEN, sizeof header);
  if (header.id.idx != CN_IDX_PROC || header.id.val != CN_VAL_PROC) return false;
  // An older kernel's event may be shorter and lack some fields.
  const size_t size = std::min(message.size() - kEventAt, sizeof event);
  if (size < offsetof(proc_event, event_data)) return false;
  event = proc_event();
  std::memcpy(&event, message.data() + kEventAt, size);
  return true;
}

uint32_t Connector::newly_lost() {
  const unsigned now = dropped_by_kernel(socket_.get());
  const uint32_t lost = now - dropped_;
  dropped_ = now;
  lost_ += lost;
  return lost;
}

}  // namespace process_ancestry::connector
