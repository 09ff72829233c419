"""The JSON API under ``/api/v1``: callers, calls, callbacks and buyers."""
