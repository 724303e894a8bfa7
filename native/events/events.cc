// Generated from native/events/declaration.ts by `npm run generate`. Do not edit.
#include "events.h"

#include <cstring>

namespace process_ancestry {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "events are packed in the host's byte order");

template <typename T>
uint8_t* put(uint8_t* to, const T& value) {
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}

uint8_t* put_text(uint8_t* to, std::string_view text) {
  to = put(to, static_cast<uint32_t>(text.size()));
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

size_t packed_size(const ExecDetails& details) {
  size_t size = 256;
  size += details.comm.size();
  size += details.path.size();
  size += details.cwd.size();
  size += details.tty.size();
  size += details.args.size();
  size += details.name.size();
  size += details.cgroup.size();
  size += details.root.size();
  size += details.environment.size();
  return size;
}

uint16_t flags_of(const ExecDetails& details) {
  uint16_t flags = 1;
  if (details.args_cut) flags |= 0x2;
  if (details.from_procfs) flags |= 0x4;
  if (details.is_deleted) flags |= 0x8;
  if (details.is_script) flags |= 0x10;
  if (details.gains_privilege) flags |= 0x20;
  if (details.is_upper_layer) flags |= 0x40;
  if (details.path_cut) flags |= 0x80;
  if (details.is_memfd) flags |= 0x100;
  if (details.has_file_capabilities) flags |= 0x200;
  if (details.environment_cut) flags |= 0x400;
  return flags;
}

uint8_t* pack_numbers(uint8_t* to, const ExecDetails& details) {
  to = put(to, details.serial);
  to = put(to, details.ppid);
  to = put(to, details.syscall);
  to = put(to, details.auid);
  to = put(to, details.uid);
  to = put(to, details.gid);
  to = put(to, details.euid);
  to = put(to, details.suid);
  to = put(to, details.fsuid);
  to = put(to, details.egid);
  to = put(to, details.sgid);
  to = put(to, details.fsgid);
  to = put(to, details.ses);
  to = put(to, details.mode);
  to = put(to, details.owner_uid);
  to = put(to, details.owner_gid);
  to = put(to, details.atime);
  to = put(to, details.mtime);
  to = put(to, details.ctime);
  to = put(to, details.btime);
  to = put(to, details.inode);
  to = put(to, details.device);
  to = put(to, details.size);
  to = put(to, details.link_count);
  to = put(to, details.pid_namespace);
  to = put(to, details.user_namespace);
  to = put(to, details.mount_namespace);
  to = put(to, details.network_namespace);
  to = put(to, details.pid_in_namespace);
  to = put(to, details.sid);
  to = put(to, details.pgid);
  to = put(to, details.tty_nr);
  to = put(to, details.start_ms);
  to = put(to, details.cap_permitted);
  to = put(to, details.cap_effective);
  to = put(to, details.stdin_kind);
  to = put(to, details.stdout_kind);
  to = put(to, details.stderr_kind);
  to = put(to, details.cgroup_id);
  to = put(to, details.args_count);
  to = put(to, details.args_bytes);
  to = put(to, details.env_count);
  to = put(to, details.env_bytes);
  to = put(to, details.new_namespaces);
  return to;
}

uint8_t* pack_texts(uint8_t* to, const ExecDetails& details) {
  to = put_text(to, details.comm);
  to = put_text(to, details.path);
  to = put_text(to, details.cwd);
  to = put_text(to, details.tty);
  to = put_text(to, details.args);
  to = put_text(to, details.name);
  to = put_text(to, details.cgroup);
  to = put_text(to, details.root);
  to = put_text(to, details.environment);
  return to;
}

}  // namespace

size_t packed_size(const ForkEvent&) { return 48; }

uint16_t flags_of(const ForkEvent& event) {
  uint16_t flags = 0;
  if (event.is_claimed) flags |= 0x1000;
  return flags;
}

uint8_t* pack(uint8_t* to, const ForkEvent& event) {
  to = put(to, event.parent);
  to = put(to, event.image_from);
  to = put(to, event.caller_parent);
  to = put(to, event.start_ms);
  to = put(to, event.parent_start_ms);
  to = put(to, event.sid);
  to = put(to, event.pgid);
  to = put(to, event.pid_namespace);
  to = put(to, event.pid_in_namespace);
  return to;
}

size_t packed_size(const ExecEvent& event) {
  size_t size = 0;
  if (event.details != nullptr) size += packed_size(*event.details);
  return size;
}

