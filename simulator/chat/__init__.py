"""A simulator of OpenAI's chat completions, for the models that play callers and judge in tests of agents."""
