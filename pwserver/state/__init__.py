"""Judge what a reading means. Only this package decides whether a value is a measurement, and what it says.

A ``Reading`` holds what a gateway and the library said, without a judgement. Here it becomes a ``State``: one for every
configured gateway at every moment. Everything that writes a number (documents, metrics, line protocol, MQTT, history,
pages) takes it from a ``State`` or from the ``Site``, the sum of all states, and does not judge again.

The package is pure: no I/O, no clock of its own. Judges that need a memory over several polls keep it in one
``GatewayMemory`` per gateway, which outlives connections and is handed on to a new generation of processes.
"""
