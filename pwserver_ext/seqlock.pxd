"""The sequence lock with which one process writes and any number read, without waiting for one another.

After Boehm, "Can seqlocks get along with programming language memory models?" (MSPC 2012). A sequence number stands
beside what it guards. It is odd while the writer works:

    writer   1  sequence := odd     (relaxed)        reader   1  sequence     (acquire), must be even
             2  release fence                                 2  the words    (relaxed)
             3  the words           (relaxed)                 3  acquire fence
             4  sequence := even    (release)                 4  sequence     (relaxed), must be the same

Why a reader whose two sequences agree has read one state:

*  It has all of that state. Its first load read an even number, which the writer stored with release order after the
   words; the load has acquire order, so those words, or later ones, are what it reads.
*  It has nothing of a later state. If it read a word that a later write stored in 3, then the writer's fence came
   before that store and the reader's fence after that load. Fences that are linked in this way make everything before
   the one visible after the other: the reader's second load sees the odd number of that write, or a later one, and
   the sequences differ. This needs both fences. Without the writer's, a processor that swaps stores (ARM) may show
   the words before the odd number; without the reader's, the second load may be done before the words are.
*  A number is never used twice, so "the same" means "untouched". Whoever goes on after a writer that died begins with
   an odd number that is not lower than its own.

The words are shared while they are written, which C11 allows for atomic accesses only. So both sides use relaxed
atomic loads and stores (pw_copy_in, pw_copy_out, pw_load_relaxed and the like), which cost no more than plain ones:
they only forbid the compiler to tear them, to repeat them, or to move them over a fence. The two sides may cut the
words differently (a float is half a word): what is then mixed is what the second look at the sequence refuses. What a
reader has copied must not be believed before that second look, least of all a length or an offset.
"""

from libc.stdint cimport uint64_t

from pwserver_ext.atomics cimport (
    pw_fence_acquire,
    pw_fence_release,
    pw_load_acquire,
    pw_load_relaxed,
    pw_store_relaxed,
    pw_store_release,
)


cdef inline void begin_write(uint64_t* sequence, uint64_t odd) noexcept nogil:
    pw_store_relaxed(sequence, odd)
    pw_fence_release()


cdef inline void end_write(uint64_t* sequence, uint64_t even) noexcept nogil:
    pw_store_release(sequence, even)


cdef inline uint64_t begin_read(const uint64_t* sequence) noexcept nogil:
    """Load the sequence; where `is_being_written`, nothing may be read."""
    return pw_load_acquire(sequence)


cdef inline bint is_being_written(uint64_t sequence) noexcept nogil:
    return sequence & 1


cdef inline bint is_unchanged(const uint64_t* sequence, uint64_t begun) noexcept nogil:
    """Look whether what was read since begin_read() is one state."""
    pw_fence_acquire()
    return pw_load_relaxed(sequence) == begun
