"""Home Assistant Core with its own Tesla Powerwall integration, against pwserver; run by hand."""
