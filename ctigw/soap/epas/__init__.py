"""EPAS, the client configuration web service (``urn:cisco:epas:soap``).

A request goes through ``service``: the envelope, the contract (`wsdl/epas`), the session, one operation, the
answer in the envelope's version.  An operation is a plain function of who asks and the element in the body;
it runs in one transaction, gives the element of the answer, and stands in the table of its module:

``contacts``     groups and the people in them
``rules``        presence rules and the watchers in their lists
``settings``     of the site, of the user, what is licensed, dialling rules, everything at once
``statuses``     long-term status, recent communications

``logins`` has the two that are about the session itself, and ``operations`` what all of them are given.
"""
