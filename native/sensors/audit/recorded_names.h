#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace process_ancestry::audit {

// The names that an ENRICHED log gives to ids of users and groups, within bounds.
class RecordedNames {
 public:
  struct Name {
    uint32_t id;
    bool of_group;
    std::string text;
  };

  // Pairs the numbers of a record, as uid=0, with what follows it, as UID="root".
  void learn(std::string_view record, std::string_view enriched);
  // What is new or has changed since the last time.
  std::vector<Name> take_news();

 private:
  static constexpr size_t kNamesMax = 100000, kNameMaxBytes = 256;

  void note(uint32_t id, bool of_group, std::string_view text);

  std::unordered_map<uint32_t, std::string> users_, groups_;
  std::vector<Name> news_;
};

}  // namespace process_ancestry::audit
