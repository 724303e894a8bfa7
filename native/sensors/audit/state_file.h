#pragma once

#include <optional>
#include <string>

#include "control.h"

namespace process_ancestry::audit {

// The settings found before ours, kept in a file while ours are set, so that a crash does not make ours
// permanent. With an empty path nothing is written or read.

// Returns 0 or an errno.
int write_state_file(const std::string& path, const Settings& found);
std::optional<Settings> read_state_file(const std::string& path);
void remove_state_file(const std::string& path);

// The file's text and its parser. Empty if the text is not exactly in this form.
std::string to_text(const Settings& settings);
std::optional<Settings> from_text(const std::string& text);

}  // namespace process_ancestry::audit
