#include "audit_event.h"

#include <algorithm>
#include <limits>

namespace process_ancestry::audit {

AuditEvent::Span AuditEvent::keep(std::string_view value) {
  const size_t at = text.size();
  if (!append_text(value, text)) text.resize(at);
  return {at, text.size() - at};
}

AuditEvent::Span AuditEvent::keep_as_is(std::string_view value) {
  text.append(value);
  return {text.size() - value.size(), value.size()};
}

void AuditEvent::complete() {
  const auto view = [this](Span span) { return std::string_view(text).substr(span.at, span.size); };
  login.address = view(address);
  login.terminal = view(tty);
  login.exe = view(exe);
  exec.serial = id.serial;
  exec.comm = view(comm);
  exec.path = view(exe);
  exec.cwd = view(cwd);
  exec.tty = view(tty);
  exec.name = view(name);
  exec.args = args.bytes;
  exec.args_bytes =
      static_cast<uint32_t>(std::min<uint64_t>(args.whole_size, std::numeric_limits<uint32_t>::max()));
  const bool too_few = has_execve && exec.args_count != kUnknown && args.last + 1 < int64_t{exec.args_count};
  const bool none_came = kind == Kind::kExec && !has_execve;
  exec.args_cut = none_came || args.missing || args.cut || too_few || args.whole_size > args.bytes.size();
}

}  // namespace process_ancestry::audit
