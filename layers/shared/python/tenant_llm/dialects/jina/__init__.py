"""The rerank wire that most providers share, and the embeddings of the one that began it: https://jina.ai/reranker/."""
