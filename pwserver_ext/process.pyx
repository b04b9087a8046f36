"""Offer what the standard library lacks: dying together with the parent, a shared steady clock, pages of the heap."""

from pwserver_ext.clocks cimport pw_monotonic_ns

cdef extern from *:
    """
    #include <errno.h>
    #include <signal.h>
    #include <unistd.h>
    #if defined(__linux__)
    #include <sys/prctl.h>
    static int pw_die_with_parent(int signal_number) {
        return prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) == 0 ? 1 : 0;
    }
    static void pw_set_name(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
    #else
    static int pw_die_with_parent(int signal_number) { (void)signal_number; return 0; }
    static void pw_set_name(const char *name) { (void)name; }
    #endif
    #if defined(__GLIBC__)
    #include <malloc.h>
    static void pw_use_one_heap(void) {
        mallopt(M_ARENA_MAX, 1);
        /* What is large goes back to the system when it is freed. By itself the C library soon takes it from the heap,
           up to 32 MB, where one small object that was made after it keeps all of it. */
        mallopt(M_MMAP_THRESHOLD, 128 * 1024);
        mallopt(M_TRIM_THRESHOLD, 128 * 1024);
    }
    static void pw_trim_heap(void) { malloc_trim(0); }
    #else
    static void pw_use_one_heap(void) {}
    static void pw_trim_heap(void) {}
    #endif
    """
    int pw_die_with_parent(int signal_number) nogil
    void pw_set_name(const char *name) nogil
    void pw_use_one_heap() nogil
    void pw_trim_heap() nogil


def die_with_parent(int signal_number) -> bool:
    """Ask the kernel to send us ``signal_number`` when the parent ends. False where no kernel offers it."""
    return bool(pw_die_with_parent(signal_number))


def set_name(str name not None) -> None:
    """Name this process in ``ps`` and ``top`` (15 bytes are kept)."""
    cdef bytes encoded = name.encode()[:15]
    pw_set_name(encoded)


def use_one_heap() -> None:
    """Let all threads of this process use the same heap, and give it nothing large (of 128 kB or more) to keep."""
    pw_use_one_heap()


def trim_heap() -> None:
    """Give pages back to the system that the C library holds, and nothing lies in."""
    pw_trim_heap()


def monotonic_ns() -> int:
    """Return the nanoseconds of the one clock that all processes of this machine share and that cannot be set."""
    return pw_monotonic_ns()
