# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Serve a connection: the transport's protocol from accept to close.

It answers what it can from the table. What it cannot goes, one request at a time, to a handler that the subclass opens
(Sanic). While the handler has a request, later bytes wait here, so answers leave in order and no byte that was not
judged reaches the handler.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from libc.string cimport memset

from pwserver_ext.clocks cimport pw_epoch_second, pw_monotonic
from pwserver_ext.counters cimport counter_add
from pwserver_ext.http_chunks cimport BODY_BAD, BODY_DONE, BODY_LARGE, Chunks, read_chunks
from pwserver_ext.http_documents cimport ServedDocument
from pwserver_ext.http_gate cimport (
    CONNECTIONS,
    LIMITED,
    PASSED,
    REFUSED,
    REJECTED,
    SERVED,
    STALLED,
    TIMED_OUT,
    UNMODIFIED,
    Gate,
    count,
)
from pwserver_ext.http_head cimport HEAD, MORE_, REJECT_, SERVE_, Head
from pwserver_ext.http_recogniser cimport forwarded_of
from pwserver_ext.http_reply cimport CLOSE, KEEP_ALIVE, SILENT, refusal
from pwserver_ext.http_writer cimport THROUGH_TRANSPORT, ReplyWriter, gather

cdef enum:  # states
    READY = 0  # no request is open
    BUSY = 1  # the handler has one
    TUNNEL = 2  # upgraded: bytes pass through
    LINGER = 3  # refused: what still comes is thrown away, so that the client can read our answer
    CLOSED = 4
    COLLECTING = 6  # the body of a request comes in chunks; the handler gets it whole
    HANDSHAKE = 5  # TLS is being agreed on; the transport is still the one beneath it

cdef enum:
    BATCH_BYTES = 65536  # replies gathered for one write
    BATCHES = 8  # written before the other connections get their turn
    PENDING_BYTES = 65536  # bytes waiting behind a busy handler before we stop reading
    LINGER_BYTES = 262144  # thrown away before the connection is cut


