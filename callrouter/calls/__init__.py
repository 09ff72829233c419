"""The call flow: what happens to a caller, step by step.

``states`` is the table of allowed moves, ``transitions`` the pure decisions, ``store`` one durable commit a step,
``flow`` the I/O around them, ``sweeper`` what finds calls that nobody told us the end of.
"""
