// Passes the input to all readers of audit data: as a recorded log, and its lines as kernel records.
#include <string>
#include <string_view>
#include <vector>

#include "../sensors/audit/assembler.h"
#include "../sensors/audit/log_line.h"
#include "../sensors/audit/log_reader.h"
#include "../sensors/audit/pack_event.h"
#include "../sensors/audit/rule.h"
#include "properties.h"

namespace process_ancestry::audit {
namespace {

using fuzz::require;
using fuzz::require_whole;

constexpr size_t kArgsMaxBytes = 1 << 10;

using Records = std::vector<std::string>;

// The packed records of every host, in order.
Records read_log(std::string_view text, size_t piece) {
  LogReader reader(kArgsMaxBytes);
  for (size_t at = 0; at < text.size(); at += piece) reader.feed(text.substr(at, piece));
  reader.end();
  Records records;
  for (const auto& host : reader.hosts()) {
    require_whole(host->batch);
    const uint8_t* const data = host->batch.data();
    for (size_t at = 0, size = 0; at < host->batch.size(); at += size) {
      size = record_size(data + at);
      records.push_back(host->name + '\n' + std::string(reinterpret_cast<const char*>(data + at), size));
    }
  }
  return records;
}

void read_as_log(std::string_view text) {
  require(read_log(text, text.size() + 1) == read_log(text, 7),
          "the result does not depend on where a log is cut");
}

// As netlink delivers them: a type and a text without a newline.
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
      // A separate allocation, so that a read past the end is detected.
      const std::string record(line.record);
      assembler.add(line.type, record, now_ms);
      assembler.add(kEndOfEvent, record.substr(0, record.size() / 2), now_ms);
      assembler.expire(now_ms += 100);
      require(assembler.pending() <= limits.pending_max, "the number of waiting events is limited");
      require(assembler.bytes_held() <= limits.bytes_max + record.size() + kArgsMaxBytes,
              "the bytes of waiting events are limited");
      for (const auto& event : assembler.completed()) pack_event(*event, batch);
      assembler.recycle_completed();
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  assembler.end();
  for (const auto& event : assembler.completed()) pack_event(*event, batch);
  require_whole(batch);
}

// As in an AUDIT_LIST_RULES answer.
void read_as_rule(std::string_view text) {
  const Rule rule(text);
  rule.is_same_as(rule);
  rule.for_the_front();
  rule.has_key("process_ancestry");
  rule.silences_all_tasks();
  rule.covers_exec();
  rule.hides_execs();
  rule.excludes(rule.excluded_type());
}

}  // namespace
}  // namespace process_ancestry::audit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace process_ancestry::audit;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_as_log(text);
  read_as_records(text);
  read_as_rule(text);
  return 0;
}
