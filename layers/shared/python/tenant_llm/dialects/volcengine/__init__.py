"""Volcengine Ark: OpenAI's wire but for the key, the model and multimodal embeddings.

https://www.volcengine.com/docs/82379/1298459. A model may be called by the id of an endpoint that the tenant has set
up for it, which then stands in the credential.
"""
