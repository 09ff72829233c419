"""The console: what agents and operations see in a browser, rendered here and kept fresh by server-sent events."""
