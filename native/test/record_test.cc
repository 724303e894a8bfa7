#include "../sensors/audit/record.h"

#include "harness.h"

namespace process_ancestry::audit {
namespace {

std::string decoded(std::string_view value) {
  std::string text;
  append_text(value, text);
  return text;
}

TEST("a record's id is its time in milliseconds and its serial, and the body follows") {
  RecordId id;
  std::string_view body;
  CHECK(parse_record_id("audit(1492896301.818:19955): a=1 b=2", id, body));
  CHECK_EQUAL(id.time_ms, 1492896301818.0);
  CHECK_EQUAL(id.serial, 19955U);
  CHECK_EQUAL(body, " a=1 b=2");
}

TEST("a record with a cut, too large or malformed id is refused") {
  RecordId id;
  std::string_view body;
  for (const char* text :
       {"", "audit(", "audit(1", "audit(1.", "audit(1.818", "audit(1.818:", "audit(1.818:7",
        "audit(1.81:7): ", "audit(x.818:7): ", "audit(1.818:4294967296): ", "audit(1234567890123.818:1): ",
        "tidua(1.818:7): ", "audit(-1.818:7): "}) {
    CHECK(!parse_record_id(text, id, body));
  }
}

TEST("text and numbers may have single or double quotes, and quoted hex is text") {
  CHECK_EQUAL(decoded("'ls'"), "ls");
  CHECK_EQUAL(decoded("\"6C73\""), "6C73");
  int64_t number = 0;
  CHECK(parse_decimal("\"-7\"", number));
  CHECK_EQUAL(number, -7);
  uint64_t hex = 0;
  CHECK(parse_based("'c000003e'", 16, hex));
  CHECK_EQUAL(hex, 0xc000003eU);
}

TEST("text without its end is reported") {
  std::string text;
  CHECK(append_text("\"ls\"", text));
  CHECK(!append_text("\"/usr/b", text));
  CHECK_EQUAL(text, "ls/usr/b");
}

TEST("an empty body is valid") {
  RecordId id;
  std::string_view body = "x";
  CHECK(parse_record_id("audit(1.818:7):", id, body));
  CHECK_EQUAL(body, "");
}

TEST("fields are read one by one, and words without a value are skipped") {
  FieldCursor fields(" one=1 config changed,  two=\"a b\" three= four='x y=z' five=\"open");
  Field field;
  CHECK(fields.next(field));
  CHECK_EQUAL(field.name, "one");
  CHECK_EQUAL(field.value, "1");
  CHECK(field.key == field_key("one"));
  CHECK(fields.next(field));
  CHECK_EQUAL(field.name, "two");
  CHECK_EQUAL(field.value, "\"a b\"");
  CHECK(fields.next(field));
  CHECK_EQUAL(field.name, "three");
  CHECK_EQUAL(field.value, "");
  CHECK(fields.next(field));
  CHECK_EQUAL(field.value, "'x y=z'");
  CHECK(fields.next(field));
  CHECK_EQUAL(field.value, "\"open");
  CHECK(!fields.next(field));
}

TEST("a name longer than eight bytes is not confused with a shorter one") {
  FieldCursor fields("successful=yes");
  Field field;
  CHECK(fields.next(field));
  CHECK(field.key == 0);
  CHECK(field_key("success") != 0);
}

TEST("hex encodes each byte from 1 to 255, in upper or lower case") {
  for (int byte = 1; byte < 256; ++byte) {
    char upper[3], lower[3];
    snprintf(upper, sizeof upper, "%02X", static_cast<unsigned>(byte));
    snprintf(lower, sizeof lower, "%02x", static_cast<unsigned>(byte));
    const std::string expected(1, static_cast<char>(byte));
    CHECK_EQUAL(decoded(upper), expected);
    CHECK_EQUAL(decoded(lower), expected);
  }
}

TEST("hex of any length is decoded, and one wrong digit makes it text") {
  for (const size_t bytes : {1U, 31U, 32U, 33U, 64U, 100U}) {
    std::string hex, expected;
    for (size_t i = 0; i < bytes; ++i) {
      const auto byte = static_cast<unsigned char>(i * 37 + 1);
      char digits[3];
      snprintf(digits, sizeof digits, "%02X", byte);
      hex += digits;
      expected += static_cast<char>(byte);
    }
    CHECK_EQUAL(decoded(hex), expected);
    for (size_t i = 0; i < hex.size(); ++i) {
      for (const char wrong : {'/', ':', '@', 'G', '`', 'g', '\xb0', '\xff'}) {
        std::string broken = hex;
        broken[i] = wrong;
        CHECK_EQUAL(decoded(broken), broken);
      }
    }
  }
}

TEST("quoted text is copied without unescaping") {
  CHECK_EQUAL(decoded("\"a\\n\\\\b\""), "a\\n\\\\b");
  CHECK_EQUAL(decoded("\"2D6C\""), "2D6C");
  CHECK_EQUAL(decoded("\"\""), "");
}

TEST("(null) and (none) are empty") {
  CHECK_EQUAL(decoded("(null)"), "");
  CHECK_EQUAL(decoded("(none)"), "");
  CHECK_EQUAL(decoded(""), "");
}

TEST("text that is neither quoted nor hex is kept") {
  CHECK_EQUAL(decoded("pts1"), "pts1");
  CHECK_EQUAL(decoded("ABC"), "ABC");
  CHECK_EQUAL(decoded("no\"quote"), "no\"quote");
}

TEST("decoding appends, and an invalid hex value leaves nothing behind") {
  std::string text = "before";
  append_text("4142434x", text);
  CHECK_EQUAL(text, "before4142434x");
  append_text("4142", text);
  CHECK_EQUAL(text, "before4142434xAB");
}

TEST("invalid numbers and numbers that do not fit leave the value unchanged") {
  int64_t number = 7;
  CHECK(!parse_decimal("", number));
  CHECK(!parse_decimal("-", number));
  CHECK(!parse_decimal("12x", number));
  CHECK(!parse_decimal("1234567890123456789", number));
  CHECK_EQUAL(number, 7);
  CHECK(parse_decimal("-2", number));
  CHECK_EQUAL(number, -2);
  uint64_t based = 7;
  CHECK(!parse_based("8", 8, based));
  CHECK(!parse_based("12345678901234567", 16, based));
  CHECK_EQUAL(based, 7U);
  CHECK(parse_based("0100755", 8, based));
  CHECK_EQUAL(based, 0100755U);
}

}  // namespace
}  // namespace process_ancestry::audit
