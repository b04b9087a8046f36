"""Serve clients in the workers: the gate, Sanic's routes beyond it, pages and streams. Never imports pypowerwall."""
