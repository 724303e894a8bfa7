// Binds the addon to function versions of glibc 2.28 (RHEL 8; node needs no newer version). The linker
// redirects every call of these functions to this file (--wrap in binding.gyp), also calls in the static
// libstdc++. packaging/executable/make.ts fails if a newer version remains.
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// The version of each function: glibc's oldest for the architecture, except for pthread_setname_np.
#if defined(__x86_64__)
#define OLDEST "GLIBC_2.2.5"
#define SETNAME "GLIBC_2.12"
#elif defined(__aarch64__)
#define OLDEST "GLIBC_2.17"
#define SETNAME "GLIBC_2.17"
#else
#error "x86_64 and aarch64 are supported"
#endif
#define OLD(function, version) __asm__(".symver old_" #function ", " #function "@" version)

OLD(__pthread_key_create, OLDEST);
OLD(pthread_create, OLDEST);
OLD(pthread_join, OLDEST);
OLD(pthread_once, OLDEST);
OLD(pthread_setname_np, SETNAME);
OLD(pthread_sigmask, OLDEST);

int old___pthread_key_create(pthread_key_t* key, void (*destroy)(void*));
int old_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                       void* argument);
int old_pthread_join(pthread_t thread, void** result);
int old_pthread_once(pthread_once_t* once, void (*initialize)(void));
int old_pthread_setname_np(pthread_t thread, const char* name);
int old_pthread_sigmask(int how, const sigset_t* set, sigset_t* before);

int __wrap___pthread_key_create(pthread_key_t* key, void (*destroy)(void*)) {
  return old___pthread_key_create(key, destroy);
}

int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                          void* argument) {
  return old_pthread_create(thread, attributes, start, argument);
}

int __wrap_pthread_join(pthread_t thread, void** result) { return old_pthread_join(thread, result); }

int __wrap_pthread_once(pthread_once_t* once, void (*initialize)(void)) {
  return old_pthread_once(once, initialize);
}

int __wrap_pthread_setname_np(pthread_t thread, const char* name) {
  return old_pthread_setname_np(thread, name);
}

int __wrap_pthread_sigmask(int how, const sigset_t* set, sigset_t* before) {
  return old_pthread_sigmask(how, set, before);
}

// glibc has this symbol since 2.33. On both architectures the structs of the kernel and glibc are the same.
int __wrap_fstat64(int file, struct stat* status) { return (int)syscall(SYS_fstat, file, status); }

// glibc 2.32 and later: whether locks may be omitted. 0 is correct for any process.
char __libc_single_threaded = 0;
