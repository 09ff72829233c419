"""What is believed of buyers and callers, learned from what calls teach. Pure: no engine, no clock.

The formulas, their constants and where these come from are in `README.md` beside this file.
"""
