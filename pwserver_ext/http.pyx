# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled gate: recogniser of request heads, table of documents, ready-made replies, connections.

Nothing here knows what a document means. Read in this order:
    http_values.pxi      what the values of header fields say
    http_head.pxi        one request head -> MORE, SERVE, PASS or REJECT
    http_reply.pxi       a document of the table -> the bytes of its reply, kept for a second
    http_gate.pxi        what the connections of one worker share
    http_connection.pxi  a connection: batches, deadlines, caps, and the hand-over of what is not ours
"""
from collections import namedtuple
from email.utils import formatdate
from hashlib import blake2b
from http import HTTPStatus

from pwserver_ext.outlet import descriptor_of

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp

from pwserver_ext.counters cimport Counters, counter_add
from pwserver_ext.snapshot cimport Document as SlotDocument, SnapshotSlot

cdef extern from "http_clock.h" nogil:
    double pw_monotonic()
    long long pw_epoch_second()

cdef extern from "socket_send.h" nogil:
    Py_ssize_t pw_send(int descriptor, const char* bytes, Py_ssize_t size)

include "http_values.pxi"
include "http_head.pxi"
include "http_reply.pxi"
include "http_gate.pxi"
include "http_connection.pxi"
