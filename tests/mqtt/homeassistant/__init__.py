"""Home Assistant Core at the end of the recipe of docs/homeassistant.md; run by hand."""
