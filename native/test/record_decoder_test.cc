#include "../sensors/ebpf/record_decoder.h"

#include <sys/stat.h>

#include <cstring>
#include <random>

#include "harness.h"

namespace process_ancestry::ebpf {
namespace {

using namespace std::string_literals;

constexpr uint32_t kOwnMounts = 4026531832, kOtherMounts = 4026532999;

// An image as the programs write it, with its texts in the record's order.
struct Image {
  ImageRecord record{};
  std::string exe = "sh\0bin\0usr\0"s, cwd = "ada\0home\0"s, cgroup, name = "/bin/sh\0"s,
              args = "sh\0-c\0true\0"s;

  explicit Image(uint32_t kind = kRecordExec) {
    record.header.kind = kind;
    record.header.pid = 42;
    record.header.parent = 7;
    record.header.start_ns = 5000000000;
    record.header.time_ns = 5000250000;
    record.mount_namespace = record.exe_mount_namespace = kOwnMounts;
    record.file_system = 0xef53;
    record.exe_root = static_cast<uint32_t>(exe.size());
    record.cwd_root = static_cast<uint32_t>(cwd.size());
    record.args_count = 3;
    record.args_bytes = args.size();
  }
  void exe_root_at(const std::string& below) { record.exe_root = static_cast<uint32_t>(below.size()); }
  std::string bytes() {
    record.exe_bytes = static_cast<uint32_t>(exe.size());
    record.cwd_bytes = static_cast<uint32_t>(cwd.size());
    record.cgroup_bytes = static_cast<uint32_t>(cgroup.size());
    record.name_bytes = static_cast<uint32_t>(name.size());
    record.args_inline_bytes = static_cast<uint32_t>(args.size());
    return std::string(reinterpret_cast<const char*>(&record), offsetof(ImageRecord, data)) + exe + cwd +
           cgroup + name + args;
  }
};

std::string chunk(uint32_t kind, uint32_t offset, const std::string& text, uint32_t pid = 42) {
  ChunkRecord record{};
  record.header.kind = kind;
  record.header.pid = pid;
  record.header.start_ns = 5000000000;
  record.offset = offset;
  record.size = static_cast<uint32_t>(text.size());
  return std::string(reinterpret_cast<const char*>(&record), offsetof(ChunkRecord, data)) + text;
}

template <typename Record>
std::string bytes_of(const Record& record) {
  return {reinterpret_cast<const char*>(&record), sizeof record};
}

// Reads records. `told` is the content of the last one; its bytes are valid until the next.
struct Reader {
  RecordDecoder decoder;
  Told told;
  std::string bytes;

