"""Baidu Qianfan's second version: OpenAI's chat and embeddings and Jina's rerank, with model names in lower case.

https://cloud.baidu.com/doc/qianfan-api/index.html
"""
