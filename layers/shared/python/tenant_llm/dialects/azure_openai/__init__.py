"""OpenAI's wire at Azure: the deployment's name is part of the path, or the v1 API under ``/openai/v1``."""
