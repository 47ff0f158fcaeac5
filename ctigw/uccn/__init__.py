"""Change notices: what has changed in the directory, as the documents that clients are sent.

``documents``     a change, and the notice of it: the table of what is told, by which action
``rule_data``     a presence rule as the one text that its notice has
``markup``        elements as text
"""
