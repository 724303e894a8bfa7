#pragma once

#include "../../unique_fd.h"
#include "../netlink_receiver.h"
#include "../sensor.h"
#include "assembler.h"

namespace process_ancestry::audit {

// Receives login records by multicast if audit is on. Adds no rule, changes no setting and does not take
// unicast.
class Logins final : public Sensor {
 public:
  Logins();

  bool open(std::vector<Problem>& problems) override;
  void close() override { socket_.reset(); }
  void descriptors(std::vector<int>& fds) const override;
  uint64_t drain(Sink& sink, double now_ms) override;
  void tick(Sink&, double) override { listen(); }
  int nap_ms(uint64_t) override { return 0; }
  SensorStats stats() const override;
  uint64_t on_its_way() const override { return socket_ ? waiting_in_socket(socket_.get()) : 0; }

 private:
  // Starts listening if it does not listen and the kernel has audit.
  void listen();

  Assembler assembler_;
  NetlinkReceiver receiver_;
  UniqueFd socket_;
  int error_ = 0;  // errno that prevents listening
  uint64_t messages_ = 0;
};

}  // namespace process_ancestry::audit
