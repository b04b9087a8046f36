"""List the compiled modules, in one place.

Each name is either ``NAME.pyx`` (touches raw memory, has no uncompiled twin) or ``NAME.py`` with ``NAME.pxd`` beside it
(plain Python that is also compiled for speed). ``setup.py`` builds from this list and ``compiled()`` checks against it.
``arena`` is not here: it is a few lines around ``mmap`` that run once per process, and compiling them gains nothing.
"""

MODULES = (
    "snapshot",
    "counters",
    "process",
    "limits",
    "file_map",
    "ring",
    "rollup",
    "buckets",
    "series",
    "rows",
    "day_sums",
    "http_values",
    "http_hosts",
    "http_head",
    "http_documents",
    "http_recogniser",
    "http_reply",
    "http_gate",
    "http_writer",
    "http_chunks",
    "http_connection",
    "outlet",
    "vitals",
    "aggregate",
    "csv",
)
