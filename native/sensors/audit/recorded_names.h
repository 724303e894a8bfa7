#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace process_ancestry::audit {

// User and group names in an ENRICHED log, within limits.
class RecordedNames {
 public:
  struct Name {
    uint32_t id;
    bool of_group;
    std::string text;
  };

  // Pairs each number in a record (uid=0) with its name in the enriched part (UID="root").
  void learn(std::string_view record, std::string_view enriched);
  // Names that are new or have changed since the last call.
  std::vector<Name> take_news();

 private:
  static constexpr size_t kNamesMax = 100000, kNameMaxBytes = 256;

  void note(uint32_t id, bool of_group, std::string_view text);

  std::unordered_map<uint32_t, std::string> users_, groups_;
  std::vector<Name> news_;
};

}  // namespace process_ancestry::audit
