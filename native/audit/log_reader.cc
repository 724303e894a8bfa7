#include "log_reader.h"

#include <algorithm>
#include <cmath>

#include "log_line.h"
#include "pack_event.h"
#include "record.h"

namespace process_ancestry::audit {
namespace {

Assembler::Limits log_limits(size_t args_max_bytes) {
  Assembler::Limits limits;
  limits.args_max_bytes = args_max_bytes;
  limits.from_log = true;
  return limits;
}

// Completed events are packed once this much is held.
constexpr size_t kHeldMaxBytes = 8 << 20;

}  // namespace

LogReader::LogReader(size_t args_max_bytes) : assembler_(log_limits(args_max_bytes)) {}

void LogReader::feed(std::string_view text, Batch& batch) {
  for (;;) {
    const size_t newline = text.find('\n');
    const std::string_view piece = text.substr(0, newline);
    if (!skipping_ && unfinished_.size() + piece.size() > kLineMaxBytes) {
      skipping_ = true;
      unfinished_.clear();
      ++counters_.lines;
      ++counters_.malformed;
    }
    if (newline == std::string_view::npos) {
      if (!skipping_) unfinished_.append(piece);
      break;
    }
    if (skipping_) {
      skipping_ = false;
    } else if (unfinished_.empty()) {
      read_line(piece);
    } else {
      unfinished_.append(piece);
      read_line(unfinished_);
      unfinished_.clear();
    }
    if (assembler_.bytes_held() > kHeldMaxBytes) pack_completed(batch);
    text.remove_prefix(newline + 1);
  }
  pack_completed(batch);
}

void LogReader::end(Batch& batch) {
  if (!unfinished_.empty()) read_line(unfinished_);
  unfinished_.clear();
  skipping_ = false;
  assembler_.end();
  pack_completed(batch);
}

void LogReader::read_line(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  if (line.empty()) return;
  ++counters_.lines;
  LogLine parsed;
  if (!parse_log_line(line, parsed)) {
    ++counters_.malformed;
    return;
  }
  ++counters_.records;
  RecordId id;
  std::string_view body;
  if (parse_record_id(parsed.record, id, body)) log_time_ms_ = std::max(log_time_ms_, id.time_ms);
  assembler_.expire(log_time_ms_);
  assembler_.add(parsed.type, parsed.record, log_time_ms_);
}

void LogReader::pack_completed(Batch& batch) {
  if (assembler_.completed().empty()) return;
  if (batch.empty()) batch.clock(0, NAN);
  for (const auto& event : assembler_.completed()) pack_event(*event, batch);
  assembler_.recycle_completed();
}

}  // namespace process_ancestry::audit
