#include "login_record.h"

#include "address.h"
#include "record_readers.h"

namespace process_ancestry::audit {
namespace {

// The program's text is in single quotes, and may contain some (kernel/audit.c, audit_receive_msg).
bool split(std::string_view body, std::string_view& from_kernel, std::string_view& from_program) {
  constexpr std::string_view kStart = " msg='";
  const size_t start = body.find(kStart), end = body.rfind('\'');
  if (start == std::string_view::npos || end < start + kStart.size()) return false;
  from_kernel = body.substr(0, start);
  from_program = body.substr(start + kStart.size(), end - start - kStart.size());
  return true;
}

// Removes quotes. "?" is empty.
std::string_view plain(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  return value == "?" ? std::string_view() : value;
}

}  // namespace

bool read_login(AuditEvent& event, std::string_view body) {
  event.kind = Kind::kLogin;
  event.state = AuditEvent::State::kNotWanted;
  std::string_view from_kernel, from_program, address, terminal, exe, result;
  if (!split(body, from_kernel, from_program)) return false;
  FieldCursor trusted(from_kernel);
  for (Field field; trusted.next(field);) {
    if (field.key == field_key("pid")) event.pid = pid_of(field.value);
    if (field.key == field_key("ses")) event.login.ses = id_of(field.value);
  }
  if (event.pid <= 0) return false;
  // hostname= comes first and is not escaped. A peer's name server may control it, so the last occurrence of
  // each field counts.
  FieldCursor said(from_program);
  for (Field field; said.next(field);) {
    if (field.key == field_key("addr")) address = plain(field.value);
    if (field.key == field_key("terminal")) terminal = plain(field.value);
    if (field.key == field_key("exe")) exe = field.value;
    if (field.key == field_key("res")) result = plain(field.value);
  }
  if (result != "success") return true;
  event.state = AuditEvent::State::kWanted;
  // Some programs write a host name or nonsense here.
  if (is_address(address)) event.address = event.keep_as_is(address);
  event.tty = event.keep_as_is(terminal);
  if (exe != "?") event.exe = event.keep(exe);
  return true;
}

}  // namespace process_ancestry::audit
