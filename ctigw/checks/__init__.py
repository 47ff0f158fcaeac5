"""Live checks: whether the gateway that uses a configuration is well, and what to do where it is not.

``running``   checks in general: each has a bounded time, and comes to a finding
``places``    where the listeners of a configuration are reached
``csta``, ``sip``, ``web``  a question to each listener, over a socket as clients ask theirs
``database``  a question to the database
``machine``   the disk, and certificates that expire
``table``     all of them

The same table serves `ctigw check --live`, beside the gateway, and the Troubleshooter, in it: what only the
gateway knows of itself (its PBX, its presence engine) is given there.
"""
