"""What clients of a Unified Presence server expect beside SIP: SOAP and REST over HTTP.

``http``          a request and its answer, as values, and which interface a path belongs to
``envelope``      SOAP 1.1 and 1.2: what was asked, in which version, and the answer in the same
``contract``      the WSDL and XSD files of an interface: what is served to clients is what requests are held
                  against
``sessions``      who has logged in, by the key that was given out
``given``         what the interfaces are given: the database, who somebody is, whom to tell of changes
``basic``         who asks, for the interfaces that want a password with each request

The interfaces, which know nothing of one another:

``epas``            what clients keep here: contacts, rules, settings
``pws``             presence for programs
``axl``             administration
``serviceability``  whether the gateway is well: counters, lines, log

Nothing here knows sockets: `net.web` brings requests and takes answers.
"""
