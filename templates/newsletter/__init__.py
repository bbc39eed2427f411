"""The newsletter: a contextual bandit that ranks twelve recommenders for every reader, learnt from logged decisions."""
