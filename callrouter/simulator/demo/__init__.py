"""The demo: the real service in a process of its own, and everything around it simulated, in real time.

`run` plays it; what the product recorded is then held against what the simulated partners saw.
"""

from callrouter.simulator.demo.run import DemoOptions, Played, run

__all__ = ["DemoOptions", "Played", "run"]
