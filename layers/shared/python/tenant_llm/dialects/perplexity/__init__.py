"""Perplexity's embeddings, which come as signed bytes: https://docs.perplexity.ai/docs/embeddings/quickstart."""
