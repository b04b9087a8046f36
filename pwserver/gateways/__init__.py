"""Talk to Powerwalls. Only the poller and ``--setup`` import this package."""
