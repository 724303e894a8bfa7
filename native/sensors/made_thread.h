#pragma once

#include <pthread.h>

namespace process_ancestry {

// Creates a thread and waits for its end, so that a sensor has an event to report on a quiet host. False if
// the thread could not be created.
inline bool make_thread() {
  pthread_t thread;
  const auto body = [](void*) -> void* { return nullptr; };
  return pthread_create(&thread, nullptr, body, nullptr) == 0 && pthread_join(thread, nullptr) == 0;
}

}  // namespace process_ancestry
