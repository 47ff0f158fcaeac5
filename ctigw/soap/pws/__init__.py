"""The Presence Web Service: presence for programs that speak SOAP or REST instead of SIP.

``service``        the nine operations on values, shared by both faces
``logging_in``     logging in and out, and whose request it is
``endpoints``      where applications are called back
``subscriptions``  whom a user watches by which subscription
``publishing``     what a user says of themselves
``words``          presence documents in one word, and back
``callbacks``      telling endpoints that there is something to fetch
``soap_face``      SOAP: envelopes and faults; ``soap_operations``: what is in them
``rest_face``      REST: paths, headers and statuses
``presence_web``   which path is whose
"""
