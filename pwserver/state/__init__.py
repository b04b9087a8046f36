"""Judges: what a reading means. The only room that decides whether a value is a measurement and what it says.

A ``Reading`` is what a gateway and the library said, nothing judged. Here it becomes a ``State``: one for every
configured gateway at every moment. Everything that writes a number down (documents, metrics, line protocol, MQTT,
history, pages) takes it from a ``State`` or from the ``Site``, the sum of all states, and judges nothing again.

The room is pure: no input or output, no clock of its own. What needs memory over several polls keeps it in one
``GatewayMemory`` for each gateway, which outlives connections and is handed on to a new generation of processes.
"""
