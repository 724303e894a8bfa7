#include "kernel.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "../netlink_receiver.h"

namespace process_ancestry::audit {
namespace {

std::string_view bytes_of(const audit_status& status) {
  return {reinterpret_cast<const char*>(&status), sizeof status};
}

}  // namespace

int open_socket(UniqueFd& fd) {
  fd.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT));
  if (!fd) return errno;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return errno;
  return 0;
}

int keep_only_types(int fd, const std::vector<uint16_t>& types) {
  // nlmsg_type is in host byte order; a filter loads in network byte order.
  std::vector<sock_filter> program = {BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type))};
  for (size_t i = 0; i < types.size(); ++i) {
    const auto to_the_end = static_cast<uint8_t>(types.size() - i);
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap16(types[i]), to_the_end, 0));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, UINT32_MAX));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0 ? 0 : errno;
}

int set_multicast(int fd, bool joined) {
  const int group = AUDIT_NLGRP_READLOG;
  const int option = joined ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP;
  return ::setsockopt(fd, SOL_NETLINK, option, &group, sizeof group) == 0 ? 0 : errno;
}

std::string_view record_text(std::string_view payload) {
  while (!payload.empty() && (payload.back() == '\0' || payload.back() == '\n')) payload.remove_suffix(1);
  return payload;
}

int send_request(int fd, uint16_t type, uint32_t sequence, std::string_view payload) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<uint32_t>(NLMSG_LENGTH(payload.size()));
  header.nlmsg_type = type;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  header.nlmsg_seq = sequence;
  std::string message(reinterpret_cast<const char*>(&header), sizeof header);
  message.append(payload);
  message.resize(NLMSG_SPACE(payload.size()));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  for (;;) {
    const ssize_t n = ::sendto(fd, message.data(), message.size(), 0,
                               reinterpret_cast<const sockaddr*>(&address), sizeof address);
    if (n >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

std::string owner_payload(uint32_t pid) {
  audit_status status{};
  status.mask = AUDIT_STATUS_PID;
  status.pid = pid;
  return std::string(bytes_of(status));
}

int Kernel::open() { return open_socket(socket_); }

int Kernel::answer(uint16_t& type, std::string_view& payload) {
  for (;;) {
    pollfd ready{socket_.get(), POLLIN, 0};
    const int n = ::poll(&ready, 1, kTimeoutMs);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 ? errno : ETIMEDOUT;
    sockaddr_nl sender{};
    socklen_t sender_size = sizeof sender;
    const ssize_t size = ::recvfrom(socket_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT,
                                    reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (size < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return errno;
    }
    nlmsghdr header;
    if (sender.nl_pid != 0 || static_cast<size_t>(size) < sizeof header) continue;
    std::memcpy(&header, buffer_.data(), sizeof header);
    if (header.nlmsg_seq != sequence_) continue;  // a late answer to an earlier request
    type = header.nlmsg_type;
    payload = {buffer_.data() + NLMSG_HDRLEN, static_cast<size_t>(size) - NLMSG_HDRLEN};
    return 0;
  }
}

int Kernel::ask(uint16_t type, std::string_view payload) {
  const int sent = send_request(socket_.get(), type, ++sequence_, payload);
  if (sent != 0) return sent;
  for (;;) {
    uint16_t answer_type;
    std::string_view answer_payload;
    const int received = answer(answer_type, answer_payload);
    if (received != 0) return received;
    if (answer_type != NLMSG_ERROR) continue;
    int32_t error;
    if (answer_payload.size() < sizeof error) return EPROTO;
    std::memcpy(&error, answer_payload.data(), sizeof error);
    return -error;
  }
}

int Kernel::status(Status& status) {
  const int error = read_status(status);
  if (error == 0 || error == ETIMEDOUT) return error;
  forget_socket(socket_, error);
  return open() == 0 ? read_status(status) : error;
}

int Kernel::read_status(Status& status) {
  const int asked = ask(AUDIT_GET, {});
  if (asked != 0) return asked;
  for (;;) {
    uint16_t type;
    std::string_view payload;
    const int received = answer(type, payload);
    if (received != 0) return received;
    if (type != AUDIT_GET) continue;
    audit_status raw{};  // an older kernel's struct is shorter
    std::memcpy(&raw, payload.data(), std::min(payload.size(), sizeof raw));
    status.enabled = raw.enabled;
    status.pid = raw.pid;
    status.backlog_limit = raw.backlog_limit;
    status.backlog_wait_time = raw.backlog_wait_time;
    status.lost = raw.lost;
    status.backlog = raw.backlog;
    return 0;
  }
}

int Kernel::set(const Changes& changes) {
  if (!changes.any()) return 0;
  audit_status status{};
  if (changes.enabled) {
    status.mask |= AUDIT_STATUS_ENABLED;
    status.enabled = *changes.enabled;
  }
  if (changes.backlog_limit) {
    status.mask |= AUDIT_STATUS_BACKLOG_LIMIT;
    status.backlog_limit = *changes.backlog_limit;
  }
  if (changes.backlog_wait_time) {
    status.mask |= AUDIT_STATUS_BACKLOG_WAIT_TIME;
    status.backlog_wait_time = *changes.backlog_wait_time;
  }
  return ask(AUDIT_SET, bytes_of(status));
}

int Kernel::release_unicast() { return ask(AUDIT_SET, owner_payload(0)); }

int Kernel::rules(std::vector<Rule>& rules) {
  rules.clear();
  const int asked = ask(AUDIT_LIST_RULES, {});
  if (asked != 0) return asked;
  for (;;) {
    uint16_t type;
    std::string_view payload;
    const int received = answer(type, payload);
    if (received != 0) return received;
    if (type == NLMSG_DONE) return 0;
    if (type == AUDIT_LIST_RULES) rules.emplace_back(payload);
  }
}

int Kernel::add(const Rule& rule) { return ask(AUDIT_ADD_RULE, rule.wire()); }
int Kernel::remove(const Rule& rule) { return ask(AUDIT_DEL_RULE, rule.wire()); }

}  // namespace process_ancestry::audit
