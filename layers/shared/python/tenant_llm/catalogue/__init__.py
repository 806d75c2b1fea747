"""What is known about providers and models; data first.

A row is a fact about one factory: where it is, how it is spoken to, what it offers, with its source. Not a row:
behaviour. A difference that a quirk cannot say belongs into a dialect. The catalogue never gates a model: a
tenant may register a name that no row lists.
"""
