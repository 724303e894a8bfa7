#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../../unique_fd.h"
#include "control.h"
#include "rule.h"

namespace process_ancestry::audit {

// A netlink socket to the audit system. Everything returns 0 or an errno.
int open_socket(UniqueFd& socket);
// Lets the kernel drop at the socket all messages of other types: a record that is never received costs no
// system call (kernel/audit.c sends it with netlink_unicast, which runs the socket's filter).
int keep_only_types(int fd, const std::vector<uint16_t>& types);
// Whether it also gets each record that is sent to all readers.
int set_multicast(int fd, bool joined);
// A record as it came, without what pads it.
std::string_view record_text(std::string_view payload);
// Sends one request that is answered with NLMSG_ERROR (0 for success).
int send_request(int fd, uint16_t type, uint32_t sequence, std::string_view payload);
// The payload of an AUDIT_SET that makes `pid` the one unicast reader, 0 for nobody.
std::string owner_payload(uint32_t pid);

// Asks and tells the audit system, one request at a time, on a socket of its own: its answers do not wait
// behind records.
class Kernel {
 public:
  int open();
  // On another socket where this one has ended.
  int status(Status& status);
  int set(const Changes& changes);
  // Gives unicast back; it belongs to the process, whichever socket says so.
  int release_unicast();
  int rules(std::vector<Rule>& rules);
  int add(const Rule& rule);
  int remove(const Rule& rule);

 private:
  static constexpr int kTimeoutMs = 500;

  int read_status(Status& status);
  int ask(uint16_t type, std::string_view payload);
  // The next message that answers the last request; its payload is in buffer_.
  int answer(uint16_t& type, std::string_view& payload);

  UniqueFd socket_;
  uint32_t sequence_ = 0;
  std::vector<char> buffer_ = std::vector<char>(1 << 16);
};

}  // namespace process_ancestry::audit
