"""The shared rerank wire, spoken by servers whose scores are logits."""
