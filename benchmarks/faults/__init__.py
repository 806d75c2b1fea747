"""The fault benchmark: what the accounts say, and what is true, while everything around them fails.

``make faults`` runs it; the proof that docs/accounts.md speaks of.
"""
