#include "../file_pages.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "../unique_fd.h"
#include "harness.h"

namespace process_ancestry {
namespace {

constexpr size_t kPages = 16;

size_t page_bytes() { return static_cast<size_t>(::sysconf(_SC_PAGESIZE)); }

// A private mapping of a file that is filled with 'a', all of it resident.
class MappedFile {
 public:
  explicit MappedFile(int protection) : bytes_(kPages * page_bytes()) {
    char path[] = "/tmp/file-pages-XXXXXX";
    const UniqueFd fd(::mkstemp(path));
    ::unlink(path);
    const std::string content(bytes_, 'a');
    CHECK_EQUAL(::write(fd.get(), content.data(), bytes_), static_cast<ssize_t>(bytes_));
    void* const at = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd.get(), 0);
    CHECK(at != MAP_FAILED);
    at_ = static_cast<char*>(at);
    protect(protection);
    // Reads each page.
    for (size_t page = 0; page < kPages; ++page) CHECK_EQUAL(at_[page * page_bytes()], 'a');
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() { ::munmap(at_, bytes_); }

  char* at() const { return at_; }
  void protect(int protection) const { CHECK_EQUAL(::mprotect(at_, bytes_, protection), 0); }

 private:
  size_t bytes_;
  char* at_ = nullptr;
};

TEST("resident pages of files are unmapped, and are read again with the same content") {
  release_file_pages();
  const MappedFile file(PROT_READ);
  CHECK(release_file_pages() >= kPages * page_bytes());
  for (size_t page = 0; page < kPages; ++page) CHECK_EQUAL(file.at()[page * page_bytes()], 'a');
}

TEST("a mapping with a written page keeps its content") {
  const MappedFile file(PROT_READ | PROT_WRITE);
  file.at()[page_bytes()] = 'b';
  release_file_pages();
  CHECK_EQUAL(file.at()[page_bytes()], 'b');
  // As the loader does after it has relocated a program.
  file.protect(PROT_READ);
  release_file_pages();
  CHECK_EQUAL(file.at()[page_bytes()], 'b');
}

}  // namespace
}  // namespace process_ancestry
