#pragma once

#include <pthread.h>

namespace process_ancestry {

// Makes a thread and waits until it has ended: on a quiet host it is what a sensor has to tell of. False if
// there can be no other.
inline bool make_thread() {
  pthread_t thread;
  const auto body = [](void*) -> void* { return nullptr; };
  return pthread_create(&thread, nullptr, body, nullptr) == 0 && pthread_join(thread, nullptr) == 0;
}

}  // namespace process_ancestry
