"""History: what the polls measured, in rings of fixed size, and the questions one can ask of it.

``recorder`` writes (in the poller); ``query`` and ``timeseries`` only read (in the workers); ``store`` holds the memory
or the files; ``tool`` carries history in and out.
"""
