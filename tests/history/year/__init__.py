"""An accelerated year of one house: the simulator's own books beside what the poller's own parts record of it.

``plot`` is what happens, ``house`` and ``gateway`` are simulated, ``books`` are kept by the house alone, ``server`` is
what runs of pwserver, and ``comparison`` says where the two differ.
"""
