#include "recorded_names.h"

#include <algorithm>
#include <array>

#include "../../events/events.h"
#include "record.h"
#include "record_readers.h"

namespace process_ancestry::audit {
namespace {

// Fields of SYSCALL and PATH records whose names auditd adds (audit-userspace, lib/enrich-fields.h).
struct NamedField {
  std::string_view number, name;
  bool of_group;
};
constexpr std::array<NamedField, 11> kFields = {{{"auid", "AUID", false},
                                                 {"uid", "UID", false},
                                                 {"gid", "GID", true},
                                                 {"euid", "EUID", false},
                                                 {"suid", "SUID", false},
                                                 {"fsuid", "FSUID", false},
                                                 {"egid", "EGID", true},
                                                 {"sgid", "SGID", true},
                                                 {"fsgid", "FSGID", true},
                                                 {"ouid", "OUID", false},
                                                 {"ogid", "OGID", true}}};

bool is_name(std::string_view text) {
  constexpr std::string_view kUnknownId = "unknown(";
  return !text.empty() && text != "unset" && text.substr(0, kUnknownId.size()) != kUnknownId;
}

}  // namespace

void RecordedNames::learn(std::string_view record, std::string_view enriched) {
  std::array<std::string_view, kFields.size()> names;
  bool has_any = false;
  FieldCursor said(enriched);
  for (Field field; said.next(field);) {
    for (size_t i = 0; i < kFields.size(); ++i) {
      if (field.name != kFields[i].name) continue;
      names[i] = unquoted(field.value);
      has_any = true;
    }
  }
  if (!has_any) return;
  FieldCursor fields(record);
  for (Field field; fields.next(field);) {
    for (size_t i = 0; i < kFields.size(); ++i) {
      if (field.name != kFields[i].number || !is_name(names[i])) continue;
      const uint32_t id = id_of(field.value);
      if (id != kUnknown) note(id, kFields[i].of_group, names[i]);
    }
  }
}

void RecordedNames::note(uint32_t id, bool of_group, std::string_view text) {
  auto& known = of_group ? groups_ : users_;
  if (text.size() > kNameMaxBytes) return;
  const auto found = known.find(id);
  if (found != known.end() ? found->second == text : known.size() >= kNamesMax) return;
  known[id] = text;
  news_.push_back({id, of_group, std::string(text)});
}

std::vector<RecordedNames::Name> RecordedNames::take_news() {
  std::vector<Name> news;
  news.swap(news_);
  return news;
}

}  // namespace process_ancestry::audit
