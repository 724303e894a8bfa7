#include "mapped_ring.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

namespace process_ancestry::ebpf {

bool MappedRing::Pages::map(int fd, int protection, size_t offset, size_t bytes) {
  reset();
  void* const at = ::mmap(nullptr, bytes, protection, MAP_SHARED, fd, static_cast<off_t>(offset));
  if (at == MAP_FAILED) return false;
  at_ = at;
  bytes_ = bytes;
  return true;
}

void MappedRing::Pages::reset() {
  if (at_ != nullptr) ::munmap(at_, bytes_);
  at_ = nullptr;
}

// kernel/bpf/ringbuf.c: one page for the reader's position, writable; one page for the writers' position;
// then the data. The kernel would map the data twice in a row if twice the size were requested.
bool MappedRing::map(int fd, size_t bytes) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  if (!consumer_.map(fd, PROT_READ | PROT_WRITE, 0, page)) return false;
  if (!producer_.map(fd, PROT_READ, page, page + bytes)) return false;
  ring_ = Ring(reinterpret_cast<unsigned long*>(consumer_.at()),
               reinterpret_cast<const unsigned long*>(producer_.at()), producer_.at() + page, bytes);
  woken_.reset(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event wanted{};
  // The ring is readable while it has any record. Edge-triggered epoll is readable only after a wake.
  wanted.events = EPOLLIN | EPOLLET;
  return woken_ && ::epoll_ctl(woken_.get(), EPOLL_CTL_ADD, fd, &wanted) == 0;
}

void MappedRing::reset() {
  ring_ = Ring();
  woken_.reset();
  consumer_.reset();
  producer_.reset();
}

void MappedRing::forget_wakes() {
  epoll_event stale;
  ::epoll_wait(woken_.get(), &stale, 1, 0);
}

}  // namespace process_ancestry::ebpf
