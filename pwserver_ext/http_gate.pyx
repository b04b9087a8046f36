# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Hold what the connections of one worker share: limits, counters, deadlines."""

cimport cython

from pwserver_ext.clocks cimport pw_monotonic
from pwserver_ext.counters cimport Counters
from pwserver_ext.http_recogniser cimport Recogniser
from pwserver_ext.http_reply cimport Responder

cdef double DRAIN_TICK_SECONDS = 0.02  # between looks at deadlines while stopping

# The gate's counters, in the order of their cells.
EVENTS = ("connections", "refused", "served", "not_modified", "passed", "rejected", "limited", "timed_out", "stalled")


cdef class Timed:
    cdef enforce(self, double now):
        """Act on a deadline that has passed."""
        raise NotImplementedError


@cython.final
cdef class Gate:
    """What the connections of one worker share. All limits are per worker; seconds are absolute, never extended by
    a dribble of bytes.

    connections: the set that the server closes at shutdown; every open connection is in it.
    counters, row: where to count; first_event: index of the first of EVENTS there. None: a private row, with EVENTS
        before the documents. A document counts under its own index, below 0 not at all.
    limiter: called with the client's address for every request but a WebSocket handshake that succeeds; returns 0, or
        the seconds after which to come back.
    secure: connections start with a TLS handshake, which begin_handshake() of the connection begins.
    exempt: a container (`in`) of the addresses of trusted reverse proxies, which no cap per address binds.
    client: (peer, all of X-Forwarded-For or "") -> who is counted: asked for IPv6 peers and for what a trusted proxy
        forwards; None counts every peer as it is. asker: the same for the access log, which shows the whole address.
    explain_host: called with a host name that is not ours; returns the reason that its refusal gives, in ASCII without
        quotation marks. None: the recogniser's own words.
    drain_seconds: how long idle connections stay open for one more request once a stop has begun.
    access: called for every request not handed on with (address, method and target or "-", status, bytes), or None.
    """

    def __cinit__(self, Recogniser recogniser not None, Responder responder not None, *, loop, set connections not None,
                  Counters counters=None, Py_ssize_t row=0, Py_ssize_t first_event=0, limiter=None, exempt=(),
                  double head_seconds=10, double idle_seconds=75, double stall_seconds=30, double linger_seconds=2,
                  double tick_seconds=0.5, double drain_seconds=0.5, Py_ssize_t connections_max=4096,
                  Py_ssize_t per_address_max=1024, access=None, client=None, asker=None, explain_host=None,
                  bint secure=False):
        if recogniser.table is not responder.table:
            raise ValueError("recogniser and responder must share a table")
        self.recogniser = recogniser
        self.responder = responder
        self.documents = responder.table.documents
        self.loop = loop
        self.connections = connections
        self.addresses = {}
        self.limiter = limiter
        self.exempt = exempt
        self.client = client
        self.asker = asker
        self.explain_host = explain_host
        self.secure = secure
        self.head_seconds = head_seconds
        self.idle_seconds = idle_seconds
        self.stall_seconds = stall_seconds
        self.linger_seconds = linger_seconds
        self.tick_seconds = tick_seconds
        self.drain_seconds = drain_seconds
        self.access = access
        self.connections_max = connections_max
        self.per_address_max = per_address_max
        last = max([document.counter for document in self.documents], default=0)
        if counters is None:
            names = EVENTS + tuple([f"document {i}" for i in range(len(EVENTS), last + 1)])
            counters = Counters(bytearray(Counters.size(1, names)), 1, names)
            row = first_event = 0
        if not 0 <= first_event <= len(counters.names) - len(EVENTS) or last + 1 > len(counters.names):
            raise ValueError("the counters have too few names for the events and documents")
        self.counters = counters
        self.cells = counters.c_row(row)
        self.events = self.cells + first_event

    @property
    def open(self):
        """Count the open connections."""
        return len(self.connections)

    @property
    def kept(self):
        """Count the bytes of ready-made replies."""
        return self.responder.kept

    def tick(self):
        """Close what is past its deadline; runs again while there are connections."""
        cdef double now = pw_monotonic()
        self.timer = None
        for connection in list(self.connections):
            (<Timed>connection).enforce(now)
        self.wind()

    cdef wind(self):
        """Set the timer of the next tick, if none is set and there is something to look at."""
        if self.timer is None and self.connections:
            self.timer = self.loop.call_later(DRAIN_TICK_SECONDS if self.stopping else self.tick_seconds, self.tick)

    cdef stop(self):
        """Make every answer from now on its connection's last, and close idle connections after the grace."""
        if not self.stopping:
            self.stopping = True
            self.drained = pw_monotonic() + self.drain_seconds
            self.linger_seconds = min(self.linger_seconds, self.drain_seconds / 2)
            if self.timer is not None:
                self.timer.cancel()
                self.timer = None
            self.wind()
