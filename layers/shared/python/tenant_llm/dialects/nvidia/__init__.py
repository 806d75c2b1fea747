"""Retrieval microservices: embeddings with a side, and a ranking by logits.

https://docs.nvidia.com/nim/nemo-retriever/
"""
