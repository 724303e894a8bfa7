#include "log_reader.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "converted_record.h"
#include "pack_event.h"
#include "record.h"

namespace process_ancestry::audit {
namespace {

Assembler::Limits log_limits(size_t args_max_bytes) {
  Assembler::Limits limits;
  limits.args_max_bytes = args_max_bytes;
  limits.from_log = true;
  // A log may have a thousand hosts.
  limits.bytes_max = size_t{16} << 20;
  limits.remembered_serials = 512;
  return limits;
}

// Completed events are packed at this size.
constexpr size_t kHeldMaxBytes = 8 << 20;

// Relayed logs may have lines out of order, and an event is recorded when its system call returns. So events
// are sorted by time and serial, within LogClock::kReorderMs and this many events.
constexpr size_t kReorderEvents = 1024;
// For all hosts together.
constexpr size_t kWaitingEvents = 16 * kReorderEvents;

bool is_before(const AuditEvent& one, const AuditEvent& other) {
  return one.log_time == other.log_time ? one.id.serial < other.id.serial : one.log_time < other.log_time;
}

// Sorts the newly completed events into the waiting ones.
void order_completed(RecordedHost& host) {
  auto& events = host.assembler.completed();
  for (; host.ordered < events.size(); ++host.ordered) {
    size_t to = host.ordered;
    while (to > 0 && is_before(*events[host.ordered], *events[to - 1])) --to;
    const auto begin = events.begin();
    std::rotate(begin + static_cast<std::ptrdiff_t>(to), begin + static_cast<std::ptrdiff_t>(host.ordered),
                begin + static_cast<std::ptrdiff_t>(host.ordered) + 1);
  }
}

// Corrects the position of an event after its time was confirmed.
void reposition(RecordedHost& host, const RecordId& id, const LogTime& time) {
  if (AuditEvent* const begun = host.assembler.begun(id)) {
    begun->log_time = time;
    return;
  }
  auto& events = host.assembler.completed();
  for (size_t i = events.size(); i-- > 0;) {
    if (!(events[i]->id == id)) continue;
    events[i]->log_time = time;
    if (i >= host.ordered) return;
    const auto begin = events.begin();
    std::rotate(begin + static_cast<std::ptrdiff_t>(i), begin + static_cast<std::ptrdiff_t>(i) + 1,
                begin + static_cast<std::ptrdiff_t>(host.ordered));
    --host.ordered;
    return;
  }
}

void pack_first(RecordedHost& host, size_t count) {
  if (count == 0) return;
  if (host.batch.empty()) host.batch.clock(0, NAN);
  const auto& events = host.assembler.completed();
  for (size_t i = 0; i < count; ++i) pack_event(*events[i], host.batch);
  host.assembler.recycle_completed(count);
  host.ordered -= count;
}

// Packs the events that no later line can precede.
void pack_ordered(RecordedHost& host) {
  order_completed(host);
  const auto& events = host.assembler.completed();
  size_t count = events.size() - std::min(events.size(), kReorderEvents);
  const LogTime& latest = host.clock.latest();
  while (count < events.size() && events[count]->log_time.is_before(latest, LogClock::kReorderMs)) ++count;
  pack_first(host, count);
}

void pack_completed(RecordedHost& host) {
  order_completed(host);
  pack_first(host, host.assembler.completed().size());
}

}  // namespace

LogReader::LogReader(size_t args_max_bytes) : limits_(log_limits(args_max_bytes)) {}

void LogReader::feed(std::string_view text) {
  for (;;) {
    const size_t newline = text.find('\n');
    const std::string_view piece = text.substr(0, newline);
    if (!skipping_ && unfinished_.size() + piece.size() > kLineMaxBytes) {
      skipping_ = true;
      unfinished_.clear();
      ++counters_.lines;
      ++counters_.malformed;
      ++counters_.forms[static_cast<size_t>(LineForm::kOther)];
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
    text.remove_prefix(newline + 1);
  }
  size_t waiting = 0;
  for (const auto& host : hosts_) {
    pack_ordered(*host);
    waiting += host->assembler.completed().size();
  }
  if (waiting > kWaitingEvents) flush();
}

void LogReader::flush() {
  for (const auto& host : hosts_) pack_completed(*host);
}

void LogReader::end() {
  if (!unfinished_.empty()) read_line(unfinished_);
  unfinished_.clear();
  skipping_ = false;
  for (const auto& host : hosts_) {
    host->assembler.end();
    pack_completed(*host);
  }
}

Assembler::Counters LogReader::assembled() const {
  Assembler::Counters all;
  for (const auto& host : hosts_) {
    const Assembler::Counters& one = host->assembler.counters();
    all.events += one.events;
    all.malformed += one.malformed;
    all.incomplete += one.incomplete;
    all.args_cut += one.args_cut;
  }
  return all;
}

void LogReader::read_line(std::string_view line) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (is_first_line_ && line.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    line.remove_prefix(kByteOrderMark.size());
  }
  is_first_line_ = false;
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  if (line.empty()) return;
  ++counters_.lines;
  LogLine parsed;
  const LineForm form = parse_log_line(line, parsed);
  if (form != LineForm::kRecord) {
    ++counters_.malformed;
    ++counters_.forms[static_cast<size_t>(form)];
    return;
  }
  ++counters_.records;
  RecordedHost* const host = host_of(parsed.host);
  if (host == nullptr) {
    ++counters_.beyond_hosts;
    return;
  }
  RecordId id;
  std::string_view body;
  // All records of an event have the same time.
  if (parse_record_id(parsed.record, id, body) && !(id == host->last_record)) {
    const LogClock::Position position = host->clock.add(id.time_ms);
    if (position.previous) reposition(*host, host->last_record, *position.previous);
    host->last_record = id;
    host->assembler.set_log_time(position.time);
  }
  if (!parsed.enriched.empty() && (parsed.type == kSyscall || parsed.type == kPath)) {
    host->names.learn(body, parsed.enriched);
  }
  host->assembler.expire(host->clock.latest().ms);
  const bool is_kernels = parsed.type != kUserStart && parsed.type != kUserLogin;
  const std::string_view record =
      is_kernels ? as_the_kernel_writes(parsed.record, rewritten_) : parsed.record;
  // An event with an uncertain time must not expire when its time is confirmed.
  const double now_ms = std::max(host->clock.latest().ms, id.time_ms);
  host->assembler.add(parsed.type, record, now_ms, parsed.has_prefix);
  pack_ordered(*host);
  if (host->assembler.bytes_held() > kHeldMaxBytes) pack_completed(*host);
}

RecordedHost* LogReader::host_of(std::string_view name) {
  if (last_ != nullptr && last_->name == name) return last_;
  // Host names are case-insensitive (RFC 4343).
  std::string folded(name);
  for (char& c : folded) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const auto found = by_name_.find(folded);
  if (found != by_name_.end()) return last_ = found->second;
  if (hosts_.size() >= kHostsMax) return nullptr;
  hosts_.push_back(std::make_unique<RecordedHost>(name, limits_));
  last_ = hosts_.back().get();
  by_name_.emplace(std::move(folded), last_);
  return last_;
}

}  // namespace process_ancestry::audit
