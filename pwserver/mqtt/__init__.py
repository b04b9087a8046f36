"""Publish to an MQTT broker: state topics, Home Assistant discovery, control topics and replicas.

The client library is optional (``pwserver[mqtt]``): only ``connection`` imports it, and only when a broker is named.
"""
