#pragma once

#include <string>
#include <string_view>

namespace process_ancestry::audit {

// A record that a converter of logs may have rewritten, in the form that the kernel gives it: one space
// before a field, and hex for a value with quotes in it (kernel/audit.c, audit_log_n_untrustedstring). It is
// the record itself where that has this form, as the kernel's own has, else what is in `room` then.
std::string_view as_the_kernel_writes(std::string_view record, std::string& room);

}  // namespace process_ancestry::audit
