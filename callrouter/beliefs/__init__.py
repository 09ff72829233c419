"""What is believed of buyers and callers, learned from what calls teach. Pure: no engine, no clock.

The formulas and their constants are those of the study of the choice (`README.md` beside this file says which).
"""
