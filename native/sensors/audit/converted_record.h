#pragma once

#include <string>
#include <string_view>

namespace process_ancestry::audit {

// Restores the kernel's form of a record that a log converter may have rewritten: one space before a field,
// and hex for a value with quotes (kernel/audit.c, audit_log_n_untrustedstring). Returns the record itself if
// it already has this form, else a text in `room`.
std::string_view as_the_kernel_writes(std::string_view record, std::string& room);

}  // namespace process_ancestry::audit
