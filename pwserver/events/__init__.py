"""Keep the diary of every gateway: what happened to it, once each, in order, on the disk before anybody is told."""
