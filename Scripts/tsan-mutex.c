// Tells ThreadSanitizer about Swift's Mutex on Linux.
//
// The slow paths of Synchronization.Mutex (a futex) live in a library that is not instrumented: after a contended lock
// the sanitizer does not know that the other side's unlock came first, and reports every use of what the mutex guards.
// Preloaded by Scripts/sanitize, these wrappers say so. Nothing is suppressed: real races are still reported.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *handle

// Absent in processes that are not built with the sanitizer, such as the build tool itself.
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

SWIFT void lock_slow(uint32_t thread, SELF) __asm__("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
SWIFT void unlock_slow(SELF) __asm__("$s15Synchronization12_MutexHandleV11_unlockSlowyyF");

static void *next(const char *symbol) {
    void *function = dlsym(RTLD_NEXT, symbol);
    if (!function) abort();
    return function;
}

SWIFT void lock_slow(uint32_t thread, SELF) {
    typedef SWIFT void (*Lock)(uint32_t, SELF);
    ((Lock)next("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"))(thread, handle);
    if (__tsan_acquire) __tsan_acquire(handle);
}

SWIFT void unlock_slow(SELF) {
    typedef SWIFT void (*Unlock)(SELF);
    if (__tsan_release) __tsan_release(handle);
    ((Unlock)next("$s15Synchronization12_MutexHandleV11_unlockSlowyyF"))(handle);
}
