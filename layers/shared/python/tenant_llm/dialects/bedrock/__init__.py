"""Amazon Bedrock: chat by Converse, embeddings by InvokeModel, rerank by the agents' runtime.

https://docs.aws.amazon.com/bedrock/latest/APIReference/welcome.html
"""