uint16_t flags_of(const ExecEvent& event) {
  uint16_t flags = 0;
  if (event.groups_untold) flags |= 0x1000;
  if (event.cgroup_untold) flags |= 0x2000;
  if (event.is_unrecorded) flags |= 0x4000;
  if (event.details != nullptr) flags |= flags_of(*event.details);
  return flags;
}

uint8_t* pack(uint8_t* to, const ExecEvent& event) {
  if (event.details != nullptr) to = pack_numbers(to, *event.details);
  if (event.details != nullptr) to = pack_texts(to, *event.details);
  return to;
}

size_t packed_size(const ExitEvent&) { return 20; }

uint16_t flags_of(const ExitEvent&) { return 0; }

uint8_t* pack(uint8_t* to, const ExitEvent& event) {
  to = put(to, event.status);
  to = put(to, event.start_ms);
  to = put(to, event.sid);
  to = put(to, event.pgid);
  return to;
}

size_t packed_size(const SetsidEvent&) { return 0; }

uint16_t flags_of(const SetsidEvent&) { return 0; }

uint8_t* pack(uint8_t* to, const SetsidEvent&) { return to; }

size_t packed_size(const LossEvent&) { return 4; }

uint16_t flags_of(const LossEvent&) { return 0; }

uint8_t* pack(uint8_t* to, const LossEvent& event) {
  to = put(to, event.count);
  return to;
}

size_t packed_size(const ClockEvent&) { return 8; }

uint16_t flags_of(const ClockEvent&) { return 0; }

uint8_t* pack(uint8_t* to, const ClockEvent& event) {
  to = put(to, event.offset);
  return to;
}

size_t packed_size(const SetpgidEvent&) { return 12; }

uint16_t flags_of(const SetpgidEvent&) { return 0; }

uint8_t* pack(uint8_t* to, const SetpgidEvent& event) {
  to = put(to, event.pgid);
  to = put(to, event.gone_caller);
  to = put(to, event.serial);
  return to;
}

size_t packed_size(const LoginEvent& event) {
  size_t size = 16;
  size += event.address.size();
  size += event.terminal.size();
  size += event.exe.size();
  return size;
}

uint16_t flags_of(const LoginEvent&) { return 0; }

uint8_t* pack(uint8_t* to, const LoginEvent& event) {
  to = put(to, event.ses);
  to = put_text(to, event.address);
  to = put_text(to, event.terminal);
  to = put_text(to, event.exe);
  return to;
}

size_t packed_size(const SnapshotEvent& event) {
  size_t size = 8;
  if (event.details != nullptr) size += packed_size(*event.details);
  return size;
}

uint16_t flags_of(const SnapshotEvent& event) {
  uint16_t flags = 0;
  if (event.has_ended) flags |= 0x1000;
  if (event.has_executed) flags |= 0x2000;
  if (event.details != nullptr) flags |= flags_of(*event.details);
  return flags;
}

uint8_t* pack(uint8_t* to, const SnapshotEvent& event) {
  to = put(to, event.parent_start_ms);
  if (event.details != nullptr) to = pack_numbers(to, *event.details);
  if (event.details != nullptr) to = pack_texts(to, *event.details);
  return to;
}

size_t packed_size(const SnapshotEndEvent&) { return 0; }

uint16_t flags_of(const SnapshotEndEvent& event) {
  uint16_t flags = 0;
  if (event.is_whole) flags |= 0x1000;
  return flags;
}

uint8_t* pack(uint8_t* to, const SnapshotEndEvent&) { return to; }

size_t packed_size(const SetidEvent&) { return 64; }

uint16_t flags_of(const SetidEvent&) { return 0; }

uint8_t* pack(uint8_t* to, const SetidEvent& event) {
  to = put(to, event.uid);
  to = put(to, event.gid);
  to = put(to, event.euid);
  to = put(to, event.egid);
  to = put(to, event.suid);
  to = put(to, event.sgid);
  to = put(to, event.fsuid);
  to = put(to, event.fsgid);
  to = put(to, event.uid_before);
  to = put(to, event.gid_before);
  to = put(to, event.euid_before);
  to = put(to, event.egid_before);
  to = put(to, event.suid_before);
  to = put(to, event.sgid_before);
  to = put(to, event.fsuid_before);
  to = put(to, event.fsgid_before);
  return to;
}

}  // namespace process_ancestry
