"""Talk to Powerwall gateways and Tesla's servers. Only the poller and ``--setup`` import this package."""
