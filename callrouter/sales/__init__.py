"""Selling the lead of a call that was not placed: pings, the best price first, one post at a time, never twice."""
