#include "address.h"

#include <arpa/inet.h>

#include <cstring>

namespace process_ancestry::audit {

bool is_address(std::string_view text) {
  constexpr size_t kZoneBytes = 16;  // net/if.h, IFNAMSIZ
  if (text.find('.') == std::string_view::npos && text.find(':') == std::string_view::npos) return false;
  char number[INET6_ADDRSTRLEN];
  unsigned char parsed[sizeof(in6_addr)];
  const std::string_view without_zone = text.substr(0, text.find('%'));
  if (text.size() > INET6_ADDRSTRLEN + kZoneBytes) return false;
  if (without_zone.empty() || without_zone.size() >= sizeof number) return false;
  std::memcpy(number, without_zone.data(), without_zone.size());
  number[without_zone.size()] = '\0';
  return ::inet_pton(AF_INET, number, parsed) == 1 || ::inet_pton(AF_INET6, number, parsed) == 1;
}

}  // namespace process_ancestry::audit
