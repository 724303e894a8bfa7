#pragma once

#include "../../unique_fd.h"
#include "../netlink_receiver.h"
#include "../sensor.h"
#include "assembler.h"

namespace process_ancestry::audit {

// Hears by multicast what programs that let people in tell audit, where audit is on: no rule, no setting and
// unicast is not taken, and audit's settings stay as they are.
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
  // Where it does not listen, and a kernel with audit can be listened to.
  void listen();

  Assembler assembler_;
  NetlinkReceiver receiver_;
  UniqueFd socket_;
  int error_ = 0;  // that keeps it from listening
  uint64_t messages_ = 0;
};

}  // namespace process_ancestry::audit
