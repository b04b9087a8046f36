"""Everything that touches a Powerwall. Only the poller (and ``--setup``) imports this room."""
