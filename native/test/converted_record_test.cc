#include "../sensors/audit/converted_record.h"

#include "harness.h"

namespace process_ancestry::audit {
namespace {

std::string rewritten(std::string_view body) {
  std::string room;
  const std::string record = "audit(1.000:2): " + std::string(body);
  const std::string_view result = as_the_kernel_writes(record, room);
  constexpr std::string_view kId = "audit(1.000:2): ";
  CHECK_EQUAL(result.substr(0, kId.size()), kId);
  return std::string(result.substr(kId.size()));
}

std::string hex(std::string_view text) {
  std::string result;
  for (const char c : text) {
    result += "0123456789ABCDEF"[static_cast<unsigned char>(c) >> 4];
    result += "0123456789ABCDEF"[c & 0xf];
  }
  return result;
}

TEST("a record in the kernel's form is returned without a copy") {
  for (const char* body :
       {"argc=3 a0=\"ls\" a1=2D6C a2=\"\"", "argc=1 a0=\"it's\"", "argc=2 a0=\"back\\\" a1=\"slash\\\"",
        "argc=1 a0='-l'", "comm=\"ls\" exe=\"/usr/bin/ls\" subj=unconfined key=(null)", "argc=1 a0=\"cut o",
        "argc=2 a0=\"a=b\" a1=\"c=\"", ""}) {
    std::string room;
    const std::string record = std::string("audit(1.000:2): ") + body;
    CHECK(as_the_kernel_writes(record, room).data() == record.data());
    CHECK_EQUAL(as_the_kernel_writes(record, room), record);
  }
}

TEST("a text with inner quotes ends at the quote before the next field, or at the last quote") {
  CHECK_EQUAL(rewritten("argc=3 a0=\"sh\" a1=\"echo \"hi\" there\" a2=\"x\""),
              "argc=3 a0=\"sh\" a1=" + hex("echo \"hi\" there") + " a2=\"x\"");
  CHECK_EQUAL(rewritten("argc=1 a0=\"echo \"hi\" there\""), "argc=1 a0=" + hex("echo \"hi\" there"));
  CHECK_EQUAL(rewritten("argc=1 a0=\"say \"hi\"\""), "argc=1 a0=" + hex("say \"hi\""));
  CHECK_EQUAL(rewritten("argc=1 a0='it's so' a1='x'"), "argc=1 a0=" + hex("it's so") + " a1='x'");
}

TEST("backslashes that escape quotes are removed, and the kernel's own stay") {
  CHECK_EQUAL(rewritten(R"(argc=2 a0="echo \"hi\" there" a1="x")"),
              "argc=2 a0=" + hex("echo \"hi\" there") + " a1=\"x\"");
  CHECK_EQUAL(rewritten(R"(argc=2 a0="\"x\" a1=y" a1="z")"), "argc=2 a0=" + hex("\"x\" a1=y") + " a1=\"z\"");
  CHECK_EQUAL(rewritten(R"(argc=1 a0="c:\\d \"e\"")"), "argc=1 a0=" + hex("c:\\d \"e\""));
  CHECK_EQUAL(rewritten("argc=2\ta0=\"back\\\"\ta1=\"slash\\\\\""), "argc=2 a0=\"back\\\" a1=\"slash\\\\\"");
}

TEST("single quotes work like double quotes") {
  CHECK_EQUAL(rewritten(R"(argc=1 a0='it\'s \"x\"')"), "argc=1 a0=" + hex(R"(it's \"x\")"));
}

TEST("tabs and several spaces separate fields") {
  CHECK_EQUAL(rewritten("\targc=2\ta0=\"a\tb\"  \t a1=\"c\""), "argc=2 a0=\"a\tb\" a1=\"c\"");
}

TEST("a cut or broken record is read up to the fault") {
  CHECK_EQUAL(rewritten("argc=2 a0=\"echo \"hi\" th"), "argc=2 a0=" + hex("echo \"hi\" th"));
  CHECK_EQUAL(rewritten("argc=2\ta0="), "argc=2 a0=");
  CHECK_EQUAL(rewritten("argc=2\ta0=\""), "argc=2 a0=\"");
  CHECK_EQUAL(rewritten("a\"\"\" \" b=1"), "b=1");
}

}  // namespace
}  // namespace process_ancestry::audit
