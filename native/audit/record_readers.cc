#include "record_readers.h"

#include <linux/sched.h>

#include <limits>

#include "syscalls.h"

namespace process_ancestry::audit {
namespace {

uint64_t hex_of(std::string_view value) {
  uint64_t number = 0;
  parse_based(value, 16, number);
  return number;
}

// A piece of an argument, or the whole of it.
void add_argument(AuditEvent::Arguments& args, uint64_t arg, uint64_t chunk, bool whole,
                  std::string_view value, size_t max_bytes) {
  if (arg > std::numeric_limits<int32_t>::max()) return;
  const auto index = static_cast<int64_t>(arg);
  if (index < args.last || (index == args.last && chunk < args.next_chunk)) return;  // it came twice
  if (index > args.last) {
    if (index != args.last + 1 || chunk != 0) args.missing = true;
    if (args.last >= 0) {
      ++args.whole_size;
      if (args.bytes.size() < max_bytes) args.bytes.push_back('\0');
    }
    args.last = index;
  } else if (chunk != args.next_chunk) {
    args.missing = true;
  }
  args.next_chunk = whole ? std::numeric_limits<uint64_t>::max() : chunk + 1;
  const size_t before = args.bytes.size();
  append_text(value, args.bytes);
  args.whole_size += args.bytes.size() - before;
  if (args.bytes.size() > max_bytes) args.bytes.resize(max_bytes);
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
      case field_key("a1"):
        a1 = hex_of(value);
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
      // clone3 has its flags in memory, where the record cannot show them.
      if (!success || result <= 0 || result > std::numeric_limits<int32_t>::max()) return true;
      if (call == Call::kClone && (a0 & CLONE_THREAD) != 0) return true;
      event.kind = Kind::kFork;
      event.pid = static_cast<int32_t>(result);
      if (call == Call::kClone && (a0 & CLONE_PARENT) != 0) {
        event.fork = {ppid, pid};
      } else {
        event.fork = {pid, 0};
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
  exec.call = call == Call::kExecve     ? ExecCall::kExecve
              : call == Call::kExecveat ? ExecCall::kExecveat
                                        : ExecCall::kUnknown;
  exec.ppid = ppid;
  event.comm = event.keep(comm);
  event.exe = event.keep(exe);
  event.tty = event.keep(tty);
  return true;
}

// argc=3 a0="ls" a1=2D6C …; long ones as a1_len=7500 a1[0]=6162… a1[1]=…, over several records if need be
// (kernel/auditsc.c, audit_log_execve_info).
void read_execve(AuditEvent& event, std::string_view body, size_t args_max_bytes) {
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
    add_argument(event.args, arg, chunk, whole, field.value, args_max_bytes);
  }
}

void read_path(AuditEvent& event, std::string_view body) {
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
        if (is_program && event.name.size == 0) event.name = event.keep(value);
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

void read_cwd(AuditEvent& event, std::string_view body) {
  FieldCursor fields(body);
  for (Field field; fields.next(field);) {
    if (field.key == field_key("cwd")) event.cwd = event.keep(field.value);
  }
}

}  // namespace process_ancestry::audit
