"""A carrier, buyers and a dialler that behave like the real ones, over real HTTP on loopback.

It ships with the product: the demo, the tests and the benchmarks run on it.
"""
