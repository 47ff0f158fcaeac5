"""The CSTA wire (ECMA-323, 3rd edition): frames, messages, associations.  No I/O."""
