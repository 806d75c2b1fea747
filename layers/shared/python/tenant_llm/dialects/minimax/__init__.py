"""MiniMax's embeddings, in a body of their own; its chat speaks OpenAI's wire."""