  explicit Reader(std::vector<std::string> names = {}) : decoder({kOwnMounts, std::move(names)}) {}
  bool read(std::string record) {
    bytes = std::move(record);
    return decoder.read(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), told);
  }
  const ExecDetails& exec(Image image) {
    CHECK(read(image.bytes()));
    CHECK(told.what == Told::What::kExec);
    return told.details;
  }
};

TEST("an exec is reported with paths, arguments and times") {
  Reader reader;
  const ExecDetails& details = reader.exec(Image());
  CHECK_EQUAL(reader.told.pid, 42);
  CHECK_EQUAL(reader.told.time_ms, 5000.25);
  CHECK_EQUAL(details.start_ms, 5000.0);
  CHECK_EQUAL(details.ppid, 7U);
  CHECK_EQUAL(details.path, "/usr/bin/sh");
  CHECK_EQUAL(details.cwd, "/home/ada");
  CHECK_EQUAL(details.root, "/");
  CHECK_EQUAL(details.name, "/bin/sh");
  CHECK_EQUAL(details.args, "sh\0-c\0true"s);
  CHECK_EQUAL(details.args_bytes, 10U);
  CHECK(!details.args_cut);
  CHECK(details.syscall == ExecCall::kExecve);
}

TEST("in a chroot a path is below its root, and the root is the host's path") {
  Image image;
  image.exe = "sh\0bin\0jail\0srv\0"s;
  image.exe_root_at("sh\0bin\0"s);
  image.cwd = "jail\0srv\0"s;
  image.record.cwd_root = 0;
  Reader reader;
  const ExecDetails& details = reader.exec(image);
  CHECK_EQUAL(details.path, "/bin/sh");
  CHECK_EQUAL(details.root, "/srv/jail");
  CHECK_EQUAL(details.cwd, "/");
  CHECK_EQUAL(reader.told.file.lookup_path, "/srv/jail/bin/sh");
}

TEST("a file outside the process's root has the host's path") {
  Image image;
  image.record.exe_root = kNotMet;
  Reader reader;
  const ExecDetails& details = reader.exec(image);
  CHECK_EQUAL(details.path, "/usr/bin/sh");
  CHECK_EQUAL(details.root, "/");
}

TEST("a path in another mount namespace has that namespace as root, also for a kernel-internal mount") {
  Image image;
  image.record.mount_namespace = image.record.exe_mount_namespace = kOtherMounts;
  Reader reader;
  CHECK_EQUAL(reader.exec(image).root, "mnt:[4026532999]");
  CHECK(!reader.told.file.is_in_own_mounts);
  image.record.exe_mount_namespace = 0;
  image.record.header.flags = kFlagIsDeleted;
  image.exe = "memfd:x\0"s;
  CHECK_EQUAL(reader.exec(image).root, "mnt:[4026532999]");
  CHECK_EQUAL(reader.told.details.path, "/memfd:x (deleted)");
  CHECK(reader.told.details.is_deleted);
}

TEST("a path without its beginning is marked and has no root") {
  Image image;
  image.record.header.flags = kFlagExeCut;
  image.record.exe_root = kNotMet;
  Reader reader;
  CHECK(reader.exec(image).path_cut);
  CHECK_EQUAL(reader.told.details.root, "");
  CHECK_EQUAL(reader.told.file.lookup_path, "");
}

TEST("long arguments are joined from the pieces before the exec") {
  Reader reader;
  Image image;
  const std::string more(40000, 'x');
  image.args = "sh\0"s;
  image.record.args_in_chunks = static_cast<uint32_t>(more.size() + 1);
  image.record.args_bytes = image.args.size() + more.size() + 1;
  CHECK(reader.read(chunk(kRecordArguments, 0, more.substr(0, 16384))));
  CHECK(reader.told.what == Told::What::kNothing);
  CHECK(reader.read(chunk(kRecordArguments, 0, "another's", 43)));
  CHECK(reader.read(chunk(kRecordArguments, 16384, more.substr(16384) + '\0')));
  const ExecDetails& details = reader.exec(image);
  CHECK_EQUAL(details.args, "sh\0"s + more);
  CHECK(!details.args_cut);
  // The pieces belonged to the exec before.
  CHECK_EQUAL(reader.exec(image).args, "sh\0"s);
  CHECK(reader.told.details.args_cut);
}

TEST("arguments with a missing piece are reported up to it and marked as cut") {
  Reader reader;
  Image image;
  image.args = "sh\0-c\0"s;
  image.record.args_in_chunks = 200;
  image.record.args_bytes = 206;
  CHECK(reader.read(chunk(kRecordArguments, 100, std::string(100, 'x'))));
  const ExecDetails& details = reader.exec(image);
  CHECK_EQUAL(details.args, "sh\0-c\0"s);
  CHECK(details.args_cut);
  CHECK_EQUAL(details.args_bytes, 205U);
}

TEST("an environment that is longer than its pieces, or whose pieces are lost, is marked as cut") {
  const std::string environment = "HOME=/root\0"s;
  Image image;
  image.record.env_in_chunks = static_cast<uint32_t>(environment.size());
  image.record.env_bytes = environment.size() + 1;
  Reader reader({"HOME"});
  CHECK(reader.read(chunk(kRecordEnvironment, 0, environment)));
  const ExecDetails& cut = reader.exec(image);
  CHECK_EQUAL(cut.environment, "HOME=/root");
  CHECK(cut.environment_cut);
  image.record.env_bytes = environment.size();
  // No piece came.
  const ExecDetails& lost = reader.exec(image);
  CHECK_EQUAL(lost.environment, "");
  CHECK(lost.environment_cut);
  CHECK(reader.read(chunk(kRecordEnvironment, 0, environment)));
  CHECK(!reader.exec(image).environment_cut);
  // The ring was half full, so no piece was written.
  image.record.env_in_chunks = 0;
  CHECK(reader.exec(image).environment_cut);
  // An empty environment is complete, and nothing is missing where nothing is requested.
  image.record.env_bytes = 0;
  CHECK(!reader.exec(image).environment_cut);
  image.record.env_bytes = 100;
  Reader silent;
  CHECK(!silent.exec(image).environment_cut);
}

TEST("an exec has what it was like, and its namespaces beside those of its parent") {
  Image image;
  Reader reader;
  image.record.new_namespaces = kNotMet;
  const ExecDetails& plain = reader.exec(image);
  CHECK(!plain.is_memfd && !plain.is_deleted && !plain.is_script && !plain.is_upper_layer);
  CHECK_EQUAL(plain.new_namespaces, kUnknown);
  image.record.header.flags = kFlagMemfd | kFlagIsDeleted | kFlagIsScript | kFlagUpperLayer;
  image.record.new_namespaces = kNewPid | kNewUser;
  const ExecDetails& details = reader.exec(image);
  CHECK(details.is_memfd && details.is_deleted && details.is_script && details.is_upper_layer);
  CHECK_EQUAL(details.new_namespaces, 10U);
}

TEST("a change of ids has all ids before it and after it") {
  IdsRecord record{};
  record.header.kind = kRecordIds;
  record.header.pid = 42;
  record.before = {1, 2, 3, 4, 5, 6, 7, 8};
  record.after = {11, 12, 13, 14, 15, 16, 17, 18};
  Reader reader;
  CHECK(reader.read(bytes_of(record)));
  CHECK(reader.told.what == Told::What::kSetid);
  CHECK_EQUAL(reader.told.pid, 42);
  const SetidEvent& ids = reader.told.setid;
  const std::vector<uint32_t> before = {ids.uid_before,  ids.gid_before,  ids.euid_before,  ids.egid_before,
                                        ids.suid_before, ids.sgid_before, ids.fsuid_before, ids.fsgid_before};
  const std::vector<uint32_t> after = {ids.uid,  ids.gid,  ids.euid,  ids.egid,
                                       ids.suid, ids.sgid, ids.fsuid, ids.fsgid};
  CHECK(before == (std::vector<uint32_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  CHECK(after == (std::vector<uint32_t>{11, 12, 13, 14, 15, 16, 17, 18}));
  CHECK(!reader.read(bytes_of(record).substr(0, sizeof record - 1)));
}

TEST("only requested environment variables are reported, and no cut ones") {
  Reader reader({"HOME", "SHELL"});
  Image image;
  const std::string environment = "SECRET=1\0HOME=/root\0HOMER=2\0SHELL=/bin/s"s;
  image.record.env_in_chunks = static_cast<uint32_t>(environment.size());
  CHECK(reader.read(chunk(kRecordEnvironment, 0, environment)));
  const ExecDetails& details = reader.exec(image);
  CHECK_EQUAL(details.environment, "HOME=/root");
  // The record counts no bytes, so nothing else is missing.
  CHECK(!details.environment_cut);
}

TEST("a control group's path comes once and is known afterwards") {
  Reader reader;
  Image image;
  image.record.cgroup_id = 9;
  CHECK_EQUAL(reader.exec(image).cgroup, "");
  image.cgroup = "ssh.service\0system.slice\0"s;
  CHECK_EQUAL(reader.exec(image).cgroup, "/system.slice/ssh.service");
  image.cgroup.clear();
  CHECK_EQUAL(reader.exec(image).cgroup, "/system.slice/ssh.service");
  // The same number in another hierarchy is another group: here its root.
  image.record.cgroup_hierarchy = 3;
  image.cgroup = "\0"s;
  CHECK_EQUAL(reader.exec(image).cgroup, "/");
}

TEST("many control groups use limited memory, and forgotten ones are requested again") {
  Reader reader;
  Image image;
  size_t forgotten = 0;
  for (uint64_t id = 1; id <= 20000; ++id) {
    image.record.cgroup_id = id;
    image.cgroup = std::string(200, 'x') + '\0';
    reader.exec(image);
    forgotten += reader.decoder.take_forgotten().size();
  }
  CHECK(forgotten >= 15000 && forgotten < 20000);
}

TEST("the kinds of the standard descriptors are reported") {
  Image image;
  const auto set = [&](int fd, uint32_t mode, uint32_t device) {
    image.record.descriptors[fd] = {mode, device};
  };
  Reader reader;
  set(0, 0, 0);
  set(1, S_IFIFO, 0);
  set(2, S_IFCHR, 136 << 20 | 5);
  CHECK(reader.exec(image).stdin_kind == DescriptorKind::kClosed);
  CHECK(reader.told.details.stdout_kind == DescriptorKind::kPipe);
  CHECK(reader.told.details.stderr_kind == DescriptorKind::kTty);
  set(0, S_IFSOCK, 0);
  set(1, S_IFCHR, 1 << 20 | 3);
  set(2, S_IFREG, 0);
  CHECK(reader.exec(image).stdin_kind == DescriptorKind::kSocket);
  CHECK(reader.told.details.stdout_kind == DescriptorKind::kNull);
  CHECK(reader.told.details.stderr_kind == DescriptorKind::kFile);
  set(0, S_IFCHR, 5 << 20 | 2);
  CHECK(reader.exec(image).stdin_kind == DescriptorKind::kOther);
}

TEST("device numbers are reported as in stat(2)") {
  Image image;
  image.record.device = 259 << 20 | 0x12345;
  image.record.tty_major = 136;
  image.record.tty_minor = 300;
  Reader reader;
  CHECK_EQUAL(reader.exec(image).device, 0x12310345U);
  CHECK_EQUAL(reader.told.details.tty_nr, 0x10882cU);
}

TEST("a fork with CLONE_PARENT reports the process whose image the child inherits") {
  ForkRecord record{};
  record.header.kind = kRecordFork;
  record.header.pid = 42;
  record.header.parent = record.header.caller = 7;
  Reader reader;
  CHECK(reader.read(bytes_of(record)));
  CHECK(reader.told.what == Told::What::kFork);
  CHECK_EQUAL(reader.told.fork.parent, 7);
  CHECK_EQUAL(reader.told.fork.image_from, 0);
  record.header.caller = 8;
  CHECK(reader.read(bytes_of(record)));
  CHECK_EQUAL(reader.told.fork.image_from, 8);
}

TEST("two exit records of one process are one exit, and the next process with its pid has its own exit") {
  ExitRecord record{};
  record.header.kind = kRecordExit;
  record.header.pid = 42;
  record.header.start_ns = 1;
  record.status = 9;
  Reader reader;
  CHECK(reader.read(bytes_of(record)));
  CHECK(reader.told.what == Told::What::kExit);
  CHECK_EQUAL(reader.told.exit.status, 9);
  CHECK(reader.read(bytes_of(record)));
  CHECK(reader.told.what == Told::What::kNothing);
  record.header.start_ns = 2;
  CHECK(reader.read(bytes_of(record)));
  CHECK(reader.told.what == Told::What::kExit);
}

TEST("a loss is reported once, before the next record, even if other processors have older counts") {
  ExitRecord record{};
  record.header.kind = kRecordExit;
  Reader reader;
  const auto lost = [&](uint32_t counter) {
    record.header.lost = counter;
    record.header.pid++;
    CHECK(reader.read(bytes_of(record)));
    return reader.told.newly_lost;
  };
  CHECK_EQUAL(lost(0), 0U);
  CHECK_EQUAL(lost(5), 5U);
  CHECK_EQUAL(lost(4), 0U);
  CHECK_EQUAL(lost(6), 1U);
  reader.decoder.told_of_loss(10);
  CHECK_EQUAL(lost(10), 0U);
}

TEST("a snapshot reports which processes have ended and which have executed") {
  Image image(kRecordSnapshot);
  image.record.header.flags = kFlagHasEnded;
  image.record.header.parent_start_ns = 3000000;
  Reader reader;
  CHECK(reader.read(image.bytes()));
  CHECK(reader.told.what == Told::What::kSnapshot);
  CHECK(reader.told.snapshot.has_ended);
  CHECK(!reader.told.snapshot.has_executed);
  CHECK_EQUAL(reader.told.snapshot.parent_start_ms, 3.0);
  CHECK(reader.told.details.syscall == ExecCall::kUnknown);
}

TEST("a cut record, or one with a wrong size, is refused and not read past its end") {
  Image image;
  image.cgroup = "a\0"s;
  image.record.cgroup_id = 1;
  const std::string whole = image.bytes();
  for (size_t size = 0; size < whole.size(); ++size) {
    Reader reader;
    CHECK(!reader.read(whole.substr(0, size)));
  }
  Reader reader;
  std::string hostile = whole;
  const uint32_t much = 0xffffffff;
  std::memcpy(&hostile[offsetof(ImageRecord, cwd_bytes)], &much, sizeof much);
  CHECK(!reader.read(hostile));
  hostile = chunk(kRecordArguments, 0, "abc");
  std::memcpy(&hostile[offsetof(ChunkRecord, size)], &much, sizeof much);
  CHECK(!reader.read(hostile));
  CHECK(!reader.read(std::string(200, '\x7f')));
}

TEST("random records are read within their bounds and with limited memory") {
  std::mt19937 random(2);
  Reader reader({"HOME"});
  for (int round = 0; round < 20000; ++round) {
    Image image(random() % 9);
    image.cgroup = "a\0b\0"s;
    std::string bytes =
        round % 2 == 0 ? image.bytes() : chunk(kRecordArguments + random() % 2, 0, "HOME=x\0"s);
    for (int changes = static_cast<int>(random() % 6); changes > 0; --changes) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    bytes.resize(random() % 4 == 0 ? random() % bytes.size() : bytes.size());
    // A separate allocation, so that a sanitizer detects a read past its end.
    const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
    if (!reader.decoder.read(exact.data(), exact.size(), reader.told)) continue;
    size_t sum = reader.told.details.path.size() + reader.told.details.args.size();
    CHECK(sum < SIZE_MAX);
  }
}

}  // namespace
}  // namespace process_ancestry::ebpf
