cimport cython

from pwserver_ext.http_documents cimport TargetTable
from pwserver_ext.http_head cimport Head, HeadLimits
from pwserver_ext.http_hosts cimport Hosts


@cython.final
cdef class Recogniser:
    cdef HeadLimits limits
    cdef Hosts hosts
    cdef TargetTable table

    # A NUL must stand behind the n bytes at data, see read_head().
    cdef int judge(self, const char* data, Py_ssize_t n, Head* h) except -1


# All X-Forwarded-For lines of the complete head at data, joined as one list.
cdef str forwarded_of(Head* h, const char* data)
