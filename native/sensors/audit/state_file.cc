#include "state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>

#include "../../unique_fd.h"

namespace process_ancestry::audit {

std::string to_text(const Settings& settings) {
  return "enabled " + std::to_string(settings.enabled) + "\nbacklog_limit " +
         std::to_string(settings.backlog_limit) + "\nbacklog_wait_time " +
         std::to_string(settings.backlog_wait_time) + "\n";
}

std::optional<Settings> from_text(const std::string& text) {
  Settings settings;
  const int fields =
      ::sscanf(text.c_str(), "enabled %" SCNu32 " backlog_limit %" SCNu32 " backlog_wait_time %" SCNu32,
               &settings.enabled, &settings.backlog_limit, &settings.backlog_wait_time);
  if (fields != 3 || to_text(settings) != text) return std::nullopt;
  return settings;
}

int write_state_file(const std::string& path, const Settings& found) {
  if (path.empty()) return 0;
  const std::string unfinished = path + ".new", text = to_text(found);
  ::unlink(unfinished.c_str());
  const UniqueFd file(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return errno;
  const ssize_t written = ::write(file.get(), text.data(), text.size());
  if (written != static_cast<ssize_t>(text.size())) {
    const int error = written < 0 ? errno : ENOSPC;
    ::unlink(unfinished.c_str());
    return error;
  }
  return ::rename(unfinished.c_str(), path.c_str()) == 0 ? 0 : errno;
}

std::optional<Settings> read_state_file(const std::string& path) {
  if (path.empty()) return std::nullopt;
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat about;
  if (!file || ::fstat(file.get(), &about) != 0) return std::nullopt;
  // The settings affect the whole host, so a file of another user is not trusted.
  if (!S_ISREG(about.st_mode) || about.st_uid != ::geteuid()) return std::nullopt;
  char text[256];
  const ssize_t size = ::read(file.get(), text, sizeof text);
  if (size <= 0) return std::nullopt;
  return from_text(std::string(text, static_cast<size_t>(size)));
}

void remove_state_file(const std::string& path) {
  if (!path.empty()) ::unlink(path.c_str());
}

}  // namespace process_ancestry::audit
