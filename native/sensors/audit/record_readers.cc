#include "record_readers.h"

#include <linux/sched.h>

#include <algorithm>
#include <limits>

#include "syscalls.h"

namespace process_ancestry::audit {
namespace {

uint64_t hex_of(std::string_view value) {
  uint64_t number = 0;
  parse_based(value, 16, number);
  return number;
}

// Adds empty arguments that a converter dropped.
void add_empty(AuditEvent::Arguments& args, int64_t count, size_t max_bytes) {
  // The first argument has no separator before it.
  const auto separators = static_cast<uint64_t>(args.last < 0 ? count - 1 : count);
  args.whole_size += separators;
  const size_t room = max_bytes - std::min(max_bytes, args.bytes.size());
  args.bytes.append(std::min<uint64_t>(separators, room), '\0');
  args.last += count;
  args.next_chunk = std::numeric_limits<uint64_t>::max();
}

// A whole argument or a piece of one.
struct Piece {
  int64_t index;
  uint64_t chunk;
  bool whole;
  std::string_view value;
};

bool append_cut_hex(std::string_view value, std::string& to) {
  const size_t before = to.size();
  append_text(value.substr(0, value.size() - 1), to);
  if (to.size() - before == value.size() / 2) return true;
  to.resize(before);
  return false;
}

void add_argument(AuditEvent::Arguments& args, const Piece& piece, size_t max_bytes, bool may_be_cut) {
  if (piece.index < args.last || (piece.index == args.last && piece.chunk < args.next_chunk))
    return;  // a duplicate
  if (piece.index > args.last) {
    if (piece.index != args.last + 1 || piece.chunk != 0) args.missing = true;
    if (args.last >= 0) {
      ++args.whole_size;
      if (args.bytes.size() < max_bytes) args.bytes.push_back('\0');
    }
    args.last = piece.index;
  } else if (piece.chunk != args.next_chunk) {
    args.missing = true;
  }
  args.next_chunk = piece.whole ? std::numeric_limits<uint64_t>::max() : piece.chunk + 1;
  const size_t before = args.bytes.size();
  // Hex has two digits for each byte.
  const bool odd = may_be_cut && piece.value.size() % 2 != 0 && piece.value.front() != '"';
  if (odd && append_cut_hex(piece.value, args.bytes)) {
    args.cut = true;
  } else if (!append_text(piece.value, args.bytes)) {
    args.cut = true;
  }
  args.whole_size += args.bytes.size() - before;
  if (args.bytes.size() > max_bytes) args.bytes.resize(max_bytes);
}

// Accepts a12 and a12[3], and no other name. a12_len is not needed.
bool parse_argument_name(std::string_view name, Piece& piece) {
  if (name.size() < 2 || name.front() != 'a') return false;
  name.remove_prefix(1);
  uint64_t index = 0;
  piece.chunk = 0;
  const size_t bracket = name.find('[');
  piece.whole = bracket == std::string_view::npos;
  if (!piece.whole) {
    if (name.back() != ']') return false;
    if (!parse_based(name.substr(bracket + 1, name.size() - bracket - 2), 10, piece.chunk)) return false;
    name = name.substr(0, bracket);
  }
  if (!parse_based(name, 10, index) || index > std::numeric_limits<int32_t>::max()) return false;
  piece.index = static_cast<int64_t>(index);
  return true;
}

}  // namespace

uint32_t id_of(std::string_view value) {
  int64_t number;
  if (!parse_decimal(value, number) || number < -1 || number > int64_t{kUnknown}) return kUnknown;
  return static_cast<uint32_t>(number);
}

int32_t pid_of(std::string_view value) {
  int64_t number;
  if (!parse_decimal(value, number) || number < 0 || number > std::numeric_limits<int32_t>::max()) return 0;
  return static_cast<int32_t>(number);
}

bool read_syscall(AuditEvent& event, std::string_view body) {
  uint32_t arch = 0;
  uint64_t a0 = 0, a1 = 0;
  int64_t number = -1, result = 0;
  int32_t pid = 0, ppid = 0;
  bool success = false;
  Call call = Call::kOther;
  std::string_view comm, exe, tty;
  ExecDetails& exec = event.exec;
  ExecDetails& ids = exec;
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
        success = unquoted(value) == "yes";
        break;
      case field_key("exit"):
        parse_decimal(value, result);
        break;
      case field_key("a0"):
        a0 = hex_of(value);
        break;
      case field_key("a1"):
        a1 = hex_of(value);
        break;
      case field_key("items"):
        parse_decimal(value, event.items);
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
        tty = unquoted(value);
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
    if (!exe.empty()) break;  // the label and the key follow
  }
  event.state = AuditEvent::State::kNotWanted;
  if (pid <= 0) return false;
  event.pid = pid;
  switch (call) {
    case Call::kExitGroup:  // it does not return, so its record has no success=
      event.kind = Kind::kExit;
      event.exit_status = static_cast<int32_t>((a0 & 0xff) << 8);
      event.state = AuditEvent::State::kWanted;
      return true;
    case Call::kFork:
    case Call::kVfork:
    case Call::kClone:
    case Call::kClone3:
      // clone3 has its flags in memory, so they are not in the record.
      if (!success || result <= 0 || result > std::numeric_limits<int32_t>::max()) return true;
      if (call == Call::kClone && (a0 & CLONE_THREAD) != 0) return true;
      event.kind = Kind::kFork;
      event.pid = static_cast<int32_t>(result);
      if (call == Call::kClone && (a0 & CLONE_PARENT) != 0) {
        event.fork = {ppid, pid, ppid};
      } else {
        event.fork = {pid, 0, ppid};
      }
      event.state = AuditEvent::State::kWanted;
      return true;
    case Call::kSetsid:
    case Call::kSetpgid:
      if (!success) return true;
      event.kind = call == Call::kSetsid ? Kind::kSetsid : Kind::kSetpgid;
      event.setpgid.target = static_cast<int32_t>(a0);
      event.setpgid.group = static_cast<int32_t>(a1);
      event.state = AuditEvent::State::kWanted;
      return true;
    case Call::kOther:
      return true;
    case Call::kExecve:
    case Call::kExecveat:
    case Call::kUnknownArch:  // an exec if it has an EXECVE record
      if (!success) return true;
      break;
  }
  event.kind = Kind::kExec;
  event.state = AuditEvent::State::kWanted;
  exec.syscall = call == Call::kExecve     ? ExecCall::kExecve
                 : call == Call::kExecveat ? ExecCall::kExecveat
                                           : ExecCall::kUnknown;
  exec.ppid = static_cast<uint32_t>(ppid);
  event.comm = event.keep(comm);
  event.exe = event.keep(exe);
  event.tty = event.keep(tty);
  return true;
}

