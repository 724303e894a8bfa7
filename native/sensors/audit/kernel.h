#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../../unique_fd.h"
#include "control.h"
#include "rule.h"

namespace process_ancestry::audit {

// Functions for a netlink socket to the audit system. All return 0 or an errno.
int open_socket(UniqueFd& socket);
// Makes the kernel drop messages of all other types at the socket. They then cost no system call
// (kernel/audit.c sends with netlink_unicast, which runs the socket's filter).
int keep_only_types(int fd, const std::vector<uint16_t>& types);
// Joins or leaves the multicast group, which gets every record.
int set_multicast(int fd, bool joined);
// The record without padding.
std::string_view record_text(std::string_view payload);
// Sends one request. The kernel answers with NLMSG_ERROR (0 for success).
int send_request(int fd, uint16_t type, uint32_t sequence, std::string_view payload);
// The payload of an AUDIT_SET that makes `pid` the unicast owner. 0 releases unicast.
std::string owner_payload(uint32_t pid);

// Requests to the audit system, one at a time, on a separate socket, where answers do not wait behind
// records.
class Kernel {
 public:
  int open();
  // Opens a new socket if the old one has ended.
  int status(Status& status);
  int set(const Changes& changes);
  // Releases unicast. It belongs to the process, so any of its sockets can do that.
  int release_unicast();
  int rules(std::vector<Rule>& rules);
  int add(const Rule& rule);
  int remove(const Rule& rule);

 private:
  static constexpr int kTimeoutMs = 500;

  int read_status(Status& status);
  int ask(uint16_t type, std::string_view payload);
  // Reads the next answer to the last request. Its payload is in buffer_.
  int answer(uint16_t& type, std::string_view& payload);

  UniqueFd socket_;
  uint32_t sequence_ = 0;
  std::vector<char> buffer_ = std::vector<char>(1 << 16);
};

}  // namespace process_ancestry::audit
