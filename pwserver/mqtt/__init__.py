"""Publish to an MQTT broker: state topics, Home Assistant discovery, control topics and replicas.

Only ``broker_connection`` imports the client library, and only when a broker is named.
"""
