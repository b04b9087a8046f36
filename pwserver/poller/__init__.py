"""Run the one process that talks to gateways: tick, threads, documents, publication, commands."""
