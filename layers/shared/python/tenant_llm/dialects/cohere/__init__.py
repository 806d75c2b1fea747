"""The second version of a wire of its own: chat, embeddings, rerank, transcription.

https://docs.cohere.com/reference/about
"""
