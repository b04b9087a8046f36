"""Publishing to an MQTT broker, Home Assistant discovery, control topics and replicas.

The client library is optional (``pwserver[mqtt]``): only ``connection`` imports it, and only when a broker is named.
"""
