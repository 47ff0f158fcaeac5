"""What the gateway costs, measured against floors: ``python -m simulators.load``.

A scenario (`scenarios.py` has the table) starts a gateway and a floor, drives both by turns with the same
clients, and gives figures that are the same on a fast machine and a slow one: ratios of what both do in a
second of their own CPU time.
"""
