"""`voiceai demo`: one call from end to end, with no OpenAI key and no telephone needed."""
