"""The bridge: what the switch sees of the phones, as a source of presence and as the dialogs of lamp fields.

Both look at the picture when they are asked, and not at what the events say: an event only marks its lines.
A burst of events is one look, in a later turn, and call control waits for none of it.  What nobody owns and
nobody watches costs a look into a dictionary.

`Bridge` gives the owner of a line a document about it: its tuple, and what the person does on that phone.
`Lamps` gives those who watch a line its calls (RFC 4235).

While the PBX cannot be reached nobody knows: lines say so, and lamps are off.
"""
