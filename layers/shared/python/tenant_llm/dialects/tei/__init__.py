"""text-embeddings-inference's own endpoints: one model a server, bare lists back, counts in the headers.

https://huggingface.github.io/text-embeddings-inference/
"""
