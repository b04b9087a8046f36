"""What workers do: the gate, Sanic's routes beyond it, pages and live streams. Never imports pypowerwall."""