cdef class HttpConnection(ReplyWriter):
    """asyncio protocol. A subclass overrides open_handler() -> an object with

        feed(data)                  bytes of exactly one request, at first its whole head
        websocket                   None until the connection has been upgraded
        data_received(data), eof_received()     for the bytes after an upgrade
        pause_writing(), resume_writing(), connection_lost(exc), check_timeout(), close_if_idle()

    and which calls handler_is_done() when it could take the next request, handler_took_over() after an upgrade, and
    handler_gave_up() when it will take no more. Of a secure gate, also begin_handshake(), after which handshake_is_done()
    is to be called with the transport above TLS.
    """

    def __init__(self, Gate gate not None):
        self.gate = gate

    def open_handler(self):
        raise NotImplementedError

    # Callbacks of the transport.

    def connection_made(self, transport):
        cdef Gate gate = self.gate
        self.transport = transport
        count(gate, CONNECTIONS)
        gate.connections.add(self)
        if gate.per_address_max or gate.limiter is not None or gate.access is not None:
            peer = transport.get_extra_info("peername")
            self.address = self.counted_as = peer[0] if type(peer) is tuple else ""
            if gate.client is not None and ":" in self.address:
                self.counted_as = gate.client(self.address, "")
        if not self.admit():
            # No lingering: a refused connection must not cost a descriptor for longer than it takes to say so.
            count(gate, REFUSED)
            self.state = LINGER
            if not gate.secure:  # before TLS there are no words for it
                extra = b"Retry-After: 5\r\n" + gate.responder.refusal_lines(NULL)
                transport.write(refusal(503, "Too many connections", False, extra))
            transport.close()
            return
        self.deadline = gate.drained if gate.stopping else pw_monotonic() + gate.head_seconds
        if gate.timer is None:
            gate.wind()
        if gate.secure:
            self.state = HANDSHAKE
            self.beneath = transport
            self.begin_handshake()

    def begin_handshake(self):
        raise NotImplementedError

    def handshake_is_done(self, transport):
        """What has come through TLS so far is judged from here on."""
        if self.state != HANDSHAKE:
            transport.abort()
            return
        self.transport = transport
        self.state = READY
        self.deadline = self.gate.drained if self.gate.stopping else pw_monotonic() + self.gate.head_seconds
        if self.pending is not None and not self.writes_paused:
            self.run(self.pending)

    cdef bint admit(self) except -1:
        cdef Gate gate = self.gate
        if gate.connections_max and len(gate.connections) > gate.connections_max:
            return False
        if gate.per_address_max and self.address and self.address not in gate.exempt:
            open_ = gate.addresses.get(self.counted_as, 0)
            if open_ >= gate.per_address_max:
                return False
            gate.addresses[self.counted_as] = open_ + 1
            self.counted = True
        return True

    def connection_lost(self, exc):
        cdef Gate gate = self.gate
        if self.state == CLOSED:
            return
        gate.connections.discard(self)
        if self.counted:
            open_ = gate.addresses[self.counted_as] - 1
            if open_:
                gate.addresses[self.counted_as] = open_
            else:
                del gate.addresses[self.counted_as]
        self.state = CLOSED
        self.descriptor = THROUGH_TRANSPORT
        self.pending = None
        handler, self.handler = self.handler, None
        if handler is not None:
            handler.connection_lost(exc)
        self.transport = self.beneath = None

    def data_received(self, data):
        if self.state == READY:
            buffer = data if type(data) is bytes else bytes(data)
            if self.pending is not None:
                buffer = self.pending + buffer
            if self.writes_paused or self.running or self.yielding:
                self.pending = buffer
            else:
                self.run(buffer)
        elif self.state == BUSY:
            self.wait(bytes(data))
        elif self.state == TUNNEL:
            self.handler.data_received(data)
        elif self.state == COLLECTING:
            self.collect(bytes(data), pw_monotonic())
        elif self.state == HANDSHAKE:
            self.pending = bytes(data) if self.pending is None else self.pending + data
        elif self.state == LINGER:
            self.lingered += len(data)
            if self.lingered > LINGER_BYTES:
                self.transport.abort()

    def eof_received(self):
        """The client will send nothing more. What it has asked for is still answered where the transport lets us: TLS
        ends both directions at once."""
        if self.state == TUNNEL:
            return self.handler.eof_received()
        if self.beneath is not None or self.body_left:
            return False
        if self.state == BUSY or (self.state == READY and self.pending is not None and (self.writes_paused or self.yielding)):
            self.ended = True
        return self.ended

    def pause_writing(self):
        self.writes_paused = True
        self.write_deadline = pw_monotonic() + self.gate.stall_seconds
        if self.handler is not None:
            self.handler.pause_writing()
        if self.state == READY:
            self.pause_reads()

    def resume_writing(self):
        self.writes_paused = False
        if self.handler is not None:
            self.handler.resume_writing()
        if self.state == READY and not self.running and not self.yielding:
            self.proceed()

    def carry_on(self):
        """Go on: the transport has room for more bytes."""
        self.yielding = False
        if self.state == READY and not self.writes_paused:
            self.proceed()

    # Callbacks of the handler.

    def handler_is_done(self):
        """Note that the handler's answer is written: the next request may be judged."""
        if self.state != BUSY:
            return
        self.count_refused_stream()
        self.state = READY
        if self.last or self.gate.stopping or self.body_left:
            self.finish()
        elif self.writes_paused:
            self.pause_reads()
        else:
            self.proceed()

    def handler_took_over(self):
        """The connection has been upgraded: what waited here, and all that follows, is the handler's."""
        if self.state != BUSY:
            return
        self.uncounted = None
        self.state = TUNNEL
        self.deadline = 0
        data, self.pending = self.pending, None
        self.resume_reads()
        if data:
            self.handler.data_received(data)
        if self.ended and not self.handler.eof_received():
            self.transport.close()

    def handler_gave_up(self):
        """The handler's last answer is written, and no request after it will be."""
        if self.state == BUSY:
            self.count_refused_stream()
            self.finish()

    @property
    def persistent(self):
        """Whether the connection goes on after the handler's answer."""
        return not (self.last or self.gate.stopping)

    @property
    def awaits_body(self):
        """Whether a part of the handler's request has yet to come."""
        return self.body_left > 0

    # What the server calls at shutdown.

    @property
    def websocket(self):
        return None if self.handler is None else self.handler.websocket

    def close_if_idle(self):
        """Close after the next answer, or when the grace is over. True where nothing was open."""
        self.gate.stop()
        if self.state == TUNNEL:
            return self.handler.close_if_idle()
        if self.state == HANDSHAKE or (self.state == READY and not self.partial):
            # A request may be on its way: it is answered, with Connection: close, and not met by a reset.
            self.deadline = min(self.deadline, self.gate.drained)
        self.last = True
        return False

    def abort(self):
        self.descriptor = THROUGH_TRANSPORT
        if self.transport is not None:
            self.transport.abort()

    # Our own.

    cdef pause_reads(self):
        if not self.reads_paused:
            self.reads_paused = True
            self.transport.pause_reading()
            if self.beneath is not None:
                # TLS that sees the end of the bytes throws away what is written after that.
                self.beneath.pause_reading()

    cdef resume_reads(self):
        if self.reads_paused and not self.ended:
            self.reads_paused = False
            self.transport.resume_reading()
            if self.beneath is not None and not self.beneath.is_closing():
                self.beneath.resume_reading()

    cdef wait(self, bytes data):
        """Bytes while the handler has a request: first the rest of its body, then what must wait."""
        if self.body_left:
            part = data[:self.body_left]
            data = data[len(part):]
            self.body_left -= len(part)
            if self.body_left == 0:
                self.deadline = 0
                if self.beneath is not None:
                    self.pause_reads()
            self.handler.feed(part)
        if data:
            self.pending = data if self.pending is None else self.pending + data
            if len(self.pending) > PENDING_BYTES:
                self.pause_reads()

    cdef proceed(self):
        """Judge what has been waiting."""
        self.resume_reads()
        buffer = self.pending
        if buffer is not None:
            self.run(buffer)
        elif self.ended:
            self.finish()
        else:
            self.partial = False
            self.deadline = pw_monotonic() + self.gate.idle_seconds

    cdef int run(self, bytes buffer) except -1:
        """Answer every complete request of the buffer, in order, a batch in one write; keep the rest."""
        cdef double now = pw_monotonic()
        cdef bint blank = False
        cdef Py_ssize_t at
        self.running = True
        self.pending = None
        at = self.answer_all(buffer, now, &blank)
        if at >= 0:
            self.running = False
            if self.state == READY:
                self.keep_rest(buffer, at, blank, now)

    cdef Py_ssize_t answer_all(self, bytes buffer, double now, bint* blank) except -2:
        """Answer the requests of the buffer; return where the rest begins, which waits for more bytes or for its turn.

        -1: there is no rest of ours, because the connection is closing or the handler has it. blank: the rest is
        nothing but empty lines.
        """
        cdef Gate gate = self.gate
        cdef const char* p = PyBytes_AS_STRING(buffer)
        cdef Py_ssize_t n = PyBytes_GET_SIZE(buffer), at = 0, size, gathered = 0
        cdef long long second = pw_epoch_second()
        cdef Head h
        cdef int verdict, batches = 0
        cdef bytes reply
        cdef bint keep
        while at < n:
            verdict = gate.recogniser.judge(p + at, n - at, &h)
            if verdict == MORE_:
                blank[0] = h.start == n - at
                break
            if verdict == REJECT_:
                self.flush()
                self.refuse(&h)
                return -1
            at += h.start
            size = h.size + (h.content_length if h.content_length > 0 else 0)
            keep = h.keep_alive and not gate.stopping
            if h.chunked:
                keep = False  # whatever is answered before the body has come
            if size > n - at:
                if not h.expect:
                    break
                keep = False
            reply = self.reply_to(&h, p + at, verdict, keep, now, second)
            if reply is None:
                self.flush()
                if self.state == READY:
                    count(gate, PASSED)
                    if h.chunked:
                        self.collect_body(buffer, at, &h, now)
                    else:
                        self.hand_over(buffer, at, &h, size, now)
                else:
                    self.running = False
                return -1
            at += size
            gather(self, reply)
            if not keep:
                self.flush()
                self.pending = buffer[at:] if at < n else None
                self.finish()
                return -1
            gathered += PyBytes_GET_SIZE(reply)
            if gathered >= BATCH_BYTES:
                self.flush()
                gathered = 0
                batches += 1
                if self.writes_paused or self.state != READY:
                    break
                if batches == BATCHES and at < n:
                    self.yielding = True
                    self.pause_reads()
                    gate.loop.call_soon(self.carry_on)
                    break
        self.flush()
        return at

    cdef bytes reply_to(self, Head* h, const char* data, int verdict, bint keep, double now, long long second):
        """Find the reply to the request at data; None: it is the handler's."""
        cdef Gate gate = self.gate
        cdef ServedDocument document
        cdef bytes reply = None
        cdef bint unmodified = False
        if gate.limiter is not None:
            reply = self.over_limit(h, data, keep)
        if reply is None and verdict == SERVE_:
            document = <ServedDocument>gate.documents[h.entry]
            reply = gate.responder.reply(document, h, (KEEP_ALIVE if h.old else SILENT) if keep else CLOSE,
                                         now, second, &unmodified)
            if reply is not None:
                count(gate, UNMODIFIED if unmodified else SERVED)
                if document.counter >= 0:
                    counter_add(gate.cells, document.counter, 1)
        if reply is not None and gate.access is not None:
            what = data[:h.target.at + h.target.size - data].decode("latin-1")
            gate.access(self.asked_by(gate.asker, h, data, self.address), what, int(reply[9:12]), len(reply))
        return reply

    cdef int keep_rest(self, bytes buffer, Py_ssize_t at, bint blank, double now) except -1:
        """Keep what is left of the buffer from `at` on, and set the deadline of what is awaited now."""
        cdef Gate gate = self.gate
        cdef Py_ssize_t n = PyBytes_GET_SIZE(buffer)
        if at < n:
            self.pending = buffer[at:] if at else buffer
        if self.ended and not (at < n and (self.yielding or self.writes_paused)):
            self.pending = None
            self.finish()
        elif blank:
            # Empty lines are no request: neither do they begin one nor put off the end of an idle connection.
            if at:
                self.partial = False
                self.deadline = now + gate.idle_seconds
        elif at < n:
            if at or not self.partial:
                self.partial = True
                self.deadline = now + gate.head_seconds
        else:
            self.partial = False
            self.deadline = now + gate.idle_seconds

    cdef object asked_by(self, object rule, Head* h, const char* data, str peer):
        """Return the client by this rule, where a trusted proxy speaks for it; else the peer as given."""
        if rule is None or not h.forwards or self.address not in self.gate.exempt:
            return peer
        return rule(self.address, forwarded_of(h, data))

    cdef bytes over_limit(self, Head* h, const char* data, bint keep):
        cdef Gate gate = self.gate
        cdef double seconds
        who = self.asked_by(gate.client, h, data, self.counted_as)
        if h.stream:
            self.uncounted = who
            return None
        seconds = gate.limiter(who)
        if seconds <= 0:
            return None
        count(gate, LIMITED)
        wait = <long>seconds + (seconds > <long>seconds)
        extra = b"Retry-After: %d\r\n%b" % (wait, gate.responder.refusal_lines(h))
        return refusal(429, "Rate limit exceeded", h.method == HEAD, extra, not keep, h.old)

    cdef count_refused_stream(self):
        """Only streams are free: a handshake that the handler has refused was a request like any other."""
        if self.uncounted is not None:
            who, self.uncounted = self.uncounted, None
            self.gate.limiter(who)

    cdef hand_over(self, bytes buffer, Py_ssize_t at, Head* h, Py_ssize_t size, double now):
        """Give the handler one request; the rest of the buffer waits."""
        cdef Py_ssize_t n = PyBytes_GET_SIZE(buffer), have = min(size, n - at)
        self.state = BUSY
        self.descriptor = THROUGH_TRANSPORT
        self.running = False
        self.last = not h.keep_alive
        self.old = h.old
        self.partial = False
        self.body_left = size - have
        self.deadline = now + self.gate.head_seconds if self.body_left else 0
        self.pending = buffer[at + have:] if at + have < n else None
        if self.pending is not None and len(self.pending) > PENDING_BYTES:
            self.pause_reads()
        if self.beneath is not None and not self.body_left:
            self.pause_reads()
        if self.handler is None:
            self.handler = self.open_handler()
        self.handler.feed(buffer[at:at + have])

    cdef collect_body(self, bytes buffer, Py_ssize_t at, Head* h, double now):
        """Begin to read a body in chunks. No handler sees chunks, so no two programs can read them in two ways."""
        cdef Py_ssize_t end = at + h.size, coding = h.coding.at - PyBytes_AS_STRING(buffer)
        self.head_before = buffer[at:buffer.rindex(b"\n", at, coding) + 1]
        self.head_after = buffer[buffer.index(b"\n", coding) + 1:end]
        self.refusal_lines = self.gate.responder.refusal_lines(h)
        self.head_only = h.method == HEAD
        self.body = bytearray()
        memset(&self.chunks, 0, sizeof(Chunks))
        self.state = COLLECTING
        self.descriptor = THROUGH_TRANSPORT
        self.running = False
        if not self.partial:
            self.partial = True
            self.deadline = now + self.gate.head_seconds
        if h.expect and end == len(buffer):
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.collect(buffer[end:], now)

    cdef collect(self, bytes data, double now):
        """Read on; hand the request over with the length of its body once that is complete."""
        cdef Gate gate = self.gate
        cdef Head h
        cdef int verdict
        cdef Py_ssize_t at = read_chunks(&self.chunks, PyBytes_AS_STRING(data), len(data), self.body,
                                         gate.recogniser.limits.body_bytes, &verdict)
        if verdict == BODY_DONE:
            head = self.head_before + b"Content-Length: %d\r\n" % len(self.body) + self.head_after
            request = head + bytes(self.body)
            buffer = request + data[at:]
            self.body = None
            gate.recogniser.judge(PyBytes_AS_STRING(buffer), len(buffer), &h)
            self.hand_over(buffer, 0, &h, len(request), now)
        elif verdict == BODY_BAD or verdict == BODY_LARGE:
            count(gate, REJECTED)
            status, reason = (413, "Body too large") if verdict == BODY_LARGE else (400, "Bad chunked body")
            if gate.access is not None:
                gate.access(self.address, "-", status, 0)
            self.body = None
            self.transport.write(refusal(status, reason, self.head_only, self.refusal_lines))
            self.linger()

    cdef refuse(self, Head* h):
        """Answer a request that was rejected, and close."""
        cdef Gate gate = self.gate
        count(gate, REJECTED)
        if gate.access is not None:
            gate.access(self.address, "-", h.status, 0)
        reason = (<bytes>h.reason).decode("ascii")
        if h.status == 421 and gate.explain_host is not None:
            reason = gate.explain_host(h.host.at[:h.host.size].decode("ascii"))
        self.transport.write(refusal(h.status, reason, h.method == HEAD, gate.responder.refusal_lines(h)))
        self.linger()

    cdef finish(self):
        """Close after our last answer. Unread bytes would make the kernel reset the connection under it."""
        if self.ended or (self.pending is None and not self.body_left):
            self.running = False
            self.state = LINGER
            self.deadline = pw_monotonic() + self.gate.stall_seconds
            self.close()
        else:
            self.linger()

    cdef linger(self):
        self.running = False
        self.state = LINGER
        self.pending = None
        self.deadline = pw_monotonic() + self.gate.linger_seconds
        if self.transport.is_closing():
            return
        try:
            can = self.transport.can_write_eof()
            if can:
                self.transport.write_eof()
        except (NotImplementedError, OSError):
            can = False
        if can:
            self.resume_reads()
        else:
            self.close()

    cdef close(self):
        self.transport.close()
        if self.beneath is not None:
            self.resume_reads()  # TLS waits for the client's word

    cdef enforce(self, double now):
        if self.state == CLOSED:
            return
        if self.writes_paused and now > self.write_deadline:
            count(self.gate, STALLED)
            self.abort()
            return
        if self.handler is not None and self.state == BUSY:
            self.handler.check_timeout()
        if not self.is_late(now):
            return
        if self.state == READY and not self.partial:
            # The end is announced and what still comes is read: a request that was just sent meets no reset.
            self.linger()
        elif self.state == READY or self.state == COLLECTING:
            count(self.gate, TIMED_OUT)
            if self.gate.access is not None:
                self.gate.access(self.address, "-", 408, 0)
            lines = self.gate.responder.refusal_lines(NULL)
            self.transport.write(refusal(408, "Request took too long", False, lines))
            self.state = LINGER
            self.deadline = now + self.gate.linger_seconds
            self.transport.close()
        elif self.state == BUSY or self.state == HANDSHAKE:
            count(self.gate, TIMED_OUT)
            self.abort()
        elif self.state == LINGER:
            if self.transport.get_write_buffer_size():
                self.transport.abort()
            else:
                self.transport.close()

    cdef bint is_late(self, double now) noexcept:
        """Look whether the deadline has passed; while writes wait or the turn is another's, there is none."""
        return self.deadline != 0 and now >= self.deadline and not self.writes_paused and not self.yielding
