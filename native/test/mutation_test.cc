#include <random>
#include <string>
#include <vector>

#include "../sensors/audit/assembler.h"
#include "../sensors/audit/log_reader.h"
#include "../sensors/audit/pack_event.h"
#include "audit_text.h"
#include "harness.h"
#include "unpack.h"

// Deterministic, so that a failure can be reproduced. Most useful with the sanitizers (harness.h).
namespace process_ancestry::audit {
namespace {

using test::record;

std::string mutated(std::string text, std::mt19937& random, const std::vector<std::string>& others) {
  constexpr std::string_view kNasty =
      "\"'=[]():. \n\x1d\xff"
      "0aF-";
  for (auto changes = random() % 4 + 1; changes > 0; --changes) {
    const size_t at = text.empty() ? 0 : random() % text.size();
    switch (random() % 7) {
      case 0:
        if (!text.empty()) text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, random() % 20);
        break;
      case 2:
        text.insert(at, 1, kNasty[random() % kNasty.size()]);
        break;
      case 3:
        text.insert(at, text.substr(at, random() % 40));
        break;
      case 4:
        text.resize(at);
        break;
      case 5:
        text.insert(at, std::to_string(random() * uint64_t{random()}));
        break;
      case 6: {
        const std::string& other = others[random() % others.size()];
        text.replace(at, random() % 30, other.substr(random() % (other.size() + 1), random() % 60));
        break;
      }
    }
  }
  return text;
}

TEST("200,000 mutated records cause no crash and stay within the limits") {
  const std::vector<std::pair<uint16_t, std::string>> real = {
      {kSyscall, std::string(test::kExecSyscall)},
      {kExecve, std::string(test::kExecve)},
      {kExecve, "argc=2 a0=\"x\" a1_len=8 a1[0]=6162 a1[1]=6364"},
      {kCwd, std::string(test::kCwd)},
      {kPath, std::string(test::kPath)},
      {kPath, std::string(test::kLoaderPath)},
      {kSyscall, "arch=c000003e syscall=56 success=yes exit=77 a0=8000 ppid=1 pid=2 exe=\"/x\""},
      {kSyscall, "arch=c000003e syscall=109 success=yes exit=0 a0=8 a1=9 ppid=1 pid=2 exe=\"/x\""},
      {kUserStart,
       "pid=1298 uid=0 auid=1000 ses=1 msg='op=login acct=\"a\" exe=\"/usr/sbin/sshd\" hostname=x "
       "addr=fe80::1%eth0 terminal=/dev/pts/0 res=success'"},
      {kEndOfEvent, ""}};
  std::vector<std::string> bodies;
  for (const auto& entry : real) bodies.push_back(entry.second);
  Assembler::Limits limits;
  limits.args_max_bytes = 1000;
  limits.bytes_max = 100000;
  limits.pending_max = 50;
  Assembler assembler(limits);
  std::mt19937 random(42);
  Batch batch;
  uint64_t events = 0;
  for (int i = 0; i < 200000; ++i) {
    const auto& [type, body] = real[random() % real.size()];
    const std::string text = record(1 + static_cast<unsigned>(i / 20), body);
    assembler.add(type, random() % 4 == 0 ? text : mutated(text, random, bodies), i);
    CHECK(assembler.pending() <= limits.pending_max);
    if (random() % 50 == 0) {
      for (const auto& event : assembler.completed()) {
        CHECK(event->exec.args.size() <= limits.args_max_bytes);
        batch.exec(Source::kAudit, event->pid, event->id.time_ms, event->exec);
        pack_event(*event, batch);
        ++events;
      }
      assembler.recycle_completed();
      CHECK(assembler.bytes_held() <= limits.bytes_max);
      test::unpack(batch);
      batch.clear();
    }
  }
  CHECK(events > 1000);
  assembler.end();
  assembler.recycle_completed();
  CHECK_EQUAL(assembler.bytes_held(), 0U);
}

TEST("20,000 mutated logs cause no crash") {
  std::string log;
  for (const auto& [type, body] :
       {std::pair{"SYSCALL", test::kExecSyscall}, std::pair{"EXECVE", test::kExecve},
        std::pair{"CWD", test::kCwd}, std::pair{"PATH", test::kPath}}) {
    log += std::string("node=x type=") + type + " msg=" + record(7, body) + "\x1dUID=\"root\"\n";
  }
  const std::vector<std::string> others = {log};
  std::mt19937 random(43);
  for (int i = 0; i < 20000; ++i) {
    LogReader reader(100);
    const std::string text = mutated(log + log, random, others);
    const size_t cut = random() % (text.size() + 1);
    reader.feed(std::string_view(text).substr(0, cut));
    reader.feed(std::string_view(text).substr(cut));
    reader.end();
    for (const auto& host : reader.hosts()) test::unpack(host->batch);
  }
}

}  // namespace
}  // namespace process_ancestry::audit
