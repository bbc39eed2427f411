"""From what an agent knows to what is served: exploration, the draw, the ranking, and the criteria that may overrule them."""
