#include "../sensors/ebpf/ring.h"

#include <cstring>
#include <random>
#include <string>

#include "harness.h"

namespace process_ancestry::ebpf {
namespace {

constexpr uint32_t kBusy = 1U << 31, kDiscarded = 1U << 30;

// A ring like the kernel's, and its writer.
struct Writer {
  static constexpr size_t kBytes = 4096;
  alignas(8) uint8_t data[kBytes] = {};
  unsigned long consumer = 0, producer = 0;
  Ring ring{&consumer, &producer, data, kBytes};

  void byte(unsigned long at, uint8_t value) { data[at & (kBytes - 1)] = value; }
  void put(const std::string& text, uint32_t flags = 0) {
    const uint32_t length = static_cast<uint32_t>(text.size()) | flags;
    uint8_t header[8] = {};
    std::memcpy(header, &length, sizeof length);
    for (size_t i = 0; i < sizeof header; ++i) byte(producer + i, header[i]);
    for (size_t i = 0; i < text.size(); ++i) byte(producer + 8 + i, static_cast<uint8_t>(text[i]));
    producer += (8 + text.size() + 7) / 8 * 8;
  }
  // "-" for none.
  std::string next() {
    Ring::Record record;
    if (!ring.next(record)) return "-";
    return {reinterpret_cast<const char*>(record.bytes), record.size};
  }
};

TEST("records are read in order, and discarded ones are skipped") {
  Writer writer;
  writer.put("first");
  writer.put("gone", kDiscarded);
  writer.put("");
  writer.put("last one");
  CHECK_EQUAL(writer.next(), "first");
  CHECK_EQUAL(writer.next(), "");
  CHECK_EQUAL(writer.next(), "last one");
  CHECK_EQUAL(writer.next(), "-");
  CHECK_EQUAL(writer.consumer, writer.producer);
  CHECK_EQUAL(writer.ring.malformed(), 0U);
}

TEST("an unfinished record holds back later ones") {
  Writer writer;
  writer.put("whole");
  const unsigned long at = writer.producer;
  writer.put("half", kBusy);
  writer.put("after");
  CHECK_EQUAL(writer.next(), "whole");
  CHECK_EQUAL(writer.next(), "-");
  CHECK_EQUAL(writer.consumer, at);
  writer.byte(at + 3, 0);
  CHECK_EQUAL(writer.next(), "half");
  CHECK_EQUAL(writer.next(), "after");
}

TEST("the room of a record is freed only when the next one is requested") {
  Writer writer;
  writer.put("one");
  CHECK_EQUAL(writer.next(), "one");
  CHECK_EQUAL(writer.consumer, 0U);
  CHECK_EQUAL(writer.next(), "-");
  CHECK_EQUAL(writer.consumer, 16U);
}

TEST("a record that wraps around the end of the ring is copied together") {
  Writer writer;
  std::string text;
  for (int round = 0; round < 40; ++round) {
    text.assign(300, static_cast<char>('a' + round % 26));
    writer.put(text);
    CHECK_EQUAL(writer.next(), text);
  }
  CHECK_EQUAL(writer.ring.malformed(), 0U);
}

TEST("a length beyond the written bytes is counted, and all waiting bytes are skipped") {
  Writer writer;
  writer.put("good");
  const unsigned long at = writer.producer;
  writer.put("bad");
  writer.put("lost with it");
  const uint32_t hostile = 0x3ffffff0;
  for (size_t i = 0; i < sizeof hostile; ++i) writer.byte(at + i, static_cast<uint8_t>(hostile >> (8 * i)));
  CHECK_EQUAL(writer.next(), "good");
  CHECK_EQUAL(writer.next(), "-");
  CHECK_EQUAL(writer.ring.malformed(), 1U);
  writer.put("good again");
  CHECK_EQUAL(writer.next(), "good again");
}

TEST("invalid positions are never followed") {
  Writer writer;
  writer.producer = ~0UL;
  CHECK_EQUAL(writer.next(), "-");
  Writer odd;
  odd.consumer = 3;
  odd.producer = 100;
  CHECK_EQUAL(odd.next(), "-");
  CHECK_EQUAL(odd.ring.malformed(), 1U);
  CHECK_EQUAL(Ring().waiting(), 0U);
}

TEST("a ring with random bytes is read within its bounds") {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    Writer writer;
    for (uint8_t& byte : writer.data) byte = static_cast<uint8_t>(random() % 4 == 0 ? random() : 0);
    writer.consumer = random() % 64 * 8;
    writer.producer = writer.consumer + random() % (Writer::kBytes + 64);
    Ring::Record record;
    size_t sum = 0;
    while (writer.ring.next(record)) {
      for (size_t i = 0; i < record.size; ++i) sum += record.bytes[i];
    }
    CHECK(sum < SIZE_MAX);
  }
}

}  // namespace
}  // namespace process_ancestry::ebpf
