#include "../socket_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../unique_fd.h"
#include "harness.h"

namespace process_ancestry {
namespace {

TEST("the remote address of a process's first connection is reported") {
  CHECK_EQUAL(connection_peer(::getpid()), "");
  const UniqueFd listener(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_any;
  const int both = 0;
  CHECK_EQUAL(::setsockopt(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof both), 0);
  CHECK_EQUAL(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  CHECK_EQUAL(::listen(listener.get(), 1), 0);
  socklen_t size = sizeof address;
  CHECK_EQUAL(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  // A listening socket has no remote end.
  CHECK_EQUAL(connection_peer(::getpid()), "");
  UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = address.sin6_port;
  CHECK_EQUAL(::connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  const UniqueFd server(::accept(listener.get(), nullptr, nullptr));
  CHECK(static_cast<bool>(server));
  CHECK_EQUAL(connection_peer(::getpid()), "127.0.0.1");
  client.reset();
}

TEST("a process that is gone has no connection") { CHECK_EQUAL(connection_peer(0x7fffffff), ""); }

}  // namespace
}  // namespace process_ancestry
