"""A CTI gateway: CSTA XML (ECMA-323, 3rd edition) in front of a PBX.

Requests travel left to right, events right to left, each through every layer once::

    client <-TCP-> net <-> csta <-> services <-> switch <-> driver <-> PBX

`net` owns sockets and time, `csta` knows the wire, `services` turns a request into an answer,
`switch` keeps the one picture of the PBX, and a driver obeys commands and reports what happened.
"""