// argc=3 a0="ls" a1=2D6C …; a long argument is a1_len=7500 a1[0]=6162… a1[1]=…, over several records if
// needed (kernel/auditsc.c, audit_log_execve_info).
void read_execve(AuditEvent& event, std::string_view body, size_t args_max_bytes, bool may_be_cut) {
  // The kernel begins another record only above this size (kernel/auditsc.c, MAX_EXECVE_AUDIT_LEN). A syslog
  // daemon must not cut lines of up to 480 bytes (RFC 5424, 6.1).
  constexpr size_t kFullRecord = 7000, kNeverCut = 300;
  event.has_execve = true;
  bool is_first = false, has_arguments = false;
  FieldCursor fields(body);
  for (Field field; fields.next(field);) {
    if (field.key == field_key("argc")) {
      int64_t argc;
      if (parse_decimal(field.value, argc) && argc >= 0 && argc < int64_t{kUnknown}) {
        event.exec.args_count = static_cast<uint32_t>(argc);
        is_first = event.args.last < 0;
      }
      continue;
    }
    Piece piece;
    if (!parse_argument_name(field.name, piece)) continue;
    piece.value = field.value;
    // No argument is lost between two arguments of one record.
    const bool in_order = has_arguments || is_first;
    const int64_t dropped = piece.index - event.args.last - 1;
    if (in_order && dropped > 0 && piece.index < int64_t{event.exec.args_count} &&
        event.exec.args_count != kUnknown) {
      add_empty(event.args, dropped, args_max_bytes);
    }
    has_arguments = true;
    add_argument(event.args, piece, args_max_bytes, may_be_cut);
  }
  if (event.exec.args_count == kUnknown || (!has_arguments && !is_first)) return;
  const int64_t left = int64_t{event.exec.args_count} - event.args.last - 1;
  // An argument may continue in the next record.
  const bool is_whole = event.args.last < 0 || event.args.next_chunk == std::numeric_limits<uint64_t>::max();
  const bool is_last = is_whole && body.size() < (may_be_cut ? kNeverCut : kFullRecord);
  if (left > 0 && is_last && !event.args.missing) add_empty(event.args, left, args_max_bytes);
}

void read_path(AuditEvent& event, std::string_view body) {
  ++event.paths;
  FileId file;
  bool is_program = false, has_file = false;
  // A program has the items program and loader; a script has its interpreter between them.
  constexpr int64_t kItemsOfScript = 3;
  if (event.items >= kItemsOfScript) event.exec.is_script = true;
  FieldCursor fields(body);
  for (Field field; fields.next(field);) {
    const std::string_view value = field.value;
    switch (field.key) {
      case field_key("item"):
        is_program = unquoted(value) == "0";
        break;
      case field_key("name"):
        if (is_program && event.name.size == 0) event.name = event.keep(value);
        break;
      case field_key("inode"):
        has_file = parse_based(value, 10, file.inode);
        break;
      case field_key("dev"): {
        const std::string_view device = unquoted(value);
        const size_t colon = device.find(':');
        if (colon == std::string_view::npos) break;
        file.dev_major = static_cast<uint32_t>(hex_of(device.substr(0, colon)));
        file.dev_minor = static_cast<uint32_t>(hex_of(device.substr(colon + 1)));
        break;
      }
      case field_key("mode"): {
        uint64_t mode;
        if (is_program && parse_based(value, 8, mode)) event.exec.mode = static_cast<uint32_t>(mode);
        break;
      }
      case field_key("ouid"):
        if (is_program) event.exec.owner_uid = id_of(value);
        break;
      case field_key("ogid"):
        if (is_program) event.exec.owner_gid = id_of(value);
        break;
      case field_key("cap_fp"):
      case field_key("cap_fi"):
        // Those of a script have no effect.
        if (hex_of(value) != 0 && !event.exec.is_script) event.exec.has_file_capabilities = true;
        break;
      default:
        break;
    }
    if (field.key == field_key("cap_fi") || (!is_program && field.key == field_key("dev"))) break;
  }
  if (has_file && event.file_count < AuditEvent::kMaxFiles) event.files[event.file_count++] = file;
}

void read_cwd(AuditEvent& event, std::string_view body) {
  FieldCursor fields(body);
  for (Field field; fields.next(field);) {
    if (field.key == field_key("cwd")) event.cwd = event.keep(field.value);
  }
}

}  // namespace process_ancestry::audit
