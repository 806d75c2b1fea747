"""Models on Vertex AI: other wires' bodies at places made of a project, a region and a publisher.

https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
"""
