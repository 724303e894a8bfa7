#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace process_ancestry::connector {

// A hash table from pid (above 0) to a small value, in one flat array with open addressing. Erase moves
// displaced entries back and leaves no tombstones. Pointers are valid until the next insert or erase.
template <typename Value>
class PidTable {
 public:
  Value* find(int32_t pid) {
    for (size_t i = home(pid);; i = next(i)) {
      if (slots_[i].pid == pid) return &slots_[i].value;
      if (slots_[i].pid == 0) return nullptr;
    }
  }

  // The value of this pid, created if missing.
  Value& at(int32_t pid) {
    if (Value* found = find(pid)) return *found;
    if ((size_ + 1) * 2 > slots_.size()) grow();
    ++size_;
    return *put(pid, Value());
  }

  void erase(int32_t pid) {
    size_t hole = home(pid);
    while (slots_[hole].pid != pid) {
      if (slots_[hole].pid == 0) return;
      hole = next(hole);
    }
    for (size_t i = next(hole); slots_[i].pid != 0; i = next(i)) {
      const size_t distance = (i - home(slots_[i].pid)) & (slots_.size() - 1);
      if (distance < ((i - hole) & (slots_.size() - 1))) continue;  // in its own slot, or on the way to it
      slots_[hole] = std::move(slots_[i]);
      hole = i;
    }
    slots_[hole] = Slot();
    --size_;
  }

  void clear() {
    slots_.assign(kFewest, Slot());
    size_ = 0;
  }
  size_t size() const { return size_; }

 private:
  static constexpr size_t kFewest = 64;  // a power of two, like all sizes

  struct Slot {
    int32_t pid = 0;
    Value value{};
  };

  size_t home(int32_t pid) const {
    const uint32_t hash = static_cast<uint32_t>(pid) * 2654435769U;
    return (hash ^ (hash >> 16)) & (slots_.size() - 1);
  }
  size_t next(size_t i) const { return (i + 1) & (slots_.size() - 1); }

  Value* put(int32_t pid, Value value) {
    size_t i = home(pid);
    while (slots_[i].pid != 0) i = next(i);
    slots_[i].pid = pid;
    slots_[i].value = std::move(value);
    return &slots_[i].value;
  }

  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (Slot& slot : old) {
      if (slot.pid != 0) put(slot.pid, std::move(slot.value));
    }
  }

  std::vector<Slot> slots_ = std::vector<Slot>(kFewest);
  size_t size_ = 0;
};

}  // namespace process_ancestry::connector
