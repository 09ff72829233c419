"""Warm transfers: an agent has the caller, sees offers, and hands the caller over."""
