"""Frozen values of the field: caller, call, offer, reasons, money, phone numbers, time.

Nothing here does I/O, and nothing here imports another part of callrouter.
"""
