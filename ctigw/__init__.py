"""A CTI gateway: CSTA XML (ECMA-323, 3rd edition) in front of a PBX, and presence beside it.

Requests travel left to right, events right to left, each through every layer once::

    client       <-TCP-->  net <-> csta <-> services <-> switch <-> driver <-> PBX
                                                        | bridge
    phone        <-SIP-->  net <-> sip <-> simple <-> presence
    application  <-HTTP->  net <-> soap <-> presence, directory <-> store

`net` owns sockets and time, `csta` knows the wire, `services` turns a request into an answer,
`switch` keeps the one picture of the PBX, and a driver obeys commands and reports what happened.
`simple` serves SIP as `services` does CSTA, and `soap` SOAP and REST, with what clients keep and
administrators set in `directory`.  What changes there, whoever changes it, `following` tells everybody
else, and subscribers by the documents of `uccn`.  `app` puts all of it together, `checks` looks whether it
is well, and `cli` is how people use it.
"""
