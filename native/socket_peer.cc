#include "socket_peer.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "unique_fd.h"

namespace process_ancestry {
namespace {

// include/uapi/asm-generic/unistd.h: the same on every architecture. The oldest C libraries do not define
// them.
constexpr long kPidfdOpen = 434, kPidfdGetfd = 438;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// The descriptors of a process that are sockets, in ascending order.
std::vector<int> sockets_of(int32_t pid) {
  // A server has few descriptors, and its connection is among the first.
  constexpr size_t kMost = 64;
  std::vector<int> found;
  const std::unique_ptr<DIR, CloseDirectory> directory(
      ::opendir(("/proc/" + std::to_string(pid) + "/fd").c_str()));
  if (!directory) return found;
  while (const dirent* entry = ::readdir(directory.get())) {
    char link[16];
    constexpr std::string_view kSocket = "socket:";
    if (::readlinkat(::dirfd(directory.get()), entry->d_name, link, sizeof link) < ssize_t{kSocket.size()} ||
        std::string_view(link, kSocket.size()) != kSocket)
      continue;
    found.push_back(std::atoi(entry->d_name));
    if (found.size() == kMost) break;
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string peer_address(int socket) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  char text[INET6_ADDRSTRLEN] = "";
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
  if (peer.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&peer)->sin_addr, text, sizeof text);
  } else if (peer.ss_family == AF_INET6) {
    const in6_addr& address = reinterpret_cast<const sockaddr_in6*>(&peer)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&address)) {
      ::inet_ntop(AF_INET, address.s6_addr + 12, text, sizeof text);
    } else {
      ::inet_ntop(AF_INET6, &address, text, sizeof text);
    }
  }
  return text;
}

}  // namespace

int listener_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return -ENAMETOOLONG;
  std::memcpy(address.sun_path, path.data(), path.size());
  // Non-blocking: the listener's queue may be full.
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return -errno;
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return -errno;
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -errno;
  return peer.pid;
}

std::string connection_peer(int32_t pid) {
  const UniqueFd process(static_cast<int>(::syscall(kPidfdOpen, pid, 0)));
  if (!process) return {};
  for (const int number : sockets_of(pid)) {
    const UniqueFd socket(static_cast<int>(::syscall(kPidfdGetfd, process.get(), number, 0)));
    if (!socket) continue;
    std::string address = peer_address(socket.get());
    if (!address.empty()) return address;
  }
  return {};
}

}  // namespace process_ancestry
