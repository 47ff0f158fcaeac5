"""Questions in SQL about the directory, which nobody can break out of.

The directory's own database is never asked.  A question is looked at with empty tables first (`query`): so it
is known which it reads, and what is no question has no cost.  Those tables are copied in one transaction
(`tables`), without anything secret, into a database in memory that is made for this one question, lets
nothing but reading happen, and is bounded in size, time and memory.

``text``    the words of a question, and Informix's ones for the first of its rows
``tables``  what can be asked about, named as the product's tables, and how it is copied
``query``   a question asked
``errors``  the numbers of what is wrong with a question
"""
