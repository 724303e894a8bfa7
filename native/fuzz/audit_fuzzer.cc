// Feeds an input to all that reads audit: as a recorded log, its lines as the kernel's records, and as a
// rule.
#include <string>
#include <string_view>

#include "../sensors/audit/assembler.h"
#include "../sensors/audit/log_line.h"
#include "../sensors/audit/log_reader.h"
#include "../sensors/audit/pack_event.h"
#include "properties.h"

namespace process_ancestry::audit {
namespace {

using fuzz::require;
using fuzz::require_whole;

constexpr size_t kArgsMaxBytes = 1 << 10;

// What is packed of each host, the hosts one after the other.
std::string packed(const LogReader& reader) {
  std::string all;
  for (const auto& host : reader.hosts()) {
    require_whole(host->batch);
    all.append(host->name).append(1, '\n');
    all.append(reinterpret_cast<const char*>(host->batch.data()), host->batch.size());
  }
  return all;
}

std::string read_log(std::string_view text, size_t piece) {
  LogReader reader(kArgsMaxBytes);
  for (size_t at = 0; at < text.size(); at += piece) reader.feed(text.substr(at, piece));
  reader.end();
  return packed(reader);
}

// A clock's record is one more where the first events are taken earlier, but it is the same for all pieces
// here.
void read_as_log(std::string_view text) {
  require(read_log(text, text.size() + 1) == read_log(text, 7), "where a log is cut does not matter");
}

// As netlink delivers them: a type and a text without a line's end.
void read_as_records(std::string_view text) {
  Assembler::Limits limits;
  limits.args_max_bytes = kArgsMaxBytes;
  limits.pending_max = 8;
  limits.bytes_max = 16 << 10;
  limits.remembered_serials = 64;
  Assembler assembler(limits);
  Batch batch;
  double now_ms = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    LogLine line;
    if (parse_log_line(text.substr(0, end), line) == LineForm::kRecord) {
      // In a block of its own: reading past its end is found.
      const std::string record(line.record);
      assembler.add(line.type, record, now_ms);
      assembler.add(kEndOfEvent, record.substr(0, record.size() / 2), now_ms);
      assembler.expire(now_ms += 100);
      require(assembler.pending() <= limits.pending_max, "events that wait are bounded");
      require(assembler.bytes_held() <= limits.bytes_max + record.size() + kArgsMaxBytes,
              "what they hold is bounded");
      for (const auto& event : assembler.completed()) pack_event(*event, batch);
      assembler.recycle_completed();
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  assembler.end();
  for (const auto& event : assembler.completed()) pack_event(*event, batch);
  require_whole(batch);
}

}  // namespace
}  // namespace process_ancestry::audit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace process_ancestry::audit;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_as_log(text);
  read_as_records(text);
  return 0;
}
