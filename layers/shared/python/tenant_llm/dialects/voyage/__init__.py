"""Embeddings and rerank with parameter names of their own: https://docs.voyageai.com/reference."""
