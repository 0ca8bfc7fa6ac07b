"""Changes to conversations: what people do (`conversations`) and what Jarvis writes (`replies`, `reports`)."""
