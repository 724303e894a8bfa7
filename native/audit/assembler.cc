#include "assembler.h"

#include <linux/sched.h>

#include <algorithm>
#include <limits>

namespace process_ancestry::audit {
namespace {

// auid and ses are 4294967295 where unset, which is kUnknown; a log may spell it.
uint32_t id_of(std::string_view value) {
  int64_t number;
  if (!parse_decimal(value, number) || number < -1 || number > int64_t{kUnknown}) return kUnknown;
  return static_cast<uint32_t>(number);
}

// 0 for what is no pid: no process that execs has it.
int32_t pid_of(std::string_view value) {
  int64_t number;
  if (!parse_decimal(value, number) || number < 0 || number > std::numeric_limits<int32_t>::max()) return 0;
  return static_cast<int32_t>(number);
}

uint64_t hex_of(std::string_view value) {
  uint64_t number = 0;
  parse_based(value, 16, number);
  return number;
}

}  // namespace

void Assembler::add(uint16_t type, std::string_view record, double now_ms) {
  if (type != kSyscall && type != kExecve && type != kCwd && type != kPath && type != kEndOfEvent &&
      !(type == kProctitle && limits_.from_log)) {
    return;
  }
  RecordId id;
  std::string_view body;
  if (!parse_record_id(record, id, body)) {
    ++counters_.malformed;
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
  if (type == kSyscall) {
    read_syscall(*event, body);
  } else if (type == kExecve) {
    read_execve(*event, body);
  } else if (type == kPath) {
    read_path(*event, body);
  } else {
    FieldCursor fields(body);
    for (Field field; fields.next(field);) {
      if (field.key == field_key("cwd")) event->cwd = keep(*event, field.value);
    }
  }
  bytes_held_ += event->bytes() - bytes_before;
  trim();
}

AuditEvent* Assembler::find(const RecordId& id, bool begin, double now_ms) {
  if (last_ < pending_.size() && pending_[last_]->id == id) return pending_[last_].get();
  for (size_t i = pending_.size(); i-- > 0;) {
    if (pending_[i]->id == id) {
      last_ = i;
      return pending_[i].get();
    }
  }
  if (!begin || was_completed(id)) return nullptr;
  if (limits_.from_log) {
    while (!pending_.empty() && begun_ - pending_.front()->born > limits_.later_events_max) finish(0, true);
  }
  if (pending_.size() >= limits_.pending_max) finish(0, false);
  Slot slot;
  if (free_.empty()) {
    slot = std::make_unique<AuditEvent>();
  } else {
    slot = std::move(free_.back());
    free_.pop_back();
  }
  slot->id = id;
  slot->first_seen_ms = now_ms;
  slot->born = begun_++;
  last_ = pending_.size();
  pending_.push_back(std::move(slot));
  return pending_.back().get();
}

bool Assembler::was_completed(const RecordId& id) const {
  return remembered_[id.serial % kRememberedSerials] == id;
}

void Assembler::finish(size_t index, bool complete) {
  Slot slot = std::move(pending_[index]);
  pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(index));
  AuditEvent& event = *slot;
  remembered_[event.id.serial % kRememberedSerials] = event.id;
  const bool wanted = event.state == AuditEvent::State::kWanted;
  if (event.state != AuditEvent::State::kNotWanted && (!wanted || !complete)) ++counters_.incomplete;
  if (!wanted || (event.kind == Kind::kExec && event.exec.call == ExecCall::kUnknown && !event.has_execve)) {
    free_slot(std::move(slot));
    return;
  }
  const auto view = [&event](AuditEvent::Span span) {
    return std::string_view(event.text).substr(span.at, span.size);
  };
  ExecDetails& exec = event.exec;
  exec.serial = event.id.serial;
  exec.comm = view(event.comm);
  exec.exe = view(event.exe);
  exec.cwd = view(event.cwd);
  exec.tty = view(event.tty);
  exec.name = view(event.name);
  exec.args = event.args;
  exec.args_size =
      static_cast<uint32_t>(std::min<uint64_t>(event.args_size, std::numeric_limits<uint32_t>::max()));
  const bool too_few = event.has_execve && exec.argc != kUnknown && event.arg + 1 < int64_t{exec.argc};
  exec.args_cut = event.args_missing || too_few || event.args_size > event.args.size();
  if (exec.args_cut) ++counters_.args_cut;
  ++counters_.events;
  completed_.push_back(std::move(slot));
}

void Assembler::free_slot(Slot slot) {
  AuditEvent& old = *slot;
  bytes_held_ -= old.bytes();
  if (free_.size() >= kFreeMax) return;
  std::string text = std::move(old.text), args = std::move(old.args);
  if (text.capacity() > kKeepBytes) text = std::string();
  if (args.capacity() > kKeepBytes) args = std::string();
  text.clear();
  args.clear();
  old = AuditEvent();
  old.text = std::move(text);
  old.args = std::move(args);
  free_.push_back(std::move(slot));
}

void Assembler::trim() {
  while (bytes_held_ > limits_.bytes_max && !pending_.empty()) {
    Slot slot = std::move(pending_.front());
    pending_.erase(pending_.begin());
    remembered_[slot->id.serial % kRememberedSerials] = slot->id;
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

void Assembler::recycle_completed() {
  for (Slot& slot : completed_) free_slot(std::move(slot));
  completed_.clear();
}

AuditEvent::Span Assembler::keep(AuditEvent& event, std::string_view value) {
  const size_t at = event.text.size();
  append_text(value, event.text);
  return {at, event.text.size() - at};
}

void Assembler::read_syscall(AuditEvent& event, std::string_view body) {
  uint32_t arch = 0;
  uint64_t a0 = 0;
  int64_t number = -1, result = 0;
  int32_t pid = 0, ppid = 0;
  bool success = false;
  Call call = Call::kOther;
  std::string_view comm, exe, tty;
  ExecDetails& exec = event.exec;
  Credentials& ids = exec.credentials;
  FieldCursor fields(body);
  for (Field field; fields.next(field);) {
    const std::string_view value = field.value;
    switch (field.key) {
      case field_key("arch"):
        arch = static_cast<uint32_t>(hex_of(value));
        break;
      case field_key("syscall"):
        parse_decimal(value, number);
        if (number >= 0 && number <= UINT32_MAX) call = call_of(arch, static_cast<uint32_t>(number));
        break;
      case field_key("success"):
        success = value == "yes";
        break;
      case field_key("exit"):
        parse_decimal(value, result);
        break;
      case field_key("a0"):
        a0 = hex_of(value);
        break;
      case field_key("ppid"):
        ppid = pid_of(value);
        break;
      case field_key("pid"):
        pid = pid_of(value);
        break;
      case field_key("auid"):
        ids.auid = id_of(value);
        break;
      case field_key("uid"):
        ids.uid = id_of(value);
        break;
      case field_key("gid"):
        ids.gid = id_of(value);
        break;
      case field_key("euid"):
        ids.euid = id_of(value);
        break;
      case field_key("suid"):
        ids.suid = id_of(value);
        break;
      case field_key("fsuid"):
        ids.fsuid = id_of(value);
        break;
      case field_key("egid"):
        ids.egid = id_of(value);
        break;
      case field_key("sgid"):
        ids.sgid = id_of(value);
        break;
      case field_key("fsgid"):
        ids.fsgid = id_of(value);
        break;
      case field_key("ses"):
        ids.ses = id_of(value);
        break;
      case field_key("tty"):
        tty = value;
        break;
      case field_key("comm"):
        comm = value;
        break;
      case field_key("exe"):
        exe = value;
        break;
      default:
        break;
    }
    if (!exe.empty()) break;  // what follows is the label and the key
  }
  if (pid <= 0) {
    ++counters_.malformed;
    event.state = AuditEvent::State::kNotWanted;
    return;
  }
  event.pid = pid;
  event.state = AuditEvent::State::kNotWanted;
  switch (call) {
    case Call::kExitGroup:  // it does not return, so its record has no success=
      event.kind = Kind::kExit;
      event.exit_status = static_cast<int32_t>((a0 & 0xff) << 8);
      event.state = AuditEvent::State::kWanted;
      return;
    case Call::kFork:
    case Call::kVfork:
    case Call::kClone:
    case Call::kClone3:
      // clone3 has its flags in memory, where the record cannot show them.
      if (!success || result <= 0 || result > std::numeric_limits<int32_t>::max()) return;
      if (call == Call::kClone && (a0 & CLONE_THREAD) != 0) return;
      event.kind = Kind::kFork;
      event.pid = static_cast<int32_t>(result);
      if (call == Call::kClone && (a0 & CLONE_PARENT) != 0) {
        event.fork = {ppid, pid};
      } else {
        event.fork = {pid, 0};
      }
      event.state = AuditEvent::State::kWanted;
      return;
    case Call::kOther:
      return;
    case Call::kExecve:
    case Call::kExecveat:
    case Call::kUnknownArch:  // an exec if it has an EXECVE record
      if (!success) return;
      break;
  }
  event.kind = Kind::kExec;
  event.state = AuditEvent::State::kWanted;
  exec.call = call == Call::kExecve     ? ExecCall::kExecve
              : call == Call::kExecveat ? ExecCall::kExecveat
                                        : ExecCall::kUnknown;
  exec.ppid = ppid;
  event.comm = keep(event, comm);
  event.exe = keep(event, exe);
  event.tty = keep(event, tty);
}

// argc=3 a0="ls" a1=2D6C …; long ones as a1_len=7500 a1[0]=6162… a1[1]=…, over several records if need be
// (kernel/auditsc.c, audit_log_execve_info).
void Assembler::read_execve(AuditEvent& event, std::string_view body) {
  event.has_execve = true;
  FieldCursor fields(body);
  for (Field field; fields.next(field);) {
    if (field.key == field_key("argc")) {
      int64_t argc;
      if (parse_decimal(field.value, argc) && argc >= 0 && argc < int64_t{kUnknown}) {
        event.exec.argc = static_cast<uint32_t>(argc);
      }
      continue;
    }
    std::string_view name = field.name;
    if (name.size() < 2 || name.front() != 'a') continue;
    name.remove_prefix(1);
    uint64_t arg = 0, chunk = 0;
    const size_t bracket = name.find('[');
    const bool whole = bracket == std::string_view::npos;
    if (!whole) {
      if (name.back() != ']') continue;
      if (!parse_based(name.substr(bracket + 1, name.size() - bracket - 2), 10, chunk)) continue;
      name = name.substr(0, bracket);
    }
    if (!parse_based(name, 10, arg)) continue;  // a1_len: the pieces say it too
    add_arg(event, arg, chunk, whole, field.value);
  }
}

void Assembler::add_arg(AuditEvent& event, uint64_t arg, uint64_t chunk, bool whole, std::string_view value) {
  if (arg > std::numeric_limits<int32_t>::max()) return;
  const auto index = static_cast<int64_t>(arg);
  if (index < event.arg || (index == event.arg && chunk < event.next_chunk)) return;  // it came twice
  if (index > event.arg) {
    if (index != event.arg + 1 || chunk != 0) event.args_missing = true;
    if (event.arg >= 0) {
      ++event.args_size;
      if (event.args.size() < limits_.args_max_bytes) event.args.push_back('\0');
    }
    event.arg = index;
  } else if (chunk != event.next_chunk) {
    event.args_missing = true;
  }
  event.next_chunk = whole ? std::numeric_limits<uint64_t>::max() : chunk + 1;
  const size_t before = event.args.size();
  append_text(value, event.args);
  event.args_size += event.args.size() - before;
  if (event.args.size() > limits_.args_max_bytes) event.args.resize(limits_.args_max_bytes);
}

void Assembler::read_path(AuditEvent& event, std::string_view body) {
  FileId file;
  bool is_program = false, has_file = false;
  FieldCursor fields(body);
  for (Field field; fields.next(field);) {
    const std::string_view value = field.value;
    switch (field.key) {
      case field_key("item"):
        is_program = value == "0";
        break;
      case field_key("name"):
        if (is_program && event.name.size == 0) event.name = keep(event, value);
        break;
      case field_key("inode"):
        has_file = parse_based(value, 10, file.inode);
        break;
      case field_key("dev"): {
        const size_t colon = value.find(':');
        if (colon == std::string_view::npos) break;
        file.dev_major = static_cast<uint32_t>(hex_of(value.substr(0, colon)));
        file.dev_minor = static_cast<uint32_t>(hex_of(value.substr(colon + 1)));
        break;
      }
      case field_key("mode"): {
        uint64_t mode;
        if (is_program && parse_based(value, 8, mode)) event.exec.mode = static_cast<uint32_t>(mode);
        break;
      }
      case field_key("ouid"):
        if (is_program) event.exec.ouid = id_of(value);
        break;
      case field_key("ogid"):
        if (is_program) event.exec.ogid = id_of(value);
        break;
      default:
        break;
    }
    if (field.key == field_key("ogid") || (!is_program && field.key == field_key("dev"))) break;
  }
  if (has_file && event.file_count < AuditEvent::kMaxFiles) event.files[event.file_count++] = file;
}

}  // namespace process_ancestry::audit
