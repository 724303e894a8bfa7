#include "assembler.h"

#include <limits>

#include "login_record.h"
#include "record_readers.h"

namespace process_ancestry::audit {

void Assembler::add(uint16_t type, std::string_view record, double now_ms, bool may_be_cut) {
  const bool login = type == kUserStart || type == kUserLogin;
  if (type != kSyscall && type != kExecve && type != kCwd && type != kPath && type != kEndOfEvent && !login &&
      !(type == kProctitle && limits_.from_log)) {
    return;
  }
  RecordId id;
  std::string_view body;
  if (!parse_record_id(record, id, body)) {
    ++counters_.malformed;
    return;
  }
  if (login) {
    if (!was_completed(id)) add_login(id, body);
    return;
  }
  const bool ends = type == kEndOfEvent || type == kProctitle;
  AuditEvent* const event = find(id, !ends, now_ms);
  if (event == nullptr) return;
  if (ends) {
    finish(last_, true);
    return;
  }
  if (event->state == AuditEvent::State::kNotWanted) return;
  const size_t bytes_before = event->bytes();
  switch (type) {
    case kSyscall:
      if (!read_syscall(*event, body)) ++counters_.malformed;
      if (event->kind == Kind::kSetpgid && event->state == AuditEvent::State::kWanted) {
        ++counters_.group_changes;
        group_caller_ = {event->pid, event->exec.uid, id.time_ms};
      }
      break;
    case kExecve:
      read_execve(*event, body, limits_.args_max_bytes, may_be_cut);
      break;
    case kPath:
      read_path(*event, body);
      break;
    default:
      read_cwd(*event, body);
      break;
  }
  bytes_held_ += event->bytes() - bytes_before;
  if (excluded_.end && has_last_record(*event)) finish(last_, true);
  trim();
}

void Assembler::set_excluded(const Excluded& excluded) {
  excluded_ = excluded;
  // Events that began before may get no end record.
  for (size_t i = 0; excluded_.end && i < pending_.size();) {
    if (has_last_record(*pending_[i])) {
      finish(i, true);
    } else {
      ++i;
    }
  }
}

bool Assembler::has_last_record(const AuditEvent& event) const {
  if (event.state == AuditEvent::State::kWaitingForSyscall) return false;
  if (event.state == AuditEvent::State::kNotWanted || event.items == 0) return true;
  if (!excluded_.path) return event.items > 0 && event.paths >= event.items;
  if (!excluded_.cwd) return event.cwd.size > 0;
  if (excluded_.execve || event.kind != Kind::kExec) return true;
  // The last piece of an argument is not marked.
  const bool is_whole = event.args.next_chunk == std::numeric_limits<uint64_t>::max();
  return event.has_execve && is_whole && event.args.last + 1 == int64_t{event.exec.args_count};
}

// A message from user space is an event of one record, without an EOE.
void Assembler::add_login(const RecordId& id, std::string_view body) {
  Slot slot = new_slot(id, 0);
  if (!read_login(*slot, body)) ++counters_.malformed;
  bytes_held_ += slot->bytes();
  remembered_[id.serial % remembered_.size()] = id;
  if (slot->state == AuditEvent::State::kWanted) {
    deliver(std::move(slot));
  } else {
    free_slot(std::move(slot));
  }
}

Assembler::Slot Assembler::new_slot(const RecordId& id, double now_ms) {
  Slot slot;
  if (free_.empty()) {
    slot = std::make_unique<AuditEvent>();
  } else {
    slot = std::move(free_.back());
    free_.pop_back();
  }
  slot->id = id;
  slot->first_seen_ms = now_ms;
  slot->log_time = log_time_;
  return slot;
}

AuditEvent* Assembler::begun(const RecordId& id) {
  if (last_ < pending_.size() && pending_[last_]->id == id) return pending_[last_].get();
  for (size_t i = pending_.size(); i-- > 0;) {
    if (pending_[i]->id == id) {
      last_ = i;
      return pending_[i].get();
    }
  }
  return nullptr;
}

AuditEvent* Assembler::find(const RecordId& id, bool begin, double now_ms) {
  if (AuditEvent* const event = begun(id)) return event;
  if (!begin || was_completed(id)) return nullptr;
  if (limits_.from_log) {
    while (!pending_.empty() && begun_ - pending_.front()->born > limits_.later_events_max) finish(0, true);
  }
  if (pending_.size() >= limits_.pending_max) finish(0, false);
  Slot slot = new_slot(id, now_ms);
  slot->born = begun_++;
  last_ = pending_.size();
  pending_.push_back(std::move(slot));
  return pending_.back().get();
}

bool Assembler::was_completed(const RecordId& id) const {
  return remembered_[id.serial % remembered_.size()] == id;
}

void Assembler::finish(size_t index, bool complete) {
  Slot slot = std::move(pending_[index]);
  pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(index));
  AuditEvent& event = *slot;
  remembered_[event.id.serial % remembered_.size()] = event.id;
  const bool wanted = event.state == AuditEvent::State::kWanted;
  if (event.state != AuditEvent::State::kNotWanted && (!wanted || !complete)) ++counters_.incomplete;
  if (!wanted ||
      (event.kind == Kind::kExec && event.exec.syscall == ExecCall::kUnknown && !event.has_execve)) {
    free_slot(std::move(slot));
    return;
  }
  deliver(std::move(slot));
}

void Assembler::deliver(Slot slot) {
  slot->complete();
  if (slot->exec.args_cut) ++counters_.args_cut;
  ++counters_.events;
  completed_.push_back(std::move(slot));
}

void Assembler::free_slot(Slot slot) {
  AuditEvent& old = *slot;
  bytes_held_ -= old.bytes();
  if (free_.size() >= kFreeMax) return;
  std::string text = std::move(old.text), args = std::move(old.args.bytes);
  if (text.capacity() > kKeepBytes) text = std::string();
  if (args.capacity() > kKeepBytes) args = std::string();
  text.clear();
  args.clear();
  old = AuditEvent();
  old.text = std::move(text);
  old.args.bytes = std::move(args);
  free_.push_back(std::move(slot));
}

void Assembler::trim() {
  while (bytes_held_ > limits_.bytes_max && !pending_.empty()) {
    Slot slot = std::move(pending_.front());
    pending_.erase(pending_.begin());
    remembered_[slot->id.serial % remembered_.size()] = slot->id;
    ++counters_.incomplete;
    free_slot(std::move(slot));
  }
}

void Assembler::expire(double now_ms) {
  for (size_t i = 0; i < pending_.size();) {
    if (now_ms - pending_[i]->first_seen_ms > limits_.expiry_ms) {
      finish(i, limits_.from_log);
    } else {
      ++i;
    }
  }
}

void Assembler::end() {
  while (!pending_.empty()) finish(0, limits_.from_log);
}

void Assembler::recycle_completed(size_t count) {
  const auto end = completed_.begin() + static_cast<std::ptrdiff_t>(count);
  for (auto slot = completed_.begin(); slot != end; ++slot) free_slot(std::move(*slot));
  completed_.erase(completed_.begin(), end);
}

}  // namespace process_ancestry::audit
