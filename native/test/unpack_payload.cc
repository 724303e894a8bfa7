// Generated from native/events/declaration.ts by `npm run generate`. Do not edit.
#include "unpack.h"

namespace process_ancestry::test {
namespace {

void read_numbers(Reader& reader, Unpacked& record) {
  record.numbers["serial"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["ppid"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["syscall"] = static_cast<double>(reader.get<uint8_t>());
  record.numbers["auid"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["uid"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["gid"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["euid"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["suid"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["fsuid"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["egid"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["sgid"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["fsgid"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["ses"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["mode"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["owner_uid"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["owner_gid"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["atime"] = static_cast<double>(reader.get<double>());
  record.numbers["mtime"] = static_cast<double>(reader.get<double>());
  record.numbers["ctime"] = static_cast<double>(reader.get<double>());
  record.numbers["btime"] = static_cast<double>(reader.get<double>());
  record.numbers["inode"] = static_cast<double>(reader.get<double>());
  record.numbers["device"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["size"] = static_cast<double>(reader.get<double>());
  record.numbers["link_count"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["pid_namespace"] = static_cast<double>(reader.get<double>());
  record.numbers["user_namespace"] = static_cast<double>(reader.get<double>());
  record.numbers["mount_namespace"] = static_cast<double>(reader.get<double>());
  record.numbers["network_namespace"] = static_cast<double>(reader.get<double>());
  record.numbers["pid_in_namespace"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["sid"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["pgid"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["tty_nr"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["start_ms"] = static_cast<double>(reader.get<double>());
  record.numbers["cap_permitted"] = static_cast<double>(reader.get<double>());
  record.numbers["cap_effective"] = static_cast<double>(reader.get<double>());
  record.numbers["stdin_kind"] = static_cast<double>(reader.get<uint8_t>());
  record.numbers["stdout_kind"] = static_cast<double>(reader.get<uint8_t>());
  record.numbers["stderr_kind"] = static_cast<double>(reader.get<uint8_t>());
  record.numbers["cgroup_id"] = static_cast<double>(reader.get<double>());
  record.numbers["args_count"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["args_bytes"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["env_count"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["env_bytes"] = static_cast<double>(reader.get<uint32_t>());
  record.numbers["new_namespaces"] = static_cast<double>(reader.get<uint32_t>());
}

void read_texts(Reader& reader, uint16_t flags, Unpacked& record) {
  record.texts["comm"] = reader.text();
  record.texts["path"] = reader.text();
  record.texts["cwd"] = reader.text();
  record.texts["tty"] = reader.text();
  record.texts["args"] = reader.text();
  record.texts["name"] = reader.text();
  record.texts["cgroup"] = reader.text();
  record.texts["root"] = reader.text();
  record.texts["environment"] = reader.text();
  record.flags["args_cut"] = (flags & 0x2) != 0;
  record.flags["from_procfs"] = (flags & 0x4) != 0;
  record.flags["is_deleted"] = (flags & 0x8) != 0;
  record.flags["is_script"] = (flags & 0x10) != 0;
  record.flags["gains_privilege"] = (flags & 0x20) != 0;
  record.flags["is_upper_layer"] = (flags & 0x40) != 0;
  record.flags["path_cut"] = (flags & 0x80) != 0;
  record.flags["is_memfd"] = (flags & 0x100) != 0;
  record.flags["has_file_capabilities"] = (flags & 0x200) != 0;
  record.flags["environment_cut"] = (flags & 0x400) != 0;
}

}  // namespace

void read_payload(Reader& reader, uint16_t flags, Unpacked& record) {
  const bool has_details = (flags & 1) != 0;
  record.has_details = has_details;
  switch (record.kind) {
    case Kind::kFork:
      record.numbers["parent"] = static_cast<double>(reader.get<int32_t>());
      record.numbers["image_from"] = static_cast<double>(reader.get<int32_t>());
      record.numbers["caller_parent"] = static_cast<double>(reader.get<int32_t>());
      record.numbers["start_ms"] = static_cast<double>(reader.get<double>());
      record.numbers["parent_start_ms"] = static_cast<double>(reader.get<double>());
      record.numbers["sid"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["pgid"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["pid_namespace"] = static_cast<double>(reader.get<double>());
      record.numbers["pid_in_namespace"] = static_cast<double>(reader.get<uint32_t>());
      record.flags["is_claimed"] = (flags & 0x1000) != 0;
      break;
    case Kind::kExec:
      if (has_details) read_numbers(reader, record);
      record.flags["groups_untold"] = (flags & 0x1000) != 0;
      record.flags["cgroup_untold"] = (flags & 0x2000) != 0;
      record.flags["is_unrecorded"] = (flags & 0x4000) != 0;
      if (has_details) read_texts(reader, flags, record);
      break;
    case Kind::kExit:
      record.numbers["status"] = static_cast<double>(reader.get<int32_t>());
      record.numbers["start_ms"] = static_cast<double>(reader.get<double>());
      record.numbers["sid"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["pgid"] = static_cast<double>(reader.get<uint32_t>());
      break;
    case Kind::kSetsid:
      break;
    case Kind::kLoss:
      record.numbers["count"] = static_cast<double>(reader.get<uint32_t>());
      break;
    case Kind::kClock:
      record.numbers["offset"] = static_cast<double>(reader.get<double>());
      break;
    case Kind::kSetpgid:
      record.numbers["pgid"] = static_cast<double>(reader.get<int32_t>());
      record.numbers["gone_caller"] = static_cast<double>(reader.get<int32_t>());
      record.numbers["serial"] = static_cast<double>(reader.get<uint32_t>());
      break;
    case Kind::kLogin:
      record.numbers["ses"] = static_cast<double>(reader.get<uint32_t>());
      record.texts["address"] = reader.text();
      record.texts["terminal"] = reader.text();
      record.texts["exe"] = reader.text();
      break;
    case Kind::kSnapshot:
      record.numbers["parent_start_ms"] = static_cast<double>(reader.get<double>());
      if (has_details) read_numbers(reader, record);
      record.flags["has_ended"] = (flags & 0x1000) != 0;
      record.flags["has_executed"] = (flags & 0x2000) != 0;
      if (has_details) read_texts(reader, flags, record);
      break;
    case Kind::kSnapshotEnd:
      record.flags["is_whole"] = (flags & 0x1000) != 0;
      break;
    case Kind::kSetid:
      record.numbers["uid"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["gid"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["euid"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["egid"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["suid"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["sgid"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["fsuid"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["fsgid"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["uid_before"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["gid_before"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["euid_before"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["egid_before"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["suid_before"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["sgid_before"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["fsuid_before"] = static_cast<double>(reader.get<uint32_t>());
      record.numbers["fsgid_before"] = static_cast<double>(reader.get<uint32_t>());
      break;
  }
}

}  // namespace process_ancestry::test
