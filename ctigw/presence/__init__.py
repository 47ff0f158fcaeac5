"""The presence engine, in documents and watchers: collect, compose, keep private, filter.

It knows no SIP.
"""
